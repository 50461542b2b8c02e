//! Where a call goes: the URL for a region, a model and an operation.
//!
//! The rules are those of the endpoint rule set of the `bedrock-runtime` service model; a test compares them with the AWS SDK's.

use std::collections::BTreeMap;

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::config::UpstreamConfig;

/// AWS's limit for the `modelId` of Converse.
const MAX_MODEL_ID_BYTES: usize = 2048;

/// Smithy's `httpLabel`: everything but RFC 3986's unreserved characters is encoded, `:` and `/` included.
const LABEL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Region prefix, DNS suffix and dual-stack DNS suffix of each partition but the commercial one.
const PARTITIONS: [(&str, &str, &str); 7] = [
    ("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    ("us-gov-", "amazonaws.com", "api.aws"),
    ("eusc-de-", "amazonaws.eu", "api.amazonwebservices.eu"),
    ("us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    ("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
];
const COMMERCIAL: (&str, &str) = ("amazonaws.com", "api.aws");

/// Why no URL can be built.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The override is not a base URL.
    #[error(
        "the bedrock endpoint `{endpoint}` is not usable: {problem}; write it as https://host[:port][/path]"
    )]
    Override {
        /// The override as configured.
        endpoint: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An override and a variant of AWS's own endpoints exclude each other.
    #[error("a bedrock endpoint is set together with use_fips or use_dual_stack; remove one of them")]
    OverrideWithVariant,
    /// The region would not be one label of a host name.
    #[error("`{0}` is not an AWS region; write it like us-east-1")]
    Region(String),
    /// The model id cannot be a path segment.
    #[error(
        "`{0}` is not a model id; write a Bedrock model id, inference profile id or ARN of 1 to 2048 bytes"
    )]
    ModelId(String),
    /// The parts do not make a URL.
    #[error("no url can be made for the bedrock endpoint")]
    Url(#[from] http::uri::InvalidUri),
}

/// The rule by which a call's URL is made.
#[derive(Debug, Clone)]
pub struct Endpoint {
    by_region: BTreeMap<String, Override>,
    elsewhere: Base,
}

#[derive(Debug, Clone)]
enum Base {
    Aws { fips: bool, dual_stack: bool },
    Override(Override),
}

#[derive(Debug, Clone)]
struct Override {
    base: String,
    tls: bool,
}

impl Endpoint {
    /// Takes the rule from the configuration.
    ///
    /// # Errors
    /// An override is no absolute `http` or `https` URL, carries credentials or a query, or comes with a variant.
    pub fn from_config(config: &UpstreamConfig) -> Result<Self, EndpointError> {
        let (fips, dual_stack) = (config.use_fips, config.use_dual_stack);
        if (fips || dual_stack) && (config.endpoint.is_some() || !config.endpoints.is_empty()) {
            return Err(EndpointError::OverrideWithVariant);
        }
        let of = |(region, uri): (&String, &Uri)| Ok((region.clone(), Override::new(uri)?));
        let by_region = config.endpoints.iter().map(of).collect::<Result<_, EndpointError>>()?;
        let elsewhere = match &config.endpoint {
            None => Base::Aws { fips, dual_stack },
            Some(uri) => Base::Override(Override::new(uri)?),
        };
        Ok(Self { by_region, elsewhere })
    }

    /// Whether calls to `region` go over TLS: always, unless an override says `http`.
    pub fn is_tls(&self, region: &str) -> bool {
        match (self.by_region.get(region), &self.elsewhere) {
            (Some(own), _) | (None, Base::Override(own)) => own.tls,
            (None, Base::Aws { .. }) => true,
        }
    }

    /// The URL of one call: `{base}/model/{model id, percent-encoded}/{operation}`.
    ///
    /// # Errors
    /// The region is no host label, or the model id is empty, too long, or a dot segment that a peer might resolve.
    pub fn uri(&self, region: &str, model_id: &str, operation: &str) -> Result<Uri, EndpointError> {
        if !is_region(region) {
            return Err(EndpointError::Region(region.to_owned()));
        }
        if matches!(model_id, "" | "." | "..") || model_id.len() > MAX_MODEL_ID_BYTES {
            return Err(EndpointError::ModelId(model_id.chars().take(64).collect()));
        }
        let model = utf8_percent_encode(model_id, LABEL);
        let url = match (self.by_region.get(region), &self.elsewhere) {
            (Some(own), _) | (None, Base::Override(own)) => {
                format!("{}/model/{model}/{operation}", own.base)
            }
            (None, Base::Aws { fips, dual_stack }) => {
                let fips = if *fips { "-fips" } else { "" };
                let suffix = dns_suffix(region, *dual_stack);
                format!("https://bedrock-runtime{fips}.{region}.{suffix}/model/{model}/{operation}")
            }
        };
        Ok(Uri::try_from(url)?)
    }
}

impl Override {
    fn new(uri: &Uri) -> Result<Self, EndpointError> {
        let fault = |problem| EndpointError::Override { endpoint: uri.to_string(), problem };
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(fault("its scheme is neither https nor http")),
        };
        let authority = uri.authority().ok_or_else(|| fault("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(fault("it carries credentials"));
        }
        if uri.query().is_some() {
            return Err(fault("it carries a query"));
        }
        // Signatures are made of the normalized path: what would have to be normalized is refused instead.
        let path = uri.path().trim_end_matches('/');
        if path.split('/').skip(1).any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(fault("its path has an empty segment, or one of dots"));
        }
        let scheme = if tls { "https" } else { "http" };
        Ok(Self { base: format!("{scheme}://{authority}{path}"), tls })
    }
}

