//! A real process that is killed while it writes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use nova_journal::{
    Adoption, Durability, Head, Journal, JournalId, OpenError, Reader, Receipt, Verification, adopt,
    journals, verify,
};

use crate::bed::{KIND, config, folder, read_all, record};

/// Tells the victim where to write.
const ROOT: &str = "NOVA_JOURNAL_VICTIM_ROOT";
/// How often it is killed.
const KILLS: u64 = 20;

/// Appends without end, and tells each record that it was told of.
async fn append_until_killed(root: &Path) {
    let journal = Journal::create(config(root, 8192)).unwrap();
    let mut out = std::io::stdout();
    for number in 0.. {
        let durability = match number % 10 {
            9 => Durability::Committed,
            3 | 6 => Durability::Queued,
            _ => Durability::Written,
        };
        let head = match journal.append(record(number), durability).await.unwrap() {
            Receipt::Written(head) | Receipt::Committed(head) => head,
            _ => continue,
        };
        writeln!(out, "told {} {} {number}", head.sequence, head.hash).unwrap();
        out.flush().unwrap();
    }
}

/// Not a test of its own: the process that `what_was_told_survives_a_kill` starts and kills. Without its variable it has nothing to do.
#[tokio::test]
async fn victim() {
    if let Some(root) = std::env::var_os(ROOT) {
        append_until_killed(Path::new(&root)).await;
    }
}

/// Kills a victim after it told so many records; gives all that it told.
fn kill_after(root: &Path, count: u64) -> (JournalId, Vec<(Head, u64)>) {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::victim", "--nocapture", "--test-threads=1"])
        .env(ROOT, root)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let mut told = Vec::new();
    let mut id = None;
    let mut take = |line: String| {
        // The harness writes the test's name before the first line.
        let words: Vec<&str> = line.split("told ").nth(1)?.split(' ').collect();
        let journal = *id.get_or_insert_with(|| journals(root).unwrap()[0]);
        let [sequence, hash, number] = words[..] else { return None };
        let head = Head { journal, sequence: sequence.parse().unwrap(), hash: hash.parse().ok()? };
        told.push((head, number.parse().unwrap()));
        Some(())
    };
    let mut seen = 0;
    while seen < count {
        let line = lines.next().expect("the victim ended by itself").unwrap();
        seen += u64::from(take(line).is_some());
    }
    let journal = journals(root).unwrap()[0];
    assert!(matches!(adopt(&config(root, 8192), journal), Err(OpenError::InUse(_))), "while it lives");
    victim.kill().unwrap();
    victim.wait().unwrap();
    // What it told before it was dead.
    for line in lines.map_while(Result::ok) {
        take(line);
    }
    (journal, told)
}

#[test]
fn what_was_told_survives_a_kill() {
    for kill in 0..KILLS {
        let root = tempfile::tempdir().unwrap();
        let (journal, told) = kill_after(root.path(), 5 + kill * kill);
        let adopted = adopt(&config(root.path(), 8192), journal).unwrap();
        let Adoption::Ended { head, .. } = adopted else { panic!("{adopted:?}") };
        let heads = told.iter().map(|(head, _)| *head).chain([head]).collect();
        let report =
            verify(&folder(root.path(), journal), &Verification { journal: None, heads }, &mut |_| ())
                .unwrap();
        assert!(report.is_sound() && report.ended && report.unverified == 0, "kill {kill}: {report}");
        // The records are those that were appended, in their order; what was never told may be among them.
        let records = read_all(Reader::of(root.path(), journal, 1));
        let ours = records.iter().filter(|record| record.kind() == KIND);
        for (number, found) in ours.enumerate() {
            assert_eq!(found.body(), record(number as u64).body, "kill {kill}");
        }
        // An adoption that is done again changes nothing.
        let again = adopt(&config(root.path(), 8192), journal).unwrap();
        assert_eq!(again, Adoption::Ended { head, cut_bytes: 0 }, "kill {kill}");
    }
}
