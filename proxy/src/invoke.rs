//! Calls of InvokeModel for one request: as many as it has parts, some at once, answered in the order of the parts.
//!
//! What is inside of a body belongs to `nova-translate`.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use nova_translate::InvokeError;
use nova_translate::converse::TokenUsage;
use serde::Serialize;
use tokio::time::Instant;

use crate::call::{self, RegionCalls};
use crate::error::ApiError;
use crate::record::{RecordGuard, UsageRecord};
use crate::upstream::{Attempts, InvokeModel, Reply};

/// How many calls of one request are under way. A request has one place of the concurrency limit, and must not take the account's quota
/// from all others.
const AT_ONCE_MAX: usize = 8;

/// Makes one call for each body, and gives what `read` makes of the answers, in the order of the bodies. `read` gives the tokens as well, where
/// the body of the answer tells them.
///
/// # Errors
/// The first failure. The other calls are dropped at once, because a part of the answers is of no use; the record keeps what was paid for.
pub(crate) async fn each<B: Serialize, T>(
    calls: &RegionCalls<'_>,
    bodies: &[B],
    record: &mut RecordGuard,
    read: impl Fn(&[u8]) -> Result<(T, Option<u64>), InvokeError>,
) -> Result<Vec<T>, ApiError> {
    record.attempts = vec![Attempts::new(); bodies.len()];
    let began = Instant::now();
    let answers = all(calls, bodies, record, read).await;
    record.timings.upstream_first_byte = Some(began.elapsed());
    let mut answers = answers?;
    answers.sort_unstable_by_key(|(index, _)| *index);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

/// The answers in the order in which they came.
async fn all<B: Serialize, T>(
    calls: &RegionCalls<'_>,
    bodies: &[B],
    record: &mut UsageRecord,
    read: impl Fn(&[u8]) -> Result<(T, Option<u64>), InvokeError>,
) -> Result<Vec<(usize, T)>, ApiError> {
    let UsageRecord { attempts, usage, .. } = record;
    let mut parts = bodies.iter().zip(attempts.iter_mut()).enumerate();
    let mut under_way = FuturesUnordered::new();
    let mut answers = Vec::with_capacity(bodies.len());
    loop {
        let free = AT_ONCE_MAX.saturating_sub(under_way.len());
        under_way.extend(
            parts.by_ref().take(free).map(|(index, (body, attempts))| one(calls, index, body, attempts)),
        );
        let Some(answer) = under_way.next().await else { return Ok(answers) };
        let (index, reply) = answer?;
        let read = read(&reply.body);
        // Also an answer that cannot be used has to be paid.
        let told = read.as_ref().ok().and_then(|(_, tokens)| *tokens);
        let input_tokens = reply.input_tokens.or(told);
        usage.extend(input_tokens.map(|input_tokens| TokenUsage { input_tokens, ..TokenUsage::default() }));
        let (answer, _) = read.map_err(|error| ApiError::invoke(&error, reply.aws_request_id.as_deref()))?;
        answers.push((index, answer));
    }
}

async fn one<B: Serialize>(
    calls: &RegionCalls<'_>,
    index: usize,
    body: &B,
    attempts: &mut Attempts,
) -> Result<(usize, Reply), ApiError> {
    let reply = calls.call::<InvokeModel>(&call::json(body)?, attempts).await;
    reply.map(|reply| (index, reply)).map_err(|error| ApiError::from(&error))
}