pub(super) fn dns_suffix(region: &str, dual_stack: bool) -> &'static str {
    let (plain, dual) = PARTITIONS
        .iter()
        .find(|(prefix, _, _)| region.starts_with(prefix))
        .map_or(COMMERCIAL, |(_, plain, dual)| (*plain, *dual));
    if dual_stack { dual } else { plain }
}

/// A region becomes part of a host name, so nothing but one lower-case DNS label is let through.
pub(super) fn is_region(region: &str) -> bool {
    (1..=63).contains(&region.len())
        && !region.starts_with('-')
        && !region.ends_with('-')
        && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use aws_sdk_bedrockruntime::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
    use rstest::rstest;

    use super::*;

    fn config(endpoint: Option<&'static str>) -> UpstreamConfig {
        UpstreamConfig { endpoint: endpoint.map(Uri::from_static), ..UpstreamConfig::new("us-east-1") }
    }

    #[rstest]
    #[tokio::test]
    async fn hosts_are_those_of_the_aws_sdk(
        #[values(
            "us-east-1",
            "eu-central-1",
            "ap-northeast-1",
            "ca-central-1",
            "mx-central-1",
            "il-central-1",
            "us-gov-west-1",
            "us-gov-east-1",
            "cn-north-1",
            "cn-northwest-1",
            "eusc-de-east-1",
            "us-iso-east-1",
            "us-isob-east-1",
            "eu-isoe-west-1",
            "us-isof-south-1"
        )]
        region: &str,
        #[values(false, true)] fips: bool,
        #[values(false, true)] dual_stack: bool,
    ) {
        let params =
            Params::builder().region(region).use_fips(fips).use_dual_stack(dual_stack).build().unwrap();
        let theirs = DefaultResolver::new().resolve_endpoint(&params).await.unwrap();
        let ours = Endpoint::from_config(&UpstreamConfig {
            use_fips: fips,
            use_dual_stack: dual_stack,
            ..config(None)
        });
        let uri = ours.unwrap().uri(region, "m", "converse").unwrap();
        assert_eq!(uri.to_string(), format!("{}/model/m/converse", theirs.url()));
    }

    #[rstest]
    #[case("us.amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1%3A0")]
    #[case(
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0",
        "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.amazon.nova-pro-v1%3A0"
    )]
    #[case("a b%?#~é", "a%20b%25%3F%23~%C3%A9")]
    fn a_model_id_is_one_path_segment(#[case] id: &str, #[case] segment: &str) {
        let endpoint = Endpoint::from_config(&config(Some("http://127.0.0.1:9999"))).unwrap();
        let uri = endpoint.uri("us-east-1", id, "converse-stream").unwrap();
        assert_eq!(uri.to_string(), format!("http://127.0.0.1:9999/model/{segment}/converse-stream"));
    }

    #[rstest]
    #[case("http://localhost:1/", "http://localhost:1/model/m/converse", false)]
    #[case("https://vpce.example/bedrock/", "https://vpce.example/bedrock/model/m/converse", true)]
    fn an_override_keeps_its_path(#[case] base: &'static str, #[case] url: &str, #[case] tls: bool) {
        let endpoint = Endpoint::from_config(&config(Some(base))).unwrap();
        assert_eq!(endpoint.uri("us-east-1", "m", "converse").unwrap().to_string(), url);
        assert_eq!(endpoint.is_tls("us-east-1"), tls);
    }

    #[rstest]
    #[case("ftp://host/")]
    #[case("/only/a/path")]
    #[case("https://user:secret@host/")]
    #[case("https://host/?q=1")]
    #[case("https://host/a/../b")]
    #[case("https://host//a")]
    fn an_override_that_is_no_base_url_is_refused(#[case] base: &'static str) {
        assert!(matches!(Endpoint::from_config(&config(Some(base))), Err(EndpointError::Override { .. })));
    }

    #[test]
    fn a_region_has_an_endpoint_of_its_own_or_aws_s() {
        let mut config = config(None);
        config.endpoints.insert("us-east-1".to_owned(), Uri::from_static("http://127.0.0.1:1"));
        let endpoint = Endpoint::from_config(&config).unwrap();
        let url = |region| endpoint.uri(region, "m", "converse").unwrap().to_string();
        assert_eq!(url("us-east-1"), "http://127.0.0.1:1/model/m/converse");
        assert_eq!(url("us-west-2"), "https://bedrock-runtime.us-west-2.amazonaws.com/model/m/converse");
        assert!(endpoint.is_tls("us-west-2") && !endpoint.is_tls("us-east-1"));
    }

    #[test]
    fn an_override_excludes_the_variants() {
        let both = UpstreamConfig { use_fips: true, ..config(Some("https://host")) };
        assert!(matches!(Endpoint::from_config(&both), Err(EndpointError::OverrideWithVariant)));
    }

    #[rstest]
    #[case("")]
    #[case("evil.example/")]
    #[case("us-east-1.evil")]
    #[case("US-EAST-1")]
    #[case("-us")]
    fn a_region_that_is_no_host_label_is_refused(#[case] region: &str) {
        let endpoint = Endpoint::from_config(&config(None)).unwrap();
        assert!(matches!(endpoint.uri(region, "m", "converse"), Err(EndpointError::Region(_))));
    }

    #[rstest]
    #[case("")]
    #[case(".")]
    #[case("..")]
    #[case(&"m".repeat(2049))]
    fn a_model_id_that_is_no_path_segment_is_refused(#[case] id: &str) {
        let endpoint = Endpoint::from_config(&config(None)).unwrap();
        assert!(matches!(endpoint.uri("us-east-1", id, "converse"), Err(EndpointError::ModelId(_))));
    }
}
