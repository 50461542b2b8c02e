//! The walk of a call from region to region, whatever operation it is.
//!
//! Which region comes next is decided by `upstream/region.rs`; here the decisions meet the client and the breakers.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::models::{Route, ServedModel};
use crate::snapshot::Snapshot;
use crate::upstream::region::{Choice, Standing, Walk};
use crate::upstream::{
    AttemptOutcome, Attempts, Breakers, Call, Operation, Spill, UpstreamError, UpstreamErrorKind,
};

/// Calls of one model.
#[derive(Debug, Clone, Copy)]
pub struct RegionCalls<'a> {
    /// Region, timeouts, client.
    pub snapshot: &'a Snapshot,
    /// What is called.
    pub model: &'a ServedModel,
    /// Which regions fail for which models.
    pub breakers: &'a Breakers,
}

impl RegionCalls<'_> {
    /// Asks one region after the other, until one answers or the failure is not the region's.
    ///
    /// # Errors
    /// The failure of the region that was asked last.
    pub(crate) async fn call<O: Operation>(
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
}

/// A model table always gives the home region, so that this cannot be.
fn no_route() -> UpstreamError {
    UpstreamError::new(UpstreamErrorKind::BadRequestParts, "the model has no region to be called in")
}
