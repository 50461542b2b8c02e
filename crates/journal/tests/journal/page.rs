//! The lines of Python in `docs/reference/journal.md` check what the code writes, and find what somebody changed.

use std::process::Command;

use crate::bed::Bed;

const PAGE: &str = include_str!("../../../../docs/reference/journal.md");

fn check(path: &std::path::Path) -> bool {
    let program = PAGE.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let output = Command::new("python3").arg("-c").arg(program).arg(path).output().unwrap();
    output.status.success()
}

#[tokio::test]
async fn another_program_checks_the_same_bytes() {
    let bed = Bed::new(100).await;
    for segment in &bed.segments {
        assert!(check(&segment.path), "{}", segment.path.display());
        let mut bytes = segment.bytes.clone();
        bytes[segment.records[1].end - 1] ^= 1;
        std::fs::write(&segment.path, bytes).unwrap();
        assert!(!check(&segment.path), "{}", segment.path.display());
    }
}
