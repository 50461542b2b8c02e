//! `nova-agent rollout record`: what the instances of a service tell, as lines for `simulate`.

use std::process::ExitCode;

use jiff::Timestamp;
use nova_hashistack::transport::TlsConfig;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::super::connection::{ProcessVariables, consul_of_environment};
use super::super::output::{complain, print};
use super::RecordArgs;
use crate::rollout::observation::Seen;
use crate::rollout::replay::{Recorded, RecordedInstance};
use crate::seams::MetricSource as _;
use crate::seams::scrape::Scraper;

/// Writes a line for each look, until the time is over.
pub(super) async fn run(args: &RecordArgs) -> anyhow::Result<ExitCode> {
    let scraper = Scraper::new(consul_of_environment(&ProcessVariables)?, TlsConfig::default());
    let end = Instant::now() + args.duration;
    let mut looks = interval(args.interval);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        match scraper.instances(&args.service).await {
            Seen::Known(listed) => {
                let snapshots = scraper.snapshots(&args.service, &listed).await;
                let instances = listed.iter().zip(snapshots).map(|(instance, told)| RecordedInstance {
                    id: instance.id.clone(),
                    is_new: instance.version_name.as_deref() == Some(args.new.as_str()),
                    error: told.as_ref().err().cloned(),
                    snapshot: told.ok(),
                });
                let recorded = Recorded { at: Timestamp::now(), instances: instances.collect() };
                print(&json!(recorded).to_string())?;
            }
            // A look that fails is a gap in the recording, and the next one may be better.
            Seen::Absent => complain(&format!("Consul lists no instance of {}", args.service)),
            Seen::Unknown(why) => complain(&format!("Consul does not tell the instances: {why}")),
        }
        if Instant::now() >= end {
            return Ok(ExitCode::SUCCESS);
        }
    }
}
