//! The command lines: what they print, and the exit codes that scripts rely on.

use anyhow::ensure;
use nova_test_support::binary::Program;
use nova_test_support::process::{Finished, Launch};
use serde_json::Value;
use tempfile::TempDir;

use crate::bed::{Bed, proxy_command};
use crate::case::Cases;

const GOOD: &str =
    "listen = \"127.0.0.1:0\"\n\nbedrock {\n  region = \"us-east-1\"\n}\n\nauth {\n  none = true\n}\n";

/// A folder with one file in it.
fn file(name: &str, text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder for a test");
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a file for a test");
    let path = path.to_str().expect("the path of a test is text").to_owned();
    (folder, path)
}

async fn proxy(arguments: &[&str]) -> anyhow::Result<Finished> {
    proxy_command()?.args(arguments).finish().await
}

#[tokio::test]
async fn help_and_version_are_given_on_standard_output() {
    let mut cases = Cases::default();
    for (program, arguments, words) in [
        (Program::Proxy, vec!["--help"], vec!["serve", "check", "schema"]),
        (Program::Proxy, vec!["serve", "--help"], vec!["--config"]),
        (Program::Proxy, vec!["check", "--help"], vec!["Usage"]),
        (Program::Proxy, vec!["--version"], vec!["nova-proxy", "0.1.0"]),
        (Program::Local, vec!["--help"], vec!["up", "sim"]),
        (Program::Local, vec!["up", "--help"], vec!["--listen", "--json"]),
        (Program::Local, vec!["sim", "--help"], vec!["--region"]),
        (Program::Local, vec!["--version"], vec!["nova-local", "0.1.0"]),
        (Program::Agent, vec!["--help"], vec!["config", "Examples"]),
        (
            Program::Agent,
            vec!["config", "push", "--help"],
            vec!["--fragment", "--wait", "CONSUL_HTTP_ADDR", "Examples"],
        ),
        (Program::Agent, vec!["--version"], vec!["nova-agent", "0.1.0"]),
    ] {
        let result = async {
            let finished = Launch::new(program.path()?).args(arguments.clone()).finish().await?;
            ensure!(finished.code == Some(0), "{finished:?}");
            ensure!(
                words.iter().all(|word| finished.stdout.contains(word)),
                "expected {words:?} in {}",
                finished.stdout
            );
            Ok(())
        };
        cases.note(format!("{} {arguments:?}", program.name()), result.await);
    }
    cases.all_hold();
}

#[tokio::test]
async fn wrong_usage_exits_with_two_and_says_so_on_standard_error() {
    let mut cases = Cases::default();
    for arguments in [&["frobnicate"][..], &[], &["serve", "--frobnicate"]] {
        let result = async {
            let finished = proxy(arguments).await?;
            ensure!(finished.code == Some(2) && finished.stderr.contains("Usage"), "{finished:?}");
            Ok(())
        };
        cases.note(format!("{arguments:?}"), result.await);
    }
    cases.all_hold();
}

#[tokio::test]
async fn check_accepts_a_good_file() {
    let (_folder, path) = file("good.hcl", GOOD);
    let finished = proxy(&["check", &path]).await.unwrap();
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[tokio::test]
async fn check_tells_every_fault_with_its_place() {
    let bad = "listen = \"127.0.0.1:0\"\nlisten_too = 1\n\nbedrock {\n  region = 7\n}\n\nauth {\n  none = true\n}\n\n\
               model \"x\" {\n  targt = \"nova-pro\"\n}\n";
    let (_folder, path) = file("bad.hcl", bad);
    let finished = proxy(&["check", &path]).await.unwrap();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let told = format!("{}{}", finished.stdout, finished.stderr);
    for (place, word) in [("bad.hcl:2:", "listen_too"), ("bad.hcl:5:", "region"), ("bad.hcl:13:", "targt")] {
        assert!(
            told.lines().any(|line| line.contains(place) && line.contains(word)),
            "no {place} {word} in {told}"
        );
    }
}

#[tokio::test]
async fn check_knows_the_models() {
    let (_folder, path) =
        file("bad.hcl", &format!("{GOOD}\nmodel \"x\" {{\n  target = \"us.amazon.nova-ultra-v9:0\"\n}}\n"));
    let finished = proxy(&["check", &path]).await.unwrap();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(format!("{}{}", finished.stdout, finished.stderr).contains("bad.hcl:12:"), "{finished:?}");
}

#[tokio::test]
async fn check_says_which_file_is_missing() {
    let finished = proxy(&["check", "no-such-file.hcl"]).await.unwrap();
    assert!(finished.code.is_some_and(|code| code != 0), "{finished:?}");
    assert!(finished.stderr.contains("no-such-file.hcl"), "{finished:?}");
}

#[tokio::test]
async fn schema_is_a_json_schema_of_the_configuration() {
    let finished = proxy(&["schema"]).await.unwrap();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let schema: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for field in ["listen", "bedrock", "model", "auth", "limits"] {
        assert!(schema["properties"][field].is_object(), "no {field} in {schema}");
    }
}

#[tokio::test]
async fn serve_refuses_a_bad_file_before_it_listens() {
    let (_folder, path) = file("bad.hcl", "listen = 7\n");
    let finished = proxy(&["serve", "--json", "--config", &path]).await.unwrap();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(
        finished.stderr.contains("bad.hcl:1:") && !finished.stdout.contains("\"listen\""),
        "{finished:?}"
    );
}

#[tokio::test]
async fn serve_says_which_address_is_taken() {
    let bed = Bed::start().await.unwrap();
    let address = bed.root.trim_start_matches("http://");
    let (_folder, path) = file("taken.hcl", &GOOD.replace("127.0.0.1:0", address));
    let finished = proxy(&["serve", "--json", "--config", &path]).await.unwrap();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains(address), "{finished:?}");
}

#[tokio::test]
async fn no_authentication_is_refused_beyond_loopback() {
    let (_folder, path) = file("open.hcl", &GOOD.replace("127.0.0.1:0", "0.0.0.0:0"));
    let finished = proxy(&["check", &path]).await.unwrap();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(format!("{}{}", finished.stdout, finished.stderr).contains("open.hcl:"), "{finished:?}");
}
