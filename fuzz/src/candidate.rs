//! Candidates for the configuration, as Consul's key-value store holds them.

use std::time::Duration;

use nova_config::{Candidate, CandidatePlace, LONGEST_MAX_AGE};

/// The value of `config.canary`: it is refused with a reason, or it is one that ends, and that says the same when it is written again.
pub fn candidate(input: &[u8]) {
    let candidate = match Candidate::parse(input) {
        Ok(candidate) => candidate,
        Err(error) => {
            assert!(!error.to_string().is_empty(), "a refusal without a reason");
            return;
        }
    };
    assert!(!candidate.max_age().is_zero() && candidate.max_age() <= LONGEST_MAX_AGE);
    let again = candidate.to_value().ok().and_then(|written| Candidate::parse(&written).ok());
    assert_eq!(again.as_ref(), Some(&candidate), "what was read is not read again as it is written");
    let base = Some(candidate.base_index);
    let names = candidate.ring.iter().map(String::as_str).chain(["", "nobody"]);
    for name in names {
        let late = candidate.place(name, base, 0, candidate.max_age());
        let too_late = candidate.place(name, base, u64::MAX, Duration::ZERO);
        for place in [late, too_late] {
            assert_ne!(place, CandidatePlace::Applies, "{name} applies it past its age");
        }
        let is_of_ring = candidate.ring.contains(name);
        assert_eq!(candidate.place(name, base, 0, Duration::ZERO) == CandidatePlace::Outside, !is_of_ring);
    }
}
