//! Traffic by the number of instances: each gets what callers give it, and nobody moves anything.
//!
//! Pure. The share of a version is that of its passing instances among all that pass. It is nothing once none of them is listed any
//! more, so that requests are away from a version when its instances are stopped.

use crate::rollout::observation::{InstanceSeen, TrafficSeen};

/// What version `canary` of the job gets of the requests to these instances, in whole percent. A version that has an instance that
/// passes never gets nothing, and one beside another that passes never all.
#[must_use]
pub fn seen(instances: &[InstanceSeen], canary: u64) -> TrafficSeen {
    let passing = instances.iter().filter(|instance| instance.passing);
    let (mut ours, mut all) = (0_usize, 0_usize);
    for instance in passing {
        all += 1;
        ours += usize::from(instance.job_version == Some(canary));
    }
    let percent = match (ours, all) {
        (0, _) => 0,
        (ours, all) if ours == all => 100,
        (ours, all) => (ours * 100 / all).clamp(1, 99),
    };
    TrafficSeen { canary_percent: u8::try_from(percent).unwrap_or(100), can_move: false }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn instances(stable: usize, canary: usize, sick: usize) -> Vec<InstanceSeen> {
        let one = |id: String, version, passing| InstanceSeen {
            id,
            allocation_id: None,
            job_version: Some(version),
            version_name: None,
            passing,
        };
        let stable = (0..stable).map(|n| one(format!("s{n}"), 1, true));
        let canaries = (0..canary).map(|n| one(format!("c{n}"), 2, true));
        stable.chain(canaries).chain((0..sick).map(|n| one(format!("x{n}"), 2, false))).collect()
    }

    #[rstest]
    #[case(3, 1, 0, 25)]
    #[case(3, 0, 2, 0)]
    #[case(0, 2, 0, 100)]
    #[case(0, 0, 0, 0)]
    #[case(300, 1, 0, 1)]
    #[case(1, 300, 0, 99)]
    fn the_share_is_that_of_instances_that_pass(
        #[case] stable: usize,
        #[case] canary: usize,
        #[case] sick: usize,
        #[case] percent: u8,
    ) {
        let found = seen(&instances(stable, canary, sick), 2);
        assert_eq!(found, TrafficSeen { canary_percent: percent, can_move: false });
    }
}
