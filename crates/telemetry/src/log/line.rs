//! A record as one line of JSON, written by the thread that logs: values need not be copied to cross to the writer, and the writer has
//! bytes to pass on and nothing else to do.
//!
//! Owns the members of a line. A value that cannot be written is told by its error in its place; the line is whole in any case.

use std::cell::RefCell;
use std::fmt::{self, Arguments, Write as _};

use slog::{Error, KV, Key, Level, OwnedKVList, Record, Result, Serializer};

use crate::keys;

/// What a thread keeps of its buffer between two lines. A line is a few hundred bytes; a long one is not held for ever.
const KEPT_BYTES: usize = 16 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Gives the line of a record, with its line break, to `take`.
pub(super) fn form<T>(record: &Record<'_>, values: &OwnedKVList, take: impl FnOnce(&[u8]) -> T) -> T {
    BUFFER.with(|buffer| match buffer.try_borrow_mut() {
        Ok(mut buffer) => {
            buffer.clear();
            write(&mut buffer, record, values);
            let taken = take(&buffer);
            buffer.shrink_to(KEPT_BYTES);
            taken
        }
        // A value that logs while it is written: rare, and no reason to lose either line.
        Err(_) => {
            let mut line = Vec::new();
            write(&mut line, record, values);
            take(&line)
        }
    })
}

fn write(line: &mut Vec<u8>, record: &Record<'_>, values: &OwnedKVList) {
    let mut members = Members { line };
    members.line.push(b'{');
    members.text(keys::TS, &format_args!("{:.3}", jiff::Timestamp::now()));
    members.text("level", &format_args!("{}", level_name(record.level())));
    members.text("msg", record.msg());
    // Every method of `Members` succeeds; what a value of another crate reports is told in the line.
    for outcome in [values.serialize(record, &mut members), record.kv().serialize(record, &mut members)] {
        if let Err(error) = outcome {
            members.text("log_error", &format_args!("{error}"));
        }
    }
    members.line.extend_from_slice(b"}\n");
}

/// The level as it is written in the configuration.
fn level_name(level: Level) -> &'static str {
    match level {
        Level::Critical => "critical",
        Level::Error => "error",
        Level::Warning => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

/// Members of one JSON object, appended to a line.
struct Members<'a> {
    line: &'a mut Vec<u8>,
}

impl Members<'_> {
    fn name(&mut self, name: &str) {
        if self.line.last() != Some(&b'{') {
            self.line.push(b',');
        }
        self.string(name);
        self.line.push(b':');
    }

    /// Nearly all names and most values need no escape, which is found out many bytes at a time.
    fn string(&mut self, text: &str) {
        if is_plain(text) {
            self.line.push(b'"');
            self.line.extend_from_slice(text.as_bytes());
            self.line.push(b'"');
        } else {
            self.json(text);
        }
    }

    /// Text and numbers always have a JSON form, and a vector takes any number of bytes.
    fn json(&mut self, value: &(impl serde::Serialize + ?Sized)) {
        let before = self.line.len();
        if serde_json::to_writer(&mut *self.line, value).is_err() {
            self.line.truncate(before);
            self.line.extend_from_slice(b"null");
        }
    }

    fn value(&mut self, name: &str, value: &(impl serde::Serialize + ?Sized)) -> Result {
        self.name(name);
        self.json(value);
        Ok(())
    }

    /// A string, escaped while it is formatted.
    fn text(&mut self, name: &str, text: &Arguments<'_>) {
        self.name(name);
        if let Some(text) = text.as_str() {
            self.string(text);
            return;
        }
        self.line.push(b'"');
        if Escaped(self.line).write_fmt(*text).is_err() {
            // A `Display` that fails: what it has written so far stays.
            self.line.extend_from_slice(b"...");
        }
        self.line.push(b'"');
    }
}

/// Whether text needs no escape in JSON. RFC 8259, section 7: quotation mark, backslash and control characters need one. Without an early
/// end, so that the compiler takes many bytes at once.
fn is_plain(text: &str) -> bool {
    let escapes =
        text.bytes().fold(false, |found, byte| found | (byte < 0x20) | (byte == b'"') | (byte == b'\\'));
    !escapes
}

/// The inside of a JSON string.
struct Escaped<'a>(&'a mut Vec<u8>);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if is_plain(text) {
            self.0.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        let start = self.0.len();
        serde_json::to_writer(&mut *self.0, text).map_err(|_| fmt::Error)?;
        // Without the quotation marks around it.
        self.0.remove(start);
        self.0.pop();
        Ok(())
    }
}

