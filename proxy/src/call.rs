//! The calls to Bedrock for one request: one per answer, each in the first region that can serve it (`regions.rs`), and those of Converse
//! with a second chance where `repair.rs` knows one.

mod regions;

use bytes::Bytes;
use futures_util::future::try_join_all;
use nova_translate::request::Translation;
use serde::Serialize;
use tokio::time::Instant;

use crate::error::ApiError;
use crate::repair::{LearnedRefusals, Repair};
use crate::upstream::{Attempts, Converse, ConverseStream, EventStream, Operation, Reply, UpstreamError};

pub use regions::RegionCalls;

/// What the calls of one request have in common.
#[derive(Debug, Clone, Copy)]
pub struct Calls<'a> {
    /// What is called, and where.
    pub regions: RegionCalls<'a>,
    /// What is sent.
    pub translation: &'a Translation,
    /// What models were found to refuse.
    pub refusals: &'a LearnedRefusals,
}

/// What a call came to, and how the request had to be changed for it.
#[derive(Debug)]
pub struct Called<T> {
    /// The answer.
    pub answer: T,
    /// The change.
    pub repair: Option<Repair>,
}

impl Calls<'_> {
    /// Asks for whole answers, one call per entry of `attempts`, all at once.
    ///
    /// # Errors
    /// The first failure. The other calls are dropped at once, because a part of the answers is of no use; `attempts` tells of them, so that
    /// what they may cost is accounted for.
    pub async fn converse(&self, attempts: &mut [Attempts]) -> Result<Vec<Called<Reply>>, ApiError> {
        let body = json(&self.translation.body)?;
        let calls = attempts.iter_mut().map(|attempts| self.repaired_call::<Converse>(&body, attempts));
        try_join_all(calls).await
    }

    /// Asks for streams, one call per entry of `attempts`, all at once.
    ///
    /// # Errors
    /// As [`Self::converse`].
    pub async fn converse_stream(
        &self,
        attempts: &mut [Attempts],
    ) -> Result<Vec<Called<EventStream>>, ApiError> {
        let body = json(&self.translation.body)?;
        let calls = attempts.iter_mut().map(|attempts| self.repaired_call::<ConverseStream>(&body, attempts));
        try_join_all(calls).await
    }

    async fn repaired_call<O: Operation>(
        &self,
        body: &Bytes,
        attempts: &mut Attempts,
    ) -> Result<Called<O::Answer>, ApiError> {
        let error = match self.regions.call::<O>(body, attempts).await {
            Ok(answer) => return Ok(Called { answer, repair: None }),
            Err(error) => error,
        };
        let (repair, body) = self.repaired(&error)?;
        let answer = self.regions.call::<O>(&body, attempts).await.map_err(|error| ApiError::from(&error))?;
        // A repair that helped is one to remember; one that did not has proved nothing.
        if repair == Repair::StripCachePoints {
            self.refusals.learn(&self.regions.model.target.model.id, Instant::now());
        }
        Ok(Called { answer, repair: Some(repair) })
    }

    /// The body that avoids `error`, or the error.
    fn repaired(&self, error: &UpstreamError) -> Result<(Repair, Bytes), ApiError> {
        let Some(repair) = Repair::of(error, self.translation) else { return Err(error.into()) };
        let mut translation = self.translation.clone();
        if !repair.apply(&mut translation) {
            return Err(error.into());
        }
        Ok((repair, json(&translation.body)?))
    }
}

/// The body of a call.
pub(crate) fn json<T: Serialize>(body: &T) -> Result<Bytes, ApiError> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|_| ApiError::internal("the request could not be written as JSON"))
}
