//! Carries out a plan: sends frames, pauses, breaks off, and keeps the bill of what was sent.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::stream::unfold;
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};

use crate::connection::{Broken, ResetSwitch};
use crate::ledger::OpenInvocation;
use crate::plan::Step;

/// The body of every response.
pub(crate) type Body = UnsyncBoxBody<Bytes, Broken>;

/// A body that is sent at once.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

struct Player {
    steps: VecDeque<Step>,
    invocation: OpenInvocation,
    /// Recorded when the last step is done; none where the plan breaks the answer off.
    stop_reason: Option<String>,
    switch: ResetSwitch,
}

/// A body that carries out `steps`. hyper drops it when the client leaves, and `invocation` with it.
pub(crate) fn play(
    steps: Vec<Step>,
    invocation: OpenInvocation,
    stop_reason: Option<String>,
    switch: ResetSwitch,
) -> Body {
    let player = Player { steps: steps.into(), invocation, stop_reason, switch };
    let frames = unfold(Some(player), |player| async move {
        let mut player = player?;
        loop {
            match player.steps.pop_front() {
                Some(Step::Pause(duration)) => tokio::time::sleep(duration).await,
                Some(Step::Hang) => std::future::pending().await,
                Some(Step::Send { bytes, output_tokens }) => {
                    player.invocation.note(|record| record.usage.output_tokens = output_tokens);
                    return Some((Ok(Frame::data(bytes)), Some(player)));
                }
                Some(Step::Reset) => {
                    // hyper writes out what it holds when a body is not ready; then the break may come.
                    tokio::task::yield_now().await;
                    player.switch.arm();
                    player.invocation.note(|record| record.broken_off = true);
                    player.invocation.finish();
                    return Some((Err(Broken), None));
                }
                None => {
                    let stop_reason = player.stop_reason.take();
                    player.invocation.note(|record| record.stop_reason = stop_reason);
                    player.invocation.finish();
                    return None;
                }
            }
        }
    });
    StreamBody::new(frames).boxed_unsync()
}
