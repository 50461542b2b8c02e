//! Prometheus' text format (version 0.0.4), read strictly: every line is a comment, a sample, or a fault with its number.
//!
//! Pure. Owns the grammar alone; which samples count, and how many are taken, is in `readings`.

use std::borrow::Cow;

/// The most labels that a sample may have. The proxy's have six.
const MAX_LABELS: usize = 32;

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<'t> {
    /// The name, such as `nova_proxy_requests_total`.
    pub name: &'t str,
    /// Names and values of the labels, in the order of the line.
    pub labels: Vec<(&'t str, Cow<'t, str>)>,
    /// The value, which may be infinite or no number.
    pub value: f64,
}

impl Sample<'_> {
    /// The value of a label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_ref())
    }
}

/// Why a page is not in Prometheus' text format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is no sample of prometheus' text format: {why}")]
pub struct ExpositionError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

/// The samples of a page, line by line.
pub fn samples(page: &str) -> impl Iterator<Item = Result<Sample<'_>, ExpositionError>> {
    page.split('\n').enumerate().filter_map(|(at, line)| {
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start_matches([' ', '\t']);
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        Some(sample(line).map_err(|why| ExpositionError { line: at + 1, why }))
    })
}

fn sample(line: &str) -> Result<Sample<'_>, &'static str> {
    let (name, rest) = word(line, |first, byte| {
        byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':') || (!first && byte.is_ascii_digit())
    })
    .ok_or("it begins with no name")?;
    let rest = blank(rest);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inner) => labels(inner)?,
        None => (Vec::new(), rest),
    };
    let mut words = rest.split([' ', '\t']).filter(|word| !word.is_empty());
    let value = number(words.next().ok_or("it has no value")?).ok_or("its value is no number")?;
    if words.next().is_some_and(|time| time.parse::<i64>().is_err()) {
        return Err("its time is no number of milliseconds");
    }
    if words.next().is_some() {
        return Err("something follows its time");
    }
    Ok(Sample { name, labels, value })
}

/// Labels with their values, and what follows the closing brace.
type Labels<'t> = (Vec<(&'t str, Cow<'t, str>)>, &'t str);

fn labels(mut rest: &str) -> Result<Labels<'_>, &'static str> {
    let mut labels: Vec<(&str, Cow<'_, str>)> = Vec::new();
    loop {
        rest = blank(rest);
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        if labels.len() == MAX_LABELS {
            return Err("it has more labels than are read");
        }
        let (name, after) = word(rest, |first, byte| {
            byte.is_ascii_alphabetic() || byte == b'_' || (!first && byte.is_ascii_digit())
        })
        .ok_or("a label has no name")?;
        if labels.iter().any(|(known, _)| *known == name) {
            return Err("a label is there twice");
        }
        let after = blank(after).strip_prefix('=').ok_or("no = follows the name of a label")?;
        let after = blank(after).strip_prefix('"').ok_or("the value of a label has no quotes")?;
        let (value, after) = quoted(after)?;
        labels.push((name, value));
        rest = blank(after);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with('}') => {}
            None => return Err("neither , nor } follows a label"),
        }
    }
}

/// A value up to its closing quote, and what follows it.
fn quoted(text: &str) -> Result<(Cow<'_, str>, &str), &'static str> {
    let mut value = String::new();
    let mut has_escapes = false;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                let (plain, rest) = text.split_at_checked(at).ok_or("a value does not end")?;
                let rest = rest.strip_prefix('"').unwrap_or(rest);
                let value = if has_escapes { Cow::Owned(value) } else { Cow::Borrowed(plain) };
                return Ok((value, rest));
            }
            '\\' => {
                has_escapes = true;
                value.push(match characters.next() {
                    Some((_, '\\')) => '\\',
                    Some((_, '"')) => '"',
                    Some((_, 'n')) => '\n',
                    _ => return Err("a value has an escape that is none"),
                });
            }
            plain => value.push(plain),
        }
    }
    Err("a value does not end")
}

/// A number as Go writes it: `NaN`, `+Inf` and the like included, words of Rust's alone not.
fn number(word: &str) -> Option<f64> {
    let digits = word.trim_start_matches(['+', '-']);
    let is_known = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        || matches!(digits, "Inf" | "NaN");
    if is_known && word.len() - digits.len() <= 1 { word.parse().ok() } else { None }
}

