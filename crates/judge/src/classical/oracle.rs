//! What SciPy says of samples: `data/scipy.json`, made by `data/make-scipy.py`.

use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) first: Vec<f64>,
    pub(super) second: Vec<f64>,
    pub(super) mann_whitney: MannWhitneySays,
    pub(super) welch: WelchSays,
}

#[derive(Deserialize)]
pub(super) struct MannWhitneySays {
    pub(super) u: f64,
    pub(super) p_greater: f64,
    pub(super) p_two_sided: f64,
}

#[derive(Deserialize)]
pub(super) struct WelchSays {
    pub(super) t: f64,
    pub(super) freedom: f64,
    pub(super) p_greater: f64,
    pub(super) p_two_sided: f64,
}

pub(super) fn cases() -> Vec<Case> {
    #[derive(Deserialize)]
    struct File {
        cases: Vec<Case>,
    }
    let file: File = serde_json::from_str(include_str!("../../data/scipy.json")).unwrap();
    assert!(file.cases.len() >= 9);
    file.cases
}

/// To nine digits, of probabilities that are next to nothing as well.
pub(super) fn assert_close(ours: f64, theirs: f64, what: &str) {
    assert!((ours - theirs).abs() <= 1e-9 * theirs.abs().max(1e-290), "{what}: {ours} and {theirs}");
}
