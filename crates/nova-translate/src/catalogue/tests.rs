//! The data files hold together, and ids resolve as AWS would have them.

use rstest::rstest;

use super::*;

#[test]
fn the_data_files_are_sound() {
    let catalogue = Catalogue::parse(MODELS, CAPABILITIES, OPENAI_NAMES).expect("sound data files");
    assert!(catalogue.models().count() >= 5);
    for model in catalogue.models() {
        assert!(model.output_tokens_max <= model.context_tokens, "{}", model.id);
        assert!(model.launched.len() == 10, "{}", model.id);
        assert!(model.inputs.contains(&Input::Text), "{}", model.id);
        assert_eq!(model.output_tokens_max > 0, model.task() == Task::Chat, "{}", model.id);
        if let Some(embedding) = &model.embedding {
            assert!(!embedding.dimensions.is_empty(), "{}", model.id);
        }
    }
}

#[rstest]
#[case("nova-lite", "us-east-1", "us.amazon.nova-lite-v1:0")]
#[case("amazon.nova-lite-v1:0", "eu-central-1", "eu.amazon.nova-lite-v1:0")]
#[case("nova-pro", "ap-northeast-1", "apac.amazon.nova-pro-v1:0")]
#[case("nova-2-lite", "ap-northeast-1", "jp.amazon.nova-2-lite-v1:0")]
#[case("nova-2-lite", "us-west-2", "us.amazon.nova-2-lite-v1:0")]
#[case("global.amazon.nova-2-lite-v1:0", "us-west-2", "global.amazon.nova-2-lite-v1:0")]
#[case("jp.amazon.nova-2-lite-v1:0", "ap-northeast-1", "jp.amazon.nova-2-lite-v1:0")]
#[case("us-gov.amazon.nova-lite-v1:0", "us-gov-west-1", "us-gov.amazon.nova-lite-v1:0")]
#[case("titan-embed-text-v2", "eu-south-2", "amazon.titan-embed-text-v2:0")]
#[case("nova-canvas", "us-east-1", "amazon.nova-canvas-v1:0")]
fn a_target_becomes_the_id_that_the_region_calls(
    #[case] target: &str,
    #[case] region: &str,
    #[case] expected: &str,
) {
    let resolved = Catalogue::built_in().resolve(target, None, region).expect("resolves");
    assert_eq!(resolved.model_id, expected);
}

/// Every prefix leads to the same model: stripping only `us.`, `eu.` and `apac.` is a mistake that others made.
#[rstest]
fn every_geography_is_stripped(
    #[values("us", "us-gov", "eu", "apac", "au", "ca", "jp", "global")] prefix: &str,
) {
    let id = format!("{prefix}.amazon.nova-2-lite-v1:0");
    let arn = format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{id}");
    for target in [&id, &arn] {
        let resolved = Catalogue::built_in().resolve(target, None, "us-east-1").expect("resolves");
        assert_eq!(resolved.model.short_name, "nova-2-lite");
        assert_eq!(&resolved.model_id, target, "a profile is called as it was written");
        assert_eq!(resolved.geography.map(Geography::as_str), Some(prefix));
    }
}

#[test]
fn an_opaque_arn_needs_its_base_model() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3";
    let catalogue = Catalogue::built_in();
    let error = catalogue.resolve(arn, None, "us-east-1").expect_err("opaque");
    assert!(error.to_string().contains("base_model"), "{error}");
    let resolved = catalogue.resolve(arn, Some("nova-pro"), "us-east-1").expect("resolves");
    assert_eq!((resolved.model_id.as_str(), resolved.model.short_name.as_str()), (arn, "nova-pro"));
}

#[rstest]
#[case("anthropic.claude-3-haiku-20240307-v1:0", "not an Amazon Nova model")]
#[case("us.anthropic.claude-3-haiku-20240307-v1:0", "not an Amazon Nova model")]
#[case("my-nova-lite", "not an Amazon Nova model")]
#[case("", "not a model id")]
#[case("nova lite", "not a model id")]
#[case("arn:aws:s3:::bucket/key", "not a model id")]
fn a_bad_target_says_what_to_write(#[case] target: &str, #[case] expected: &str) {
    let error = Catalogue::built_in().resolve(target, None, "us-east-1").expect_err("refused").to_string();
    assert!(error.contains(expected), "{error}");
    assert!(error.contains("nova-lite"), "{error}");
}

