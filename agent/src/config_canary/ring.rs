//! Which instances try a candidate: those whose names have the lowest hashes, at least one, never all.
//!
//! Pure. The hash makes the choice one that nobody has to keep: the same instances give the same ring, whichever agent asks, and an
//! instance that comes or goes moves at most one other.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};

/// How many of so many instances a share is: rounded down, so that no more requests are touched than was said; at least one; never all.
#[must_use]
pub fn size(instances: usize, share_percent: u8) -> usize {
    let share = instances.saturating_mul(usize::from(share_percent)) / 100;
    share.max(1).min(instances.saturating_sub(1))
}

/// The ring: so many of the names that may be in it.
#[must_use]
pub fn lowest<'n>(names: impl IntoIterator<Item = &'n str>, size: usize) -> BTreeSet<String> {
    let mut hashed: Vec<_> =
        names.into_iter().map(|name| (digest(&SHA256, name.as_bytes()).as_ref().to_vec(), name)).collect();
    hashed.sort();
    hashed.into_iter().take(size).map(|(_, name)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nobody(0, 10, 0)]
    #[case::one_is_all_of_them(1, 10, 0)]
    #[case::one_of_two(2, 10, 1)]
    #[case::at_least_one(5, 10, 1)]
    #[case::rounded_down(19, 10, 1)]
    #[case::two_of_twenty(20, 10, 2)]
    #[case::half(5, 50, 2)]
    #[case::never_all(5, 100, 4)]
    #[case::nothing_is_one(5, 0, 1)]
    fn a_share_is_so_many(#[case] instances: usize, #[case] percent: u8, #[case] expected: usize) {
        assert_eq!(size(instances, percent), expected);
    }

    proptest! {
        #[test]
        fn it_is_at_least_one_and_never_all(instances in 2_usize..10_000, percent in 0_u8..=100) {
            let size = size(instances, percent);
            prop_assert!(size >= 1 && size < instances);
            prop_assert!(size == 1 || size * 100 <= instances * usize::from(percent));
        }

        #[test]
        fn the_order_of_names_makes_no_difference_and_one_more_moves_one_at_most(
            names in prop::collection::btree_set("[a-z0-9-]{1,12}", 2..40),
            other in "[A-Z]{1,12}",
            size in 1_usize..10,
        ) {
            let forward = lowest(names.iter().map(String::as_str), size);
            let backward = lowest(names.iter().rev().map(String::as_str), size);
            prop_assert_eq!(&forward, &backward);
            prop_assert_eq!(forward.len(), size.min(names.len()));
            let joined = lowest(names.iter().map(String::as_str).chain([other.as_str()]), size);
            prop_assert!(forward.difference(&joined).count() <= 1);
        }
    }
}
