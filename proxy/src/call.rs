//! The calls to Bedrock for one request: one per answer, each with its second chance where `repair.rs` knows one.

use bytes::Bytes;
use futures_util::future::try_join_all;
use nova_translate::converse::ConverseRequest;
use nova_translate::request::Translation;
use tokio::time::Instant;

use crate::error::ApiError;
use crate::models::ServedModel;
use crate::repair::{LearnedRefusals, Repair};
use crate::snapshot::Snapshot;
use crate::upstream::{Attempts, Call, EventStream, Reply, UpstreamError};

/// What the calls of one request have in common.
#[derive(Debug, Clone, Copy)]
pub struct Calls<'a> {
    /// Region, timeouts, client.
    pub snapshot: &'a Snapshot,
    /// What is called.
    pub model: &'a ServedModel,
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
        let calls = attempts.iter_mut().map(|attempts| self.converse_once(&body, attempts));
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
        let calls = attempts.iter_mut().map(|attempts| self.stream_once(&body, attempts));
        try_join_all(calls).await
    }

    async fn converse_once(&self, body: &Bytes, attempts: &mut Attempts) -> Result<Called<Reply>, ApiError> {
        let bedrock = &self.snapshot.bedrock;
        let error = match bedrock.converse(&self.call(body.clone()), attempts).await {
            Ok(answer) => return Ok(Called { answer, repair: None }),
            Err(error) => error,
        };
        let (repair, body) = self.repaired(&error)?;
        let answer =
            bedrock.converse(&self.call(body), attempts).await.map_err(|error| ApiError::from(&error))?;
        Ok(self.repaired_call(answer, repair))
    }

    async fn stream_once(
        &self,
        body: &Bytes,
        attempts: &mut Attempts,
    ) -> Result<Called<EventStream>, ApiError> {
        let bedrock = &self.snapshot.bedrock;
        let error = match bedrock.converse_stream(&self.call(body.clone()), attempts).await {
            Ok(answer) => return Ok(Called { answer, repair: None }),
            Err(error) => error,
        };
        let (repair, body) = self.repaired(&error)?;
        let answer = bedrock
            .converse_stream(&self.call(body), attempts)
            .await
            .map_err(|error| ApiError::from(&error))?;
        Ok(self.repaired_call(answer, repair))
    }

    /// A repair that helped is one to remember; one that did not has proved nothing.
    fn repaired_call<T>(&self, answer: T, repair: Repair) -> Called<T> {
        if repair == Repair::StripCachePoints {
            self.refusals.learn(&self.model.target.model_id, Instant::now());
        }
        Called { answer, repair: Some(repair) }
    }

    fn call(&self, body: Bytes) -> Call<'_> {
        Call {
            model_id: &self.model.target.model_id,
            region: &self.snapshot.loaded.config.bootstrap.bedrock.region,
            body,
            first_byte_timeout: self.model.first_byte_timeout,
        }
    }

    /// The body that avoids `error`, or the error.
    fn repaired(&self, error: &UpstreamError) -> Result<(Repair, Bytes), ApiError> {
        let Some(repair) = Repair::of(error, self.translation) else { return Err(error.into()) };
        let mut translation = self.translation.clone();
        repair.apply(&mut translation);
        Ok((repair, json(&translation.body)?))
    }
}

fn json(body: &ConverseRequest) -> Result<Bytes, ApiError> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|_| ApiError::internal("the request could not be written as JSON"))
}
