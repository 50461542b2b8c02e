//! The committed counts, and what a new count is in their terms.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::summary::Counts;

/// The file of limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The comment that the file begins with, kept as it is.
    comment: String,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    /// How much more a bench may cost than was accepted.
    dearer_percent: u64,
    /// How much less it may cost before the limit says too little.
    cheaper_percent: u64,
    /// The accepted counts.
    instructions: BTreeMap<String, u64>,
}

/// What a count is in terms of the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As accepted, or near it.
    Within,
    /// Dearer than its limit.
    Over,
    /// So much cheaper that its limit would not notice a loss of the gain.
    Cheaper,
    /// A bench without a limit.
    Unlimited,
    /// A limit without a bench.
    Uncounted,
}

/// One bench, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
    pub(crate) count: Option<u64>,
    pub(crate) accepted: Option<u64>,
    /// The most that is let pass.
    limit: Option<u64>,
}

impl Finding {
    /// How much more than accepted it costs.
    #[expect(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
    pub(crate) fn change_percent(&self) -> Option<f64> {
        let (count, accepted) = self.count.zip(self.accepted)?;
        Some((count as f64 / accepted as f64 - 1.0) * 100.0)
    }

    /// What there is to say of it.
    pub(crate) fn sentence(&self) -> String {
        let name = &self.name;
        let (count, accepted) = (self.count.unwrap_or_default(), self.accepted.unwrap_or_default());
        let change = self.change_percent().unwrap_or_default().abs();
        match self.verdict {
            Verdict::Within => format!("within its limit: {name}"),
            Verdict::Over => {
                let limit = self.limit.unwrap_or_default();
                format!(
                    "over its limit: {name} costs {count} instructions, {change:.1} % more than the {accepted} that were accepted; the limit is {limit}"
                )
            }
            Verdict::Cheaper => format!(
                "lower the limit: {name} costs {count} instructions, {change:.1} % less than the {accepted} that were accepted"
            ),
            Verdict::Unlimited => format!("without a limit: {name} costs {count} instructions"),
            Verdict::Uncounted => format!("not counted: {name} has a limit and no bench"),
        }
    }
}

impl Limits {
    /// Reads the file.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is no file of limits", path.display()))
    }

    /// Writes the file.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        fs::write(path, self.render()?).with_context(|| format!("cannot write {}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let comment = text.split_inclusive('\n').take_while(|line| line.starts_with('#')).collect();
        Ok(Self { comment, content: toml::from_str(text)? })
    }

    fn render(&self) -> Result<String, toml::ser::Error> {
        Ok(format!("{}\n{}", self.comment, toml::to_string(&self.content)?))
    }

    /// Judges every bench, counted or expected.
    pub(crate) fn judge(&self, counts: &Counts) -> Vec<Finding> {
        let accepted = &self.content.instructions;
        let mut names: Vec<&String> = counts.keys().chain(accepted.keys()).collect();
        names.sort();
        names.dedup();
        let finding = |name: &String| {
            self.finding(name.clone(), counts.get(name).copied(), accepted.get(name).copied())
        };
        names.into_iter().map(finding).collect()
    }

    fn finding(&self, name: String, count: Option<u64>, accepted: Option<u64>) -> Finding {
        let share = |accepted: u64, percent: u64| accepted.saturating_mul(percent) / 100;
        let limit =
            accepted.map(|accepted| accepted.saturating_add(share(accepted, self.content.dearer_percent)));
        let floor =
            accepted.map(|accepted| accepted.saturating_sub(share(accepted, self.content.cheaper_percent)));
        let verdict = match (count, limit, floor) {
            (Some(count), Some(limit), _) if count > limit => Verdict::Over,
            (Some(count), _, Some(floor)) if count < floor => Verdict::Cheaper,
            (Some(_), Some(_), _) => Verdict::Within,
            (Some(_), None, _) => Verdict::Unlimited,
            (None, _, _) => Verdict::Uncounted,
        };
        Finding { name, verdict, count, accepted, limit }
    }

    /// Takes the counts of these findings for accepted. The others stay, so that small steps do not add up unseen.
    pub(crate) fn accept(&mut self, findings: &[&Finding]) {
        for finding in findings {
            match finding.count {
                Some(count) => drop(self.content.instructions.insert(finding.name.clone(), count)),
                None => drop(self.content.instructions.remove(&finding.name)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Why.\n# And how.\n\ndearer_percent = 5\ncheaper_percent = 10\n\n[instructions]\n\"sign cold\" = 2000\n\"sign warm\" = 1000\n";

    fn counts(cold: Option<u64>, warm: Option<u64>, other: Option<u64>) -> Counts {
        let named = [("sign cold", cold), ("sign warm", warm), ("write", other)];
        named.into_iter().filter_map(|(name, count)| Some((name.to_owned(), count?))).collect()
    }

    #[test]
    fn a_count_is_judged_by_its_distance_from_the_accepted_one() {
        let limits = Limits::parse(TEXT).unwrap();
        for (warm, expected) in [
            (Some(1000), Verdict::Within),
            (Some(1050), Verdict::Within),
            (Some(1051), Verdict::Over),
            (Some(900), Verdict::Within),
            (Some(899), Verdict::Cheaper),
            (None, Verdict::Uncounted),
        ] {
            let findings = limits.judge(&counts(Some(2000), warm, None));
            let verdicts: Vec<_> = findings.iter().map(|finding| finding.verdict).collect();
            assert_eq!(verdicts, [Verdict::Within, expected], "{warm:?}");
        }
        let findings = limits.judge(&counts(Some(2000), Some(1000), Some(5)));
        assert_eq!(findings[2].verdict, Verdict::Unlimited);
    }

    #[test]
    fn a_sentence_names_bench_count_and_limit() {
        let limits = Limits::parse(TEXT).unwrap();
        let findings = limits.judge(&counts(Some(1500), Some(1200), Some(5)));
        let sentences: Vec<_> = findings.iter().map(Finding::sentence).collect();
        assert_eq!(
            sentences,
            [
                "lower the limit: sign cold costs 1500 instructions, 25.0 % less than the 2000 that were accepted",
                "over its limit: sign warm costs 1200 instructions, 20.0 % more than the 1000 that were accepted; the limit is 1050",
                "without a limit: write costs 5 instructions",
            ]
        );
    }

    #[test]
    fn accepting_changes_what_is_out_of_bounds_and_nothing_else() {
        let mut limits = Limits::parse(TEXT).unwrap();
        assert_eq!(limits.render().unwrap(), TEXT);
        let findings = limits.judge(&counts(None, Some(1020), Some(5)));
        let out_of_bounds: Vec<_> =
            findings.iter().filter(|finding| finding.verdict != Verdict::Within).collect();
        limits.accept(&out_of_bounds);
        assert_eq!(
            limits.render().unwrap(),
            TEXT.replace("\"sign cold\" = 2000\n", "").replace("1000\n", "1000\nwrite = 5\n")
        );
    }
}