/// The longest beginning whose bytes are all allowed, and the rest; none where it is empty.
fn word(text: &str, allows: impl Fn(bool, u8) -> bool) -> Option<(&str, &str)> {
    let length = text.bytes().enumerate().take_while(|(at, byte)| allows(*at == 0, *byte)).count();
    if length == 0 { None } else { text.split_at_checked(length) }
}

fn blank(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn one(line: &str) -> Sample<'_> {
        samples(line).next().unwrap().unwrap()
    }

    #[rstest]
    #[case("up 1", "up", &[], 1.0)]
    #[case("up{} 1 1700000000000", "up", &[], 1.0)]
    #[case("  a:b { x = \"1\" , y=\"2\", } -2.5e3", "a:b", &[("x", "1"), ("y", "2")], -2500.0)]
    #[case(r#"a{x="\\ \" \n ü,}"} +Inf"#, "a", &[("x", "\\ \" \n ü,}")], f64::INFINITY)]
    #[case("a\t.5\r", "a", &[], 0.5)]
    fn samples_are_read(
        #[case] line: &str,
        #[case] name: &str,
        #[case] labels: &[(&str, &str)],
        #[case] value: f64,
    ) {
        let found = one(line);
        let found_labels: Vec<_> = found.labels.iter().map(|(name, value)| (*name, value.as_ref())).collect();
        assert_eq!((found.name, found_labels.as_slice(), found.value), (name, labels, value));
    }

    #[rstest]
    #[case("1up 1", "begins with no name")]
    #[case("up", "no value")]
    #[case("up one", "no number")]
    #[case("up infinity", "no number")]
    #[case("up --1", "no number")]
    #[case("up 1 soon", "milliseconds")]
    #[case("up 1 2 3", "follows its time")]
    #[case("up{x} 1", "no = follows")]
    #[case("up{x=1} 1", "no quotes")]
    #[case("up{x=\"1} 1", "does not end")]
    #[case(r#"up{x="\t"} 1"#, "escape")]
    #[case("up{x=\"1\" y=\"2\"} 1", "neither")]
    #[case("up{x=\"1\",x=\"2\"} 1", "twice")]
    #[case("up{=\"1\"} 1", "no name")]
    fn what_is_no_sample_is_told_with_its_line(#[case] line: &str, #[case] why: &str) {
        let page = format!("# HELP up Whether\n\n{line}\n");
        let error = samples(&page).next().unwrap().unwrap_err();
        assert!(error.line == 3 && error.to_string().contains(why), "{error}");
    }

    #[test]
    fn labels_have_a_limit() {
        let labels: Vec<_> = (0..=MAX_LABELS).map(|n| format!("l{n}=\"\"")).collect();
        let line = format!("a{{{}}} 1", labels.join(","));
        assert!(samples(&line).next().unwrap().unwrap_err().why.contains("more labels"));
    }

    fn written(name: &str, labels: &[(String, String)], value: f64) -> String {
        let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
        format!("{name}{{{}}} {value}", labels.join(","))
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,8}",
            labels in prop::collection::btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,8}", any::<String>(), 0..5),
            value in any::<f64>().prop_filter("written alike", |value| value.is_finite()),
        ) {
            let labels: Vec<_> = labels.into_iter().collect();
            let line = written(&name, &labels, value);
            let found = one(&line);
            prop_assert_eq!((found.name, found.value), (name.as_str(), value));
            for (name, value) in &labels {
                prop_assert_eq!(found.label(name), Some(value.as_str()));
            }
        }

        /// Whatever bytes come, they are samples or faults, one at most for each line.
        #[test]
        fn any_text_is_read_or_refused(page in "([a-z0-9_{}=\",\\\\ \n.+#\u{e4}-]|\\PC){0,200}") {
            prop_assert!(samples(&page).count() <= page.split('\n').count());
        }

        /// A page that broke off is a fault in its last line at most.
        #[test]
        fn a_page_that_broke_off_loses_its_last_line_alone(cut in 0_usize..60) {
            let page = "a{x=\"1\"} 1\nb{y=\"2\"} 2\nc{z=\"ä\"} 3\n";
            let cut = page.floor_char_boundary(cut.min(page.len()));
            let (beginning, _) = page.split_at(cut);
            let whole = beginning.matches('\n').count();
            prop_assert!(samples(beginning).take(whole).all(|sample| sample.is_ok()));
        }
    }
}
