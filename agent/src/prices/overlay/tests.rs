//! Contracts that are laid over list prices, and what is wrong with those that cannot be.

use nova_pricing::book::{PriceBook, Query};
use nova_pricing::kind::Tier;
use nova_pricing::model::ModelRef;
use nova_pricing::prices::Prices;
use rstest::rstest;

use super::*;

fn read(text: &str) -> Result<Overlay, Faults> {
    of_layers(vec![Layer::file("contract.hcl", text)])
}

fn explained(text: &str, model: &str, kind: Kind) -> String {
    let overlay = read(text).unwrap_or_else(|faults| panic!("{faults}"));
    let prices = Prices { book: PriceBook::built_in().clone(), overlay };
    let model: ModelRef = model.parse().unwrap();
    let at = time::instant("2026-06-01").unwrap();
    let query = Query { model: &model, region: "us-east-1", tier: Tier::Standard, kind, at };
    prices.find(&query).unwrap().explain()
}

const CONTRACT: &str = r#"
overlay "edp" {
  from             = "2026-01-01"
  until            = "2027-01-01"
  discount_percent = "9"
}
overlay "pro-output" {
  models   = ["amazon.nova-pro-v1:0"]
  routings = ["us", "eu"]
  per      = "1M tokens"
  price    = { output = "2.75" }
}
"#;

#[test]
fn a_contract_is_laid_over_the_list_prices() {
    let input = explained(CONTRACT, "us.amazon.nova-pro-v1:0", Kind::Input);
    assert!(
        input.starts_with("overlay edp: 9 % off, in place of the list price 0.0008 per 1K tokens"),
        "{input}"
    );
    let output = explained(CONTRACT, "us.amazon.nova-pro-v1:0", Kind::Output);
    assert!(output.starts_with("overlay pro-output: 2.75 per 1M tokens, in place of"), "{output}");
    let elsewhere = explained(CONTRACT, "amazon.nova-pro-v1:0", Kind::Output);
    assert!(elsewhere.starts_with("overlay edp: 9 % off"), "{elsewhere}");
}

#[rstest]
#[case("overlays \"x\" { discount_percent = \"9\" }", 1, "unknown block \"overlays\"")]
#[case("overlay \"x\" {\n  discount = \"9\"\n}", 2, "unknown field \"discount\"")]
#[case("overlay \"x\" {\n  discount_percent = 9\n}", 2, "is a number")]
#[case("overlay \"x\" {\n  discount_percent = \"nine\"\n}", 2, "is not a decimal number")]
#[case("overlay \"x\" {\n  discount_percent = \"100.5\"\n}", 2, "out of range")]
#[case("overlay \"x\" {\n  discount_percent = \"0.1234567\"\n}", 2, "out of range")]
#[case(
    "overlay \"x\" {\n  discount_percent = \"9\"\n  per = \"image\"\n}",
    3,
    "stands beside discount_percent"
)]
#[case("overlay \"x\" {\n  from = \"soon\"\n  discount_percent = \"9\"\n}", 2, "is no date")]
#[case(
    "overlay \"x\" {\n  from = \"2026-02-01\"\n  until = \"2026-01-01\"\n  discount_percent = \"9\"\n}",
    3,
    "is not later than from"
)]
#[case(
    "overlay \"x\" {\n  models = [\"eu.amazon.nova-pro-v1:0\"]\n  discount_percent = \"9\"\n}",
    2,
    "is a profile"
)]
#[case("overlay \"x\" {\n  tiers = [\"cheap\"]\n  discount_percent = \"9\"\n}", 2, "is no service tier")]
#[case(
    "overlay \"x\" {\n  regions = [\"Frankfurt\"]\n  discount_percent = \"9\"\n}",
    2,
    "has the wrong form"
)]
#[case("overlay \"x\" {\n}", 1, "does nothing")]
#[case("overlay \"x\" {\n  price = { input = \"1\" }\n}", 2, "has no unit")]
#[case("overlay \"x\" {\n  per = \"image\"\n  price = { input = \"1\" }\n}", 3, "is not counted in image")]
#[case("overlay \"x\" {\n  per = \"1M tokens\"\n  price = { inputs = \"1\" }\n}", 3, "is no kind of usage")]
#[case(
    "overlay \"x\" {\n  per = \"1M tokens\"\n  discount_percent = \"1\"\n  price = { input = \"1\" }\n}",
    4,
    "stands beside"
)]
#[case(
    "overlay \"a\" {\n  discount_percent = \"9\"\n}\noverlay \"b\" {\n  discount_percent = \"8\"\n}",
    4,
    "may decide about the same call as overlay \"a\""
)]
fn a_fault_is_told_with_its_line(#[case] text: &str, #[case] line: usize, #[case] problem: &str) {
    let faults = read(text).unwrap_err();
    let fault = faults.as_slice().first().unwrap();
    assert!(fault.problem.contains(problem), "{faults}");
    assert_eq!((fault.file.as_str(), fault.line), ("contract.hcl", line), "{faults}");
}

#[test]
fn a_later_file_changes_a_rule_of_an_earlier_one() {
    let later = "overlay \"edp\" {\n  discount_percent = \"11\"\n}";
    let layers = vec![Layer::file("contract.hcl", CONTRACT), Layer::file("amendment.hcl", later)];
    let overlay = of_layers(layers).unwrap();
    let edp = overlay.rules().iter().find(|rule| rule.name == "edp").unwrap();
    assert!(matches!(&edp.terms, Terms::Discount { percent, .. } if percent.to_string() == "11"));
    assert!(edp.until.is_some());
}

#[test]
fn the_example_of_the_page_is_an_overlay() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/prices.md");
    let page = std::fs::read_to_string(page).unwrap();
    let example = page.split("```hcl\n").nth(1).unwrap().split("```").next().unwrap();
    let overlay = read(example).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(overlay.rules().len(), 3);
}
