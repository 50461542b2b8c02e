//! Waiting until every instance has told what became of a change: a state machine that is fed with what was seen.
//!
//! Pure: it asks nobody and knows no clock. `rounds` looks again and again, and stops when all is told or time is up.

pub mod rounds;

use std::collections::BTreeMap;

use crate::documents::Indexes;
use crate::instance::{Instance, InstanceId};
use crate::receipt::Receipt;
use crate::standing::Verdict;

/// What is known of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// The instance as the catalog listed it last.
    pub instance: Instance,
    /// What became of the change there.
    pub verdict: Verdict,
    /// The last receipt.
    pub receipt: Option<Receipt>,
    /// Whether the catalog still lists it.
    pub is_listed: bool,
}

impl Confirmed {
    /// Whether the change has to wait for this instance: it is listed, and has not told yet.
    fn is_awaited(&self) -> bool {
        self.is_listed && !self.verdict.is_final()
    }
}

/// How a wait stands or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every instance that the catalog lists runs it.
    Applied,
    /// At least one has refused it.
    Refused,
    /// None has refused it, and at least one has not told.
    Unconfirmed,
}

/// How many instances are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// They run the change, or what came after it.
    pub applied: usize,
    /// They refused it.
    pub refused: usize,
    /// They have not told.
    pub waiting: usize,
}

/// The wait for one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    ours: Indexes,
    now: Indexes,
    instances: BTreeMap<InstanceId, Confirmed>,
    has_looked: bool,
}

impl Confirmation {
    /// A wait for the change after which the documents, by full key, had these indexes.
    #[must_use]
    pub fn new(ours: Indexes) -> Self {
        Self { now: ours.clone(), ours, instances: BTreeMap::new(), has_looked: false }
    }

    /// Begins a round: the instances that the catalog lists now, and what the store holds now.
    ///
    /// One that has appeared is waited for too: it may have read the store just before the change. One that has gone is not
    /// waited for, and a refusal that it told still counts.
    pub fn list(&mut self, listed: Vec<Instance>, now: Indexes) {
        self.has_looked = true;
        self.now = now;
        for known in self.instances.values_mut() {
            known.is_listed = false;
        }
        for instance in listed {
            let name = instance.name.clone();
            match self.instances.get_mut(&name) {
                Some(known) => {
                    known.instance = instance;
                    known.is_listed = true;
                }
                None => {
                    let verdict = Verdict::Waiting("was not asked yet".to_owned());
                    let confirmed = Confirmed { instance, verdict, receipt: None, is_listed: true };
                    self.instances.insert(name, confirmed);
                }
            }
        }
    }

    /// The instances to ask in this round.
    #[must_use]
    pub fn to_ask(&self) -> Vec<Instance> {
        self.instances
            .values()
            .filter(|known| known.is_awaited())
            .map(|known| known.instance.clone())
            .collect()
    }

    /// Takes in what an instance told, or why it told nothing.
    pub fn answer(&mut self, name: &InstanceId, fetched: Result<Receipt, String>) {
        let Some(known) = self.instances.get_mut(name) else { return };
        match fetched {
            Ok(receipt) => {
                known.verdict = Verdict::of(&receipt, &self.ours, &self.now);
                known.receipt = Some(receipt);
            }
            Err(reason) => known.verdict = Verdict::Waiting(reason),
        }
    }

