//! Every message in full: one golden file for each bad document in `fixtures/bad`.

use std::path::PathBuf;

use rstest::rstest;
use semver::Version;

use super::{MINIMAL, environment, load_texts};
use crate::load::load_as;
use crate::{FaultKind, Layer, Position, check, load};

#[test]
fn a_bad_document_is_refused_with_every_fault_in_full() {
    insta::glob!("../../fixtures/bad", "*.hcl", |path| {
        let text = std::fs::read_to_string(path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // A fixed version, so that the golden files outlive a release.
        let layers = vec![Layer::file(name, text)];
        let faults = load_as(layers, &environment(&[]), &Version::new(0, 1, 0)).unwrap_err();
        insta::assert_snapshot!(format!("{}\n{faults}", faults.kind().as_str()));
    });
}

#[test]
fn an_unreadable_file_is_named_with_the_reason() {
    let faults = load(&[PathBuf::from("/nonexistent/proxy.hcl")], &environment(&[])).unwrap_err();
    assert_eq!(faults.kind(), FaultKind::Unreadable);
    assert_eq!(
        faults.to_string(),
        "/nonexistent/proxy.hcl:1:1: cannot be read: No such file or directory (os error 2): \
         check the path and its permissions"
    );
}

#[test]
fn files_are_read_in_order_and_a_huge_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two, huge) =
        (folder.path().join("1.hcl"), folder.path().join("2.hcl"), folder.path().join("3.hcl"));
    std::fs::write(&one, format!("{MINIMAL}ring = \"a\"\n")).unwrap();
    std::fs::write(&two, "ring = \"b\"\n").unwrap();
    std::fs::write(&huge, vec![b'\n'; (1 << 20) + 1]).unwrap();
    let loaded = load(&[one.clone(), two], &environment(&[])).unwrap();
    assert_eq!(loaded.config.bootstrap.ring, "b");
    let faults = check(&[one, huge], &environment(&[])).unwrap_err();
    assert!(
        faults.to_string().ends_with("is larger than 1048576 bytes: name a configuration file"),
        "{faults}"
    );
}

#[test]
fn a_fault_in_the_environment_names_the_variable() {
    let layers = vec![Layer::file("1.hcl", "auth { none = true }")];
    let faults = crate::load_layers(layers, &environment(&[("AWS_REGION", "Virginia")])).unwrap_err();
    assert_eq!(
        faults.to_string(),
        "environment variable AWS_REGION:1:1: bedrock.region: \"Virginia\" has the wrong form: \
         write an AWS region, such as \"us-east-1\""
    );
}

#[test]
fn the_program_can_place_faults_of_its_own() {
    let loaded = load_texts(&[MINIMAL, "model \"gpt-4.1\" {\n  target = \"nova-por\"\n}\n"]).unwrap();
    let position = Position { file: "2.hcl".to_owned(), line: 2, column: 12 };
    assert_eq!(loaded.locate("model.gpt-4.1.target"), Some(position));
    assert_eq!(loaded.locate("model.gpt-4.1").map(|place| place.line), Some(1));
    assert_eq!(loaded.locate("model.gpt-9.target"), None);
    let fault = loaded.fault("model.gpt-4.1.target", "no such model \"nova-por\"", "write nova-pro");
    assert_eq!(
        fault.to_string(),
        "2.hcl:2:12: model \"gpt-4.1\".target: no such model \"nova-por\": write nova-pro"
    );
    assert_eq!(loaded.fault("strict", "x", "y").to_string(), "1.hcl:1:1: strict: x: y");
}

#[rstest]
#[case::newer_with_a_new_field("requires = \">= 0.2\"\nhologram = true\n", FaultKind::NeedsNewerVersion)]
#[case::newer_with_known_fields("requires = \">= 0.2\"\n", FaultKind::NeedsNewerVersion)]
#[case::this_version_with_a_new_field("requires = \">= 0.1\"\nhologram = true\n", FaultKind::Invalid)]
#[case::no_word_of_versions("hologram = true\n", FaultKind::Invalid)]
fn a_document_of_the_next_version_is_told_from_a_wrong_one(#[case] text: &str, #[case] expected: FaultKind) {
    let layers = || vec![Layer::file("1.hcl", MINIMAL), Layer::runtime("config", text)];
    let faults = load_as(layers(), &environment(&[]), &Version::new(0, 1, 0)).unwrap_err();
    assert_eq!(faults.kind(), expected);
    assert_eq!(faults.as_slice().len(), 1);
    // The next version knows what this one does not; here it only knows its own number.
    let next = load_as(layers(), &environment(&[]), &Version::new(0, 2, 0));
    assert_eq!(next.is_ok(), !text.contains("hologram"));
}
