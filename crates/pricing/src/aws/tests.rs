//! The fixture has the shape of an offer file and rows of that of us-east-1, version 20260901205051, as public readers quote them; SKUs
//! that none of them tells are written FIXTURE….

use std::fmt::Write as _;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::book::{Change, Query, Scope, diff};
use crate::kind::{Kind, Tier};
use crate::model::{Geography, ModelRef, Routing};

const FIXTURE: &str = include_str!("../../fixtures/price-list-us-east-1.json");

fn fixture() -> Value {
    serde_json::from_str(FIXTURE).unwrap()
}

fn read_value(file: &Value) -> Result<AwsPrices, AwsError> {
    read(file.to_string().as_bytes())
}

#[test]
fn prices_of_our_models_become_a_book() {
    let prices = read(FIXTURE.as_bytes()).unwrap();
    assert_eq!(prices.book.published(), "2026-09-01T20:50:51Z".parse().unwrap());
    assert_eq!(prices.not_understood, Vec::<String>::new());
    let left_out = [(LeftOut::OtherModels, 2), (LeftOut::Customized, 1), (LeftOut::Reserved, 1)];
    assert_eq!(prices.left_out, BTreeMap::from(left_out));
    let mut shown = String::new();
    for row in prices.book.rows() {
        writeln!(shown, "{}: {} per {}", row.name(), row.written, row.per).unwrap();
    }
    assert_eq!(
        shown,
        "amazon.nova-2-lite-v1:0 regional us-east-1 input from 2026-09-01: 0.00033 per 1K tokens
amazon.nova-2-lite-v1:0 regional us-east-1 output from 2026-09-01: 0.00275 per 1K tokens
amazon.nova-2-lite-v1:0 regional us-east-1 flex input from 2026-09-01: 0.000165 per 1K tokens
amazon.nova-2-lite-v1:0 global us-east-1 input from 2026-09-01: 0.0003 per 1K tokens
amazon.nova-2-lite-v1:0 global us-east-1 output from 2026-09-01: 0.0025 per 1K tokens
amazon.nova-canvas-v1:0 regional us-east-1 image_standard_1024 from 2026-09-01: 0.04 per image
amazon.nova-lite-v1:0 regional us-east-1 input from 2026-09-01: 0.00006 per 1K tokens
amazon.nova-lite-v1:0 regional us-east-1 output from 2026-09-01: 0.00024 per 1K tokens
amazon.nova-lite-v1:0 regional us-east-1 cache_read from 2026-09-01: 0.000015 per 1K tokens
amazon.nova-lite-v1:0 regional us-east-1 cache_write from 2026-09-01: 0 per 1K tokens
amazon.nova-lite-v1:0 regional us-east-1 batch input from 2026-09-01: 0.00003 per 1K tokens
amazon.titan-embed-text-v2:0 regional us-east-1 input from 2026-09-01: 0.00002 per 1K tokens
"
    );
}

#[test]
fn a_profile_of_a_geography_is_billed_at_the_price_of_its_region() {
    let book = read(FIXTURE.as_bytes()).unwrap().book;
    for (routing, price) in [
        (Routing::Profile(Geography::Us), "0.00033"),
        (Routing::InRegion, "0.00033"),
        (Routing::Profile(Geography::Global), "0.0003"),
    ] {
        let model = ModelRef { id: "amazon.nova-2-lite-v1:0".to_owned(), routing };
        let at = "2026-10-01T00:00:00Z".parse().unwrap();
        let query = Query { model: &model, region: "us-east-1", tier: Tier::Standard, kind: Kind::Input, at };
        assert_eq!(book.find(&query).unwrap().written, price, "{routing}");
    }
}

#[test]
fn the_built_in_book_agrees_with_the_price_list() {
    let list = read(FIXTURE.as_bytes()).unwrap().book;
    let own = PriceBook::built_in();
    let updated = own.updated(&list);
    let changes = diff(own, &updated);
    // Five prices of 2 Lite that the book has by profile, and the cache writes of Lite that it has for all regions.
    assert_eq!(changes.len(), 6);
    for change in changes {
        let Change::Added { row, before } = change else { panic!("{change:?}") };
        assert_eq!(before, Some(row.rate), "{}", row.name());
    }
    assert_eq!(PriceBook::parse(&updated.to_toml()).unwrap(), updated);
}

#[test]
fn a_new_price_is_told_with_the_old_one() {
    let mut file = fixture();
    let term = &mut file["terms"]["OnDemand"]["FIXTURE000000002"]["FIXTURE000000002.JRTCKXETXF"];
    term["priceDimensions"]["FIXTURE000000002.JRTCKXETXF.6YS6EN2CT7"]["pricePerUnit"]["USD"] =
        json!("0.000045");
    let list = read_value(&file).unwrap().book;
    let updated = PriceBook::built_in().updated(&list);
    let changes = diff(PriceBook::built_in(), &updated);
    let cheaper: Vec<_> = changes
        .iter()
        .filter_map(|change| match change.rates() {
            (Some(old), Some(new)) if old != new => Some((change.row().name(), old.per_mille_to(new))),
            _ => None,
        })
        .collect();
    let name = "amazon.nova-lite-v1:0 regional us-east-1 input from 2026-09-01".to_owned();
    assert_eq!(cheaper, [(name, Some(-250))]);
}

