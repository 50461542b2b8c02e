//! The name that was probably meant.

/// The closest of `known` to `written`, where it is close enough to be a slip of the hand.
pub(crate) fn closest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters may be wrong; beyond that a guess is more often noise than help.
    let limit = (written.chars().count() / 3).max(1);
    known
        .map(|name| (strsim::damerau_levenshtein(written, name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognized_and_other_words_are_not() {
        let known = ["target", "max_tokens", "strict"];
        for (written, expected) in [
            ("targt", Some("target")),
            ("tagret", Some("target")),
            ("max_token", Some("max_tokens")),
            ("maxtokens", Some("max_tokens")),
            ("temperature", None),
            ("", None),
        ] {
            assert_eq!(closest(written, known.into_iter()), expected, "{written}");
        }
    }
}
