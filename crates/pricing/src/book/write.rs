//! A book as text that `read` reads back, for books that commands write.

use std::collections::BTreeMap;

use super::read::FORMAT;
use super::{PriceBook, Row};
use crate::kind::Kind;
use crate::time;

impl PriceBook {
    /// The book in its own format. Rows that differ in what they count alone become one.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut lines = vec![
            "# A price book; its format is described in docs/reference/prices.md.".to_owned(),
            format!("format = {FORMAT}"),
            field("name", &self.name),
            field("published", &time::shown(self.published)),
            field("currency", "USD"),
        ];
        for (name, source) in &self.sources {
            lines.push(format!("\n[source.{}]", quoted(name)));
            lines.push(field("url", &source.url));
            lines.push(field("as_of", &time::shown(source.as_of)));
            lines.extend(source.through.as_ref().map(|through| field("through", through)));
        }
        let mut groups: BTreeMap<Vec<String>, BTreeMap<Kind, &Row>> = BTreeMap::new();
        for row in self.rows() {
            groups.entry(head(row)).or_default().insert(row.place.kind, row);
        }
        for (head, rows) in groups {
            lines.push("\n[[row]]".to_owned());
            lines.extend(head);
            let prices = rows.iter().map(|(kind, row)| field(kind.as_str(), &row.written));
            lines.push(format!("price = {{ {} }}", prices.collect::<Vec<_>>().join(", ")));
        }
        lines.join("\n") + "\n"
    }
}

/// The fields of a row but its price, one a line.
fn head(row: &Row) -> Vec<String> {
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

fn field(name: &str, value: &str) -> String {
    format!("{name} = {}", quoted(value))
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
