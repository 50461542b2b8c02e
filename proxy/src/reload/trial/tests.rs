//! What an instance does about candidates that come, change, expire and go.

use std::collections::BTreeSet;

use nova_config::CANDIDATE_FORMAT;

use super::*;

fn candidate(id: &str) -> Candidate {
    Candidate {
        format: CANDIDATE_FORMAT,
        id: id.to_owned(),
        base_index: 7,
        share_percent: 10,
        ring: BTreeSet::from(["me".to_owned()]),
        begun_at_ms: 0,
        max_age_ms: 60_000,
        config: "strict = true".to_owned(),
    }
}

fn document(candidate: &Candidate, modify_index: u64) -> Document {
    Document { value: candidate.to_value().expect("json"), modify_index }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a time")
}

fn wanted(trial: &Trial, config_index: u64, seconds: i64) -> Wanted {
    trial.wanted("me", Some(config_index), at(seconds), Instant::now())
}

const APPLIES: Wanted = Wanted::Place(CandidatePlace::Applies);
const EXPIRED: Wanted = Wanted::Place(CandidatePlace::Expired);

fn state(trial: &mut Trial) -> Option<(CandidateRing, CandidateState, Option<&'static str>)> {
    let (told, _) = trial.tell(at(0));
    told.map(|told| (told.ring, told.state, told.refusal.map(|refusal| refusal.kind)))
}

#[tokio::test(start_paused = true)]
async fn it_is_acted_upon_once_and_told_once() {
    let mut trial = Trial::default();
    assert!(trial.is_due(&wanted(&trial, 7, 0)), "nothing was decided yet");
    trial.left_out(Wanted::Nothing, None);
    assert_eq!(trial.tell(at(0)), (None, false));
    trial.see(Some(&document(&candidate("a"), 9)), Instant::now());
    let now = wanted(&trial, 7, 0);
    assert!(now == APPLIES && trial.is_due(&now));
    trial.applied(now.clone());
    assert!(!trial.is_due(&now) && trial.is_in_force());
    let (told, is_new) = trial.tell(at(3));
    let told = told.expect("there is a candidate");
    assert!(is_new && told.state == CandidateState::Applied && told.since == at(3));
    let (again, is_new) = trial.tell(at(5));
    assert_eq!((again.map(|told| told.since), is_new), (Some(at(3)), false), "since when does not move");
    trial.see(None, Instant::now());
    let now = wanted(&trial, 7, 0);
    assert!(now == Wanted::Nothing && trial.is_due(&now));
    trial.left_out(now, None);
    assert_eq!((trial.tell(at(6)), trial.is_in_force()), ((None, true), false));
}

#[tokio::test(start_paused = true)]
async fn it_ends_by_either_clock() {
    let mut trial = Trial::default();
    trial.see(Some(&document(&candidate("a"), 9)), Instant::now());
    assert_eq!(wanted(&trial, 7, 59), APPLIES);
    assert_eq!(wanted(&trial, 7, 60), EXPIRED, "the wall clock");
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(wanted(&trial, 7, 0), EXPIRED, "the wall clock stands still");
    trial.see(Some(&document(&Candidate { begun_at_ms: 9_000_000, ..candidate("a") }, 10)), Instant::now());
    assert_eq!(wanted(&trial, 7, 9_000), EXPIRED, "the same one again is as old as it was");
    trial.see(Some(&document(&candidate("b"), 11)), Instant::now());
    assert_eq!(wanted(&trial, 7, 0), APPLIES, "another one is young");
}

#[tokio::test(start_paused = true)]
async fn reasons_are_told_by_kind() {
    let mut trial = Trial::default();
    let see = |trial: &mut Trial, candidate: &Candidate, config_index, seconds| {
        trial.see(Some(&document(candidate, 9)), Instant::now());
        let now = wanted(trial, config_index, seconds);
        trial.left_out(now, None);
        state(trial)
    };
    use CandidateRing::{Canary, Stable, Unknown};
    use CandidateState::{NotMine, Refused};
    assert_eq!(see(&mut trial, &candidate("a"), 8, 0), Some((Canary, Refused, Some("other_base"))));
    assert_eq!(see(&mut trial, &candidate("a"), 7, 90), Some((Canary, Refused, Some("expired"))));
    let of_others = Candidate { ring: BTreeSet::from(["you".to_owned()]), ..candidate("b") };
    assert_eq!(see(&mut trial, &of_others, 7, 0), Some((Stable, NotMine, None)));
    let newer = Candidate { format: 9, ..candidate("c") };
    assert_eq!(see(&mut trial, &newer, 7, 0), Some((Unknown, Refused, Some("unreadable"))));
    trial.see(Some(&document(&candidate("d"), 9)), Instant::now());
    trial.left_out(APPLIES, Some(CandidateRefusal::plain("invalid", "line 1".to_owned())));
    assert_eq!(state(&mut trial), Some((Canary, Refused, Some("invalid"))));
    assert!(!trial.is_due(&APPLIES), "what was refused is not judged again and again");
}
