//! Checks of the place: this machine, and the ways from it. Pure.

use super::super::check::{Check, Group};
use super::super::checks::{machine, network};
use super::PREFLIGHT;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "ports-free",
        group: Group::Machine,
        title: "the proxy's ports are free",
        hint: "stop what listens there, or give the proxy other ports by listen, admin and metrics",
        needs: &[],
        of: PREFLIGHT,
        judge: machine::ports,
    },
    Check {
        id: "network-names",
        group: Group::Network,
        title: "names have addresses",
        hint: "add the name to your DNS or forward its zone; for a PrivateLink endpoint turn its private DNS on",
        needs: &[],
        of: PREFLIGHT,
        judge: network::resolves,
    },
    Check {
        id: "network-egress",
        group: Group::Network,
        title: "places take connections",
        hint: "open the way in security groups, firewalls and routes; behind an outbound proxy set HTTPS_PROXY",
        needs: &[],
        of: PREFLIGHT,
        judge: network::connects,
    },
    Check {
        id: "tls-trusted",
        group: Group::Network,
        title: "certificates come from authorities that are trusted",
        hint: "name the authority's certificates by --bedrock-ca-file; where something between opens TLS, those of that",
        needs: &[],
        of: PREFLIGHT,
        judge: network::trusted,
    },
    Check {
        id: "tls-name",
        group: Group::Network,
        title: "certificates are for the names that are asked for",
        hint: "use a name that the certificate has, or have it made for this one",
        needs: &[],
        of: PREFLIGHT,
        judge: network::named,
    },
    Check {
        id: "tls-time",
        group: Group::Network,
        title: "certificates are valid now, and for two weeks",
        hint: "renew the certificate; if it is new, look at the clocks",
        needs: &[],
        of: PREFLIGHT,
        judge: network::in_time,
    },
];
