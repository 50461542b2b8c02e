//! Books: what they answer, what is refused, and how one takes over another.

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::time::instant;

const SOURCE: &str = "[source.list]\nurl = \"https://example.com\"\nas_of = \"2026-01-01\"\n";

fn book(rows: &str) -> Result<PriceBook, BookError> {
    PriceBook::parse(&format!(
        "format = 1\nname = \"test\"\npublished = \"2026-01-01\"\ncurrency = \"USD\"\n{SOURCE}{rows}"
    ))
}

fn row(fields: &str) -> String {
    format!("[[row]]\nper = \"1K tokens\"\nsource = \"list\"\n{fields}\n")
}

fn found(
    book: &PriceBook,
    model: &str,
    region: &str,
    tier: Tier,
    kind: Kind,
    at: &str,
) -> Result<String, PriceError> {
    let model: ModelRef = model.parse().unwrap();
    let at = instant(at).unwrap();
    book.find(&Query { model: &model, region, tier, kind, at }).map(|row| row.written.clone())
}

fn input(book: &PriceBook, model: &str, region: &str, at: &str) -> Result<String, PriceError> {
    found(book, model, region, Tier::Standard, Kind::Input, at)
}

#[test]
fn the_built_in_book_is_sound_and_exact() {
    let book = PriceBook::parse(BUILT_IN).unwrap_or_else(|error| panic!("{error}"));
    assert!(book.rows().count() > 150, "{}", book.rows().count());
    for row in book.rows() {
        assert!(row.rate.is_whole(), "{} is no whole number of pico-dollars", row.name());
        assert!(row.from.is_some(), "{} has no beginning", row.name());
        assert!(row.model.starts_with("amazon."), "{}", row.name());
    }
    let used: std::collections::BTreeSet<&str> = book.rows().map(|row| row.source.as_str()).collect();
    let named: std::collections::BTreeSet<&str> = book.sources().keys().map(String::as_str).collect();
    assert_eq!(used, named);
}

#[test]
fn a_book_survives_its_own_text() {
    let book = PriceBook::built_in();
    let text = book.to_toml();
    let again = PriceBook::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(&again, book);
    assert_eq!(again.to_toml(), text);
}

#[test]
fn a_region_wins_over_any_and_the_very_way_over_a_regional_price() {
    let of = |scope: &str, region: &str, price: u32| {
        let region = if region.is_empty() { String::new() } else { format!("region = \"{region}\"\n") };
        row(&format!("model = \"m\"\nscope = \"{scope}\"\n{region}price = {{ input = \"{price}\" }}"))
    };
    let book = book(
        &[
            of("eu", "", 1),
            of("regional", "", 2),
            of("regional", "eu-west-1", 3),
            of("eu", "eu-west-2", 4),
            of("regional", "eu-west-2", 5),
            of("global", "", 6),
        ]
        .concat(),
    )
    .unwrap();
    for (model, region, price) in [
        ("eu.m", "eu-west-3", "1"),
        ("m", "eu-west-3", "2"),
        ("us.m", "us-east-1", "2"),
        ("eu.m", "eu-west-1", "3"),
        ("m", "eu-west-1", "3"),
        ("eu.m", "eu-west-2", "4"),
        ("m", "eu-west-2", "5"),
        ("global.m", "eu-west-2", "6"),
    ] {
        assert_eq!(input(&book, model, region, "2026-05-01"), Ok(price.to_owned()), "{model} {region}");
    }
}

#[test]
fn a_price_holds_from_its_date_until_the_next_or_its_end() {
    let of = |dates: &str, price: u32| {
        row(&format!("model = \"m\"\nscope = \"us\"\n{dates}\nprice = {{ input = \"{price}\" }}"))
    };
    let book = book(
        &[
            of("from = \"2026-03-01\"\nuntil = \"2026-04-01\"", 2),
            of("from = \"2026-01-01\"", 1),
            of("from = \"2026-05-01\"\nuntil = \"2026-06-01T12:00:00Z\"", 3),
        ]
        .concat(),
    )
    .unwrap();
    let at = |date| input(&book, "us.m", "us-east-1", date);
    assert_eq!(at("2026-01-01"), Ok("1".to_owned()));
    assert_eq!(at("2026-02-28T23:59:59.999Z"), Ok("1".to_owned()));
    assert_eq!(at("2026-03-01"), Ok("2".to_owned()));
    assert_eq!(at("2026-05-31"), Ok("3".to_owned()));
    assert!(matches!(at("2025-12-31"), Err(PriceError::NotYet { from, .. }) if from == "2026-01-01"));
    assert!(matches!(at("2026-04-15"), Err(PriceError::Ended { until, .. }) if until == "2026-04-01"));
    assert!(
        matches!(at("2026-06-02"), Err(PriceError::Ended { until, .. }) if until == "2026-06-01T12:00:00Z")
    );
}

