//! Which rule decides, and which rules are refused.

use rstest::rstest;

use super::*;
use crate::book::{PriceBook, PriceError};
use crate::model::{Geography, ModelRef};
use crate::prices::Prices;
use crate::time::instant;

fn discount(name: &str, percent: &str) -> Rule {
    Rule {
        name: name.to_owned(),
        precedence: 0,
        from: None,
        until: None,
        models: Vec::new(),
        regions: Vec::new(),
        routings: Vec::new(),
        tiers: Vec::new(),
        terms: Terms::Discount { percent: percent.parse().unwrap(), kinds: Vec::new() },
    }
}

fn agreed(name: &str, kind: Kind, dollars: &str) -> Rule {
    let rate = Rate::of(dollars.parse().unwrap(), Unit::MillionTokens).unwrap();
    let price = AgreedPrice { written: dollars.to_owned(), per: Unit::MillionTokens, rate };
    Rule { terms: Terms::Prices(BTreeMap::from([(kind, price)])), ..discount(name, "0") }
}

fn prices(rules: Vec<Rule>) -> Prices {
    let overlay = Overlay::new(rules).unwrap_or_else(|faults| panic!("{}", faults[0]));
    Prices { book: PriceBook::built_in().clone(), overlay }
}

/// What a million input tokens of Lite cost in Europe, and which rule decided.
fn of_lite(prices: &Prices, at: &str) -> (String, Option<String>) {
    let model: ModelRef = "eu.amazon.nova-lite-v1:0".parse().unwrap();
    let at = instant(at).unwrap();
    let query = Query { model: &model, region: "eu-west-1", tier: Tier::Standard, kind: Kind::Input, at };
    let found = prices.find(&query).unwrap();
    (found.rate.cost(1_000_000).unwrap().to_string(), found.rule.map(|rule| rule.name.clone()))
}

#[test]
fn without_a_rule_the_list_price_is_the_price() {
    assert_eq!(of_lite(&prices(vec![]), "2026-05-01"), ("0.078".to_owned(), None));
}

#[test]
fn the_rule_that_names_more_decides_alone() {
    let all = discount("all", "10");
    let model = Rule { models: vec!["amazon.nova-lite-v1:0".to_owned()], ..discount("lite", "20") };
    let region = Rule { regions: vec!["eu-west-1".to_owned()], ..model.clone() };
    let region = Rule { name: "lite-in-ireland".to_owned(), terms: discount("", "50").terms, ..region };
    let rules = vec![region.clone(), all.clone(), model.clone()];
    assert_eq!(
        of_lite(&prices(rules), "2026-05-01"),
        ("0.039".to_owned(), Some("lite-in-ireland".to_owned()))
    );
    assert_eq!(
        of_lite(&prices(vec![all, model]), "2026-05-01"),
        ("0.0624".to_owned(), Some("lite".to_owned()))
    );
}

#[test]
fn an_agreed_price_beats_a_special_discount_and_precedence_beats_both() {
    let special = Rule { routings: vec![Routing::Profile(Geography::Eu)], ..discount("eu", "50") };
    let price = agreed("contract", Kind::Input, "0.07");
    let both = prices(vec![special.clone(), price.clone()]);
    assert_eq!(of_lite(&both, "2026-05-01"), ("0.07".to_owned(), Some("contract".to_owned())));
    let stronger = prices(vec![Rule { precedence: 1, ..special }, price]);
    assert_eq!(of_lite(&stronger, "2026-05-01"), ("0.039".to_owned(), Some("eu".to_owned())));
}

#[test]
fn a_rule_holds_within_its_dates_alone() {
    let year = |name: &str, percent: &str, from: &str, until: &str| Rule {
        from: Some(instant(from).unwrap()),
        until: Some(instant(until).unwrap()),
        ..discount(name, percent)
    };
    let prices = prices(vec![
        year("2025", "10", "2025-01-01", "2026-01-01"),
        year("2026", "20", "2026-01-01", "2027-01-01"),
    ]);
    assert_eq!(of_lite(&prices, "2025-12-31T23:59:59Z").1.as_deref(), Some("2025"));
    assert_eq!(of_lite(&prices, "2026-01-01").1.as_deref(), Some("2026"));
    assert_eq!(of_lite(&prices, "2027-01-01").1, None);
}

#[rstest]
#[case(discount("a", "1"), discount("b", "2"))]
#[case(
    Rule { models: vec!["m".into()], ..discount("a", "1") },
    Rule { regions: vec!["r".into()], ..discount("b", "1") }
)]
#[case(agreed("a", Kind::Input, "1"), agreed("b", Kind::Input, "2"))]
fn rules_that_could_both_decide_are_refused(#[case] first: Rule, #[case] second: Rule) {
    let faults = Overlay::new(vec![first, second]).unwrap_err();
    assert_eq!(faults, [AmbiguityError { first: "a".to_owned(), second: "b".to_owned() }]);
}

#[rstest]
#[case(
    Rule { models: vec!["m".into()], ..discount("a", "1") },
    Rule { models: vec!["n".into()], ..discount("b", "1") }
)]
#[case(agreed("a", Kind::Input, "1"), agreed("b", Kind::Output, "2"))]
#[case(discount("a", "1"), Rule { precedence: 1, ..discount("b", "2") })]
#[case(Rule { tiers: vec![Tier::Flex], ..discount("a", "1") }, Rule { tiers: vec![Tier::Batch], ..discount("b", "2") })]
fn rules_that_cannot_meet_stand_beside_each_other(#[case] first: Rule, #[case] second: Rule) {
    assert!(Overlay::new(vec![first, second]).is_ok());
}

#[test]
fn an_agreed_price_needs_no_list_price_and_a_discount_does() {
    let model: ModelRef = "us.amazon.nova-next-v1:0".parse().unwrap();
    let at = instant("2026-05-01").unwrap();
    let query = Query { model: &model, region: "us-east-1", tier: Tier::Standard, kind: Kind::Input, at };
    let strong = Rule { precedence: 1, ..discount("all", "10") };
    let with_both = prices(vec![strong.clone(), agreed("next", Kind::Input, "0.5")]);
    let found = with_both.find(&query).unwrap();
    assert_eq!(found.rule.map(|rule| rule.name.as_str()), Some("next"));
    assert_eq!(found.explain(), "overlay next: 0.5 per 1M tokens, in place of no list price");
    assert!(matches!(prices(vec![strong]).find(&query), Err(PriceError::UnknownModel { .. })));
}

#[test]
fn a_price_tells_where_it_comes_from() {
    let model: ModelRef = "eu.amazon.nova-lite-v1:0".parse().unwrap();
    let at = instant("2026-05-01").unwrap();
    let query = Query { model: &model, region: "eu-west-1", tier: Tier::Standard, kind: Kind::Input, at };
    let prices = prices(vec![
        discount("edp", "9"),
        Rule { tiers: vec![Tier::Standard], ..discount("standard", "12.5") },
    ]);
    let found = prices.find(&query).unwrap();
    assert_eq!(
        found.explain(),
        "overlay standard: 12.5 % off, in place of the list price 0.000078 per 1K tokens (amazon.nova-lite-v1:0 eu input from 2024-12-03, source litellm)"
    );
    assert_eq!(found.weaker.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(), ["edp"]);
}
