//! Estimates from traffic profiles.

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use nova_pricing::estimate::estimate as cost_of;
use nova_pricing::prices::Prices;

use super::EstimateArgs;
use super::estimate::{Estimated, Estimates, reason, wanted};
use crate::prices::traffic;

pub(super) fn estimate(prices: &Prices, args: &EstimateArgs, at: Timestamp) -> anyhow::Result<Estimates> {
    let Some(region) = &args.region else { bail!("--traffic needs --region, the AWS region that is asked") };
    let mut list = Vec::new();
    for profile in traffic::load(&args.traffic)? {
        let usage = profile.usage(args.days).with_context(|| {
            format!("the tokens of traffic {:?} do not fit into 64 bits: write smaller numbers", profile.name)
        })?;
        let offers = wanted(&prices.book, args, &profile.model, region, at)?;
        let offers = offers.into_iter().map(|offer| {
            let cost = cost_of(prices, &profile.model, &offer, &usage, at).map_err(|error| reason(&error));
            (offer, cost)
        });
        list.push(Estimated {
            offers: offers.collect(),
            name: profile.name,
            model: profile.model,
            served_by: None,
        });
    }
    Ok(Estimates { list, notes: Vec::new() })
}
