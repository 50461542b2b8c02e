//! `release/verify`: a release is told from what somebody made of it. Signatures, which need minisign, are judged by `./tests/run full release`.

use std::path::Path;
use std::process::{Command, Output};

use aws_lc_rs::digest::{SHA256, digest};
use nova_test_support::binary::workspace_root;
use tempfile::TempDir;

const TARBALL: &str = "nova-1.2.3-linux-amd64.tar.gz";

/// A folder as `release/build` leaves it, with small files.
fn release() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut sums = String::new();
    for (name, content) in
        [("BUILD", "version 1.2.3\n"), (TARBALL, "the programs"), ("nova-proxy.cdx.json", "{}")]
    {
        std::fs::write(folder.path().join(name), content).unwrap();
        let sum: String =
            digest(&SHA256, content.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        sums += &format!("{sum}  {name}\n");
    }
    std::fs::write(folder.path().join("SHA256SUMS"), sums).unwrap();
    folder
}

fn verify(folder: &Path) -> (Option<i32>, String) {
    let program = workspace_root().join("release/verify");
    let Output { status, stdout, stderr } = Command::new(program).arg(folder).output().unwrap();
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

#[test]
fn a_release_as_it_was_made_is_good_and_its_unjudged_signature_is_told() {
    let folder = release();
    let (code, said) = verify(folder.path());
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains(&format!("good   {TARBALL}")) && said.contains("signature was not judged"),
        "{said}"
    );
}

type Spoil = fn(&Path);

#[test]
fn what_was_changed_is_named() {
    let cases: [(&str, Spoil); 5] = [
        ("nova-1.2.3-linux-amd64.tar.gz was changed", |folder| {
            std::fs::write(folder.join(TARBALL), "the prograns").unwrap();
        }),
        ("BUILD is missing", |folder| std::fs::remove_file(folder.join("BUILD")).unwrap()),
        ("install.sh is no file of this release", |folder| {
            std::fs::write(folder.join("install.sh"), "#!/bin/sh").unwrap();
        }),
        ("SHA256SUMS names no file", |folder| std::fs::write(folder.join("SHA256SUMS"), "").unwrap()),
        ("a line that is no sum and name", |folder| {
            let sums = std::fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
            std::fs::write(folder.join("SHA256SUMS"), sums.replace("BUILD", "../BUILD")).unwrap();
        }),
    ];
    for (expected, spoil) in cases {
        let folder = release();
        spoil(folder.path());
        let (code, said) = verify(folder.path());
        assert_eq!(code, Some(1), "{expected}: {said}");
        let is_named = said.lines().any(|line| line.starts_with("WRONG") && line.contains(expected));
        assert!(is_named, "{expected}: {said}");
    }
}

#[test]
fn what_cannot_be_judged_is_neither_good_nor_bad() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = verify(folder.path());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("no SHA256SUMS"), "{said}");
    assert_eq!(verify(&folder.path().join("nowhere")).0, Some(2));
}
