//! Where Bedrock is: AWS's own places, or those that options and variables name.

use std::path::PathBuf;

use clap::Args;
use nova_hashistack::TlsConfig;
use url::Url;

use super::super::connection::{Variables, filled, path};
use super::outbound::detour;
use crate::verify::gather::{BedrockPlaces, Place};

/// Where Bedrock is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Bedrock")]
pub(in crate::cli) struct BedrockArgs {
    /// The URL of a region that has one of its own; may be repeated. AWS_ENDPOINT_URL_BEDROCK_RUNTIME is that of all others.
    #[arg(long = "bedrock-endpoint", value_name = "REGION=URL", value_parser = endpoint)]
    endpoints: Vec<(String, String)>,
    /// Certificates of the authorities that Bedrock's certificate may come from, PEM; otherwise the system's.
    #[arg(long = "bedrock-ca-file", value_name = "FILE", value_parser = path(), env = "AWS_CA_BUNDLE")]
    bedrock_ca_file: Option<PathBuf>,
}

impl BedrockArgs {
    /// The places of all regions.
    pub(in crate::cli) fn places(&self, variables: &dyn Variables) -> BedrockPlaces {
        let all = variables.get("AWS_ENDPOINT_URL_BEDROCK_RUNTIME");
        BedrockPlaces {
            by_region: self.endpoints.iter().cloned().collect(),
            elsewhere: all.or_else(|| variables.get("AWS_ENDPOINT_URL")),
            tls: TlsConfig { ca_file: filled(self.bedrock_ca_file.as_ref()), ..TlsConfig::default() },
            detour: None,
        }
    }
}

/// A place of a URL, by its name.
///
/// # Errors
/// When the URL has no host.
pub(in crate::cli) fn place(
    name: &str,
    url: &str,
    tls: &TlsConfig,
    variables: &dyn Variables,
) -> anyhow::Result<Place> {
    let parsed = Url::parse(url).map_err(|error| anyhow::anyhow!("{name}: {url:?} is no URL: {error}"))?;
    let host = parsed.host_str().ok_or_else(|| anyhow::anyhow!("{name}: {url:?} has no host"))?.to_owned();
    let is_tls = parsed.scheme() == "https";
    let port = parsed.port_or_known_default().unwrap_or(443);
    let https_proxy = variables.get("HTTPS_PROXY").or_else(|| variables.get("https_proxy"));
    let no_proxy = variables.get("NO_PROXY").or_else(|| variables.get("no_proxy"));
    let around = if is_tls { detour(&host, https_proxy.as_deref(), no_proxy.as_deref()) } else { None };
    Ok(Place { name: name.to_owned(), host, port, tls: is_tls.then(|| tls.clone()), detour: around })
}

fn endpoint(text: &str) -> Result<(String, String), String> {
    let (region, url) = text.split_once('=').ok_or_else(|| "write REGION=URL".to_owned())?;
    match Url::parse(url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") && parsed.has_host() => {
            Ok((region.to_owned(), url.trim_end_matches('/').to_owned()))
        }
        _ => Err(format!("{url:?} is no URL: write REGION=https://host")),
    }
}
