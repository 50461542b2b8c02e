//! `nova-agent cost estimate`: from traffic to a table of offers.

use std::process::ExitCode;

use anyhow::ensure;
use jiff::Timestamp;
use nova_pricing::book::PriceBook;
use nova_pricing::cost::CostError;
use nova_pricing::estimate::{Bounds, Offer, offers};
use nova_pricing::money::PicoDollars;
use nova_pricing::time;
use serde_json::json;

use super::super::output::{complain, print, visible};
use super::{EstimateArgs, logged, profiles, table};

/// What one application, or one model of a log, would cost with each offer.
pub(super) struct Estimated {
    /// Whose traffic it is.
    pub(super) name: String,
    /// The model's id.
    pub(super) model: String,
    /// Each offer with its cost, or why it has none.
    pub(super) offers: Vec<(Offer, Result<Bounds<PicoDollars>, String>)>,
    /// The offer that served the traffic, where it is known.
    pub(super) served_by: Option<Offer>,
}

/// All estimates, and what has to be said beside them.
pub(super) struct Estimates {
    pub(super) list: Vec<Estimated>,
    pub(super) notes: Vec<String>,
}

pub(super) fn run(args: &EstimateArgs) -> anyhow::Result<ExitCode> {
    let prices = args.prices.load()?;
    let at = args.prices.at();
    let estimates = match &args.access_log {
        None => profiles::estimate(&prices, args, at)?,
        Some(file) => logged::estimate(&prices, args, file, at)?,
    };
    if args.json {
        let told = json!({
            "days": args.days, "prices_at": at.to_string(), "prices_published": time::shown(prices.book.published()),
            "estimates": estimates.list.iter().map(table::json_of).collect::<Vec<_>>(),
            "total": table::totals_json(&estimates.list), "notes": estimates.notes,
        });
        print(&told.to_string())?;
    } else {
        print(&visible(&table::text(&estimates.list, args.days)))?;
        estimates.notes.iter().for_each(|note| complain(&visible(note)));
    }
    Ok(ExitCode::SUCCESS)
}

/// Why an offer has no cost, in a few words.
pub(super) fn reason(error: &CostError<'_>) -> String {
    match error {
        CostError::Unpriced { missing, .. } => {
            let kinds: Vec<&str> = missing.iter().map(|unpriced| unpriced.kind.as_str()).collect();
            format!("no price of {}", kinds.join(", "))
        }
        CostError::TooLarge => error.to_string(),
    }
}

/// The offers of a model that were asked for.
///
/// # Errors
/// When there are none.
pub(super) fn wanted(
    book: &PriceBook,
    args: &EstimateArgs,
    model: &str,
    region: &str,
    at: Timestamp,
) -> anyhow::Result<Vec<Offer>> {
    let mut offers = offers(book, model, region, at);
    ensure!(
        !offers.is_empty(),
        "the price book has no price of {model} in {region} on {}: see nova-agent prices show",
        time::day(at)
    );
    offers.retain(|offer| {
        (args.routing.is_empty() || args.routing.contains(&offer.routing))
            && (args.tier.is_empty() || args.tier.contains(&offer.tier))
    });
    ensure!(
        !offers.is_empty(),
        "none of the prices of {model} in {region} is of these --routing and --tier: see nova-agent prices show"
    );
    Ok(offers)
}
