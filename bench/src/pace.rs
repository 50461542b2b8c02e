//! A clock that ticks at a steady rate, finer than the millisecond of the runtime's timers.

use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::thread::{ClockId, NanosleepRelativeResult, clock_nanosleep_relative};
use tokio::sync::mpsc;

/// Ticks that may wait for a free connection: beyond that the target is so far behind that the run says so anyway.
const WAITING_MAX: usize = 1 << 20;

/// Gives the moments at which requests are due, each when it has come. It ends after `duration`.
///
/// # Errors
/// When there can be no thread.
pub(crate) fn start(per_second: f64, duration: Duration) -> anyhow::Result<mpsc::Receiver<Instant>> {
    let (sender, due) = mpsc::channel(WAITING_MAX);
    let interval = Duration::from_secs_f64(1.0 / per_second);
    let tick = move || {
        let began = Instant::now();
        let mut next = began;
        while next.duration_since(began) < duration {
            let wait = next.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                sleep(wait);
            }
            if sender.blocking_send(next).is_err() {
                return;
            }
            next += interval;
        }
    };
    std::thread::Builder::new().name("pace".to_owned()).spawn(tick).context("no thread for the pace")?;
    Ok(due)
}

fn sleep(wait: Duration) {
    let Ok(wait) = wait.try_into() else { return };
    // A sleep that a signal cuts short only makes the loop above sleep again.
    if let NanosleepRelativeResult::Err(_) = clock_nanosleep_relative(ClockId::Monotonic, &wait) {
        std::thread::yield_now();
    }
}
