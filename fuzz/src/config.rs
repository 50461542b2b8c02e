//! Configuration files.

use std::collections::BTreeMap;

use nova_config::{Layer, load_layers};

/// A first layer that lacks nothing, so that inputs get past the required fields.
const MINIMAL: &str = "bedrock { region = \"us-east-1\" }\nauth { keys_file = \"/etc/nova/keys.json\" }\n";

/// An HCL text, as a file and as a document of the runtime tier: a configuration comes of it, or faults that name their place.
pub fn config(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for layer in [Layer::file("x.hcl", text), Layer::runtime("config", text)] {
        match load_layers(vec![Layer::file("1.hcl", MINIMAL), layer], &BTreeMap::new()) {
            Ok(loaded) => {
                assert_eq!(loaded.hash().len(), 12, "the name of a configuration");
                assert!(loaded.redacted().is_object(), "a configuration can be shown");
            }
            Err(faults) => {
                assert!(!faults.as_slice().is_empty(), "a refusal without a fault");
                for fault in faults.as_slice() {
                    assert!(fault.line >= 1 && fault.column >= 1, "a fault without a place");
                    assert!(!fault.problem.is_empty() && !fault.fix.is_empty(), "a fault without a word");
                }
            }
        }
    }
}
