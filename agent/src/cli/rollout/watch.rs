//! `nova-agent rollout watch`: a live view on a terminal, and a line for each thing that happens elsewhere.

mod live;
mod log;

use std::process::ExitCode;
use std::time::Duration;

use console::Term;
use jiff::Timestamp;
use tokio::time::Instant;

use super::super::FAILED;
use super::super::output::{complain, print, visible_line};
use super::Goal;
use super::agent::AgentClient;
use super::events::Hints;
use super::source::Entry;
use super::target::Target;
use super::wait::{Progress, progress};
use live::Live;
use log::Log;

/// How often the records are read where no event says that something has happened.
const LOOK: Duration = Duration::from_secs(5);
/// How often a terminal is painted anew: times that pass are shown.
const FRAME: Duration = Duration::from_secs(1);

pub(super) async fn run(
    agent: &AgentClient,
    target: Option<&Target>,
    is_json: bool,
) -> anyhow::Result<ExitCode> {
    let terminal = Term::stdout();
    let mut view: Box<dyn View> = if terminal.is_term() && !is_json {
        Box::new(Live::new(terminal, target.cloned()))
    } else {
        Box::new(Log::new(is_json))
    };
    let mut hints = Hints::new(agent.clone());
    let mut entries = read(agent, target).await?;
    let mut next_look = Instant::now() + LOOK;
    let mut silence = None;
    loop {
        view.show(&entries, silence.as_deref(), Timestamp::now())?;
        if let Some(code) = over(&entries, target) {
            return Ok(code);
        }
        let frame = next_look.min(Instant::now() + view.frame());
        hints.next(frame).await;
        if Instant::now() < frame || frame == next_look {
            (entries, silence) = match read(agent, target).await {
                Ok(entries) => (entries, None),
                // It may come back, or another one may lead: what was seen last stays.
                Err(error) => (entries, Some(format!("{error:#}"))),
            };
            next_look = Instant::now() + LOOK;
        }
    }
}

/// What shows records as they change.
trait View {
    /// Shows what is new. `silence` is why the agent could not be asked just now.
    fn show(&mut self, entries: &[Entry], silence: Option<&str>, now: Timestamp) -> anyhow::Result<()>;

    /// How often it is to be called although nothing has changed.
    fn frame(&self) -> Duration;
}

async fn read(agent: &AgentClient, target: Option<&Target>) -> anyhow::Result<Vec<Entry>> {
    let raw = match target {
        Some(target) => agent.rollout(target).await?.into_iter().collect(),
        None => agent.rollouts().await?,
    };
    let mut entries: Vec<_> = raw.into_iter().map(Entry::of).collect();
    entries.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(entries)
}

/// The end of a watch of one target.
fn over(entries: &[Entry], target: Option<&Target>) -> Option<ExitCode> {
    let ([entry], Some(_)) = (entries, target) else { return None };
    let rollout = entry.rollout().filter(|rollout| rollout.is_closed())?;
    Some(match progress(rollout, Goal::Done, None) {
        Progress::Reached(_) => ExitCode::SUCCESS,
        _ => ExitCode::from(FAILED),
    })
}
