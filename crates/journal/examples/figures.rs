//! What the journal costs on this machine: `cargo run --release -p nova-journal --example figures [REQUESTS [AT_ONCE [FOLDER]]]`.
//!
//! Each request is an intent that is waited for until the kernel has it, and an end that nobody waits for. Afterwards the journal is
//! checked. CPU time is that of the whole process, from the kernel's own account.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_journal::body::{CallEnd, CallEnded, CallIntended};
use nova_journal::{Durability, Journal, JournalConfig, NewRecord, Verification, verify};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn intent(number: u64) -> CallIntended {
    CallIntended {
        call: format!("0193a5c2-7b1e-7c3a-9f00-{number:012x}"),
        request: format!("0193a5c2-7b1e-7c3a-8e00-{number:012x}"),
        key: "key-7f3a".to_owned(),
        team: "search".to_owned(),
        model: "gpt-4o-mini".to_owned(),
        target: "us.amazon.nova-lite-v1:0".to_owned(),
        region: "us-east-1".to_owned(),
        output_tokens_max: Some(1024),
        prompt_bytes: Some(2000),
        ..CallIntended::default()
    }
}

fn end(number: u64) -> Outcome<CallEnded> {
    Ok(CallEnded {
        call: format!("0193a5c2-7b1e-7c3a-9f00-{number:012x}"),
        end: CallEnd::Completed,
        usage: Some(serde_json::from_str(r#"{"inputTokens":520,"outputTokens":210,"totalTokens":730}"#)?),
        aws_request_id: "1f2e3d4c-5b6a-4798-8a9b-0c1d2e3f4a5b".to_owned(),
        duration_ms: Some(912),
        ..CallEnded::default()
    })
}

/// One caller after the other, as a worker of the proxy is.
async fn requests(journal: Arc<Journal>, from: u64, count: u64) -> Outcome<Vec<Duration>> {
    let mut waits = Vec::new();
    for number in from..from + count {
        let begun = Instant::now();
        journal.append(NewRecord::of(&intent(number))?, Durability::Written).await?;
        waits.push(begun.elapsed());
        journal.enqueue(NewRecord::of(&end(number)?)?)?;
    }
    Ok(waits)
}

/// CPU time of this process, in hundredths of a second as the kernel counts it.
fn cpu() -> Outcome<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or_default();
    Ok(Duration::from_millis((ticks(11) + ticks(12)) * 10))
}

fn main() -> Outcome<()> {
    let mut words = std::env::args().skip(1);
    let count: u64 = words.next().as_deref().unwrap_or("500000").parse()?;
    let at_once: u64 = words.next().as_deref().unwrap_or("32").parse()?;
    let folder = words.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let root = folder.join(format!("nova-journal-figures-{}", std::process::id()));
    let config =
        JournalConfig { disk_bytes_max: 64 << 30, ..JournalConfig::new(root.clone(), "figures".to_owned()) };
    let journal = Arc::new(Journal::create(config)?);
    let id = journal.id();
    let mut out = std::io::stdout();

    let (begun, cpu_before) = (Instant::now(), cpu()?);
    let runtime = tokio::runtime::Runtime::new()?;
    let mut waits = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for worker in 0..at_once {
            let share = count / at_once;
            tasks.spawn(requests(Arc::clone(&journal), worker * share, share));
        }
        let mut waits = Vec::new();
        while let Some(done) = tasks.join_next().await {
            waits.extend(done??);
        }
        Ok::<_, Box<dyn Error + Send + Sync>>(waits)
    })?;
    let head = match Arc::into_inner(journal) {
        Some(journal) => runtime.block_on(journal.close("measured"))?,
        None => return Err("a task still has the journal".into()),
    };
    let (took, used) = (begun.elapsed(), cpu()?.saturating_sub(cpu_before));
    waits.sort_unstable();
    let at = |part: usize| waits.get(waits.len() * part / 1000).copied().unwrap_or_default();
    let each = used.as_secs_f64() * 1e6 / waits.len() as f64;
    writeln!(out, "{} requests, {at_once} at once: {took:.2?}, {each:.2} us of CPU each", waits.len())?;
    writeln!(out, "wait for the intent: p50 {:.1?}, p99 {:.1?}, p99.9 {:.1?}", at(500), at(990), at(999))?;

    let known = Verification { journal: Some(id), heads: vec![head] };
    let begun = Instant::now();
    let report = verify(&root.join(id.to_string()), &known, &mut |_| ())?;
    writeln!(out, "{report}")?;
    writeln!(
        out,
        "checked {} records, {} MiB in {:.2?}",
        report.records,
        report.bytes >> 20,
        begun.elapsed()
    )?;
    std::fs::remove_dir_all(&root)?;
    Ok(())
}
