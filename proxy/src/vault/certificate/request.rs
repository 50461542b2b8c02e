//! What Vault is asked to sign: a key made here, and the names beside it.

use std::net::IpAddr;

use nova_config::VaultCertificateConfig;
use nova_hashistack::vault::pki::SigningRequest;
use rcgen::string::Ia5String;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

/// A new key (ECDSA over P-256), and the request to sign it. The names stand in both the request for signing and beside it: which
/// of them count is for the role (`use_csr_common_name`, `use_csr_sans`).
pub(super) fn request(config: &VaultCertificateConfig) -> Result<(SigningRequest, KeyPair), rcgen::Error> {
    let key = KeyPair::generate()?;
    let names = std::iter::once(&config.common_name).chain(&config.alt_names);
    let dns_names = names.map(|name| Ia5String::try_from(name.as_str()).map(SanType::DnsName));
    let uris = config.uri_sans.iter().map(|uri| Ia5String::try_from(uri.as_str()).map(SanType::URI));
    let addresses = config.ip_sans.iter().copied().map(|address| Ok(SanType::IpAddress(address)));
    let mut params = CertificateParams::default();
    params.subject_alt_names = dns_names.chain(uris).chain(addresses).collect::<Result<_, _>>()?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, config.common_name.as_str());
    let request = SigningRequest {
        csr: params.serialize_request(&key)?.pem()?,
        common_name: config.common_name.clone(),
        alt_names: config.alt_names.join(","),
        ip_sans: config.ip_sans.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(","),
        uri_sans: config.uri_sans.join(","),
        ttl: config.ttl.map(|ttl| format!("{}s", ttl.as_secs())),
    };
    Ok((request, key))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_request_has_all_names_and_a_key_of_its_own() {
        let config = VaultCertificateConfig {
            mount: "pki".to_owned(),
            role: "nova-proxy".to_owned(),
            common_name: "nova.example".to_owned(),
            alt_names: vec!["nova.service.consul".to_owned(), "*.nova.example".to_owned()],
            ip_sans: vec!["10.0.0.7".parse().expect("an address"), "::1".parse().expect("an address")],
            uri_sans: vec!["spiffe://example/nova".to_owned()],
            ttl: Some(Duration::from_secs(90)),
        };
        let (first, key) = request(&config).expect("good names");
        assert_eq!(first.alt_names, "nova.service.consul,*.nova.example");
        assert_eq!(
            (first.ip_sans.as_str(), first.uri_sans.as_str()),
            ("10.0.0.7,::1", "spiffe://example/nova")
        );
        assert_eq!(first.ttl.as_deref(), Some("90s"));
        let (second, other) = request(&config).expect("good names");
        assert_ne!(key.serialize_der(), other.serialize_der());
        assert_ne!(first.csr, second.csr);
    }
}
