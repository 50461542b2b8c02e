//! The calls to Bedrock for one request: one per answer, each in the first region that can serve it (`upstream/region.rs` decides), and
//! each with its second chance where `repair.rs` knows one.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join_all;
use nova_translate::converse::ConverseRequest;
use nova_translate::request::Translation;
use tokio::time::Instant;

use crate::error::ApiError;
use crate::models::{Route, ServedModel};
use crate::repair::{LearnedRefusals, Repair};
use crate::snapshot::Snapshot;
use crate::upstream::region::{Choice, Standing, Walk};
use crate::upstream::{
    AttemptOutcome, Attempts, Breakers, Call, Converse, ConverseStream, EventStream, Operation, Reply, Spill,
    UpstreamError, UpstreamErrorKind,
};

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
    /// Which regions fail for which models.
    pub breakers: &'a Breakers,
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
        let error = match self.call::<O>(body, attempts).await {
            Ok(answer) => return Ok(Called { answer, repair: None }),
            Err(error) => error,
        };
        let (repair, body) = self.repaired(&error)?;
        let answer = self.call::<O>(&body, attempts).await.map_err(|error| ApiError::from(&error))?;
        // A repair that helped is one to remember; one that did not has proved nothing.
        if repair == Repair::StripCachePoints {
            self.refusals.learn(&self.model.target.model.id, Instant::now());
        }
        Ok(Called { answer, repair: Some(repair) })
    }

    /// Asks one region after the other, until one answers or the failure is not the region's.
    async fn call<O: Operation>(
        &self,
        body: &Bytes,
        attempts: &mut Attempts,
    ) -> Result<O::Answer, UpstreamError> {
        let bedrock = &self.snapshot.bedrock;
        let failover = &self.snapshot.loaded.config.runtime.failover;
        let (began, spill) = (Instant::now(), Spill::new(failover.spill_on_throttle));
        let mut walk = Walk::new(self.model.routes.len(), spill, bedrock.retry_budget());
        let mut choice = walk.first(&self.standings());
        loop {
            let Some((choice_now, route)) =
                choice.and_then(|choice| Some((choice, self.model.routes.get(choice.index)?)))
            else {
                return Err(no_route());
            };
            let spill_here = walk.spill(&self.standings());
            let patience = self.patience::<O>(&walk, spill_here, began.elapsed());
            let call = self.request(route, body, spill_here, patience);
            let asked = self.ask::<O>(choice_now, route, &call, attempts).await;
            let error = match asked {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            choice = walk.next(error.kind, error.phase, began.elapsed(), &self.standings());
            if choice.is_none() {
                return Err(error);
            }
        }
    }

    /// Asks one region, and tells its breaker how that ended.
    async fn ask<O: Operation>(
        &self,
        choice: Choice,
        route: &Route,
        call: &Call<'_>,
        attempts: &mut Attempts,
    ) -> Result<O::Answer, UpstreamError> {
        let runtime = &self.snapshot.loaded.config.runtime;
        // Between the choice and this line another request may have taken the last probe's place: one more does no harm.
        let begin = |forced| {
            let key = route.breaker_key();
            self.breakers.begin(key, &self.snapshot.breaker, Instant::now(), forced)
        };
        let open = begin(choice.forced).or_else(|| begin(true));
        let result = self.snapshot.bedrock.run::<O>(call, attempts).await;
        let outcome = match &result {
            Ok(_) => AttemptOutcome::Answered,
            Err(error) => AttemptOutcome::Failed(error.kind),
        };
        if let Some(open) = open {
            open.end(outcome, runtime.failover.spill_on_throttle, Instant::now());
        }
        result
    }

    fn standings(&self) -> Vec<Standing> {
        let now = Instant::now();
        let standing =
            |route: &Route| self.breakers.standing(&route.breaker_key(), &self.snapshot.breaker, now);
        self.model.routes.iter().map(standing).collect()
    }

    /// How long the first byte of an answer may take.
    fn patience<O: Operation>(&self, walk: &Walk, spill: Spill, elapsed: Duration) -> Duration {
        let runtime = &self.snapshot.loaded.config.runtime;
        let whole = self.model.first_byte_timeout.unwrap_or(runtime.timeouts.first_byte);
        // An answer that is not streamed has its first byte when it is finished: nothing tells its patience from a hang.
        if O::STREAMED {
            walk.patience(spill, whole, self.model.stream_failover_after, elapsed)
        } else {
            whole
        }
    }

    fn request<'a>(
        &'a self,
        route: &'a Route,
        body: &Bytes,
        spill: Spill,
        first_byte_timeout: Duration,
    ) -> Call<'a> {
        Call {
            model_id: &route.target.model_id,
            region: &route.region,
            body: body.clone(),
            first_byte_timeout: Some(first_byte_timeout),
            spill,
        }
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

/// A model table always gives the home region, so that this cannot be.
fn no_route() -> UpstreamError {
    UpstreamError::new(UpstreamErrorKind::BadRequestParts, "the model has no region to be called in")
}

fn json(body: &ConverseRequest) -> Result<Bytes, ApiError> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|_| ApiError::internal("the request could not be written as JSON"))
}
