//! `requires = ">= 0.1"`: whether this version can read a document at all.

use semver::{Op, Version, VersionReq};

/// What a `requires` means for one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The version is in the range.
    Fits,
    /// The range asks for something newer.
    NeedsNewer,
    /// The range asks for something older, or for nothing that can be.
    Excludes,
}

/// Judges `requires` for the version `running`.
///
/// # Errors
/// When it is not a version range.
pub(crate) fn judge(requires: &str, running: &Version) -> Result<Verdict, semver::Error> {
    let range = VersionReq::parse(requires)?;
    if range.matches(running) {
        return Ok(Verdict::Fits);
    }
    let newer = range.comparators.iter().any(|comparator| {
        let asked = (comparator.major, comparator.minor.unwrap_or(0), comparator.patch.unwrap_or(0));
        let have = (running.major, running.minor, running.patch);
        match comparator.op {
            // The range above 0.1.0 begins at 0.1.1, so an equal version is too old as well.
            Op::Greater => asked >= have,
            Op::Exact | Op::GreaterEq | Op::Tilde | Op::Caret | Op::Wildcard => asked > have,
            _ => false,
        }
    });
    Ok(if newer { Verdict::NeedsNewer } else { Verdict::Excludes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_fits_needs_newer_or_excludes() {
        let running = Version::new(1, 4, 2);
        for (requires, expected) in [
            (">= 1.4", Verdict::Fits),
            ("1.4", Verdict::Fits),
            (">=1.2, <2", Verdict::Fits),
            ("*", Verdict::Fits),
            (">= 1.5", Verdict::NeedsNewer),
            ("> 1.4.2", Verdict::NeedsNewer),
            ("^2", Verdict::NeedsNewer),
            ("=1.4.3", Verdict::NeedsNewer),
            ("<1.4", Verdict::Excludes),
            ("~1.3", Verdict::Excludes),
        ] {
            assert_eq!(judge(requires, &running).unwrap(), expected, "{requires}");
        }
        assert!(judge("one", &running).is_err());
    }
}