impl Serializer for Members<'_> {
    fn emit_bool(&mut self, key: Key, value: bool) -> Result {
        self.value(key.as_str(), &value)
    }
    fn emit_unit(&mut self, key: Key) -> Result {
        self.value(key.as_str(), &())
    }
    fn emit_none(&mut self, key: Key) -> Result {
        self.value(key.as_str(), &())
    }
    fn emit_char(&mut self, key: Key, value: char) -> Result {
        self.value(key.as_str(), &value)
    }
    fn emit_u8(&mut self, key: Key, value: u8) -> Result {
        self.value(key.as_str(), &value)
    }
    fn emit_i8(&mut self, key: Key, value: i8) -> Result {
        self.value(key.as_str(), &value)
    }
    fn emit_u16(&mut self, key: Key, value: u16) -> Result {
        self.value(key.as_str(), &value)
    }
    fn emit_i16(&mut self, key: Key, value: i16) -> Result {
        self.value(key.as_str(), &value)
    }
    fn emit_u32(&mut self, key: Key, value: u32) -> Result {
        self.value(key.as_str(), &value)
    }
    fn emit_i32(&mut self, key: Key, value: i32) -> Result {
        self.value(key.as_str(), &value)
    }
    fn emit_f32(&mut self, key: Key, value: f32) -> Result {
        self.value(key.as_str(), &value)
    }
    fn emit_u64(&mut self, key: Key, value: u64) -> Result {
        self.value(key.as_str(), &value)
    }
    fn emit_i64(&mut self, key: Key, value: i64) -> Result {
        self.value(key.as_str(), &value)
    }
    fn emit_f64(&mut self, key: Key, value: f64) -> Result {
        self.value(key.as_str(), &value)
    }
    fn emit_usize(&mut self, key: Key, value: usize) -> Result {
        self.value(key.as_str(), &value)
    }
    fn emit_isize(&mut self, key: Key, value: isize) -> Result {
        self.value(key.as_str(), &value)
    }
    fn emit_str(&mut self, key: Key, value: &str) -> Result {
        self.name(key.as_str());
        self.string(value);
        Ok(())
    }
    fn emit_arguments(&mut self, key: Key, value: &Arguments<'_>) -> Result {
        self.text(key.as_str(), value);
        Ok::<(), Error>(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::Value;
    use slog::{Discard, Logger, b, o, record};

    use super::*;

    fn line(root: &Logger, record: &Record<'_>) -> Value {
        let line = form(record, root.list(), <[u8]>::to_vec);
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert_eq!(line.last(), Some(&b'\n'));
        serde_json::from_slice(&line).unwrap()
    }

    #[test]
    fn every_kind_of_value_has_its_form() {
        let root = Logger::root(Discard, o!("component" => "test"));
        let (none, some): (Option<u8>, Option<&str>) = (None, Some("there"));
        let error = std::io::Error::other("disk \"full\"");
        let line = line(
            &root,
            &record!(
                Level::Info,
                "",
                &format_args!("said {}", "so"),
                b!("flag" => true, "small" => -3_i8, "large" => u64::MAX,
                "rate" => 0.5, "not_a_number" => f64::NAN, "letter" => 'x', "unit" => (), "none" => none, "some" => some, "error" => %error)
            ),
        );
        let expected = serde_json::json!({"level": "info", "msg": "said so", "component": "test", "flag": true, "small": -3,
            "large": u64::MAX, "rate": 0.5, "not_a_number": null, "letter": "x", "unit": null, "none": null, "some": "there",
            "error": "disk \"full\""});
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&line[name], value, "{name} in {line}");
        }
        assert!(line["ts"].is_string());
    }

    struct Failing;

    impl KV for Failing {
        fn serialize(&self, _: &Record<'_>, _: &mut dyn Serializer) -> Result {
            Err(Error::Other)
        }
    }

    #[test]
    fn a_value_that_cannot_be_written_leaves_a_whole_line() {
        let root = Logger::root(Discard, o!("component" => "test"));
        let told = line(&root, &record!(Level::Error, "", &format_args!("x"), slog::BorrowedKV(&Failing)));
        assert_eq!(told["component"], "test");
        assert!(told["log_error"].is_string(), "{told}");
    }

    proptest! {
        #[test]
        fn any_text_comes_back_as_it_was(text in any::<String>(), other in any::<String>(), name in "[a-z]{1,8}") {
            let root = Logger::root(Discard, o!());
            let found = line(
                &root,
                &record!(Level::Info, "", &format_args!("{name}: {text}"),
                    b!("formatted" => %format_args!("{text}{other}"), "plain" => &text)),
            );
            let found: BTreeMap<String, String> = serde_json::from_value(found).unwrap();
            prop_assert_eq!(&found["formatted"], &format!("{text}{other}"));
            prop_assert_eq!(&found["plain"], &text);
            prop_assert_eq!(&found["msg"], &format!("{name}: {text}"));
        }
    }
}
