//! Whatever is written, the answer is a configuration or a fault with a line.

use proptest::prelude::*;

use super::{MINIMAL, environment, load_texts, reference::full_example};
use crate::{Layer, load_layers};

fn answers(text: &str) -> Result<(), TestCaseError> {
    for layer in [Layer::file("x.hcl", text), Layer::runtime("config", text)] {
        match load_layers(vec![Layer::file("1.hcl", MINIMAL), layer], &environment(&[])) {
            Ok(loaded) => prop_assert_eq!(loaded.hash().len(), 12),
            Err(faults) => {
                prop_assert!(!faults.as_slice().is_empty());
                for fault in faults.as_slice() {
                    prop_assert!(fault.line >= 1 && fault.column >= 1);
                    prop_assert!(!fault.problem.is_empty() && !fault.fix.is_empty());
                }
            }
        }
    }
    Ok(())
}

/// One edit of a text: characters from `start` on are replaced.
fn edited(text: &str, start: usize, length: usize, insert: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let start = start % (chars.len() + 1);
    let end = (start + length).min(chars.len());
    chars[..start].iter().copied().chain(insert.chars()).chain(chars[end..].iter().copied()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        answers(&text)?;
    }

    #[test]
    fn text_of_hcls_own_characters_never_panics(text in "[a-c0-9 \n=\"{}\\[\\]()<,.$%#*/!:?-]{0,80}") {
        answers(&text)?;
    }

    #[test]
    fn mutations_of_a_valid_document_never_panic(
        edits in prop::collection::vec((any::<usize>(), 0_usize..12, "[a-z0-9 \n=\"{}\\[\\]$<é#-]{0,4}"), 1..4),
    ) {
        let mut text = full_example();
        for (start, length, insert) in &edits {
            text = edited(&text, *start, *length, insert);
        }
        answers(&text)?;
    }

    #[test]
    fn swapped_values_never_panic(from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>()) {
        let text = full_example();
        let values: Vec<&str> = text.lines().filter_map(|line| line.split_once('=')).map(|(_, value)| value.trim()).collect();
        let lines: Vec<usize> =
            text.lines().enumerate().filter(|(_, line)| line.contains('=')).map(|(number, _)| number).collect();
        let value = from.get(&values);
        let target = *to.get(&lines);
        let swapped: Vec<String> = text
            .lines()
            .enumerate()
            .map(|(number, line)| match line.split_once('=') {
                Some((name, _)) if number == target => format!("{name}= {value}"),
                _ => line.to_owned(),
            })
            .collect();
        answers(&swapped.join("\n"))?;
    }

    #[test]
    fn the_hash_knows_settings_not_their_order_or_files(
        order in Just(vec![
            "strict = true",
            "ring = \"canary\"",
            "model \"a\" { target = \"nova-pro\" }",
            "model \"b\" { target = \"nova-lite\" }",
            "limits { n = 2 }",
        ]).prop_shuffle(),
        split in 0_usize..5,
    ) {
        let sorted = load_texts(&[MINIMAL, "strict = true\nring = \"canary\"\nlimits { n = 2 }\n\
            model \"a\" { target = \"nova-pro\" }\nmodel \"b\" { target = \"nova-lite\" }"]).unwrap();
        let (first, second) = order.split_at(split);
        let shuffled = load_texts(&[MINIMAL, &first.join("\n# note\n"), &second.join("\n\n")]).unwrap();
        prop_assert_eq!(shuffled.hash(), sorted.hash());
        prop_assert_eq!(shuffled.config, sorted.config);
    }
}