#[test]
fn a_missing_price_tells_what_there_is() {
    let book = PriceBook::built_in();
    let at = "2026-08-01";
    let text = |error: Result<String, PriceError>| error.unwrap_err().to_string();
    assert_eq!(
        text(input(book, "us.amazon.nova-huge-v1:0", "us-east-1", at)),
        "the price book has no model amazon.nova-huge-v1:0: load a newer one, or give it a price of your own in an overlay"
    );
    assert_eq!(
        text(found(book, "us.amazon.nova-micro-v1:0", "us-east-1", Tier::Flex, Kind::Input, at)),
        "there is no price of input of us.amazon.nova-micro-v1:0 in us-east-1 at tier flex: the book has regional us-east-1, \
         regional us-east-1 batch, regional us-gov-west-1, us, us batch, eu, apac"
    );
    assert_eq!(
        text(found(book, "amazon.titan-embed-text-v2:0", "us-east-1", Tier::Standard, Kind::Output, at)),
        "there is no price of output of amazon.titan-embed-text-v2:0 in us-east-1 at tier standard: the book has prices of input alone for this model"
    );
    assert!(matches!(
        input(book, "us.amazon.nova-premier-v1:0", "us-east-1", "2026-09-14"),
        Err(PriceError::Ended { until, .. }) if until == "2026-09-14"
    ));
}

#[rstest]
#[case("2026-11-30", 90, false)]
#[case("2026-12-01", 91, true)]
#[case("2026-08-31", -1, false)]
fn a_book_is_stale_after_ninety_days(#[case] at: &str, #[case] days: i64, #[case] is_stale: bool) {
    assert_eq!(PriceBook::built_in().age(instant(at).unwrap()), Age { days, is_stale });
}

#[rstest]
#[case("model = \"m\"\nscope = \"us\"\nprice = { input = \"1e-3\" }", 13, "not a decimal number")]
#[case("model = \"m\"\nscope = \"us\"\nprice = { input = \"-1\" }", 13, "not below zero")]
#[case("model = \"m\"\nscope = \"us\"\nprice = { inputs = \"1\" }", 13, "no kind of usage")]
#[case("model = \"m\"\nscope = \"us\"\nprice = { input_image = \"1\" }", 13, "images are per")]
#[case("model = \"m\"\nscope = \"us\"\nprice = { }", 8, "prices nothing")]
#[case("model = \"m\"\nscope = \"usa\"\nprice = { input = \"1\" }", 8, "no routing")]
#[case("model = \"m\"\nscope = \"us\"\ntier = \"cheap\"\nprice = { input = \"1\" }", 8, "no service tier")]
#[case("model = \"m\"\nscope = \"us\"\nfrom = \"soon\"\nprice = { input = \"1\" }", 8, "no date")]
#[case(
    "model = \"m\"\nscope = \"us\"\nfrom = \"2026-02-01\"\nuntil = \"2026-01-01\"\nprice = { input = \"1\" }",
    8,
    "ends before it begins"
)]
#[case("model = \"m\"\nscope = [\"us\", \"us\"]\nprice = { input = \"1\" }", 8, "overlaps")]
fn a_fault_of_a_row_is_told_at_its_line(#[case] fields: &str, #[case] line: usize, #[case] problem: &str) {
    let BookError(faults) = book(&row(fields)).unwrap_err();
    let fault = faults.first().unwrap();
    assert!(fault.problem.contains(problem), "{}", fault.problem);
    assert_eq!(fault.line, line, "{}", fault.problem);
}

#[test]
fn every_fault_of_a_book_is_told() {
    let text = "format = 2\nname = \"t\"\npublished = \"never\"\ncurrency = \"EUR\"\n[[row]]\nmodel = \"m\"\nscope = \"us\"\nper = \"1K tokens\"\nsource = \"nowhere\"\nprice = { input = \"x\" }\n";
    let lines: Vec<usize> = PriceBook::parse(text).unwrap_err().0.iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [1, 3, 4, 5, 10]);
    let unknown = PriceBook::parse("format = 1\ncolor = \"red\"\n").unwrap_err();
    assert_eq!(unknown.0[0].line, 2);
    assert!(unknown.to_string().contains("unknown field `color`"), "{unknown}");
}

#[test]
fn an_end_within_another_rows_time_overlaps() {
    let of =
        |dates: &str| row(&format!("model = \"m\"\nscope = \"us\"\n{dates}\nprice = {{ input = \"1\" }}"));
    let twice = of("from = \"2026-01-01\"\nuntil = \"2026-03-01\"") + &of("from = \"2026-02-01\"");
    assert!(book(&twice).unwrap_err().to_string().contains("overlaps"));
    assert!(book(&(of("") + &of("until = \"2026-01-01\""))).is_err());
    assert!(book(&(of("until = \"2026-01-01\"") + &of("from = \"2026-01-01\""))).is_ok());
}

