//! Estimates from the log of a proxy: the mean of its time, and its quietest and busiest whole day.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use jiff::civil::Date;
use nova_pricing::cost::Call;
use nova_pricing::estimate::{Bounds, Offer};
use nova_pricing::kind::Tier;
use nova_pricing::model::ModelRef;
use nova_pricing::money::PicoDollars;
use nova_pricing::prices::Prices;
use nova_pricing::usage::Usage;

use super::EstimateArgs;
use super::estimate::{Estimated, Estimates, reason, wanted};
use crate::prices::access_log::{self, AccessLog, Called};

/// Seconds of a day, which is what a mean is taken to.
const DAY_SECONDS: u64 = 86_400;

pub(super) fn estimate(
    prices: &Prices,
    args: &EstimateArgs,
    file: &Path,
    at: Timestamp,
) -> anyhow::Result<Estimates> {
    let shown = file.display();
    let log = if file == Path::new("-") {
        access_log::read(std::io::stdin().lock())?
    } else {
        let opened = File::open(file).with_context(|| format!("{shown} cannot be read"))?;
        access_log::read(BufReader::new(opened)).with_context(|| format!("{shown} cannot be used"))?
    };
    ensure!(log.requests > 0, "{shown} has no request in it: give the log of a proxy in the format json");
    ensure!(log.seconds() > 0, "{shown} covers no time: a rate needs two requests at least a second apart");
    let notes = notes(&log);
    let mut list = Vec::new();
    for (called, days) in &log.usage {
        list.push(of_model(prices, args, &log, (called, days), at)?);
    }
    Ok(Estimates { list, notes })
}

/// What the log leaves open.
fn notes(log: &AccessLog) -> Vec<String> {
    let whole_days = log.whole_days().len();
    let mut notes = vec![format!(
        "{} requests within {} seconds; low and high are {}",
        log.requests,
        log.seconds(),
        match whole_days {
            0 => "as likely: the log has no whole day of UTC".to_owned(),
            count => format!("the quietest and the busiest of its {count} whole days of UTC"),
        }
    )];
    let counted = [
        (log.unreported_calls, "calls may have been billed and told no usage: they are not in these figures"),
        (log.images, "images are not in these figures: the log tells neither their size nor their quality"),
        (log.unknown, "requests are not in these figures: their model or region is not told"),
        (log.other_lines, "lines are no requests"),
    ];
    notes.extend(
        counted.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")),
    );
    notes
}

fn of_model(
    prices: &Prices,
    args: &EstimateArgs,
    log: &AccessLog,
    (called, days): (&Called, &BTreeMap<Date, Usage>),
    at: Timestamp,
) -> anyhow::Result<Estimated> {
    let region = args.region.as_deref().unwrap_or(&called.region);
    let total = access_log::total(days).context("the tokens of the log do not fit into 64 bits")?;
    let whole: Vec<Usage> =
        log.whole_days().iter().map(|day| days.get(day).cloned().unwrap_or_default()).collect();
    let offers = wanted(&prices.book, args, &called.model.id, region, at)?.into_iter().map(|offer| {
        let cost = bounds(prices, &called.model.id, &offer, at, (&total, &whole), (log.seconds(), args.days));
        (offer, cost)
    });
    let served_by =
        Offer { routing: called.model.routing, region: Some(called.region.clone()), tier: Tier::Standard };
    Ok(Estimated {
        name: format!("{} in {}", called.model, called.region),
        model: called.model.id.clone(),
        offers: offers.collect(),
        served_by: Some(served_by),
    })
}

fn bounds(
    prices: &Prices,
    model: &str,
    offer: &Offer,
    at: Timestamp,
    (total, whole): (&Usage, &[Usage]),
    (seconds, days): (u64, u32),
) -> Result<Bounds<PicoDollars>, String> {
    let too_large = || "the cost does not fit".to_owned();
    let model = ModelRef { id: model.to_owned(), routing: offer.routing };
    let call =
        Call { model: &model, region: offer.region.as_deref().unwrap_or_default(), tier: offer.tier, at };
    let cost =
        |usage: &Usage| prices.cost(&call, usage).map(|cost| cost.total).map_err(|error| reason(&error));
    let likely = cost(total)?.checked_part(u64::from(days) * DAY_SECONDS, seconds).ok_or_else(too_large)?;
    let mut bounds = Bounds::exactly(likely);
    let mut of_days = Vec::new();
    for usage in whole {
        of_days.push(cost(usage)?.checked_mul(days.into()).ok_or_else(too_large)?);
    }
    if let (Some(quietest), Some(busiest)) = (of_days.iter().min(), of_days.iter().max()) {
        bounds.low = likely.min(*quietest);
        bounds.high = likely.max(*busiest);
    }
    Ok(bounds)
}

#[cfg(test)]
mod tests {
    use nova_pricing::book::PriceBook;
    use nova_pricing::kind::Kind;

    use super::*;

    #[test]
    fn a_mean_is_taken_to_days_and_whole_days_bound_it() {
        let prices = Prices::list(PriceBook::built_in().clone());
        let offer = Offer {
            routing: "us".parse().unwrap(),
            region: Some("us-east-1".to_owned()),
            tier: Tier::Standard,
        };
        let at = "2026-08-01T00:00:00Z".parse().unwrap();
        let million = |count: u64| Usage::new().with(Kind::Input, count * 1_000_000);
        let model = "amazon.nova-lite-v1:0";
        // Three million tokens within a day and a half are two million a day, at 0.06 dollars a million.
        let likely = bounds(&prices, model, &offer, at, (&million(3), &[]), (129_600, 30)).unwrap();
        assert_eq!(likely, Bounds::exactly("3.6".parse().unwrap()));
        let whole = [million(1), million(5)];
        let bounded = bounds(&prices, model, &offer, at, (&million(3), &whole), (129_600, 30)).unwrap();
        assert_eq!((bounded.low.to_string(), bounded.high.to_string()), ("1.8".to_owned(), "9".to_owned()));
    }

    #[test]
    fn what_the_log_leaves_open_is_told() {
        let log = AccessLog { requests: 3, unreported_calls: 2, images: 1, ..AccessLog::default() };
        let notes = notes(&log);
        assert_eq!(notes.len(), 3);
        assert!(notes[1].starts_with("2 calls may have been billed"), "{notes:?}");
    }
}
