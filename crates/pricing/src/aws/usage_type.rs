//! What a usage type says: `USE1-Nova2.0Lite-input-tokens-flex`.
//!
//! The form is that of the Bedrock guide, "Understanding your Amazon Bedrock CUR data": region, model, what is counted, then the tier,
//! then `cross-region-global` for calls by a global profile. The usage type alone is read, because the other attributes are not filled in
//! alike for all products; a product of a known model that is not understood is told, and never guessed.

use crate::book::Scope;
use crate::kind::{ImageQuality, ImageSize, Kind, Tier};
use crate::model::{Geography, Routing};

/// AWS's names of the models whose prices are read, and their ids.
const MODELS: &[(&str, &str)] = &[
    ("NovaMicro", "amazon.nova-micro-v1:0"),
    ("NovaLite", "amazon.nova-lite-v1:0"),
    ("NovaPro", "amazon.nova-pro-v1:0"),
    ("NovaPremier", "amazon.nova-premier-v1:0"),
    ("Nova2.0Lite", "amazon.nova-2-lite-v1:0"),
    ("Nova2.0Pro", "amazon.nova-2-pro-preview-20251202-v1:0"),
    ("NovaCanvas", "amazon.nova-canvas-v1:0"),
    ("NovaMultiModalEmbeddings", "amazon.nova-2-multimodal-embeddings-v1:0"),
    ("TitanEmbeddingV2-Text", "amazon.titan-embed-text-v2:0"),
    ("TitanEmbeddingsG1-Text", "amazon.titan-embed-text-v1"),
    ("TitanEmbeddingsG1-Image", "amazon.titan-embed-image-v1"),
];

/// What is counted.
const COUNTED: &[(&str, Kind)] = &[
    ("input-tokens", Kind::Input),
    ("text-input-tokens", Kind::Input),
    ("output-tokens", Kind::Output),
    ("text-output-tokens", Kind::Output),
    ("cache-read-input-token-count", Kind::CacheRead),
    ("cache-write-input-token-count", Kind::CacheWrite),
    ("cache-write-1h-input-token-count", Kind::CacheWriteHour),
    ("input-image", Kind::InputImage),
    ("T2I-1024-Standard", Kind::Image(ImageQuality::Standard, ImageSize::To1024)),
    ("T2I-1024-Premium", Kind::Image(ImageQuality::Premium, ImageSize::To1024)),
    ("T2I-2048-Standard", Kind::Image(ImageQuality::Standard, ImageSize::To2048)),
    ("T2I-2048-Premium", Kind::Image(ImageQuality::Premium, ImageSize::To2048)),
];

/// Products of our models that are bought otherwise than call by call, or that nothing here calls.
const NOT_CALLED: &[(&str, LeftOut)] = &[
    ("custom-model", LeftOut::Customized),
    ("Customization", LeftOut::Customized),
    ("ProvisionedThroughput", LeftOut::Reserved),
    ("reserved", LeftOut::Reserved),
    ("latency-optimized", LeftOut::OtherCalls),
    ("I2I", LeftOut::OtherCalls),
    ("image-token", LeftOut::OtherCalls),
    ("audio", LeftOut::OtherCalls),
    ("video", LeftOut::OtherCalls),
    ("speech", LeftOut::OtherCalls),
];

/// Why a product is no price of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeftOut {
    /// It is of another model, or of another part of Bedrock.
    OtherModels,
    /// It is of a model that was trained further: training, storage, and calls of it.
    Customized,
    /// It is capacity that is paid by the hour.
    Reserved,
    /// It is of calls that the proxy does not make: sound, video, variations of images, latency-optimized inference.
    OtherCalls,
}

impl LeftOut {
    /// The reason, for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OtherModels => "of other models or other parts of Bedrock",
            Self::Customized => "of customized models",
            Self::Reserved => "of capacity paid by the hour",
            Self::OtherCalls => "of calls that the proxy does not make",
        }
    }
}

/// What a usage type says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// It is a price.
    Price { model: &'static str, scope: Scope, tier: Tier, kind: Kind },
    /// It is none of ours.
    LeftOut(LeftOut),
    /// It is of one of our models, and says something unknown.
    NotUnderstood,
}

/// Reads a usage type, such as `USE1-NovaPro-output-tokens-batch`.
pub(super) fn read(usage_type: &str) -> Reading {
    let of_model = usage_type.split_once('-').and_then(|(_region, rest)| {
        MODELS.iter().find_map(|(name, id)| Some((*id, rest.strip_prefix(name)?.strip_prefix('-')?)))
    });
    let Some((model, rest)) = of_model else { return Reading::LeftOut(LeftOut::OtherModels) };
    if let Some((_, reason)) = NOT_CALLED.iter().find(|(word, _)| rest.contains(word)) {
        return Reading::LeftOut(*reason);
    }
    let counted = COUNTED.iter().find_map(|(name, kind)| {
        let rest = rest.strip_prefix(name)?;
        (rest.is_empty() || rest.starts_with('-')).then_some((*kind, rest))
    });
    let Some((kind, mut rest)) = counted else { return Reading::NotUnderstood };
    let (mut tier, mut scope) = (None, None);
    while !rest.is_empty() {
        let global = Scope::Only(Routing::Profile(Geography::Global));
        let tiers = [
            ("-batch", Tier::Batch),
            ("-flex", Tier::Flex),
            ("-priority", Tier::Priority),
            ("-standard", Tier::Standard),
        ];
        let scopes = [("-cross-region-global", global), ("-cross-region-geo", Scope::Regional)];
        if let Some((found, left)) = suffix(rest, &tiers)
            && tier.replace(found).is_none()
        {
            rest = left;
        } else if let Some((found, left)) = suffix(rest, &scopes)
            && scope.replace(found).is_none()
        {
            rest = left;
        } else {
            return Reading::NotUnderstood;
        }
    }
    Reading::Price { model, scope: scope.unwrap_or(Scope::Regional), tier: tier.unwrap_or_default(), kind }
}

