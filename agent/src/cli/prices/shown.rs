//! Prices as text and as JSON.

use nova_pricing::book::{Change, Row};
use nova_pricing::kind::Kind;
use nova_pricing::rate::Rate;
use nova_pricing::time;
use serde_json::{Value, json};

/// What is priced in one number: a million tokens, or one image.
pub(super) fn shown_units(kind: Kind) -> u64 {
    if kind.counts_images() { 1 } else { 1_000_000 }
}

/// The price of a million tokens or of an image, in dollars.
pub(super) fn price(rate: Rate, kind: Kind) -> String {
    rate.cost(shown_units(kind)).map_or_else(|| "-".to_owned(), |dollars| dollars.to_string())
}

/// A difference of two prices: `+10.0 %`.
pub(super) fn percent(old: Rate, new: Rate) -> Option<String> {
    let per_mille = old.per_mille_to(new)?;
    let sign = if per_mille < 0 { '-' } else { '+' };
    let per_mille = per_mille.unsigned_abs();
    Some(format!("{sign}{}.{} %", per_mille / 10, per_mille % 10))
}

/// A row of a book as JSON.
pub(super) fn row_json(row: &Row) -> Value {
    json!({
        "model": row.model,
        "scope": row.place.scope.to_string(),
        "region": row.place.region,
        "tier": row.place.tier,
        "kind": row.place.kind,
        "from": row.from.map(time::shown),
        "until": row.until.map(time::shown),
        "written": row.written,
        "per": row.per,
        "rate": row.rate,
        "source": row.source,
        "note": row.note,
    })
}

/// A difference as JSON.
pub(super) fn change_json(change: &Change<'_>) -> Value {
    let (before, after) = change.rates();
    let word = match change {
        Change::Added { .. } => "added",
        Change::Removed { .. } => "removed",
        Change::Changed { .. } => "changed",
    };
    json!({
        "change": word,
        "price": row_json(change.row()),
        "before": before,
        "after": after,
        "percent": before.zip(after).and_then(|(before, after)| percent(before, after)),
    })
}

/// A difference in one line.
pub(super) fn change_line(change: &Change<'_>) -> String {
    let row = change.row();
    let name = row.name();
    let price = |rate| price(rate, row.place.kind);
    let compared = |before: Rate, after: Rate| {
        if before == after {
            return format!("{}, as before", price(after));
        }
        let percent = percent(before, after).map_or_else(String::new, |percent| format!(" ({percent})"));
        format!("{} -> {}{percent}", price(before), price(after))
    };
    match change {
        Change::Added { before: Some(before), .. } => format!("+ {name}: {}", compared(*before, row.rate)),
        Change::Added { before: None, .. } => format!("+ {name}: {}", price(row.rate)),
        Change::Removed { .. } => format!("- {name}: {}", price(row.rate)),
        Change::Changed { old, new } if old.rate == new.rate => {
            let end = |row: &Row| row.until.map_or_else(|| "open".to_owned(), time::shown);
            format!("~ {name}: ends {} -> {}", end(old), end(new))
        }
        Change::Changed { old, new } => format!("~ {name}: {}", compared(old.rate, new.rate)),
    }
}

/// All differences, one a line, under a heading that tells the unit.
pub(super) fn changes_text(changes: &[Change<'_>]) -> String {
    if changes.is_empty() {
        return "no price is different".to_owned();
    }
    let lines = changes.iter().map(change_line).collect::<Vec<_>>().join("\n");
    format!("dollars per million tokens, or per image\n{lines}")
}

#[cfg(test)]
mod tests {
    use nova_pricing::kind::Unit;

    use super::*;

    #[test]
    fn a_difference_is_told_in_percent_with_its_sign() {
        let rate = |price: &str| Rate::of(price.parse().unwrap(), Unit::MillionTokens).unwrap();
        assert_eq!(percent(rate("0.3"), rate("0.33")).as_deref(), Some("+10.0 %"));
        assert_eq!(percent(rate("0.33"), rate("0.3")).as_deref(), Some("-9.1 %"));
        assert_eq!(percent(rate("0"), rate("0.3")), None);
        assert_eq!(price(rate("0.33"), Kind::Input), "0.33");
        let image = Rate::of("0.04".parse().unwrap(), Unit::Image).unwrap();
        assert_eq!(price(image, Kind::InputImage), "0.04");
    }
}