#[test]
fn a_newer_book_is_taken_over_and_history_stays() {
    let of = |price: &str| {
        row(&format!("model = \"m\"\nscope = \"us\"\nfrom = \"2026-01-01\"\nprice = {{ {price} }}"))
    };
    let old = book(&of("input = \"1\", output = \"4\"")).unwrap();
    let newer = |rows: &str| {
        PriceBook::parse(&format!(
            "format = 1\nname = \"new\"\npublished = \"2026-06-15\"\ncurrency = \"USD\"\n{SOURCE}{rows}"
        ))
        .unwrap()
    };
    let new = newer(&row(
        "model = \"m\"\nscope = \"us\"\nfrom = \"2026-06-01\"\nprice = { input = \"2\", output = \"4\" }",
    ));
    let updated = old.updated(&new);
    assert_eq!(input(&updated, "us.m", "r", "2026-05-31"), Ok("1".to_owned()));
    assert_eq!(input(&updated, "us.m", "r", "2026-06-01"), Ok("2".to_owned()));
    assert_eq!(updated.published(), new.published());
    // The price of output is the same, so that its row is the old one.
    let changes = diff(&old, &updated);
    let [change @ Change::Added { row: added, before: Some(before) }] = changes.as_slice() else {
        panic!("{changes:?}")
    };
    assert_eq!(added.place.kind, Kind::Input);
    assert_eq!(change.rates(), (Some(*before), Some(added.rate)));
    assert_eq!(before.per_mille_to(added.rate), Some(1000));
    // Taken over twice it is what it was.
    assert_eq!(updated.updated(&new), updated);
    // What was told of the same date before is corrected, and not kept beside it.
    let corrected = updated.updated(&newer(&row(
        "model = \"m\"\nscope = \"us\"\nfrom = \"2026-06-01\"\nprice = { input = \"3\" }",
    )));
    assert_eq!(input(&corrected, "us.m", "r", "2026-06-01"), Ok("3".to_owned()));
    assert_eq!(input(&corrected, "us.m", "r", "2026-05-31"), Ok("1".to_owned()));
    assert_eq!(corrected.rows().count(), 3);
}

#[test]
fn a_book_differs_from_itself_in_nothing() {
    let book = PriceBook::built_in();
    assert_eq!(diff(book, book), []);
    let empty = PriceBook::empty("empty", book.published());
    assert_eq!(diff(&empty, book).len(), book.rows().count());
    assert!(diff(book, &empty).iter().all(|change| matches!(change, Change::Removed { .. })));
}

/// A book with prices of one place, from and until the first of months of 2026; those that would overlap are left out.
fn book_of(published: u32, rows: &[(Option<u32>, Option<u32>, u32)]) -> PriceBook {
    let first = |month: u32| instant(&format!("2026-{month:02}-01")).unwrap();
    let mut book = PriceBook::empty("generated", first(published));
    let source = Source { url: "https://example.com".to_owned(), as_of: first(1), through: None };
    book.add_source("list", source);
    for (from, until, price) in rows {
        let (from, until) = (from.map(first), until.map(first));
        if matches!((from, until), (Some(from), Some(until)) if until <= from) {
            continue;
        }
        let place = Place { scope: Scope::Regional, region: None, tier: Tier::Standard, kind: Kind::Input };
        let (written, per) = (price.to_string(), Unit::MillionTokens);
        let row = Row {
            model: "m".to_owned(),
            place,
            from,
            until,
            rate: Rate::of(written.parse().unwrap(), per).unwrap(),
            written,
            per,
            source: "list".to_owned(),
            note: None,
        };
        // What overlaps is refused, which is what is wanted here.
        drop(book.add(row));
    }
    book
}

fn generated() -> impl Strategy<Value = PriceBook> {
    let month = || proptest::option::of(1u32..=12);
    let row = (month(), month(), 1u32..4);
    (1u32..=12, proptest::collection::vec(row, 0..5)).prop_map(|(published, rows)| book_of(published, &rows))
}

proptest! {
    #[test]
    fn a_book_that_has_taken_over_another_is_sound_and_takes_it_over_once(
        own in generated(), newer in generated(), month in 1u32..=12
    ) {
        let updated = own.updated(&newer);
        let again = PriceBook::parse(&updated.to_toml());
        prop_assert!(again.is_ok(), "{:?}", again);
        prop_assert_eq!(again.unwrap(), updated.clone());
        prop_assert_eq!(updated.updated(&newer), updated.clone());
        // Before the first price of the newer one, everything costs what it did.
        let at = format!("2026-{month:02}-01");
        let begins = newer.rows().map(|row| row.from).min().unwrap_or(Some(Timestamp::MAX));
        if begins.is_some_and(|begins| instant(&at).unwrap() < begins) {
            prop_assert_eq!(input(&updated, "us.m", "r", &at).ok(), input(&own, "us.m", "r", &at).ok());
        }
    }
}

proptest! {
    #[test]
    fn a_book_with_changed_bytes_is_read_or_refused_with_a_line(
        at in 0usize..9000, bytes in proptest::collection::vec(any::<u8>(), 0..4)
    ) {
        let mut text = BUILT_IN.as_bytes().to_vec();
        text.splice(at..at + bytes.len(), bytes);
        let text = String::from_utf8_lossy(&text);
        if let Err(BookError(faults)) = PriceBook::parse(&text) {
            let lines = text.lines().count();
            prop_assert!(faults.iter().all(|fault| (1..=lines + 1).contains(&fault.line)), "{faults:?}");
        }
    }
}
