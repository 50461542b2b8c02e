//! What came of one check. Pure.

use super::fact::{Asked, Trouble};

/// How many lines an outcome tells: what is wrong with ten instances is wrong with the rest as well.
const MOST_LINES: usize = 10;

/// What came of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds; what was found.
    Passed(String),
    /// It holds, and somebody should look at this.
    Warned(Vec<String>),
    /// It does not hold: what is wrong, a line for each place.
    Failed(Vec<String>),
    /// It could not be told here, for this reason, which is no fault.
    NotAsked(String),
    /// It has nothing to go by until this other check holds.
    Needs(&'static str),
}

impl Outcome {
    /// It does not hold, for this one reason.
    #[must_use]
    pub fn failed(why: impl Into<String>) -> Self {
        Self::Failed(vec![why.into()])
    }

    /// It does not hold where there is any fault, and otherwise it does.
    #[must_use]
    pub fn of_faults(faults: Vec<String>, passed: impl FnOnce() -> String) -> Self {
        if faults.is_empty() { Self::Passed(passed()) } else { Self::Failed(shortened(faults)) }
    }

    /// As [`Self::of_faults`], where what was found is only worth a look.
    #[must_use]
    pub fn of_oddities(oddities: Vec<String>, passed: impl FnOnce() -> String) -> Self {
        if oddities.is_empty() { Self::Passed(passed()) } else { Self::Warned(shortened(oddities)) }
    }

    /// What no answer means for a check that has to have one.
    #[must_use]
    pub fn without(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::NotAsked(why) => Self::NotAsked(why.clone()),
            other => Self::failed(other.told()),
        }
    }
}

/// What was asked, or the outcome without it.
///
/// # Errors
/// [`Outcome::without`] the answer.
pub fn answered<T>(asked: &Asked<T>) -> Result<&T, Outcome> {
    asked.as_ref().map_err(Outcome::without)
}

/// The outcome, whichever way a check came to it.
#[must_use]
pub fn settled(outcome: Result<Outcome, Outcome>) -> Outcome {
    outcome.unwrap_or_else(|early| early)
}

/// The first lines, and how many there are beside them.
fn shortened(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(MOST_LINES);
    if more > 0 {
        lines.truncate(MOST_LINES);
        lines.push(format!("and {more} more"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_faults_are_counted_and_the_first_are_told() {
        let faults: Vec<String> = (0..25).map(|number| format!("fault {number}")).collect();
        let Outcome::Failed(lines) = Outcome::of_faults(faults, String::new) else { panic!("it has faults") };
        assert_eq!((lines.len(), lines.last().unwrap().as_str()), (11, "and 15 more"));
        assert_eq!(Outcome::of_faults(Vec::new(), || "fine".to_owned()), Outcome::Passed("fine".to_owned()));
    }

    #[test]
    fn what_was_not_asked_is_no_fault() {
        assert_eq!(
            Outcome::without(&Trouble::NotAsked("no address".to_owned())),
            Outcome::NotAsked("no address".to_owned())
        );
        assert!(matches!(Outcome::without(&Trouble::Odd("x".to_owned())), Outcome::Failed(_)));
    }
}
