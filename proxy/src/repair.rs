//! Second chances: refusals of Bedrock that a changed request avoids.
//!
//! Two are known. Some models refuse cache points where the catalogue says that they take them: they are left out, once, and for an hour for
//! all requests to that model. And Nova sometimes breaks off with an invalid tool call, which greedy decoding avoids: one more try, then the
//! error. Pure decisions and a small memory; the calls are made by `pipeline.rs`.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use nova_translate::request::Translation;
use tokio::time::Instant;

use crate::upstream::{UpstreamError, UpstreamErrorKind};

/// How long a refusal is remembered. Models change without notice, so that nothing is remembered for good.
const REMEMBERED_FOR: Duration = Duration::from_secs(60 * 60);

/// How many models are remembered. There are as many as targets in the configuration.
const MODELS_MAX: usize = 256;

/// What to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// Leave the cache points out.
    StripCachePoints,
    /// Decode greedily.
    Greedy,
}

impl Repair {
    /// What would avoid `error`, if anything. A request is repaired once.
    #[must_use]
    pub fn of(error: &UpstreamError, translation: &Translation) -> Option<Self> {
        match error.kind {
            UpstreamErrorKind::Validation
                if error.message.contains("cachePoint") && translation.has_cache_points() =>
            {
                Some(Self::StripCachePoints)
            }
            UpstreamErrorKind::ModelError
                if error.message.contains("ToolUse") && translation.body.tool_config.is_some() =>
            {
                Some(Self::Greedy)
            }
            _ => None,
        }
    }

    /// Changes the request. Tells whether it could be changed so; if not, the error stands.
    #[must_use]
    pub fn apply(self, translation: &mut Translation) -> bool {
        match self {
            Self::StripCachePoints => {
                translation.strip_cache_points();
                true
            }
            Self::Greedy => translation.decode_greedily(),
        }
    }
}

/// Which models have refused cache points of late.
#[derive(Debug, Default)]
pub struct LearnedRefusals(Mutex<HashMap<String, Instant>>);

impl LearnedRefusals {
    /// Remembers that the model refused cache points at `now`.
    pub fn learn(&self, model_id: &str, now: Instant) {
        let mut models = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        models.retain(|_, learned| now.duration_since(*learned) < REMEMBERED_FOR);
        if models.len() < MODELS_MAX {
            models.insert(model_id.to_owned(), now);
        }
    }

    /// Whether the model refused cache points within the last hour.
    #[must_use]
    pub fn refuses_cache_points(&self, model_id: &str, now: Instant) -> bool {
        let models = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        models.get(model_id).is_some_and(|learned| now.duration_since(*learned) < REMEMBERED_FOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_remembered_for_an_hour() {
        let (refusals, now) = (LearnedRefusals::default(), Instant::now());
        assert!(!refusals.refuses_cache_points("m", now));
        refusals.learn("m", now);
        assert!(refusals.refuses_cache_points("m", now + Duration::from_secs(3599)));
        assert!(!refusals.refuses_cache_points("m", now + Duration::from_secs(3600)));
        assert!(!refusals.refuses_cache_points("other", now));
    }

    #[test]
    fn the_memory_is_bounded() {
        let (refusals, now) = (LearnedRefusals::default(), Instant::now());
        for index in 0..MODELS_MAX * 2 {
            refusals.learn(&index.to_string(), now);
        }
        assert_eq!(refusals.0.lock().expect("a lock").len(), MODELS_MAX);
        refusals.learn("later", now + REMEMBERED_FOR);
        assert_eq!(refusals.0.lock().expect("a lock").len(), 1, "what is forgotten makes room");
    }
}
