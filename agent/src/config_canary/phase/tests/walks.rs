//! Walks: a store whose transactions are carried out, refused, or carried out without anybody hearing of it, instances that follow with
//! a delay, people and rollouts that come in between, and agents that forget everything.

use proptest::prelude::*;

use super::*;

/// What happens before a look.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Nothing,
    /// Somebody changes `config` by hand.
    ConfigIsChanged,
    /// Somebody deletes the candidate by hand.
    CandidateIsDeleted,
    RolloutBegins,
    RolloutEnds,
    /// The checks say this from now on.
    ChecksSay(Verdict),
    /// Consul cannot be read in this look.
    Blind,
    /// The transaction is carried out, and the agent dies before it hears of it.
    DiesAfter,
    /// The agent dies before it sends the transaction.
    DiesBefore,
    /// Somebody orders the promotion.
    OrderedToPromote,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        20 => Just(Happening::Nothing),
        1 => Just(Happening::ConfigIsChanged),
        1 => Just(Happening::CandidateIsDeleted),
        1 => Just(Happening::RolloutBegins),
        2 => Just(Happening::RolloutEnds),
        1 => Just(Happening::ChecksSay(Verdict::Fail)),
        1 => Just(Happening::ChecksSay(Verdict::Inconclusive)),
        4 => Just(Happening::ChecksSay(Verdict::Pass)),
        2 => Just(Happening::Blind),
        2 => Just(Happening::DiesAfter),
        2 => Just(Happening::DiesBefore),
        1 => Just(Happening::OrderedToPromote),
    ]
}

/// Consul's keys, and who reads them.
struct World {
    index: u64,
    config: (u64, &'static str),
    candidate: Option<(u64, BTreeSet<String>)>,
    record: ConfigCanary,
    rollout: bool,
    verdict: Verdict,
    /// What instances have seen of the candidate: the look before this one.
    followed: Option<BTreeSet<String>>,
    promotions: u32,
    orders: Vec<Order>,
}

impl World {
    fn new() -> Self {
        Self {
            index: 20,
            config: (BASE, "old"),
            candidate: None,
            record: waiting(),
            rollout: false,
            verdict: Verdict::Pass,
            followed: None,
            promotions: 0,
            orders: Vec::new(),
        }
    }

    fn look(&self, is_blind: bool) -> Observation {
        if is_blind {
            let why = || "down".to_owned();
            return Observation {
                config: Seen::Unknown(why()),
                candidate: Seen::Unknown(why()),
                rollouts: Seen::Unknown(why()),
                instances: Seen::Unknown(why()),
                checks: Vec::new(),
                orders: self.orders.clone(),
            };
        }
        let one = |name: &str| match &self.followed {
            Some(ring) if ring.contains(name) => doing(name, "applied", None),
            Some(_) => doing(name, "not_mine", None),
            None => instance(name),
        };
        let candidate = self.candidate.as_ref().map(|(modify_index, _)| CandidateSeen {
            modify_index: *modify_index,
            id: Some("c1".to_owned()),
            is_over: false,
        });
        let rollouts = if self.rollout { vec!["default/web".to_owned()] } else { Vec::new() };
        Observation {
            config: Seen::Known(self.config.0),
            candidate: candidate.map_or(Seen::Absent, Seen::Known),
            rollouts: Seen::Known(rollouts),
            instances: Seen::Known(["a", "b", "c", "d", "e"].map(one).to_vec()),
            checks: vec![result(self.verdict)],
            orders: self.orders.clone(),
        }
    }

    /// One transaction: all of it, or nothing where a key is not as it was read.
    fn transact(&mut self, step: Step) {
        let candidate = self.candidate.as_ref().map(|(index, _)| *index);
        let holds = match &step.act {
            Act::Nothing => true,
            Act::Begin { replaces } => self.config.0 == BASE && candidate.unwrap_or_default() == *replaces,
            Act::TakeAway { modify_index } => candidate.is_none_or(|index| index == *modify_index),
            Act::Promote { modify_index } => self.config.0 == BASE && candidate == Some(*modify_index),
        };
        if !holds {
            return;
        }
        self.index += 1;
        match step.act {
            Act::Nothing => {}
            Act::Begin { .. } => {
                let ring = step.record.trial.as_ref().unwrap().ring.clone();
                self.candidate = Some((self.index, ring));
            }
            Act::TakeAway { .. } => self.candidate = None,
            Act::Promote { .. } => {
                (self.config, self.candidate) = ((self.index, "candidate"), None);
                self.promotions += 1;
            }
        }
        self.record = step.record;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn whatever_happens_it_ends_and_leaves_nothing_behind(happenings in prop::collection::vec(happening(), 0..60)) {
        let mut world = World::new();
        let mut clock = 0;
        let rest = std::iter::repeat_n(Happening::RolloutEnds, 40);
        for happening in happenings.into_iter().chain(rest) {
            clock += 20;
            let now = at(clock);
            let mut is_changed_by_hand = false;
            match happening {
                Happening::ConfigIsChanged => {
                    world.index += 1;
                    world.config = (world.index, "by hand");
                    is_changed_by_hand = true;
                }
                Happening::CandidateIsDeleted => world.candidate = None,
                Happening::RolloutBegins => world.rollout = true,
                Happening::RolloutEnds => world.rollout = false,
                Happening::ChecksSay(verdict) => world.verdict = verdict,
                Happening::OrderedToPromote => {
                    let kind = OrderKind::Promote { candidate: "c1".to_owned() };
                    world.orders = vec![order(&format!("o{clock}"), kind, now)];
                }
                _ => {}
            }
            let seen = world.look(matches!(happening, Happening::Blind));
            let before = world.config;
            let step = advance(&world.record, &seen, now);
            if !matches!(happening, Happening::DiesBefore) {
                world.transact(step);
            }
            prop_assert!(!(is_changed_by_hand && world.config != before), "the word of another was written over");
            prop_assert!(world.promotions <= 1);
            prop_assert_eq!(world.record.phase.name().as_str() == "promoted", world.promotions == 1);
            if let (Some((_, ring)), Some(trial)) = (&world.candidate, &world.record.trial) {
                prop_assert_eq!(ring, &trial.ring);
                prop_assert!(ring.len() < 5 && !ring.is_empty());
            }
            world.followed = world.candidate.as_ref().map(|(_, ring)| ring.clone());
        }
        prop_assert!(world.record.has_ended(), "{:?}", world.record.phase);
        prop_assert_eq!(world.candidate, None, "{:?}", world.record.transitions);
    }
}
