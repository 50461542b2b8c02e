//! A book as text that `read` reads back, for books that commands write.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::read::FORMAT;
use super::{PriceBook, Row};
use crate::kind::Kind;
use crate::time;

impl PriceBook {
    /// The book in its own format. Rows that differ in what they count alone become one.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::from("# A price book; its format is described in docs/reference/prices.md.\n");
        // Writing into a String cannot fail.
        drop(self.write(&mut text));
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "format = {FORMAT}")?;
        writeln!(text, "name = {}", quoted(&self.name))?;
        writeln!(text, "published = {}", quoted(&time::shown(self.published)))?;
        writeln!(text, "currency = \"USD\"")?;
        for (name, source) in &self.sources {
            writeln!(text, "\n[source.{}]", quoted(name))?;
            writeln!(text, "url = {}", quoted(&source.url))?;
            writeln!(text, "as_of = {}", quoted(&time::shown(source.as_of)))?;
            if let Some(through) = &source.through {
                writeln!(text, "through = {}", quoted(through))?;
            }
        }
        let mut groups: BTreeMap<Vec<String>, BTreeMap<Kind, &Row>> = BTreeMap::new();
        for row in self.rows() {
            groups.entry(head(row)).or_default().insert(row.place.kind, row);
        }
        for (head, rows) in &groups {
            writeln!(text, "\n[[row]]\n{}", head.join("\n"))?;
            let prices = rows.iter().map(|(kind, row)| format!("{kind} = {}", quoted(&row.written)));
            writeln!(text, "price = {{ {} }}", prices.collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}

/// The fields of a row but its price, one a line.
fn head(row: &Row) -> Vec<String> {
    let field = |name: &str, value: &str| format!("{name} = {}", quoted(value));
    let mut fields = vec![field("model", &row.model), field("scope", &row.place.scope.to_string())];
    fields.extend(row.place.region.as_ref().map(|region| field("region", region)));
    fields.push(field("tier", row.place.tier.as_str()));
    fields.extend(row.from.map(|from| field("from", &time::shown(from))));
    fields.extend(row.until.map(|until| field("until", &time::shown(until))));
    fields.push(field("per", row.per.as_str()));
    fields.push(field("source", &row.source));
    fields.extend(row.note.as_ref().map(|note| field("note", note)));
    fields
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
