//! Whatever is configured and whatever fails, no call leaves the geography that data must stay in.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;
use nova_config::{Layer, load_layers};
use proptest::prelude::*;

use super::*;
use crate::auth::Principal;
use crate::models::ModelTable;
use crate::upstream::region::{Spill, Standing, Walk};
use crate::upstream::{Phase, UpstreamErrorKind as Kind};

/// Regions that lie in each geography, written out by hand, apart from the rules under test.
const INSIDE: &[(&str, &[&str])] = &[
    ("us", &["us-east-1", "us-east-2", "us-west-2"]),
    ("us-gov", &["us-gov-west-1"]),
    ("eu", &["eu-central-1", "eu-west-1", "eu-north-1"]),
    ("ca", &["ca-central-1"]),
    ("jp", &["ap-northeast-1", "ap-northeast-3"]),
    ("au", &["ap-southeast-2"]),
    ("apac", &["ap-northeast-1", "ap-northeast-3", "ap-southeast-2", "ap-south-1", "ap-southeast-1"]),
];

/// Prefixes of profiles whose data stays in each geography.
const KEPT_BY: &[(&str, &[&str])] = &[
    ("us", &["us"]),
    ("us-gov", &["us-gov"]),
    ("eu", &["eu"]),
    ("ca", &["ca"]),
    ("jp", &["jp"]),
    ("au", &["au"]),
    ("apac", &["apac", "jp", "au"]),
];

const REGIONS: &[&str] = &[
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "us-gov-west-1",
    "eu-central-1",
    "eu-west-1",
    "eu-north-1",
    "ca-central-1",
    "ap-northeast-1",
    "ap-northeast-3",
    "ap-southeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "il-central-1",
    "sa-east-1",
    "me-central-1",
];

const KINDS: &[Kind] = &[
    Kind::Throttled,
    Kind::ServiceUnavailable,
    Kind::InternalServer,
    Kind::ConnectFailed,
    Kind::ConnectionLost,
    Kind::FirstByteTimeout,
    Kind::Validation,
    Kind::AccessDenied,
    Kind::QuotaExceeded,
    Kind::ModelNotReady,
];

fn of<'a>(table: &'a [(&str, &'a [&'a str])], name: &str) -> &'a [&'a str] {
    table.iter().find(|(own, _)| *own == name).map(|(_, list)| *list).unwrap()
}

/// Bare ids, profiles of every geography, and ARNs of a region.
fn target() -> impl Strategy<Value = (String, Option<String>)> {
    let model = prop_oneof![
        Just("amazon.nova-lite-v1:0"),
        Just("amazon.nova-pro-v1:0"),
        Just("amazon.nova-2-lite-v1:0")
    ];
    let prefix = prop::sample::select(vec!["us", "us-gov", "eu", "apac", "jp", "au", "ca", "global"]);
    (model, prefix, prop::sample::select(REGIONS), 0..5).prop_map(|(model, prefix, region, form)| {
        let profile = format!("{prefix}.{model}");
        let arn = |resource: &str| format!("arn:aws:bedrock:{region}:123456789012:{resource}");
        match form {
            0 => (model.to_owned(), None),
            1 => (profile, None),
            2 => (arn(&format!("inference-profile/{profile}")), None),
            3 => (arn("application-inference-profile/abc"), Some(profile)),
            _ => (arn("application-inference-profile/abc"), Some(model.to_owned())),
        }
    })
}

