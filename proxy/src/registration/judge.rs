//! What to do about a registration, given what the local agent has. Pure.

use std::collections::BTreeMap;

/// A service of the local agent, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) id: String,
    pub(super) name: String,
    /// Empty for that of the node.
    pub(super) address: String,
    pub(super) port: u16,
    pub(super) tags: Vec<String>,
    pub(super) meta: BTreeMap<String, String>,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing: it is there as it should be.
    Leave,
    /// Register it: it is not there, or not as it should be.
    Register,
    /// Another service stands for this instance, called by this id.
    ByAnother {
        /// The other service.
        id: String,
        /// Whether ours is there too, and has to go.
        ours_is_there: bool,
    },
}

/// Judges what the agent has, `existing`, for the service that is wanted.
pub(super) fn judge(wanted: &Service, existing: &[Service]) -> Verdict {
    let ours = existing.iter().find(|service| service.id == wanted.id);
    let another = existing.iter().find(|service| service.id != wanted.id && stands_for(service, wanted));
    match (another, ours) {
        (Some(another), ours) => Verdict::ByAnother { id: another.id.clone(), ours_is_there: ours.is_some() },
        (None, Some(ours)) if ours == wanted => Verdict::Leave,
        (None, _) => Verdict::Register,
    }
}

/// Whether a service is this instance under another id: it has its address and port, or Nomad has registered it for this allocation
/// under the same name, whose port may be mapped to the listener's.
fn stands_for(other: &Service, wanted: &Service) -> bool {
    let at_the_same_place = other.port == wanted.port && may_be_the_same(&other.address, &wanted.address);
    let of_this_allocation =
        other.id.starts_with(&format!("_nomad-task-{}", wanted.id)) && other.name == wanted.name;
    at_the_same_place || of_this_allocation
}

/// An empty address is the node's, which is one of those that a listener on all addresses has.
fn may_be_the_same(one: &str, two: &str) -> bool {
    one == two || one.is_empty() || two.is_empty()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ALLOCATION: &str = "5a4d2f7e-0b1c-4c8e-9d3f-6a7b8c9d0e1f";

    fn service(id: &str, address: &str, port: u16) -> Service {
        Service {
            id: id.to_owned(),
            name: "nova-proxy".to_owned(),
            address: address.to_owned(),
            port,
            tags: vec!["primary".to_owned()],
            meta: BTreeMap::from([("version".to_owned(), "0.1.0".to_owned())]),
        }
    }

    #[test]
    fn an_instance_is_registered_once() {
        let wanted = service(ALLOCATION, "10.0.0.5", 8080);
        assert_eq!(judge(&wanted, &[]), Verdict::Register);
        assert_eq!(judge(&wanted, &[wanted.clone(), service("web", "10.0.0.5", 80)]), Verdict::Leave);
    }

    #[test]
    fn a_registration_that_somebody_has_changed_is_made_anew() {
        let wanted = service(ALLOCATION, "10.0.0.5", 8080);
        let mut changed = wanted.clone();
        changed.meta.insert("version".to_owned(), "0.0.9".to_owned());
        assert_eq!(judge(&wanted, &[changed]), Verdict::Register);
    }

    #[rstest]
    #[case::nomads_on_the_same_place("_nomad-task-x-group-api-nova-proxy-http", "10.0.0.5", 8080, "10.0.0.5")]
    #[case::any_on_the_same_place("by-hand", "10.0.0.5", 8080, "10.0.0.5")]
    #[case::of_a_listener_on_all_addresses("_nomad-task-x-group-api-nova-proxy-http", "10.0.0.5", 8080, "")]
    #[case::by_the_nodes_address("by-hand", "", 8080, "10.0.0.5")]
    #[case::nomads_by_a_mapped_port(
        "_nomad-task-5a4d2f7e-0b1c-4c8e-9d3f-6a7b8c9d0e1f-group-api-nova-proxy-http",
        "10.0.0.5",
        24001,
        ""
    )]
    fn another_registration_of_this_instance_counts(
        #[case] id: &str,
        #[case] address: &str,
        #[case] port: u16,
        #[case] ours: &str,
    ) {
        let (wanted, another) = (service(ALLOCATION, ours, 8080), service(id, address, port));
        let by_another = |ours_is_there| Verdict::ByAnother { id: id.to_owned(), ours_is_there };
        assert_eq!(judge(&wanted, std::slice::from_ref(&another)), by_another(false));
        assert_eq!(judge(&wanted, &[wanted.clone(), another]), by_another(true), "it came later");
    }

    #[rstest]
    #[case::another_port("by-hand", "10.0.0.5", 8081, "nova-proxy")]
    #[case::another_address("by-hand", "10.0.0.6", 8080, "nova-proxy")]
    #[case::another_task_of_the_allocation(
        "_nomad-task-5a4d2f7e-0b1c-4c8e-9d3f-6a7b8c9d0e1f-group-api-cache-http",
        "10.0.0.5",
        6379,
        "cache"
    )]
    fn neighbors_do_not_count(
        #[case] id: &str,
        #[case] address: &str,
        #[case] port: u16,
        #[case] name: &str,
    ) {
        let neighbor = Service { name: name.to_owned(), ..service(id, address, port) };
        assert_eq!(judge(&service(ALLOCATION, "10.0.0.5", 8080), &[neighbor]), Verdict::Register);
    }
}
