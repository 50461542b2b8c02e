//! The models of Amazon's that the simulator serves: ids, inference profiles, regions and limits.
//!
//! Resolving a `modelId` is here, with AWS's refusals. What a model refuses in a body is in `validate`.

use std::collections::BTreeMap;

use crate::exception::Exception;

/// One foundation model.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Model {
    /// The foundation model id, such as `amazon.nova-lite-v1:0`.
    pub(crate) id: &'static str,
    pub(crate) generation: Generation,
    /// The operation that it answers.
    pub(crate) purpose: Purpose,
    /// Largest `maxTokens`. Source: the models' cards.
    pub(crate) max_output_tokens: u32,
    /// Tokens that input and output may have together. Source: the models' cards.
    pub(crate) context_tokens: u64,
    /// Takes images, documents and video.
    pub(crate) multimodal: bool,
    /// The geographies that have an inference profile for it.
    profiles: &'static [&'static str],
    /// Where it can be called by its bare id.
    on_demand: &'static [&'static str],
}

/// What a model is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Converse and ConverseStream.
    Chat,
    /// InvokeModel, for a vector.
    Embedding(Embedder),
    /// InvokeModel, for images.
    Images,
}

/// The embedding models differ in what they read and write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Embedder {
    TitanTextV1,
    TitanTextV2,
    TitanMultimodal,
    NovaMultimodal,
}

/// What a Nova generation accepts differs by generation, not by size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    /// Micro, Lite, Pro and Premier of the first generation.
    Nova1,
    /// The second generation: reasoning and built-in tools.
    Nova2,
}

/// The only regions that serve first-generation Nova without an inference profile.
const ON_DEMAND_REGIONS: &[&str] = &["us-east-1", "us-gov-west-1"];

const NOVA1_PROFILES: &[&str] = &["us", "eu", "apac", "jp", "au", "ca", "us-gov"];
const NOVA2_PROFILES: &[&str] = &["us", "eu", "apac", "jp", "au", "ca", "us-gov", "global"];

const MODELS: &[Model] = &[
    nova1("amazon.nova-micro-v1:0", 128_000, false),
    nova1("amazon.nova-lite-v1:0", 300_000, true),
    nova1("amazon.nova-pro-v1:0", 300_000, true),
    Model {
        id: "amazon.nova-premier-v1:0",
        generation: Generation::Nova1,
        max_output_tokens: 25_000,
        context_tokens: 1_000_000,
        multimodal: true,
        profiles: &["us"],
        on_demand: &[],
        purpose: Purpose::Chat,
    },
    nova2("amazon.nova-2-lite-v1:0"),
    nova2("amazon.nova-2-pro-preview-20251202-v1:0"),
    invoked("amazon.titan-embed-text-v1", 8_192, Purpose::Embedding(Embedder::TitanTextV1), TITAN_REGIONS),
    invoked("amazon.titan-embed-text-v2:0", 8_192, Purpose::Embedding(Embedder::TitanTextV2), TITAN_REGIONS),
    invoked("amazon.titan-embed-image-v1", 256, Purpose::Embedding(Embedder::TitanMultimodal), TITAN_REGIONS),
    invoked(
        "amazon.nova-2-multimodal-embeddings-v1:0",
        8_192,
        Purpose::Embedding(Embedder::NovaMultimodal),
        &["us-east-1"],
    ),
    invoked("amazon.nova-canvas-v1:0", 8_192, Purpose::Images, &["us-east-1", "eu-west-1"]),
];

/// Regions that have all Titan embedding models. Source: the models' cards, as far as tests need them.
const TITAN_REGIONS: &[&str] = &["us-east-1", "us-west-2", "eu-central-1"];

const fn invoked(
    id: &'static str,
    context_tokens: u64,
    purpose: Purpose,
    on_demand: &'static [&'static str],
) -> Model {
    Model {
        id,
        generation: Generation::Nova1,
        max_output_tokens: 0,
        context_tokens,
        multimodal: false,
        profiles: &[],
        on_demand,
        purpose,
    }
}

const fn nova1(id: &'static str, context_tokens: u64, multimodal: bool) -> Model {
    Model {
        id,
        generation: Generation::Nova1,
        max_output_tokens: 10_000,
        context_tokens,
        multimodal,
        profiles: NOVA1_PROFILES,
        on_demand: ON_DEMAND_REGIONS,
        purpose: Purpose::Chat,
    }
}

const fn nova2(id: &'static str) -> Model {
    Model {
        id,
        generation: Generation::Nova2,
        max_output_tokens: 65_536,
        context_tokens: 1_000_000,
        multimodal: true,
        profiles: NOVA2_PROFILES,
        on_demand: &[],
        purpose: Purpose::Chat,
    }
}

/// A model by its own id, wherever it is: CountTokens takes no profiles, and invokes nothing.
pub(crate) fn by_bare_id(id: &str) -> Option<&'static Model> {
    MODELS.iter().find(|model| model.id == id)
}

