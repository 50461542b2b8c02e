//! Configuration files.

use std::collections::BTreeMap;

use nova_config::{Documents, Faults, Layer, json_schema, judge_documents, load_layers};

/// A first layer that lacks nothing, so that inputs get past the required fields.
const MINIMAL: &str = "bedrock { region = \"us-east-1\" }\nauth { keys_file = \"/etc/nova/keys.json\" }\n";

/// An HCL text, as a file and as a document of the runtime tier: a configuration comes of it, or faults that name their place.
pub fn config(input: &[u8]) {
    document(input);
    let Ok(text) = std::str::from_utf8(input) else { return };
    for layer in [Layer::file("x.hcl", text), Layer::runtime("config", text)] {
        match load_layers(vec![Layer::file("1.hcl", MINIMAL), layer], &BTreeMap::new()) {
            Ok(loaded) => {
                assert_eq!(loaded.hash().len(), 12, "the name of a configuration");
                assert!(loaded.redacted().is_object(), "a configuration can be shown");
            }
            Err(faults) => faults_are_whole(&faults),
        }
    }
}

/// Bytes as the document of a key-value store: what is taken is right by this version's own schema, and touches no bootstrap field.
fn document(input: &[u8]) {
    let entries = ["config", "config.d/a"].map(|name| (name.to_owned(), input.to_vec().into(), 1));
    let documents = Documents::new("nova/default", entries, 1);
    let file = Layer::file("1.hcl", MINIMAL);
    let load =
        |documents: Vec<Layer>| load_layers([vec![file.clone()], documents].concat(), &BTreeMap::new());
    match documents.layers().and_then(load) {
        Ok(loaded) => {
            assert_eq!(judge_documents(&documents, &json_schema()), [], "judged as it is loaded");
            let alone = load(Vec::new()).map(|alone| alone.config.bootstrap);
            assert_eq!(Ok(loaded.config.bootstrap), alone, "a document touches no bootstrap field");
        }
        Err(faults) => faults_are_whole(&faults),
    }
}

fn faults_are_whole(faults: &Faults) {
    assert!(!faults.as_slice().is_empty(), "a refusal without a fault");
    for fault in faults.as_slice() {
        assert!(fault.line >= 1 && fault.column >= 1, "a fault without a place");
        assert!(!fault.problem.is_empty() && !fault.fix.is_empty(), "a fault without a word");
    }
}