#[test]
fn the_order_of_the_file_does_not_matter() {
    let file = fixture();
    let swapped = format!(
        "{{\"terms\": {}, \"attributesList\": {{}}, \"products\": {}, \"version\": \"1\", \"publicationDate\": {}, \"offerCode\": \"AmazonBedrock\"}}",
        file["terms"], file["products"], file["publicationDate"]
    );
    let read = read(swapped.as_bytes()).unwrap();
    assert_eq!(read.book.rows().count(), 12);
}

#[test]
fn a_product_that_is_not_understood_is_told() {
    let mut file = fixture();
    file["products"]["FIXTURE000000002"]["attributes"]["usagetype"] = json!("USE1-NovaLite-thinking-tokens");
    assert_eq!(read_value(&file).unwrap().not_understood, ["USE1-NovaLite-thinking-tokens"]);
}

#[rstest]
#[case("unit", json!("1B tokens"), "\"1B tokens\" is no known unit")]
#[case("unit", json!("image"), "input is not counted in image")]
#[case("pricePerUnit", json!({"CNY": "1"}), "it has no price in USD")]
#[case("pricePerUnit", json!({"USD": "6e-5"}), "is not a decimal number")]
fn a_price_that_is_not_to_be_understood_is_refused(
    #[case] field: &str,
    #[case] value: Value,
    #[case] problem: &str,
) {
    let mut file = fixture();
    let term = &mut file["terms"]["OnDemand"]["FIXTURE000000002"]["FIXTURE000000002.JRTCKXETXF"];
    term["priceDimensions"]["FIXTURE000000002.JRTCKXETXF.6YS6EN2CT7"][field] = value;
    let error = read_value(&file).unwrap_err().to_string();
    assert!(error.contains(problem), "{error}");
    assert!(error.starts_with("USE1-NovaLite-input-tokens (SKU FIXTURE000000002): "), "{error}");
}

#[test]
fn a_graduated_price_and_a_product_without_a_term_are_refused() {
    let mut file = fixture();
    let dimensions = "FIXTURE000000002.JRTCKXETXF";
    let second = json!({"unit": "1K tokens", "pricePerUnit": {"USD": "0.00001"}});
    file["terms"]["OnDemand"]["FIXTURE000000002"][dimensions]["priceDimensions"]["second"] = second;
    assert!(read_value(&file).unwrap_err().to_string().contains("it has 2 prices"));
    file["terms"]["OnDemand"].as_object_mut().unwrap().remove("FIXTURE000000002");
    assert!(read_value(&file).unwrap_err().to_string().contains("no on-demand term"));
}

#[rstest]
#[case("{")]
#[case("[]")]
#[case("{\"products\": {}}")]
#[case("{\"offerCode\": \"AmazonBedrock\", \"publicationDate\": \"soon\", \"products\": {}, \"terms\": {}}")]
fn what_is_no_price_list_is_refused(#[case] text: &str) {
    assert!(matches!(read(text.as_bytes()), Err(AwsError::Form(_))), "{text}");
}

#[test]
fn the_list_of_another_service_and_one_without_our_models_are_refused() {
    let mut file = fixture();
    file["offerCode"] = json!("AmazonEC2");
    assert!(matches!(read_value(&file), Err(AwsError::Offer(code)) if code == "AmazonEC2"));
    file["offerCode"] = json!("AmazonBedrock");
    file["products"] = json!({});
    assert!(matches!(read_value(&file), Err(AwsError::Empty)));
}

#[test]
fn global_calls_are_never_priced_by_a_regional_row() {
    let book = read(FIXTURE.as_bytes()).unwrap().book;
    let mut of_lite = book.rows().filter(|row| row.model == "amazon.nova-lite-v1:0");
    assert!(of_lite.all(|row| row.place.scope == Scope::Regional));
    let model: ModelRef = "global.amazon.nova-lite-v1:0".parse().unwrap();
    let at = "2026-10-01T00:00:00Z".parse().unwrap();
    let query = Query { model: &model, region: "us-east-1", tier: Tier::Standard, kind: Kind::Input, at };
    assert!(book.find(&query).is_err());
}

#[test]
fn a_file_that_was_cut_is_refused_wherever_it_was_cut() {
    let whole = FIXTURE.trim_end();
    for end in (0..whole.len()).step_by(53) {
        let cut = &whole.as_bytes()[..end];
        assert!(matches!(read(cut), Err(AwsError::Form(_))), "cut at byte {end}");
    }
}