/// Finds the model that `model_id` names in `region`: a foundation model id, an inference profile id, or the
/// ARN of a foundation model, an inference profile, an application inference profile or a provisioned model.
///
/// # Errors
/// `ValidationException`, in AWS's words.
pub(crate) fn resolve(
    model_id: &str,
    region: &str,
    application_profiles: &BTreeMap<String, String>,
) -> Result<&'static Model, Exception> {
    let Some(arn) = model_id.strip_prefix("arn:") else { return resolve_id(model_id, region) };
    // What is left: partition, service, region, account, resource.
    let parts: Vec<&str> = arn.splitn(5, ':').collect();
    let [_, "bedrock", arn_region, _, resource] = parts.as_slice() else { return Err(invalid()) };
    if *arn_region != region {
        return Err(invalid());
    }
    match resource.split_once('/') {
        Some(("foundation-model" | "inference-profile", id)) => resolve_id(id, region),
        Some(("application-inference-profile" | "provisioned-model", id)) => {
            let target = application_profiles.get(id).ok_or_else(invalid)?;
            MODELS.iter().find(|model| target.ends_with(model.id)).ok_or_else(invalid)
        }
        _ => Err(invalid()),
    }
}

fn resolve_id(id: &str, region: &str) -> Result<&'static Model, Exception> {
    if let Some(model) = MODELS.iter().find(|model| model.id == id) {
        if model.on_demand.contains(&region) {
            return Ok(model);
        }
        if model.profiles.is_empty() {
            return Err(invalid());
        }
        return Err(Exception::validation(format!(
            "Invocation of model ID {id} with on-demand throughput isn\u{2019}t supported. Retry your request with \
             the ID or ARN of an inference profile that contains this model."
        )));
    }
    let (geography, base) = id.split_once('.').ok_or_else(invalid)?;
    let model = MODELS.iter().find(|model| model.id == base).ok_or_else(invalid)?;
    if model.profiles.contains(&geography) && serves(geography, region) {
        return Ok(model);
    }
    Err(invalid())
}

/// Whether profiles of that geography can be called from that region.
fn serves(geography: &str, region: &str) -> bool {
    let government = region.starts_with("us-gov-");
    match geography {
        "us-gov" => government,
        "us" => region.starts_with("us-") && !government,
        "eu" => region.starts_with("eu-"),
        "apac" => region.starts_with("ap-"),
        "jp" => matches!(region, "ap-northeast-1" | "ap-northeast-3"),
        "au" => matches!(region, "ap-southeast-2" | "ap-southeast-4"),
        "ca" => region.starts_with("ca-"),
        "global" => !government && !region.starts_with("cn-"),
        _ => false,
    }
}

fn invalid() -> Exception {
    Exception::validation("The provided model identifier is invalid.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON_DEMAND: &str = "on-demand throughput";
    const INVALID: &str = "The provided model identifier is invalid.";

    fn outcome(id: &str, region: &str) -> Result<&'static str, String> {
        let profiles = BTreeMap::from([("abc123".to_owned(), "us.amazon.nova-pro-v1:0".to_owned())]);
        resolve(id, region, &profiles).map(|model| model.id).map_err(|exception| exception.message)
    }

    #[test]
    fn ids_profiles_and_arns_resolve_where_aws_serves_them() {
        for (id, region, model) in [
            ("amazon.nova-lite-v1:0", "us-east-1", "amazon.nova-lite-v1:0"),
            ("amazon.nova-pro-v1:0", "us-gov-west-1", "amazon.nova-pro-v1:0"),
            ("us.amazon.nova-lite-v1:0", "us-west-2", "amazon.nova-lite-v1:0"),
            ("amazon.titan-embed-text-v2:0", "us-west-2", "amazon.titan-embed-text-v2:0"),
            ("eu.amazon.nova-micro-v1:0", "eu-central-1", "amazon.nova-micro-v1:0"),
            ("apac.amazon.nova-pro-v1:0", "ap-south-1", "amazon.nova-pro-v1:0"),
            ("jp.amazon.nova-2-lite-v1:0", "ap-northeast-1", "amazon.nova-2-lite-v1:0"),
            ("us-gov.amazon.nova-lite-v1:0", "us-gov-west-1", "amazon.nova-lite-v1:0"),
            ("global.amazon.nova-2-lite-v1:0", "eu-west-1", "amazon.nova-2-lite-v1:0"),
            (
                "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-2-lite-v1:0",
                "us-east-1",
                "amazon.nova-2-lite-v1:0",
            ),
            (
                "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
                "us-east-1",
                "amazon.nova-lite-v1:0",
            ),
            (
                "arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abc123",
                "us-west-2",
                "amazon.nova-pro-v1:0",
            ),
        ] {
            assert_eq!(outcome(id, region), Ok(model), "{id} in {region}");
        }
    }

    #[test]
    fn ids_are_refused_in_aws_words() {
        for (id, region, text) in [
            ("amazon.nova-pro-v1:0", "us-west-2", ON_DEMAND),
            ("amazon.nova-2-lite-v1:0", "us-east-1", ON_DEMAND),
            ("amazon.nova-premier-v1:0", "us-east-1", ON_DEMAND),
            ("eu.amazon.nova-lite-v1:0", "us-east-1", INVALID),
            ("us.amazon.nova-lite-v1:0", "us-gov-west-1", INVALID),
            ("global.amazon.nova-lite-v1:0", "us-east-1", INVALID),
            ("amazon.nova-huge-v9:0", "us-east-1", INVALID),
            ("nova", "us-east-1", INVALID),
            ("us.amazon.titan-embed-text-v2:0", "us-east-1", INVALID),
            ("amazon.nova-canvas-v1:0", "us-west-2", INVALID),
            ("arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-lite-v1:0", "us-east-1", INVALID),
            ("arn:aws:s3:us-east-1::foundation-model/amazon.nova-lite-v1:0", "us-east-1", INVALID),
            (
                "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/other",
                "us-east-1",
                INVALID,
            ),
        ] {
            let message = outcome(id, region).unwrap_err();
            assert!(message.contains(text), "{id} in {region}: {message}");
        }
    }
}
