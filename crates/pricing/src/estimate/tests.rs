//! Traffic as units, and units as money.

use super::*;
use crate::time::instant;

fn traffic() -> Traffic {
    Traffic {
        name: "chat".to_owned(),
        model: "amazon.nova-lite-v1:0".to_owned(),
        requests_per_day: Bounds { low: 1_000, likely: 10_000, high: 30_000 },
        input_tokens: Bounds { low: 500, likely: 2_000, high: 4_000 },
        output_tokens: Bounds { low: 100, likely: 300, high: 800 },
        cache_read: 2_500,
        cache_write: 333,
    }
}

#[test]
fn a_profile_becomes_whole_units() {
    let usage = traffic().usage(30).unwrap().likely;
    // 30 days of 10,000 requests of 2,000 tokens are 600 million.
    assert_eq!(usage.units(Kind::CacheRead), 150_000_000);
    assert_eq!(usage.units(Kind::CacheWrite), 19_980_000);
    assert_eq!(usage.units(Kind::Input), 430_020_000);
    assert_eq!(usage.units(Kind::Output), 90_000_000);
}

#[test]
fn an_estimate_is_exact_for_its_traffic() {
    let prices = Prices::list(PriceBook::built_in().clone());
    let usage = traffic().usage(30).unwrap();
    let at = instant("2026-08-01").unwrap();
    let offer = |routing: &str, tier| Offer {
        routing: routing.parse().unwrap(),
        region: Some("us-east-1".to_owned()),
        tier,
    };
    let costs = estimate(&prices, "amazon.nova-lite-v1:0", &offer("us", Tier::Standard), &usage, at).unwrap();
    // 430.02 million at 0.06, 150 million at 0.015, 90 million at 0.24 dollars a million.
    assert_eq!(costs.likely.to_string(), "49.6512");
    assert!(costs.low < costs.likely && costs.likely < costs.high);
    let europe = Offer { region: None, ..offer("eu", Tier::Standard) };
    let costs = estimate(&prices, "amazon.nova-lite-v1:0", &europe, &usage, at).unwrap();
    // The same units at 0.078, 0.0195 and 0.312 dollars a million.
    assert_eq!(costs.likely.to_string(), "64.54656");
    // A batch job has no cache, so that a profile with one has no price there.
    let batch = estimate(&prices, "amazon.nova-lite-v1:0", &offer("us", Tier::Batch), &usage, at);
    assert!(matches!(batch, Err(CostError::Unpriced { missing, .. }) if missing.len() == 2));
}

#[test]
fn offers_are_those_of_the_region_and_of_any() {
    let at = instant("2026-08-01").unwrap();
    let shown = |region: &str| -> Vec<String> {
        offers(PriceBook::built_in(), "amazon.nova-micro-v1:0", region, at)
            .iter()
            .map(|offer| {
                format!("{} {} {}", offer.routing, offer.tier, offer.region.as_deref().unwrap_or("elsewhere"))
            })
            .collect()
    };
    assert_eq!(
        shown("us-east-1"),
        [
            "in-region standard us-east-1",
            "in-region batch us-east-1",
            "us standard us-east-1",
            "us batch us-east-1",
            "eu standard elsewhere",
            "apac standard elsewhere"
        ]
    );
    assert_eq!(
        shown("eu-west-1"),
        ["us standard elsewhere", "us batch elsewhere", "eu standard eu-west-1", "apac standard elsewhere"]
    );
    assert!(offers(PriceBook::built_in(), "amazon.nova-canvas-v1:0", "us-east-1", at).is_empty());
}

#[test]
fn what_does_not_fit_is_told() {
    let huge = Traffic { requests_per_day: Bounds::exactly(u64::MAX), ..traffic() };
    assert_eq!(huge.usage(30), None);
    assert_eq!(Traffic { cache_read: 6_000, cache_write: 6_000, ..traffic() }.usage(1), None);
}
