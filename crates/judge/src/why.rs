//! A finding as one sentence, for whoever is woken by it.

use crate::finding::{Finding, Proof, Verdict};
use crate::spec::{CheckSpec, PASS_ALPHA};

/// Why a check says what it says, without the values, whose unit the caller knows.
pub(crate) fn sentence(
    finding: &Finding,
    spec: &CheckSpec,
    is_inverse: bool,
    fault: Option<&'static str>,
) -> String {
    if let Some(fault) = fault {
        return format!("{fault}, so that nothing can be said");
    }
    let (low, high) = finding.interval;
    let ratio = finding.ratio.map_or_else(|| "unknown".to_owned(), |ratio| format!("{ratio:.2}"));
    let bound =
        |bound: Option<f64>, none: &str| bound.map_or_else(|| none.to_owned(), |bound| format!("{bound:.2}"));
    let what = if is_inverse { "old to new" } else { "new to old" };
    let numbers = format!(
        "{what} {ratio} ({} to {}), at most {:.2} allowed, e-value {} of {:.0}",
        bound(low, "0"),
        bound(high, "unbounded"),
        finding.allowed,
        e_value(finding.e_value),
        finding.threshold,
    );
    let weak = if finding.is_weak() && finding.samples.0 > 0.0 {
        "; one instance of the new version is weak evidence, since a difference may be the instance's"
    } else {
        ""
    };
    let ground = match (finding.verdict, finding.proof) {
        (Verdict::Fail, _) => "worse than allowed".to_owned(),
        (Verdict::Pass, Some(Proof::Shown)) => {
            format!(
                "shown to be no worse than allowed (e-value {} of {:.0})",
                e_value(finding.e_pass),
                1.0 / PASS_ALPHA
            )
        }
        (Verdict::Pass, _) => "nothing speaks against it, which is not yet shown".to_owned(),
        (_, _) if finding.samples.0 < spec.min_sample => {
            format!("the new version has {:.0} observations of {:.0}", finding.samples.0, spec.min_sample)
        }
        (_, _) if finding.samples.1 < spec.min_sample => {
            format!("the old version has {:.0} observations of {:.0}", finding.samples.1, spec.min_sample)
        }
        (_, _) => "it leans to worse, and is not decided yet".to_owned(),
    };
    format!("{ground}: {numbers}{weak}")
}

/// An e-value with as many digits as say anything.
fn e_value(value: f64) -> String {
    if value >= 1e6 {
        format!("{value:.0e}")
    } else if value >= 10.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}