    /// Whether nothing more can come of waiting. Before the first look there is no knowing.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.has_looked && !self.instances.values().any(Confirmed::is_awaited)
    }

    /// How it stands. A refusal outweighs silence.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let is_refused = |known: &Confirmed| matches!(known.verdict, Verdict::Refused(_));
        if self.instances.values().any(is_refused) {
            Outcome::Refused
        } else if self.is_settled() {
            Outcome::Applied
        } else {
            Outcome::Unconfirmed
        }
    }

    /// How many are where; those that have gone without a refusal are not counted.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for known in self.instances.values() {
            match known.verdict {
                Verdict::Refused(_) => tally.refused += 1,
                _ if !known.is_listed => {}
                Verdict::Applied | Verdict::Overtaken => tally.applied += 1,
                Verdict::Waiting(_) => tally.waiting += 1,
            }
        }
        tally
    }

    /// All instances that were ever listed, in the order of their names.
    pub fn instances(&self) -> impl Iterator<Item = &Confirmed> {
        self.instances.values()
    }

    /// Whether somebody has written after the change.
    #[must_use]
    pub fn is_overtaken(&self) -> bool {
        self.now != self.ours
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::receipt::{DocumentIndex, Refusal};

    fn documents(index: u64) -> Indexes {
        Indexes::from([("p/config".to_owned(), index)])
    }

    fn instance(id: &str) -> Instance {
        let name = InstanceId { node: "n".to_owned(), id: id.to_owned() };
        Instance {
            name,
            address: Ok("http://127.0.0.1:1".to_owned()),
            version: None,
            region: None,
            ring: None,
        }
    }

    fn seen(index: u64) -> Vec<DocumentIndex> {
        vec![DocumentIndex { key: "p/config".to_owned(), modify_index: index }]
    }

    fn applied(index: u64) -> Result<Receipt, String> {
        let mut receipt = Receipt::default();
        receipt.config.documents = seen(index);
        Ok(receipt)
    }

    fn refused(index: u64) -> Result<Receipt, String> {
        let refusal = Refusal { documents: seen(index), ..Refusal::default() };
        Ok(Receipt { refusal: Some(refusal), ..applied(1).unwrap() })
    }

    fn round(wait: &mut Confirmation, answers: &[(&str, Result<Receipt, String>)]) {
        wait.list(answers.iter().map(|(id, _)| instance(id)).collect(), documents(7));
        for asked in wait.to_ask() {
            let answer = answers.iter().find(|(id, _)| *id == asked.name.id).unwrap().1.clone();
            wait.answer(&asked.name, answer);
        }
    }

    #[test]
    fn it_is_settled_when_all_have_told_and_not_before_the_first_look() {
        let mut wait = Confirmation::new(documents(7));
        assert!(!wait.is_settled());
        round(&mut wait, &[("a", applied(7)), ("b", applied(5))]);
        assert_eq!((wait.is_settled(), wait.outcome()), (false, Outcome::Unconfirmed));
        round(&mut wait, &[("a", applied(7)), ("b", applied(7))]);
        assert_eq!((wait.is_settled(), wait.outcome()), (true, Outcome::Applied));
        assert_eq!(wait.tally(), Tally { applied: 2, refused: 0, waiting: 0 });
    }

    #[test]
    fn a_fleet_of_none_needs_no_wait() {
        let mut wait = Confirmation::new(documents(7));
        round(&mut wait, &[]);
        assert_eq!((wait.is_settled(), wait.outcome()), (true, Outcome::Applied));
    }

    #[test]
    fn a_refusal_ends_the_wait_for_its_instance_and_outweighs_silence() {
        let mut wait = Confirmation::new(documents(7));
        round(&mut wait, &[("a", refused(7)), ("b", Err("connection refused".to_owned()))]);
        let asked: Vec<_> = wait.to_ask().into_iter().map(|instance| instance.name.id).collect();
        assert_eq!(asked, ["b"]);
        assert_eq!((wait.is_settled(), wait.outcome()), (false, Outcome::Refused));
    }

    #[test]
    fn an_instance_that_appears_is_waited_for_and_one_that_goes_is_not() {
        let mut wait = Confirmation::new(documents(7));
        round(&mut wait, &[("a", applied(7)), ("b", applied(5))]);
        round(&mut wait, &[("a", applied(7)), ("c", applied(5))]);
        assert_eq!(wait.to_ask().len(), 1);
        round(&mut wait, &[("a", applied(7)), ("c", applied(7))]);
        assert_eq!((wait.is_settled(), wait.outcome()), (true, Outcome::Applied));
        assert_eq!(wait.tally().applied, 2);
        assert_eq!(wait.instances().count(), 3);
    }

    #[test]
    fn a_refusal_of_an_instance_that_has_gone_still_counts() {
        let mut wait = Confirmation::new(documents(7));
        round(&mut wait, &[("a", refused(7)), ("b", applied(7))]);
        round(&mut wait, &[("b", applied(7))]);
        assert_eq!((wait.is_settled(), wait.outcome()), (true, Outcome::Refused));
    }

    #[test]
    fn a_later_change_of_somebody_else_is_as_good() {
        let mut wait = Confirmation::new(documents(7));
        wait.list(vec![instance("a")], documents(9));
        wait.answer(&instance("a").name, applied(9));
        assert_eq!((wait.is_settled(), wait.outcome(), wait.is_overtaken()), (true, Outcome::Applied, true));
    }

    proptest! {
        /// Whatever order instances come, go and answer in, the wait never says "applied" while a listed one has not applied it.
        #[test]
        fn applied_is_never_said_too_early(
            rounds in prop::collection::vec(prop::collection::btree_map("[a-d]", 0..3u8, 0..4), 1..6),
        ) {
            let mut wait = Confirmation::new(documents(7));
            let mut told: BTreeMap<String, u8> = BTreeMap::new();
            for answers in &rounds {
                wait.list(answers.keys().map(|id| instance(id)).collect(), documents(7));
                for asked in wait.to_ask() {
                    let id = &asked.name.id;
                    let answer = match answers[id] {
                        0 => Err("silent".to_owned()),
                        1 => applied(5),
                        _ => applied(7),
                    };
                    wait.answer(&asked.name, answer);
                    told.insert(id.clone(), answers[id]);
                }
                let all = answers.keys().all(|id| told[id] == 2);
                prop_assert_eq!(wait.is_settled(), all);
                prop_assert_eq!(wait.outcome() == Outcome::Applied, all);
            }
        }
    }
}
