//! Golden translations of `fixtures/embeddings`, and what the golden files cannot say.

use openai_api::embeddings::{EmbeddingsRequest, EncodingFormat, Vector};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::TranslateError;
use crate::invoke::InvokeError;
use crate::request::tests::Fixture;

fn translated(target: &str, request: Value) -> Result<EmbeddingTranslation, TranslateError> {
    let fixture: Fixture =
        serde_json::from_value(json!({"target": target, "request": request})).expect("a fixture");
    let request: EmbeddingsRequest = serde_json::from_value(fixture.request.clone()).expect("a request");
    translate(request, &fixture.target(), false)
}

#[test]
fn embeddings_translate_as_recorded() {
    insta::glob!("../../fixtures/embeddings", "*.json", |path| {
        let text = std::fs::read_to_string(path).expect("a fixture");
        let fixture: Fixture = serde_json::from_str(&text).expect("a fixture");
        let request: EmbeddingsRequest = serde_json::from_value(fixture.request.clone()).expect("a request");
        let outcome = match translate(request, &fixture.target(), fixture.options().strict) {
            Ok(translation) => json!({"invoke": translation.bodies, "notes": translation.notes}),
            Err(error) => {
                json!({"error": {"message": error.message, "param": error.param, "code": error.code}})
            }
        };
        insta::with_settings!({snapshot_path => "../../fixtures/embeddings", prepend_module_to_snapshot => false}, {
            insta::assert_json_snapshot!(outcome);
        });
    });
}

#[test]
fn as_many_texts_are_taken_as_openai_takes() {
    let request = |count: usize| json!({"model": "m", "input": vec!["x"; count]});
    let taken = translated("titan-embed-text-v2", request(2048)).expect("a translation");
    assert_eq!(taken.bodies.len(), 2048);
    let refused = translated("titan-embed-text-v2", request(2049)).expect_err("too many");
    assert_eq!(refused.param.as_deref(), Some("input"));
    assert!(refused.message.contains("2049") && refused.message.contains("2048"), "{}", refused.message);
}

#[test]
fn a_text_is_measured_in_characters() {
    let request = |text: String| json!({"model": "m", "input": ["x", text]});
    assert!(translated("nova-2-multimodal-embeddings", request("é".repeat(8192))).is_ok());
    let refused =
        translated("nova-2-multimodal-embeddings", request("é".repeat(8193))).expect_err("too long");
    assert_eq!(refused.param.as_deref(), Some("input[1]"));
}

#[test]
fn an_answer_of_another_length_or_form_is_no_answer() {
    let asked = translated("titan-embed-text-v2", json!({"model": "m", "input": "x", "dimensions": 256}));
    let asked = asked.expect("a translation");
    let answer =
        |length: usize| json!({"embedding": vec![0.5; length], "inputTextTokenCount": 3}).to_string();
    let read = asked.read(answer(256).as_bytes()).expect("an answer");
    assert_eq!((read.vector.len(), read.input_tokens), (256, Some(3)));
    for length in [0, 255, 1024] {
        assert!(matches!(asked.read(answer(length).as_bytes()), Err(InvokeError::Unfit(_))), "{length}");
    }
    assert!(matches!(asked.read(b"{\"embedding\": \"x\"}"), Err(InvokeError::Unreadable { .. })));
}

#[test]
fn the_multimodal_models_own_failure_is_told() {
    let asked =
        translated("titan-embed-image-v1", json!({"model": "m", "input": "x"})).expect("a translation");
    for answer in
        [r#"{"embedding": null, "message": "no"}"#, r#"{"inputTextTokenCount": 1, "message": "no"}"#]
    {
        assert_eq!(asked.read(answer.as_bytes()), Err(InvokeError::Failed("no".to_owned())));
    }
}

/// The longest that a number can be written as.
#[test]
fn an_answer_is_never_larger_than_it_was_taken_to_be() {
    let asked =
        translated("titan-embed-text-v2", json!({"model": "m", "input": ["a", "b"], "dimensions": 256}));
    let vectors = vec![vec![-1.175_494_4e-38_f32; 256]; 2];
    for encoding in [EncodingFormat::Float, EncodingFormat::Base64] {
        let list = list("m".to_owned(), vectors.clone(), encoding, None);
        let bytes = serde_json::to_vec(&list).expect("JSON").len() + 2 * 256 * 4;
        assert!(bytes as u64 <= asked.as_ref().expect("a translation").answer_bytes_max(), "{encoding:?}");
    }
}

proptest! {
    /// Whatever the numbers are, base64 holds them bit by bit, in little-endian order.
    #[test]
    fn base64_holds_the_same_numbers(vector in prop::collection::vec(any::<f32>(), 1..64)) {
        use base64::Engine as _;
        let list = list("m".to_owned(), vec![vector.clone()], EncodingFormat::Base64, None);
        let Vector::Base64(text) = &list.data[0].embedding else { panic!("base64 expected") };
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
        let numbers: Vec<u32> =
            bytes.chunks_exact(4).map(|four| u32::from_le_bytes(four.try_into().expect("four bytes"))).collect();
        let expected: Vec<u32> = vector.iter().map(|number| number.to_bits()).collect();
        prop_assert_eq!(numbers, expected);
    }
}
