//! Where AWS has Bedrock Runtime in a region. Pure.
//!
//! The suffixes are those of the partitions in the endpoint rule set of the `bedrock-runtime` service model.

/// Region prefix and DNS suffix of each partition but the commercial one.
const PARTITIONS: [(&str, &str); 7] = [
    ("cn-", "amazonaws.com.cn"),
    ("us-gov-", "amazonaws.com"),
    ("eusc-de-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov"),
];

/// The URL of a region.
pub(super) fn url(region: &str) -> String {
    let suffix = PARTITIONS
        .iter()
        .find(|(prefix, _)| region.starts_with(prefix))
        .map_or("amazonaws.com", |(_, suffix)| *suffix);
    format!("https://bedrock-runtime.{region}.{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_have_suffixes_of_their_own() {
        assert_eq!(url("us-east-1"), "https://bedrock-runtime.us-east-1.amazonaws.com");
        assert_eq!(url("eusc-de-east-1"), "https://bedrock-runtime.eusc-de-east-1.amazonaws.eu");
        assert_eq!(url("us-iso-east-1"), "https://bedrock-runtime.us-iso-east-1.c2s.ic.gov");
    }
}
