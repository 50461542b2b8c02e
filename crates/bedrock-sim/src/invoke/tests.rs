//! What InvokeModel refuses, and what its answers promise.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::catalogue;

fn asked(model: &str, body: &Value) -> Result<Answer, Exception> {
    let model = catalogue::resolve(model, "us-east-1", &BTreeMap::new())?;
    Request::read(model, body)?.answer(&Script::default())
}

fn nova(parameters: &Value) -> Value {
    json!({"schemaVersion": "nova-multimodal-embed-v1", "taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": parameters})
}

const V1: &str = "amazon.titan-embed-text-v1";
const V2: &str = "amazon.titan-embed-text-v2:0";
const MULTIMODAL: &str = "amazon.titan-embed-image-v1";
const NOVA: &str = "amazon.nova-2-multimodal-embeddings-v1:0";
const CANVAS: &str = "amazon.nova-canvas-v1:0";

#[rstest]
#[case(V1, json!({"inputText": "a", "dimensions": 256}), "extraneous key [dimensions]")]
#[case(V1, json!({}), "required key [inputText]")]
#[case(V1, json!([]), "found: JSONArray")]
#[case(V2, json!({"inputText": ""}), "minLength: 1")]
#[case(V2, json!({"inputText": ["a"]}), "#/inputText: expected type: String")]
#[case(V2, json!({"inputText": "a", "dimensions": 300}), "#/dimensions: 300 is not a valid enum value")]
#[case(V2, json!({"inputText": "a", "dimensions": 256.5}), "found: Double")]
#[case(V2, json!({"inputText": "a".repeat(50_001)}), "Max input characters: 50000")]
#[case(V2, json!({"inputText": "a".repeat(40_000)}), "Too many input tokens. Max input tokens: 8192")]
#[case(MULTIMODAL, json!({"inputText": "a", "embeddingConfig": {"outputEmbeddingLength": 512}}), "512 is not")]
#[case(MULTIMODAL, json!({"inputText": "a".repeat(1100)}), "Max input tokens: 256")]
#[case(NOVA, nova(&json!({"text": {"truncationMode": "NONE", "value": "a"}})), "required key [embeddingPurpose]")]
#[case(NOVA, nova(&json!({"embeddingPurpose": "SEARCH", "text": {"truncationMode": "NONE", "value": "a"}})), "SEARCH is not")]
#[case(NOVA, nova(&json!({"embeddingPurpose": "GENERIC_INDEX", "text": {"value": "a"}})), "required key [truncationMode]")]
#[case(NOVA, nova(&json!({"embeddingPurpose": "GENERIC_INDEX", "embeddingDimension": 512, "text": {"truncationMode": "NONE", "value": "a"}})), "512 is not")]
#[case(NOVA, json!({"inputText": "a"}), "extraneous key [inputText]")]
#[case(CANVAS, json!({"taskType": "INPAINTING"}), "INPAINTING is not")]
#[case(CANVAS, json!({"taskType": "TEXT_IMAGE"}), "required key [textToImageParams]")]
#[case(CANVAS, json!({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a".repeat(1025)}}), "maxLength: 1024")]
#[case(CANVAS, json!({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a"}, "imageGenerationConfig": {"numberOfImages": 6}}), "between 1 and 5")]
#[case(CANVAS, json!({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a"}, "imageGenerationConfig": {"width": 1000}}), "divisible by 16")]
#[case(CANVAS, json!({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a"}, "imageGenerationConfig": {"width": 4096, "height": 320}}), "aspect ratio")]
#[case(CANVAS, json!({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a"}, "imageGenerationConfig": {"width": 2048, "height": 2048}}), "4,194,304")]
#[case(CANVAS, json!({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a"}, "imageGenerationConfig": {"quality": "hd"}}), "hd is not")]
#[case("amazon.nova-lite-v1:0", json!({"messages": []}), "embeddings and images alone")]
fn what_a_model_does_not_read_is_refused(#[case] model: &str, #[case] body: Value, #[case] expected: &str) {
    let message = asked(model, &body).expect_err("a refusal").message;
    assert!(message.contains(expected), "{message}");
}

#[test]
fn images_differ_by_place_and_seed_and_are_counted() {
    let body = |seed: i64| json!({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a cat"}, "imageGenerationConfig": {"numberOfImages": 3, "seed": seed}});
    let answer = asked(CANVAS, &body(1)).expect("an answer");
    assert_eq!(answer.usage.images, 3);
    let images = answer.body["images"].as_array().expect("images").clone();
    assert_eq!(images.len(), 3);
    assert_ne!(images[0], images[1]);
    assert_ne!(
        images,
        *asked(CANVAS, &body(2)).expect("an answer").body["images"].as_array().expect("images")
    );
}

proptest! {
    /// Two texts have two vectors, the same text has the same, and each has the length one.
    #[test]
    fn vectors_follow_from_their_text(one in "[a-z ]{1,40}", other in "[a-z ]{1,40}") {
        let vector = |text: &str| -> Vec<f64> {
            let answer = asked(V2, &json!({"inputText": text, "dimensions": 256})).expect("an answer");
            serde_json::from_value(answer.body["embedding"].clone()).expect("numbers")
        };
        let (first, second) = (vector(&one), vector(&other));
        prop_assert_eq!(first.len(), 256);
        prop_assert!((first.iter().map(|number| number * number).sum::<f64>() - 1.0).abs() < 1e-4);
        prop_assert_eq!(first == second, one == other);
        prop_assert_eq!(first, vector(&one));
    }
}
