//! A timer whose deadline moves with every event of a stream.
//!
//! Moving a timer of the runtime takes a lock, and a stream would move two for each of its events. This one is moved only when it rings
//! too early, which is rare.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

/// Rings at a deadline that is given anew at each look.
#[derive(Debug, Default)]
pub struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready once `deadline` has passed. Until then the task is woken at the latest when it does.
    pub fn poll_at(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if deadline < sleep.deadline() {
            sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_rings_at_the_last_deadline_given() {
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        let mut alarm = Alarm::default();
        let mut deadlines = [10, 30, 20].into_iter();
        // Three looks, each with another deadline; then one waits.
        poll_fn(|cx| {
            for seconds in deadlines.by_ref() {
                assert!(alarm.poll_at(after(seconds), cx).is_pending());
            }
            alarm.poll_at(after(25), cx)
        })
        .await;
        assert_eq!(begin.elapsed().as_secs(), 25);
    }

    #[tokio::test(start_paused = true)]
    async fn it_rings_again_for_a_new_deadline() {
        let begin = Instant::now();
        let mut alarm = Alarm::default();
        for seconds in [5, 12] {
            let deadline = begin + Duration::from_secs(seconds);
            poll_fn(|cx| alarm.poll_at(deadline, cx)).await;
            assert_eq!(begin.elapsed().as_secs(), seconds);
        }
    }
}
