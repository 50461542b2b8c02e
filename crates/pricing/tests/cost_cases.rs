//! Costs of cases that were priced by hand, held against an oracle that shares nothing with the crate.
//!
//! A case names the prices that somebody looked up, so that book, overlay and arithmetic are judged together.

#![cfg(test)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nova_pricing::book::PriceBook;
use nova_pricing::cost::Call;
use nova_pricing::kind::{Kind, Tier, Unit};
use nova_pricing::model::ModelRef;
use nova_pricing::overlay::{AgreedPrice, Overlay, Rule, Terms};
use nova_pricing::prices::Prices;
use nova_pricing::rate::Rate;
use nova_pricing::time;
use nova_pricing::usage::Usage;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    model: String,
    region: String,
    tier: Tier,
    at: String,
    usage: BTreeMap<Kind, u64>,
    prices: BTreeMap<Kind, LookedUp>,
    #[serde(default)]
    percent_off: BTreeMap<Kind, String>,
    #[serde(default)]
    rules: Vec<CaseRule>,
}

#[derive(Deserialize)]
struct LookedUp {
    dollars: String,
    per: u64,
}

#[derive(Deserialize)]
struct CaseRule {
    name: String,
    from: Option<String>,
    #[serde(default)]
    models: Vec<String>,
    percent: Option<String>,
    #[serde(default)]
    prices: BTreeMap<Kind, Agreed>,
}

#[derive(Deserialize)]
struct Agreed {
    dollars: String,
    per: Unit,
}

#[derive(Deserialize)]
struct Expected {
    name: String,
    lines: BTreeMap<Kind, String>,
    total: String,
    micro_dollars: String,
    cents: String,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cost_cases")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

fn cases() -> Vec<Case> {
    serde_json::from_str(&read("cases.json")).unwrap()
}

fn rule(case: CaseRule) -> Rule {
    let agreed = |price: Agreed| AgreedPrice {
        rate: Rate::of(price.dollars.parse().unwrap(), price.per).unwrap(),
        written: price.dollars,
        per: price.per,
    };
    let terms = match case.percent {
        Some(percent) => Terms::Discount { percent: percent.parse().unwrap(), kinds: Vec::new() },
        None => Terms::Prices(case.prices.into_iter().map(|(kind, price)| (kind, agreed(price))).collect()),
    };
    Rule {
        name: case.name,
        precedence: 0,
        from: case.from.map(|from| time::instant(&from).unwrap()),
        until: None,
        models: case.models,
        regions: Vec::new(),
        routings: Vec::new(),
        tiers: Vec::new(),
        terms,
    }
}

#[test]
fn every_case_costs_what_the_oracle_says() {
    let expected: Vec<Expected> = serde_json::from_str(&read("expected.json")).unwrap();
    let cases = cases();
    assert!(cases.len() >= 30, "only {} cases", cases.len());
    assert_eq!(cases.len(), expected.len());
    for (case, expected) in cases.into_iter().zip(expected) {
        let name = case.name;
        assert_eq!(name, expected.name);
        let overlay = Overlay::new(case.rules.into_iter().map(rule).collect()).unwrap();
        let prices = Prices { book: PriceBook::built_in().clone(), overlay };
        let model: ModelRef = case.model.parse().unwrap();
        let call = Call {
            model: &model,
            region: &case.region,
            tier: case.tier,
            at: time::instant(&case.at).unwrap(),
        };
        let usage = case.usage.iter().fold(Usage::new(), |usage, (kind, units)| usage.with(*kind, *units));
        let cost = prices.cost(&call, &usage).unwrap_or_else(|error| panic!("{name}: {error}"));
        let lines: BTreeMap<Kind, String> =
            cost.lines.iter().map(|line| (line.kind, line.cost.to_string())).collect();
        assert_eq!(lines, expected.lines, "{name}");
        assert_eq!(cost.total.to_string(), expected.total, "{name}");
        assert_eq!(cost.total.micro_dollars().to_string(), expected.micro_dollars, "{name}");
        assert_eq!(cost.total.cents().to_string(), expected.cents, "{name}");
        for line in &cost.lines {
            // The oracle's prices were looked up by hand: the one that was found has to be that one.
            let LookedUp { dollars, per } = &case.prices[&line.kind];
            let off = case.percent_off.get(&line.kind).map_or("0", String::as_str);
            let unit = match (*per, line.kind.counts_images()) {
                (1, true) => Unit::Image,
                (1, false) => Unit::Token,
                (1000, _) => Unit::ThousandTokens,
                _ => Unit::MillionTokens,
            };
            let looked_up = Rate::of(dollars.parse().unwrap(), unit).unwrap();
            let looked_up = looked_up.discounted(off.parse().unwrap()).unwrap();
            assert_eq!(line.price.rate, looked_up, "{name}: {}", line.price.explain());
        }
    }
}

#[test]
fn the_committed_values_are_those_of_the_oracle() {
    let mut python = Command::new("python3")
        .arg(folder().join("oracle.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3, which tests/run requires");
    python.stdin.take().unwrap().write_all(read("cases.json").as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(
        String::from_utf8(output.stdout).unwrap() == read("expected.json"),
        "tests/cost_cases/expected.json is not what oracle.py makes of cases.json: run it as its head says"
    );
}
