//! Without canaries: Nomad replaces instances by itself, and the version is judged on the way.

use super::baking::wait;
use super::{Look, traffic};
use crate::rollout::record::Rollout;

/// Waits for Nomad. Success and failure are seen in the deployment, and a failed check turns back before this.
pub(super) fn replace(rollout: &mut Rollout, look: &Look<'_>) {
    if let Some(percent) = traffic::while_replacing(rollout, look) {
        traffic::ask_for(rollout, look, percent);
    }
    wait(rollout, "the deployment's success");
}
