//! What was built: version, commit, date. `release/build` says it to the compiler; other builds know their version alone.
//!
//! No build script asks git: a file that it looks at would compile this crate anew with every commit.

/// The version of this program, against which `requires` is judged.
#[must_use]
pub fn running_version() -> &'static str {
    VERSION
}

/// The version with the commit and its date, where they are known: `0.1.0 (commit 02dd157a, 2026-11-24)`.
#[must_use]
pub fn version_with_commit() -> &'static str {
    VERSION_WITH_COMMIT
}

/// The commit that a release was built from, in full.
#[must_use]
pub fn commit() -> Option<&'static str> {
    option_env!("NOVA_BUILD_COMMIT")
}

/// The day of that commit, by UTC: the same for everybody who builds it.
#[must_use]
pub fn commit_date() -> Option<&'static str> {
    option_env!("NOVA_BUILD_DATE")
}

#[cfg(not(feature = "next-version-for-tests"))]
const VERSION: &str = match option_env!("NOVA_BUILD_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};

/// Newer than this version, and older than whatever is released after it.
#[cfg(feature = "next-version-for-tests")]
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"), ".999");

/// `release/build` puts it together, since the compiler cannot.
const VERSION_WITH_COMMIT: &str = match option_env!("NOVA_BUILD_LONG_VERSION") {
    Some(version) => version,
    None => VERSION,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_that_is_no_release_has_the_version_of_the_package_and_no_commit() {
        assert_eq!((commit(), commit_date()), (None, None));
        assert_eq!(version_with_commit(), running_version());
        semver::Version::parse(running_version()).expect("a version that `requires` can be judged by");
    }
}
