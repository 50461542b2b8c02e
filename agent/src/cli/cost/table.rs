//! Estimates as text and as JSON, with the sum of all where every one of them has a cost.

use std::collections::BTreeMap;

use nova_pricing::estimate::Bounds;
use nova_pricing::kind::Tier;
use nova_pricing::model::Routing;
use nova_pricing::money::PicoDollars;
use serde_json::{Value, json};

use super::super::table::table;
use super::estimate::Estimated;

/// The sums by way and tier, of those that all have a cost for.
fn totals(list: &[Estimated]) -> BTreeMap<(Routing, Tier), Bounds<PicoDollars>> {
    let mut sums: BTreeMap<(Routing, Tier), (usize, Bounds<PicoDollars>)> = BTreeMap::new();
    for (offer, cost) in list.iter().flat_map(|estimated| &estimated.offers) {
        let Ok(cost) = cost else { continue };
        let (count, sum) = sums.entry((offer.routing, offer.tier)).or_default();
        *count += 1;
        sum.low = [sum.low, cost.low].into_iter().sum();
        sum.likely = [sum.likely, cost.likely].into_iter().sum();
        sum.high = [sum.high, cost.high].into_iter().sum();
    }
    sums.into_iter()
        .filter(|(_, (count, _))| *count == list.len())
        .map(|(offer, (_, sum))| (offer, sum))
        .collect()
}

fn line(routing: Routing, tier: Tier, mark: &str, costs: &Bounds<PicoDollars>) -> [String; 6] {
    let cents = |dollars: PicoDollars| dollars.cents().to_string();
    [
        routing.to_string(),
        tier.to_string(),
        cents(costs.low),
        cents(costs.likely),
        cents(costs.high),
        mark.to_owned(),
    ]
}

/// A table for each, and one of the sums. Offers without a price of a part of the traffic are told below it.
pub(super) fn text(list: &[Estimated], days: u32) -> String {
    let header = ["CALLS", "TIER", "LOW", "LIKELY", "HIGH", ""];
    let mut parts = Vec::new();
    for estimated in list {
        let mut rows = Vec::new();
        let mut without = Vec::new();
        for (offer, cost) in &estimated.offers {
            let mark = if estimated.served_by.as_ref() == Some(offer) { "as called" } else { "" };
            match cost {
                Ok(costs) => rows.push(line(offer.routing, offer.tier, mark, costs)),
                Err(reason) => without.push(format!("{} {}: {reason}", offer.routing, offer.tier)),
            }
        }
        let title = if estimated.name.contains(&estimated.model) {
            estimated.name.clone()
        } else {
            format!("{}: {}", estimated.name, estimated.model)
        };
        let mut part = format!("{title}, dollars in {days} days");
        if !rows.is_empty() {
            part = format!("{part}\n{}", table(header, rows));
        }
        if !without.is_empty() {
            part = format!("{part}\n{}", without.join("\n"));
        }
        parts.push(part);
    }
    let totals = totals(list);
    if list.len() > 1 && !totals.is_empty() {
        let rows = totals.iter().map(|((routing, tier), costs)| line(*routing, *tier, "", costs)).collect();
        parts.push(format!("all of it, dollars in {days} days\n{}", table(header, rows)));
    }
    parts.join("\n\n")
}

fn costs_json(costs: &Bounds<PicoDollars>) -> Value {
    json!({ "low": costs.low, "likely": costs.likely, "high": costs.high })
}

/// One estimate, with exact amounts in dollars.
pub(super) fn json_of(estimated: &Estimated) -> Value {
    let offers = estimated.offers.iter().map(|(offer, cost)| {
        json!({
            "routing": offer.routing, "region": offer.region, "tier": offer.tier,
            "dollars": cost.as_ref().ok().map(costs_json), "error": cost.as_ref().err(),
            "as_called": estimated.served_by.as_ref() == Some(offer),
        })
    });
    json!({ "name": estimated.name, "model": estimated.model, "offers": offers.collect::<Vec<_>>() })
}

/// The sums.
pub(super) fn totals_json(list: &[Estimated]) -> Value {
    let totals = totals(list).into_iter().map(
        |((routing, tier), costs)| json!({ "routing": routing, "tier": tier, "dollars": costs_json(&costs) }),
    );
    totals.collect()
}

#[cfg(test)]
mod tests {
    use nova_pricing::estimate::Offer;

    use super::*;

    fn estimated(name: &str, offers: &[(&str, Tier, Option<&str>)]) -> Estimated {
        let offers = offers.iter().map(|(routing, tier, cost)| {
            let offer = Offer {
                routing: routing.parse().unwrap(),
                region: Some("us-east-1".to_owned()),
                tier: *tier,
            };
            let costs = cost.map(|cost| Bounds::exactly(cost.parse().unwrap()));
            (offer, costs.ok_or_else(|| "no price of cache_read".to_owned()))
        });
        Estimated {
            name: name.to_owned(),
            model: "amazon.nova-lite-v1:0".to_owned(),
            offers: offers.collect(),
            served_by: None,
        }
    }

    #[test]
    fn sums_are_of_what_all_have_a_cost_for() {
        let list = [
            estimated("chat", &[("us", Tier::Standard, Some("10.005")), ("us", Tier::Batch, None)]),
            estimated("search", &[("us", Tier::Standard, Some("0.01")), ("us", Tier::Batch, Some("0.005"))]),
        ];
        let text = text(&list, 30);
        assert_eq!(
            text,
            "chat: amazon.nova-lite-v1:0, dollars in 30 days
CALLS TIER     LOW   LIKELY HIGH
us    standard 10.00 10.00  10.00
us batch: no price of cache_read

search: amazon.nova-lite-v1:0, dollars in 30 days
CALLS TIER     LOW  LIKELY HIGH
us    standard 0.01 0.01   0.01
us    batch    0.00 0.00   0.00

all of it, dollars in 30 days
CALLS TIER     LOW   LIKELY HIGH
us    standard 10.02 10.02  10.02"
        );
        assert_eq!(totals_json(&list)[0]["dollars"]["likely"], "10.015");
    }
}
