//! Waiting for a condition with a deadline, and saying what was last seen when it did not come.
//!
//! Tests wait for what they need and never for a fixed time.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, sleep};

/// How long the start of a program, or any effect that has no deadline of its own, may take on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// How often a condition is asked.
const INTERVAL: Duration = Duration::from_millis(10);

/// One look at a condition.
#[derive(Debug)]
pub enum Look<T, S> {
    /// It holds; this is what came of it.
    Ready(T),
    /// It does not hold yet; this was seen in its place.
    NotYet(S),
}

/// Looks again and again until `look` is ready, and fails at the deadline with what the last look saw.
///
/// `what` completes the sentence "waited for …". A look that never returns is cut off at the deadline too.
///
/// # Errors
/// When the deadline passes first, or as soon as `look` itself fails: a failure is final, "not yet" is not.
pub async fn wait_for<T, S: Debug>(
    what: &str,
    deadline: Duration,
    mut look: impl AsyncFnMut() -> anyhow::Result<Look<T, S>>,
) -> anyhow::Result<T> {
    let end = Instant::now() + deadline;
    let mut last: Option<S> = None;
    loop {
        match tokio::time::timeout_at(end, look()).await {
            Ok(Ok(Look::Ready(value))) => return Ok(value),
            Ok(Ok(Look::NotYet(seen))) => last = Some(seen),
            Ok(Err(error)) => return Err(error.context(format!("while waiting for {what}"))),
            Err(_) => bail!(
                "waited {deadline:?} for {what}; the last look did not return; the one before saw {last:?}"
            ),
        }
        if Instant::now() >= end {
            bail!("waited {deadline:?} for {what}; last seen: {last:?}");
        }
        sleep(INTERVAL).await;
    }
}

/// [`wait_for`] for a condition that can be looked at without waiting.
///
/// # Errors
/// As [`wait_for`].
pub async fn wait_until<T, S, F>(what: &str, deadline: Duration, mut look: F) -> anyhow::Result<T>
where
    S: Debug,
    F: FnMut() -> anyhow::Result<Look<T, S>>,
{
    wait_for(what, deadline, async || look()).await
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[tokio::test]
    async fn returns_what_the_first_ready_look_saw() {
        let mut looks = 0;
        let seen = wait_until("the third look", DEADLINE, || {
            looks += 1;
            Ok(if looks == 3 { Look::Ready(looks) } else { Look::NotYet(looks) })
        });
        assert_eq!(seen.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn says_what_it_saw_last_when_the_deadline_passes() {
        let error = wait_until("snow", Duration::from_millis(20), || Ok(Look::<(), _>::NotYet("rain")));
        let message = error.await.unwrap_err().to_string();
        assert!(message.contains("for snow; last seen: Some(\"rain\")"), "{message}");
    }

    #[tokio::test]
    async fn a_failing_look_ends_the_wait_at_once() {
        let error = wait_until("snow", DEADLINE, || Err::<Look<(), ()>, _>(anyhow!("the window is gone")));
        let message = format!("{:#}", error.await.unwrap_err());
        assert_eq!(message, "while waiting for snow: the window is gone");
    }

    #[tokio::test]
    async fn a_look_that_hangs_is_cut_off() {
        let error = wait_for("an answer", Duration::from_millis(20), async || {
            std::future::pending::<()>().await;
            Ok(Look::<(), ()>::Ready(()))
        });
        assert!(error.await.unwrap_err().to_string().contains("did not return"));
    }
}
