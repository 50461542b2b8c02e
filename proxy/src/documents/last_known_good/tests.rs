//! What is kept comes back, and nothing else does.

use std::os::unix::fs::PermissionsExt as _;

use rstest::rstest;

use super::*;

const PREFIX: &str = "nova/prod";

fn documents_of(config: &str) -> Documents {
    let entries = [("config", config, 12), ("config.d/limits", "limits {\n  queue = 3\n}\n", 9)];
    let entries =
        entries.map(|(name, text, index)| (name.to_owned(), text.as_bytes().to_vec().into(), index));
    Documents::new(PREFIX, entries, 30)
}

fn kept(config: &str) -> (tempfile::TempDir, LastKnownGood) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = LastKnownGood::new(folder.path().to_owned());
    file.write(&documents_of(config), Timestamp::UNIX_EPOCH).expect("a folder that can be written to");
    (folder, file)
}

#[test]
fn what_is_kept_comes_back_with_its_versions_and_only_its_owner_can_read_it() {
    let (folder, file) = kept("strict = true\n# \u{1F600} \"quoted\"\n");
    let read = file.read(PREFIX).expect("a good file");
    assert_eq!(read, Some(documents_of("strict = true\n# \u{1F600} \"quoted\"\n")));
    let mode = fs::metadata(file.path()).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1, "nothing unfinished is left");
}

#[test]
fn a_later_one_replaces_it_whatever_a_killed_process_left_unfinished() {
    let (folder, file) = kept("strict = true\n");
    fs::write(folder.path().join(UNFINISHED_NAME), "{\"checks").expect("a file");
    file.write(&documents_of("strict = false\n"), Timestamp::UNIX_EPOCH).expect("a good folder");
    assert_eq!(file.read(PREFIX).expect("a good file"), Some(documents_of("strict = false\n")));
}

#[test]
fn without_a_file_there_is_nothing_and_no_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = LastKnownGood::new(folder.path().join("not there yet"));
    assert_eq!(file.read(PREFIX).expect("no file is no error"), None);
    let refused = file.write(&documents_of(""), Timestamp::UNIX_EPOCH);
    assert!(matches!(refused, Err(LastKnownGoodError::Write { .. })), "{refused:?}");
}

#[rstest]
#[case::a_changed_text(|text: String| text.replace("strict = true", "strict = null"))]
#[case::a_changed_version(|text: String| text.replace(":30", ":31"))]
#[case::a_cut_end(|text: String| text.get(..text.len() / 2).unwrap_or_default().to_owned())]
#[case::nothing_at_all(|_| String::new())]
#[case::something_else(|_| "strict = true".to_owned())]
fn a_damaged_file_is_not_believed(#[case] damage: fn(String) -> String) {
    let (_folder, file) = kept("strict = true\n");
    let text = fs::read_to_string(file.path()).expect("the file");
    let damaged = damage(text.clone());
    assert_ne!(damaged, text);
    fs::write(file.path(), damaged).expect("the file");
    let read = file.read(PREFIX);
    assert!(matches!(read, Err(LastKnownGoodError::Damaged { .. })), "{read:?}");
}

#[test]
fn documents_of_another_prefix_are_not_believed() {
    let (_folder, file) = kept("strict = true\n");
    let read = file.read("nova/test");
    assert!(matches!(read, Err(LastKnownGoodError::OtherPrefix { .. })), "{read:?}");
}

#[test]
fn members_of_a_later_version_are_passed_over() {
    let (_folder, file) = kept("strict = true\n");
    let text = fs::read_to_string(file.path()).expect("the file");
    let kept: Kept = serde_json::from_str(&text).expect("JSON");
    let body = kept.body.get().replacen('{', "{\"later\":{\"x\":[1]},", 1);
    let later = Kept { checksum: checksum(&body), body: RawValue::from_string(body).expect("JSON") };
    fs::write(file.path(), serde_json::to_vec(&later).expect("JSON")).expect("the file");
    assert_eq!(file.read(PREFIX).expect("a good file"), Some(documents_of("strict = true\n")));
}
