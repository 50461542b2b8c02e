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

/// Data does not leave its geography by default, not even when that is the only way to serve.
#[test]
fn a_global_profile_is_never_chosen_by_itself() {
    let error =
        Catalogue::built_in().resolve("nova-2-lite", None, "sa-east-1").expect_err("no profile there");
    assert!(error.to_string().contains("global.amazon.nova-2-lite-v1:0"), "{error}");
}