fn suffix<'a, T: Copy>(text: &'a str, known: &[(&str, T)]) -> Option<(T, &'a str)> {
    known.iter().find_map(|(name, value)| Some((*value, text.strip_prefix(name)?)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const GLOBAL: Scope = Scope::Only(Routing::Profile(Geography::Global));

    #[rstest]
    #[case(
        "USE1-NovaLite-input-tokens",
        "amazon.nova-lite-v1:0",
        Scope::Regional,
        Tier::Standard,
        Kind::Input
    )]
    #[case(
        "EU-NovaPro-output-tokens-batch",
        "amazon.nova-pro-v1:0",
        Scope::Regional,
        Tier::Batch,
        Kind::Output
    )]
    #[case(
        "USE1-Nova2.0Lite-input-tokens-flex",
        "amazon.nova-2-lite-v1:0",
        Scope::Regional,
        Tier::Flex,
        Kind::Input
    )]
    #[case(
        "USE1-Nova2.0Lite-output-tokens-cross-region-global",
        "amazon.nova-2-lite-v1:0",
        GLOBAL,
        Tier::Standard,
        Kind::Output
    )]
    #[case(
        "USE1-Nova2.0Lite-input-tokens-cross-region-global-batch",
        "amazon.nova-2-lite-v1:0",
        GLOBAL,
        Tier::Batch,
        Kind::Input
    )]
    #[case(
        "USE1-Nova2.0Pro-text-input-tokens-priority-cross-region-global",
        "amazon.nova-2-pro-preview-20251202-v1:0",
        GLOBAL,
        Tier::Priority,
        Kind::Input
    )]
    #[case(
        "USE1-NovaMicro-cache-read-input-token-count",
        "amazon.nova-micro-v1:0",
        Scope::Regional,
        Tier::Standard,
        Kind::CacheRead
    )]
    #[case(
        "USE1-NovaLite-cache-write-input-token-count",
        "amazon.nova-lite-v1:0",
        Scope::Regional,
        Tier::Standard,
        Kind::CacheWrite
    )]
    #[case(
        "USE1-TitanEmbeddingV2-Text-input-tokens",
        "amazon.titan-embed-text-v2:0",
        Scope::Regional,
        Tier::Standard,
        Kind::Input
    )]
    #[case(
        "USE1-TitanEmbeddingsG1-Image-input-image",
        "amazon.titan-embed-image-v1",
        Scope::Regional,
        Tier::Standard,
        Kind::InputImage
    )]
    #[case(
        "USE1-NovaCanvas-T2I-1024-Premium",
        "amazon.nova-canvas-v1:0",
        Scope::Regional,
        Tier::Standard,
        Kind::Image(ImageQuality::Premium, ImageSize::To1024)
    )]
    fn a_price_of_ours_is_read(
        #[case] usage_type: &str,
        #[case] model: &'static str,
        #[case] scope: Scope,
        #[case] tier: Tier,
        #[case] kind: Kind,
    ) {
        assert_eq!(read(usage_type), Reading::Price { model, scope, tier, kind });
    }

    #[rstest]
    #[case("USE1-Claude3Sonnet-input-tokens", LeftOut::OtherModels)]
    #[case("USE1-NovaLiteXL-input-tokens", LeftOut::OtherModels)]
    #[case("USE1-Guardrail-ContentPolicyImageUnitsConsumed", LeftOut::OtherModels)]
    #[case("USE1-NovaLite-input-tokens-custom-model", LeftOut::Customized)]
    #[case("USE1-NovaMicro-cache-read-input-token-count-custom-model", LeftOut::Customized)]
    #[case("USE1-NovaCanvas-Customization-Training", LeftOut::Customized)]
    #[case("USE1-Nova2.0Lite-ProvisionedThroughput-NoCommit-ModelUnits", LeftOut::Reserved)]
    #[case("USE1-NovaPro-output-tokens-latency-optimized", LeftOut::OtherCalls)]
    #[case("USE1-NovaCanvas-I2I-1024-Standard", LeftOut::OtherCalls)]
    #[case("USE1-Nova2.0Pro-input-image-token-count-cross-region-global", LeftOut::OtherCalls)]
    #[case("Tax", LeftOut::OtherModels)]
    fn what_is_not_ours_is_left_out_with_its_reason(#[case] usage_type: &str, #[case] reason: LeftOut) {
        assert_eq!(read(usage_type), Reading::LeftOut(reason));
    }

    #[rstest]
    #[case("USE1-NovaLite-input-tokens-express")]
    #[case("USE1-NovaLite-thinking-tokens")]
    #[case("USE1-NovaLite-input-tokens-flex-batch")]
    #[case("USE1-NovaLite-input-tokensflex")]
    fn what_is_unknown_of_our_models_is_never_guessed(#[case] usage_type: &str) {
        assert_eq!(read(usage_type), Reading::NotUnderstood);
    }
}
