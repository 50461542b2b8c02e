//! `nova-agent prices show`: the prices in force, a table for each model.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use anyhow::bail;
use jiff::Timestamp;
use nova_pricing::book::{PriceError, Query, Row, Scope};
use nova_pricing::kind::{Kind, Tier};
use nova_pricing::model::{ModelRef, Routing};
use nova_pricing::prices::{FoundPrice, Prices};
use nova_pricing::time;
use serde_json::{Value, json};

use super::super::output::{print, visible};
use super::super::table::{dash, table};
use super::ShowArgs;
use super::shown::{price, row_json};

/// The kinds that have a column of their own.
const COLUMNS: [Kind; 4] = [Kind::Input, Kind::Output, Kind::CacheRead, Kind::CacheWrite];

/// A row in force, and the price that such calls have.
struct Shown<'a> {
    row: &'a Row,
    calls: Calls,
    found: FoundPrice<'a>,
}

/// The calls that a line is about.
#[derive(Clone)]
struct Calls {
    model: ModelRef,
    region: String,
    tier: Tier,
    at: Timestamp,
}

impl Calls {
    fn price<'a>(&self, prices: &'a Prices, kind: Kind) -> Result<FoundPrice<'a>, PriceError> {
        prices.find(&Query { model: &self.model, region: &self.region, tier: self.tier, kind, at: self.at })
    }
}