fn stays(route: &Route, base_model: Option<&str>, residency: &str) -> bool {
    let named = route.target.model_id.rsplit('/').next().unwrap();
    let named = if named == "abc" { base_model.unwrap_or_default() } else { named };
    let prefix = named.split_once(".amazon.").map(|(prefix, _)| prefix);
    let opaque = route.target.model_id.contains("application-inference-profile");
    of(INSIDE, residency).contains(&&*route.region)
        && match prefix {
            Some(prefix) => of(KEPT_BY, residency).contains(&prefix),
            // The bare id is answered by the region itself.
            None => !opaque,
        }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn residency_is_never_violated(
        home in prop::sample::select(REGIONS),
        failover in prop::sample::subsequence(REGIONS.to_vec(), 0..8).prop_shuffle(),
        (target, base_model) in target(),
        residency in prop::sample::select(INSIDE).prop_map(|(name, _)| name),
        faults in prop::collection::vec((prop::sample::select(KINDS), any::<bool>(), any::<bool>()), 8),
        spill_on_throttle in any::<bool>(),
    ) {
        let regions =
            Regions { home, failover, undeclared: Vec::new(), residency: Geography::parse(residency) };
        let base_model = base_model.as_deref();
        let Ok(at_home) = regions.home_target(&target, base_model) else { return Ok(()) };
        let (routes, _) = regions.routes(&at_home, &target, base_model, None);
        let standings = |round: usize| -> Vec<Standing> {
            let shut = |index: usize| faults[(round + index) % faults.len()].1;
            (0..routes.len())
                .map(|index| if shut(index) { Standing::Shut(Duration::from_secs(1)) } else { Standing::Ready })
                .collect()
        };
        let mut walk = Walk::new(routes.len(), Spill::new(spill_on_throttle), Duration::from_secs(60));
        let mut choice = walk.first(&standings(0));
        for (round, (kind, _, begun)) in faults.iter().enumerate() {
            let Some(chosen) = choice else { break };
            let route = &routes[chosen.index];
            prop_assert!(stays(route, base_model, residency), "{route:?} leaves {residency}");
            let phase = if *begun { Phase::WithinStream } else { Phase::BeforeFirstByte };
            choice = walk.next(*kind, phase, Duration::ZERO, &standings(round + 1));
            let lasting = matches!(kind, Kind::Validation | Kind::AccessDenied | Kind::QuotaExceeded);
            prop_assert!(choice.is_none() || !(lasting || *begun), "went on after {kind} ({phase:?})");
        }
    }
}

#[test]
fn a_model_with_a_guardrail_stays_at_home() {
    let text = "listen = \"127.0.0.1:0\"\nauth { none = true }\nbedrock {\n region = \"us-east-1\"\n \
                failover_regions = [\"us-west-2\"]\n}\nmodel \"g\" {\n target = \"nova-lite\"\n \
                guardrail {\n id = \"gr-1\"\n version = \"1\"\n }\n}\nmodel \"p\" { target = \"nova-lite\" }\n";
    let layers = vec![nova_config::Layer::file("1.hcl", text)];
    let loaded = nova_config::load_layers(layers, &std::collections::BTreeMap::new()).unwrap();
    let built = super::super::ModelTable::build(&loaded, jiff::civil::date(2026, 1, 1)).unwrap();
    let routes = |name: &str| -> Vec<String> {
        built.table.0[name].routes.iter().map(|route| route.region.to_string()).collect()
    };
    assert_eq!(routes("p"), ["us-east-1", "us-west-2"]);
    assert_eq!(routes("nova-pro"), ["us-east-1", "us-west-2"], "names that nobody wrote have them too");
    assert_eq!(routes("g"), ["us-east-1"]);
    assert!(built.warnings.iter().any(|warning| warning.contains("guardrail")), "{:?}", built.warnings);
}

/// A list of regions is a wish for availability, not a permission to move data: that takes a word of its own.
#[test]
fn without_a_declared_residency_data_stays_in_the_geography_of_home() {
    let routes = |residency: &str| {
        let text = format!(
            "bedrock {{\n region = \"us-east-1\"\n failover_regions = [\"us-west-2\", \"eu-central-1\"]\n{residency}}}\nauth {{\n none = true\n}}\n"
        );
        let loaded =
            load_layers(vec![Layer::file("proxy.hcl", text)], &BTreeMap::new()).expect("a configuration");
        let table = ModelTable::build(&loaded, Date::constant(2026, 11, 23)).expect("a table").table;
        let model = table.find("nova-lite", &Principal::anonymous()).expect("a model");
        model.routes.iter().map(|route| route.target.model_id.clone()).collect::<Vec<_>>()
    };
    let us = "us.amazon.nova-lite-v1:0".to_owned();
    assert_eq!(routes(""), [us.clone(), us.clone()]);
    assert_eq!(routes(" residency = \"global\"\n"), [us.clone(), us, "eu.amazon.nova-lite-v1:0".to_owned()]);
}
