//! What gungraun-runner tells of each bench: one JSON object a line, of which the name and the instructions are read.

use std::collections::BTreeMap;
use std::io::BufRead;

use anyhow::{Context, ensure};
use serde::Deserialize;

/// The form that is read here, as the runner numbers it.
const VERSION: &str = "7";

/// Instructions by the name of the bench: its function and its case.
pub(crate) type Counts = BTreeMap<String, u64>;

#[derive(Deserialize)]
struct Summary {
    version: String,
    function_name: String,
    id: Option<String>,
    profiles: Vec<Profile>,
}

#[derive(Deserialize)]
struct Profile {
    tool: String,
    data: ProfileTotals,
}

#[derive(Deserialize)]
struct ProfileTotals {
    total: Total,
}

#[derive(Deserialize)]
struct Total {
    metrics: Metrics,
}

#[derive(Deserialize)]
struct Metrics {
    #[serde(rename = "Ir")]
    instructions: Metric,
}

#[derive(Deserialize)]
struct Metric {
    values: Values,
}

/// The count of this run. The last run's stands beside it, and is of no use here.
#[derive(Deserialize)]
struct Values {
    new: u64,
}

/// Reads what the runner wrote with `--output-format=json`.
pub(crate) fn read(lines: impl BufRead) -> anyhow::Result<Counts> {
    let mut counts = Counts::new();
    for line in lines.lines() {
        let line = line.context("the summaries cannot be read")?;
        if line.trim().is_empty() {
            continue;
        }
        let summary: Summary =
            serde_json::from_str(&line).context("a line is no summary of gungraun-runner")?;
        let (version, function) = (&summary.version, &summary.function_name);
        ensure!(version == VERSION, "the summaries have version {version}, and {VERSION} is read here");
        let profile = summary.profiles.iter().find(|profile| profile.tool == "Callgrind");
        let profile = profile.with_context(|| format!("{function} was not run under callgrind"))?;
        let name = summary.id.as_ref().map_or_else(|| function.clone(), |id| format!("{function} {id}"));
        let count = profile.data.total.metrics.instructions.values.new;
        // The counted region is marked by its symbol: without symbols it would never begin.
        ensure!(count > 0, "{name} counted no instruction: was the bench stripped of its symbols?");
        counts.insert(name, count);
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, version: &str, values: &str) -> String {
        format!(
            r#"{{"version":"{version}","function_name":"sign","id":{id},"group":"counted","profiles":[{{"tool":"Callgrind","data":{{"parts":[],"total":{{"metrics":{{"Ir":{{"values":{values}}}}},"regressions":[]}}}}}}]}}"#
        )
    }

    #[test]
    fn the_count_of_this_run_is_read_under_function_and_case() {
        let text = [
            line("\"cold\"", "7", r#"{"new":7,"old":9}"#),
            line("\"warm\"", "7", r#"{"new":5}"#),
            line("null", "7", r#"{"new":3}"#),
        ];
        let counts = read(text.join("\n").as_bytes()).unwrap();
        let expected = [("sign cold", 7), ("sign warm", 5), ("sign", 3)];
        assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)).into());
    }

    #[test]
    fn what_cannot_be_judged_is_refused() {
        for (text, expected) in [
            (line("null", "8", r#"{"new":3}"#), "version 8"),
            (line("null", "7", r#"{"new":0}"#), "no instruction"),
            (line("null", "7", r#"{"old":3}"#), "no summary"),
            ("Gungraun result: Ok".to_owned(), "no summary"),
        ] {
            let error = read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