pub(super) fn run(args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let prices = args.prices.load()?;
    let at = args.prices.at();
    let rows = rows(&prices, args, at)?;
    if rows.is_empty() {
        bail!("{}", nothing(&prices, args, at));
    }
    if args.json {
        let rows: Vec<Value> = rows.iter().map(json_of).collect();
        let book = &prices.book;
        let told = json!({
            "book": book.name(), "published": time::shown(book.published()), "at": at.to_string(), "prices": rows,
        });
        print(&told.to_string())?;
    } else {
        print(&visible(&text(&prices, &rows)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Why there is nothing to show.
fn nothing(prices: &Prices, args: &ShowArgs, at: Timestamp) -> String {
    let day = time::day(at);
    let model = wanted(args);
    let is_meant = |row: &&Row| model.as_ref().is_some_and(|model| row.model.contains(model.as_str()));
    let ended =
        prices.book.rows().filter(is_meant).filter_map(|row| row.until).filter(|until| *until <= at).max();
    match ended {
        Some(ended) => format!(
            "no such price is in force on {day}: the last one ended on {}; see it by --at",
            time::shown(ended)
        ),
        None => {
            let models = prices.book.models().collect::<Vec<_>>().join(", ");
            format!("no such price is in force on {day}: the book has {models}")
        }
    }
}

/// The model that is meant, or a part of its id. The id of a profile is taken for its model: all ways to it are shown.
fn wanted(args: &ShowArgs) -> Option<String> {
    let id = |text: &String| text.parse::<ModelRef>().map_or_else(|_| text.clone(), |model| model.id);
    args.model.as_ref().map(id)
}

fn rows<'a>(prices: &'a Prices, args: &ShowArgs, at: Timestamp) -> anyhow::Result<Vec<Shown<'a>>> {
    let model = wanted(args);
    let is_meant = |row: &&Row| {
        model.as_ref().is_none_or(|model| row.model.contains(model.as_str()))
            && match (&args.region, &row.place.region) {
                (Some(asked), Some(own)) => asked == own,
                _ => true,
            }
    };
    let mut shown = Vec::new();
    for row in prices.book.rows_at(at).filter(is_meant) {
        let routing = match row.place.scope {
            Scope::Only(routing) => routing,
            Scope::Regional => Routing::InRegion,
        };
        if args.region.as_ref().is_some_and(|region| !routing.is_called_from(region)) {
            continue;
        }
        let region = args.region.as_deref().or(row.place.region.as_deref()).unwrap_or_default();
        let calls = Calls {
            model: ModelRef { id: row.model.clone(), routing },
            region: region.to_owned(),
            tier: row.place.tier,
            at,
        };
        let found = calls.price(prices, row.place.kind)?;
        // A row that a more special one stands before is not the price of any call that is asked about.
        if args.region.is_none() || found.row.is_none_or(|found| found == row) {
            shown.push(Shown { row, calls, found });
        }
    }
    Ok(shown)
}

fn json_of(shown: &Shown<'_>) -> Value {
    let mut told = row_json(shown.row);
    told["dollars"] = json!(price(shown.found.rate, shown.row.place.kind));
    told["dollars_per"] = json!(if shown.row.place.kind.counts_images() { "image" } else { "1M tokens" });
    told["overlay"] = json!(shown.found.rule.map(|rule| &rule.name));
    told["effective_rate"] = json!(shown.found.rate);
    told["explanation"] = json!(shown.found.explain());
    told
}

fn text(prices: &Prices, rows: &[Shown<'_>]) -> String {
    let mut models: BTreeMap<&str, Vec<&Shown<'_>>> = BTreeMap::new();
    for shown in rows {
        models.entry(&shown.row.model).or_default().push(shown);
    }
    let mut parts: Vec<String> = models.iter().map(|(model, rows)| of_model(prices, model, rows)).collect();
    let rules: BTreeSet<&str> =
        rows.iter().filter_map(|shown| shown.found.rule).map(|rule| rule.name.as_str()).collect();
    if !rules.is_empty() {
        parts.push(format!("* negotiated: {}", rules.into_iter().collect::<Vec<_>>().join(", ")));
    }
    parts.join("\n\n")
}

/// The price, with a star where it was negotiated.
fn cell(found: &FoundPrice<'_>, kind: Kind) -> String {
    let star = if found.rule.is_some() { "*" } else { "" };
    format!("{}{star}", price(found.rate, kind))
}

fn of_model(prices: &Prices, model: &str, rows: &[&Shown<'_>]) -> String {
    // A line for all calls that have a price of input or output; what else they pay may be a more general row's.
    let mut tokens: BTreeMap<_, [String; 6]> = BTreeMap::new();
    let mut others = Vec::new();
    for Shown { row, calls, found } in rows {
        let place = &row.place;
        if matches!(place.kind, Kind::Input | Kind::Output) {
            let [input, output, read, write] = COLUMNS
                .map(|kind| dash(calls.price(prices, kind).ok().map(|found| cell(&found, kind)).as_deref()));
            let name = place.region.as_ref();
            let name =
                name.map_or_else(|| place.scope.to_string(), |region| format!("{} {region}", place.scope));
            let line = [name, place.tier.to_string(), input, output, read, write];
            tokens.insert((place.scope, &place.region, place.tier), line);
        } else if !COLUMNS.contains(&place.kind) {
            let per = if place.kind.counts_images() { "image" } else { "1M tokens" };
            others.push([place.calls(), place.kind.to_string(), cell(found, place.kind), per.to_owned()]);
        }
    }
    let mut text = model.to_owned();
    if !tokens.is_empty() {
        let header = ["CALLS", "TIER", "INPUT", "OUTPUT", "CACHE READ", "CACHE WRITE"];
        text =
            format!("{text}, dollars per million tokens\n{}", table(header, tokens.into_values().collect()));
    }
    if !others.is_empty() {
        text = format!("{text}\n{}", table(["CALLS", "KIND", "DOLLARS", "PER"], others));
    }
    text
}

#[cfg(test)]
mod tests {
    use nova_pricing::book::PriceBook;

    use super::*;

    fn shown(model: &str, region: Option<&str>) -> String {
        let prices = Prices::list(PriceBook::built_in().clone());
        let args = ShowArgs {
            model: Some(model.to_owned()),
            region: region.map(str::to_owned),
            prices: super::super::PriceArgs { book: None, overlays: Vec::new(), at: None },
            json: false,
        };
        let at = "2026-08-01T00:00:00Z".parse().unwrap();
        text(&prices, &rows(&prices, &args, at).unwrap())
    }

    #[test]
    fn a_table_fits_a_terminal() {
        let text = shown("nova", None);
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= 80, "{longest} columns:\n{text}");
    }

    #[test]
    fn prices_are_those_of_a_million_tokens() {
        assert_eq!(
            shown("nova-micro", Some("us-east-1")),
            "amazon.nova-micro-v1:0, dollars per million tokens
CALLS              TIER     INPUT  OUTPUT CACHE READ CACHE WRITE
regional us-east-1 standard 0.035  0.14   0.00875    0
regional us-east-1 batch    0.0175 0.07   -          -"
        );
        assert_eq!(
            shown("nova-micro", Some("eu-west-1")),
            "amazon.nova-micro-v1:0, dollars per million tokens
CALLS TIER     INPUT OUTPUT CACHE READ CACHE WRITE
eu    standard 0.046 0.184  0.0115     0"
        );
    }

    #[test]
    fn what_has_ended_is_told_with_its_date() {
        let prices = Prices::list(PriceBook::built_in().clone());
        let prices_args = super::super::PriceArgs { book: None, overlays: Vec::new(), at: None };
        let args =
            ShowArgs { model: Some("canvas".to_owned()), region: None, prices: prices_args, json: false };
        let told = nothing(&prices, &args, "2026-12-01T10:00:00Z".parse().unwrap());
        assert_eq!(
            told,
            "no such price is in force on 2026-12-01: the last one ended on 2026-09-30; see it by --at"
        );
    }

    #[test]
    fn images_are_priced_by_the_piece() {
        let text = shown("canvas", None);
        assert!(text.contains("regional us-east-1 image_standard_1024 0.04    image"), "{text}");
    }
}
