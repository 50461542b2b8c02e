//! Golden translations of `fixtures/images`, and what the golden files cannot say.

use openai_api::images::ImagesRequest;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::invoke::InvokeError;
use crate::request::tests::Fixture;

fn fixture(request: Value) -> Fixture {
    serde_json::from_value(json!({"target": "nova-canvas", "request": request})).expect("a fixture")
}

fn translated(fixture: &Fixture) -> Result<ImageTranslation, crate::TranslateError> {
    let request: ImagesRequest = serde_json::from_value(fixture.request.clone()).expect("a request");
    translate(request, &fixture.target(), fixture.options().strict)
}

#[test]
fn images_translate_as_recorded() {
    insta::glob!("../../fixtures/images", "*.json", |path| {
        let text = std::fs::read_to_string(path).expect("a fixture");
        let fixture: Fixture = serde_json::from_str(&text).expect("a fixture");
        let outcome = match translated(&fixture) {
            Ok(translation) => json!({"invoke": translation.body, "notes": translation.notes}),
            Err(error) => {
                json!({"error": {"message": error.message, "param": error.param, "code": error.code}})
            }
        };
        insta::with_settings!({snapshot_path => "../../fixtures/images", prepend_module_to_snapshot => false}, {
            insta::assert_json_snapshot!(outcome);
        });
    });
}

#[rstest]
#[case("320x320", true)]
#[case("1024x1792", true)]
#[case("320x1280", true)]
#[case("320x1296", false)]
#[case("4096x1008", false)]
#[case("4096x1024", false)]
#[case("2048x2032", true)]
#[case("2048x2048", false)]
#[case("304x304", false)]
#[case("4112x1024", false)]
#[case("1000x1000", false)]
#[case("256x256", false)]
#[case("1024", false)]
#[case("1024x", false)]
#[case("+1024x1024", false)]
#[case("1024X1024", false)]
#[case("99999999999x1024", false)]
fn sizes_follow_the_rules_of_canvas(#[case] size: &str, #[case] accepted: bool) {
    let outcome = translated(&fixture(json!({"model": "m", "prompt": "a cat", "size": size})));
    assert_eq!(outcome.is_ok(), accepted, "{outcome:?}");
    if let Err(error) = outcome {
        assert_eq!(error.param.as_deref(), Some("size"));
    }
}

#[rstest]
#[case(json!({"images": ["YQ==", "YQ=="]}), None)]
#[case(json!({"images": ["YQ==", "YQ=="], "error": null}), None)]
#[case(json!({"images": ["YQ=="]}), Some(InvokeError::Unfit("1 images in place of 2".to_owned())))]
#[case(
    json!({"images": ["YQ=="], "error": "Some of the generated images have been blocked by our content filters."}),
    Some(InvokeError::Blocked { asked: 2, held_back: 1 })
)]
#[case(
    json!({"images": null, "error": "All of the generated images have been blocked by our content filters."}),
    Some(InvokeError::Blocked { asked: 2, held_back: 2 })
)]
#[case(json!({"error": "out of paint"}), Some(InvokeError::Failed("out of paint".to_owned())))]
fn all_images_are_given_or_an_error(#[case] answer: Value, #[case] expected: Option<InvokeError>) {
    let asked =
        translated(&fixture(json!({"model": "m", "prompt": "a cat", "n": 2}))).expect("a translation");
    match (asked.read(answer.to_string().as_bytes(), 7), expected) {
        (Ok(response), None) => assert_eq!((response.created, response.data.len()), (7, 2)),
        (outcome, expected) => assert_eq!(outcome.err(), expected),
    }
}

proptest! {
    /// What is sent keeps Canvas's rules, whatever was asked for.
    #[test]
    fn any_size_is_refused_or_fits(width in 0..5000_u32, height in 0..5000_u32) {
        let request = json!({"model": "m", "prompt": "a cat", "size": format!("{width}x{height}")});
        if let Ok(translation) = translated(&fixture(request)) {
            let config = &translation.body.image_generation_config;
            prop_assert_eq!((config.width, config.height), (width, height));
            prop_assert!((320..=4096).contains(&width) && (320..=4096).contains(&height));
            prop_assert!(width % 16 == 0 && height % 16 == 0);
            prop_assert!(width <= 4 * height && height <= 4 * width && width * height < 4_194_304);
        }
    }
}