#[rstest]
#[case("us-east-1", Some(Geography::Us))]
#[case("us-gov-west-1", Some(Geography::UsGov))]
#[case("us-iso-east-1", None)]
#[case("ca-central-1", Some(Geography::Ca))]
#[case("eu-central-2", Some(Geography::Eu))]
#[case("eu-isoe-west-1", None)]
#[case("eusc-de-east-1", Some(Geography::Eu))]
#[case("il-central-1", None)]
#[case("ap-northeast-1", Some(Geography::Jp))]
#[case("ap-northeast-2", Some(Geography::Apac))]
#[case("ap-southeast-4", Some(Geography::Au))]
#[case("sa-east-1", None)]
#[case("nowhere", None)]
fn a_region_lies_in_one_geography(#[case] region: &str, #[case] expected: Option<Geography>) {
    assert_eq!(Geography::of_region(region), expected);
}

const US_APPLICATION: &str = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3";

#[rstest]
#[case::own_profile("us.amazon.nova-lite-v1:0", None, "us-east-1", "us", true)]
#[case::other_profile("eu.amazon.nova-lite-v1:0", None, "us-east-1", "us", false)]
#[case::global_profile("global.amazon.nova-2-lite-v1:0", None, "us-east-1", "us", false)]
#[case::bare_at_home("nova-lite", None, "eu-central-1", "eu", true)]
#[case::bare_outside("nova-lite", None, "us-west-2", "eu", false)]
#[case::a_source_region_outside("nova-lite", None, "il-central-1", "eu", false)]
#[case::within_the_wider("jp.amazon.nova-2-lite-v1:0", None, "ap-northeast-1", "apac", true)]
#[case::wider_than_the_country("apac.amazon.nova-pro-v1:0", None, "ap-northeast-1", "jp", false)]
#[case::on_demand_in_the_country("nova-lite", None, "ap-northeast-1", "jp", true)]
#[case::opaque(US_APPLICATION, Some("nova-lite"), "us-east-1", "us", false)]
#[case::opaque_that_tells(US_APPLICATION, Some("us.amazon.nova-lite-v1:0"), "us-east-1", "us", true)]
#[case::opaque_that_tells_of_another(
    US_APPLICATION,
    Some("global.amazon.nova-2-lite-v1:0"),
    "us-east-1",
    "us",
    false
)]
fn residency_is_kept_or_the_target_is_refused(
    #[case] target: &str,
    #[case] base_model: Option<&str>,
    #[case] region: &str,
    #[case] residency: &str,
    #[case] accepted: bool,
) {
    let residency = Geography::parse(residency);
    let resolved = Catalogue::built_in().resolve_within(target, base_model, region, residency);
    assert_eq!(resolved.is_ok(), accepted, "{resolved:?}");
}

/// Tokyo has Nova Lite itself beside the profile of all Asia: what stays in the country is chosen.
#[test]
fn a_bare_id_becomes_what_residency_allows() {
    let resolve = |residency| {
        let target = Catalogue::built_in().resolve_within("nova-lite", None, "ap-northeast-1", residency);
        target.expect("resolves").model_id
    };
    assert_eq!(resolve(None), "apac.amazon.nova-lite-v1:0");
    assert_eq!(resolve(Some(Geography::Jp)), "amazon.nova-lite-v1:0");
}

#[rstest]
#[case("nova-lite", "us-west-2", Some("us.amazon.nova-lite-v1:0"))]
#[case("nova-lite", "eu-west-1", Some("eu.amazon.nova-lite-v1:0"))]
#[case("us.amazon.nova-lite-v1:0", "us-west-2", Some("us.amazon.nova-lite-v1:0"))]
#[case("us.amazon.nova-lite-v1:0", "eu-west-1", None)]
#[case("us.amazon.nova-lite-v1:0", "us-gov-west-1", None)]
#[case("global.amazon.nova-2-lite-v1:0", "eu-west-1", Some("global.amazon.nova-2-lite-v1:0"))]
#[case(US_APPLICATION, "us-west-2", None)]
#[case(US_APPLICATION, "us-east-1", Some(US_APPLICATION))]
#[case(
    "arn:aws:bedrock:us-west-2:123456789012:inference-profile/us.amazon.nova-lite-v1:0",
    "us-east-2",
    None
)]
fn another_region_is_asked_only_for_what_it_has(
    #[case] target: &str,
    #[case] region: &str,
    #[case] expected: Option<&str>,
) {
    let resolved = Catalogue::built_in().resolve_failover(target, Some("nova-lite"), region, None);
    assert_eq!(resolved.ok().map(|target| target.model_id).as_deref(), expected);
}

/// Data does not leave its geography by default, not even when that is the only way to serve.
#[test]
fn a_global_profile_is_never_chosen_by_itself() {
    let error =
        Catalogue::built_in().resolve("nova-2-lite", None, "sa-east-1").expect_err("no profile there");
    assert!(error.to_string().contains("global.amazon.nova-2-lite-v1:0"), "{error}");
}
