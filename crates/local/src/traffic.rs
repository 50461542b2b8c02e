//! Requests as they come, one short line each on standard error: what a person at a terminal wants to see of the proxy's log.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;

use nova_telemetry::keys;
use slog::{Drain, KV as _, Key, Never, OwnedKVList, Record, Serializer};

/// The fields that a line shows.
const SHOWN: [&str; 10] = [
    keys::ROUTE,
    keys::STATUS,
    keys::MODEL,
    keys::TARGET,
    keys::DURATION_MS,
    keys::TIME_TO_FIRST_TOKEN_MS,
    keys::INPUT_TOKENS,
    keys::OUTPUT_TOKENS,
    keys::DROPPED_PARAMS,
    keys::ERROR,
];

/// Prints the log records that end a request or apply a configuration, and passes over all others.
#[derive(Debug)]
pub(crate) struct TrafficDrain;

impl Drain for TrafficDrain {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        let message = record.msg().to_string();
        let line = match message.as_str() {
            "request completed" | "request refused" | "request failed" | "client left" => {
                request_line(record, values)
            }
            "configuration applied" => "configuration applied".to_owned(),
            _ => return Ok(()),
        };
        // Nobody can be told that standard error is closed.
        drop(writeln!(std::io::stderr().lock(), "{} {line}", now()));
        Ok(())
    }
}

fn request_line(record: &Record<'_>, values: &OwnedKVList) -> String {
    let mut fields = Fields::default();
    // The serializer below never fails.
    drop(values.serialize(record, &mut fields));
    drop(record.kv().serialize(record, &mut fields));
    let mut line = format!("{} {}", fields.get(keys::STATUS), fields.get(keys::ROUTE));
    let mut add = |before: &str, key: &str, after: &str| {
        let value = fields.get(key);
        if !value.is_empty() && value != "0" || key == keys::DURATION_MS {
            line.push_str(&format!("{before}{value}{after}"));
        }
    };
    add("  ", keys::MODEL, "");
    add(" -> ", keys::TARGET, "");
    add("  ", keys::DURATION_MS, " ms");
    add(", first token ", keys::TIME_TO_FIRST_TOKEN_MS, " ms");
    add("  tokens ", keys::INPUT_TOKENS, " in");
    add(" ", keys::OUTPUT_TOKENS, " out");
    add("  dropped ", keys::DROPPED_PARAMS, "");
    add("  ", keys::ERROR, "");
    line
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%H:%M:%S").to_string()
}

/// Collects the shown fields of a record.
#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Fields {
    fn get(&self, key: &str) -> String {
        self.0.get(key).cloned().unwrap_or_default()
    }
}

impl Serializer for Fields {
    fn emit_arguments(&mut self, key: Key, value: &fmt::Arguments<'_>) -> slog::Result {
        if let Some(shown) = SHOWN.into_iter().find(|shown| *shown == key.as_ref() as &str) {
            self.0.entry(shown).or_insert_with(|| value.to_string());
        }
        Ok(())
    }

    fn emit_none(&mut self, _key: Key) -> slog::Result {
        Ok(())
    }
}
