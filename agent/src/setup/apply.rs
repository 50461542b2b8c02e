//! A plan made, and carried out: each thing is looked at once more right before it is written, since hardly any of these APIs
//! compares by itself, and all of them are looked at in the end.

use std::collections::BTreeSet;
use std::future::Future;

use nova_hashistack::HashistackError;

use super::plan::{Found, Step, Wanted};

/// A server that is set up.
pub trait Server {
    /// A thing that it can have, with all that is written of it.
    type Thing;

    /// What is to be there, in the order in which it is written.
    fn things(&self) -> &[Self::Thing];

    /// What a thing is to say.
    fn wanted(thing: &Self::Thing) -> Wanted;

    /// What is there of a thing.
    fn find(&self, thing: &Self::Thing) -> impl Future<Output = Result<Found, HashistackError>>;

    /// Writes a thing, in place of what is there.
    fn write(&self, thing: &Self::Thing) -> impl Future<Output = Result<(), HashistackError>>;
}

/// A step, with what was seen when it was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The step.
    pub step: Step,
    found: Found,
}

/// Why a server cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// What is there cannot be read.
    #[error("{label} cannot be read")]
    Unread {
        /// The thing.
        label: String,
        /// What the server said.
        #[source]
        source: HashistackError,
    },
    /// A write failed.
    #[error("{label} cannot be written; written before it: {written}, and nothing behind it")]
    Unwritten {
        /// The thing.
        label: String,
        /// How many things were written.
        written: usize,
        /// What the server said.
        #[source]
        source: HashistackError,
    },
    /// Somebody has changed a thing since the plan was made.
    #[error(
        "somebody else has changed {label} since the plan was made: it was not written, nor anything behind it; written before it: {written}; plan anew"
    )]
    Overtaken {
        /// The thing.
        label: String,
        /// How many things were written.
        written: usize,
    },
    /// What was written is not what is there.
    #[error(
        "everything was written, and {labels} differs all the same: somebody else writes it too, or the server has a rule of its own; \
         plan anew, which tells the difference"
    )]
    NotKept {
        /// The things.
        labels: String,
    },
}

/// Looks at everything, and decides.
///
/// # Errors
/// When something cannot be read.
pub async fn plan<S: Server>(server: &S, overwritten: &BTreeSet<String>) -> Result<Vec<Planned>, SetupError> {
    let mut planned = Vec::with_capacity(server.things().len());
    for thing in server.things() {
        let wanted = S::wanted(thing);
        let found = server.find(thing).await;
        let found = found.map_err(|source| SetupError::Unread { label: wanted.label(), source })?;
        planned.push(Planned { step: Step::of(&wanted, &found, overwritten), found });
    }
    Ok(planned)
}

/// Carries a plan out, and nothing else; `done` hears of each thing that was written.
///
/// # Errors
/// When something has changed since the plan was made, cannot be written, or is not as it is to be in the end.
pub async fn apply<S: Server>(
    server: &S,
    planned: &[Planned],
    mut done: impl FnMut(&Step),
) -> Result<(), SetupError> {
    let mut written = 0;
    for (thing, Planned { step, found }) in server.things().iter().zip(planned) {
        if !step.writes() {
            continue;
        }
        let label = S::wanted(thing).label();
        let now = server.find(thing).await;
        let now = now.map_err(|source| SetupError::Unread { label: label.clone(), source })?;
        if now != *found {
            return Err(SetupError::Overtaken { label, written });
        }
        server.write(thing).await.map_err(|source| SetupError::Unwritten { label, written, source })?;
        written += 1;
        done(step);
    }
    let after = plan(server, &BTreeSet::new()).await?;
    let differs = |(after, before): &(Planned, &Planned)| {
        before.step.writes() && after.step.action != super::plan::Action::Keep
    };
    let labels: Vec<String> = after
        .into_iter()
        .zip(planned)
        .filter(differs)
        .map(|(after, _)| format!("{}/{}", after.step.kind, after.step.name))
        .collect();
    if labels.is_empty() { Ok(()) } else { Err(SetupError::NotKept { labels: labels.join(", ") }) }
}

#[cfg(test)]
mod tests;
