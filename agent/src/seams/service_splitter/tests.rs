//! The entries in a real Consul: it takes them, refuses what does not fit, and gives back what was written.

use nova_hashistack::ConsulConfig;
use nova_test_support::server::{Consul, ConsulLaunch};
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use serde_json::json;

use super::*;

fn legs() -> (Leg, Leg) {
    (Leg::new("1.0.0").unwrap(), Leg::new("1.1.0").unwrap())
}

fn splitter(consul: &Consul) -> ServiceSplitter {
    let config = ConsulConfig::new(consul.address().to_string().parse().unwrap());
    ServiceSplitter::new(ConsulClient::new(config).unwrap(), "web")
}

async fn speaks_http(consul: &Consul) {
    let defaults = json!({ "Kind": "service-defaults", "Name": "web", "Protocol": "http" });
    consul.api().put("/v1/config", &defaults).await.unwrap();
}

async fn entry(consul: &Consul, kind: &str) -> Option<Value> {
    let reply = consul.api().send(http::Method::GET, &format!("/v1/config/{kind}/web"), "").await.unwrap();
    (reply.status == 200).then(|| serde_json::from_slice(&reply.body).unwrap())
}

/// Registers an instance and waits until the catalog has it.
async fn register(consul: &Consul, version: &str, status: &str) {
    let id = format!("web-{version}");
    let registration = json!({
        "ID": id, "Name": "web", "Port": 80, "Meta": { "version": version },
        "Check": { "TTL": "1h", "Status": status },
    });
    consul.api().put("/v1/agent/service/register", &registration).await.unwrap();
    // A check that is there already keeps its status.
    let word = if status == "passing" { "pass" } else { "fail" };
    let path = format!("/v1/agent/check/{word}/service:{id}");
    consul.api().send(http::Method::PUT, &path, "").await.unwrap();
    wait_for(&format!("{id} in the catalog"), DEADLINE, async || {
        let found = consul.api().get("/v1/health/service/web").await?;
        let is_there = found.as_array().is_some_and(|all| {
            all.iter().any(|found| {
                found["Service"]["ID"] == id.as_str()
                    && found["Checks"].as_array().is_some_and(|checks| {
                        checks
                            .iter()
                            .all(|check| check["Status"] == status || check["CheckID"] == "serfHealth")
                    })
            })
        });
        Ok(if is_there { Look::Ready(()) } else { Look::NotYet(found) })
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_split_is_made_moved_and_taken_away() {
    let consul = ConsulLaunch::new().start().await.unwrap();
    let (splitter, (stable, canary)) = (splitter(&consul), legs());
    speaks_http(&consul).await;
    assert_eq!(splitter.share(&canary).await.unwrap(), None);
    splitter.set(&stable, &canary, Share::NONE).await.unwrap();
    assert_eq!(splitter.share(&canary).await.unwrap(), Some(Share::NONE));

    // Nobody passes: nothing is sent there, and what was made stays.
    let error = splitter.set(&stable, &canary, Share::hundredths(1_000)).await.unwrap_err();
    assert!(matches!(error, SplitterError::NobodyPasses { .. }) && error.may_pass(), "{error}");
    register(&consul, "1.1.0", "critical").await;
    assert!(splitter.set(&stable, &canary, Share::hundredths(1_000)).await.is_err());
    register(&consul, "1.1.0", "passing").await;
    splitter.set(&stable, &canary, Share::hundredths(1_001)).await.unwrap();
    assert_eq!(splitter.share(&canary).await.unwrap(), Some(Share::hundredths(1_001)));
    let written = entry(&consul, "service-splitter").await.unwrap();
    splitter.set(&stable, &canary, Share::hundredths(1_001)).await.unwrap();
    assert_eq!(entry(&consul, "service-splitter").await.unwrap(), written, "nothing was written again");

    // What the mesh would be told: Consul compiles both ways and the failover.
    let chain = consul.api().get("/v1/discovery-chain/web").await.unwrap();
    let text = chain["Chain"].to_string();
    for leg in [&stable, &canary] {
        assert!(text.contains(leg.subset()), "{text}");
    }
    assert!(text.contains("Failover"), "{text}");

    splitter.set(&stable, &canary, Share::ALL).await.unwrap();
    splitter.collapse().await.unwrap();
    assert_eq!(
        (entry(&consul, "service-splitter").await, entry(&consul, "service-resolver").await),
        (None, None)
    );
    splitter.collapse().await.unwrap();
}

#[tokio::test]
async fn a_service_without_http_is_told_what_it_lacks() {
    let consul = ConsulLaunch::new().start().await.unwrap();
    let (splitter, (stable, canary)) = (splitter(&consul), legs());
    let error = splitter.set(&stable, &canary, Share::NONE).await.unwrap_err();
    let text = format!("{:#}", anyhow::Error::from(error));
    assert!(text.contains("service-defaults") && text.contains("does not permit advanced routing"), "{text}");
}

#[tokio::test]
async fn what_others_have_written_is_kept_or_is_a_conflict() {
    let consul = ConsulLaunch::new().start().await.unwrap();
    let (splitter, (stable, canary)) = (splitter(&consul), legs());
    speaks_http(&consul).await;
    let theirs = json!({
        "Kind": "service-resolver", "Name": "web", "ConnectTimeout": "7s", "DefaultSubset": "eu", "Meta": { "team": "web" },
        "Subsets": { "eu": { "Filter": "Service.Meta.region == eu" } },
        "LoadBalancer": { "Policy": "least_request", "LeastRequestConfig": { "ChoiceCount": 3 } },
    });
    consul.api().put("/v1/config", &theirs).await.unwrap();
    let before = entry(&consul, "service-resolver").await.unwrap();
    splitter.set(&stable, &canary, Share::NONE).await.unwrap();
    let ours = entry(&consul, "service-resolver").await.unwrap();
    for kept in ["ConnectTimeout", "DefaultSubset", "LoadBalancer", "Meta"] {
        assert_eq!(ours[kept], before[kept], "{ours}");
    }
    assert_eq!(ours["Subsets"].as_object().unwrap().len(), 3);

    // Somebody moves weights by hand: that is left so, and told.
    let mut by_hand = entry(&consul, "service-splitter").await.unwrap();
    by_hand["Splits"] = json!([
        { "Weight": 50, "ServiceSubset": stable.subset() }, { "Weight": 50, "ServiceSubset": canary.subset() },
    ]);
    consul.api().put("/v1/config", &by_hand).await.unwrap();
    for error in [
        splitter.set(&stable, &canary, Share::NONE).await.unwrap_err(),
        splitter.share(&canary).await.unwrap_err(),
        splitter.collapse().await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("by hand") && !error.may_pass(), "{error}");
    }
    assert_eq!(entry(&consul, "service-splitter").await.unwrap()["Splits"], by_hand["Splits"]);

    // They remove it, and the agent takes its own away: theirs is as it was.
    consul.api().send(http::Method::DELETE, "/v1/config/service-splitter/web", "").await.unwrap();
    splitter.collapse().await.unwrap();
    let after = entry(&consul, "service-resolver").await.unwrap();
    for same in ["ConnectTimeout", "DefaultSubset", "Subsets", "LoadBalancer", "Meta", "Failover"] {
        assert_eq!(after.get(same), before.get(same), "{same}");
    }
}
