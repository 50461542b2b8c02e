//! A service of the local agent: registered, in maintenance, gone; and what the catalog and the health of it say meanwhile.

use std::time::Duration;

use anyhow::Context as _;
use nova_hashistack::ConsulClient;
use nova_hashistack::consul::{Check, CheckStatus, Consistency, ServiceInstance, ServiceRegistration};
use nova_test_support::server::ConsulLaunch;
use nova_test_support::wait::{DEADLINE, Look, wait_for};

use super::{client, client_with};

/// An id that a path has to encode.
const ID: &str = "nova-proxy/1 a";

fn registration(status: CheckStatus) -> ServiceRegistration {
    // The agent asks long after the test: the status is the one of the registration.
    let check = Check::http("http://127.0.0.1:1/health/ready", Duration::from_secs(3600)).with_status(status);
    ServiceRegistration {
        id: ID.to_owned(),
        name: "nova-proxy".to_owned(),
        address: "127.0.0.1".to_owned(),
        port: 8080,
        tags: vec!["blue".to_owned()],
        meta: [("version".to_owned(), "1.2.0".to_owned())].into(),
        checks: vec![check],
    }
}

/// Waits until the servers list the service like this: the agent tells them of its services when it gets to it.
async fn listed(
    client: &ConsulClient,
    is_passing: bool,
    is_as_wanted: impl Fn(&[ServiceInstance]) -> bool,
) -> anyhow::Result<Vec<ServiceInstance>> {
    wait_for("the servers to list the service as wanted", DEADLINE, async || {
        let found =
            client.health().service("nova-proxy", is_passing, "", Consistency::Consistent).await?.value;
        Ok(if is_as_wanted(&found) { Look::Ready(found) } else { Look::NotYet(found) })
    })
    .await
}

fn stands(status: CheckStatus) -> impl Fn(&[ServiceInstance]) -> bool {
    move |found| matches!(found, [one] if one.status == status)
}

#[tokio::test]
async fn a_service_is_listed_as_it_was_registered_until_it_is_gone() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    let services = client.agent_service();
    services.register(&registration(CheckStatus::Passing)).await?;
    let known = services.get(ID).await?.context("it was registered")?;
    assert_eq!(
        (known.name.as_str(), known.port, known.tags.as_slice()),
        ("nova-proxy", 8080, &["blue".to_owned()][..])
    );
    assert_eq!(services.list().await?, [known]);

    let found = listed(&client, true, stands(CheckStatus::Passing)).await?;
    let one = &found[0];
    assert_eq!((one.id.as_str(), one.address.as_str(), one.port), (ID, "127.0.0.1", 8080));
    assert_eq!(one.meta.get("version").map(String::as_str), Some("1.2.0"));
    let catalog = client.catalog().service("nova-proxy", Consistency::Consistent).await?;
    assert_eq!(catalog.value, [ServiceInstance { status: CheckStatus::Unknown, ..one.clone() }]);
    assert!(catalog.index > 0);

    services.deregister(ID).await?;
    assert_eq!(services.get(ID).await?, None);
    listed(&client, false, <[_]>::is_empty).await?;
    assert!(services.deregister(ID).await.expect_err("it is gone").is_not_found());
    assert!(services.maintenance(ID, true, "x").await.expect_err("it is gone").is_not_found());
    Ok(())
}

#[tokio::test]
async fn maintenance_makes_a_service_critical_until_it_ends() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    let services = client.agent_service();
    services.register(&registration(CheckStatus::Passing)).await?;
    listed(&client, true, stands(CheckStatus::Passing)).await?;
    services.maintenance(ID, true, "it drains & stops").await?;
    listed(&client, false, stands(CheckStatus::Critical)).await?;
    listed(&client, true, <[_]>::is_empty).await?;
    let checks = consul.api().get("/v1/health/state/critical").await?;
    assert!(checks.to_string().contains("it drains & stops"), "{checks}");
    services.maintenance(ID, false, "").await?;
    listed(&client, true, stands(CheckStatus::Passing)).await?;
    // To register anew ends a maintenance as well: all checks are replaced.
    services.maintenance(ID, true, "again").await?;
    listed(&client, false, stands(CheckStatus::Critical)).await?;
    services.register(&registration(CheckStatus::Passing)).await?;
    listed(&client, true, stands(CheckStatus::Passing)).await?;
    Ok(())
}

#[tokio::test]
async fn to_register_again_replaces_what_was_there_with_its_checks() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    let services = client.agent_service();
    let alive =
        Check::ttl(Duration::from_secs(3600)).named("alive", "it lives").with_status(CheckStatus::Warning);
    let mut first = registration(CheckStatus::Passing);
    first.checks.push(alive);
    services.register(&first).await?;
    listed(&client, false, stands(CheckStatus::Warning)).await?;
    let second = ServiceRegistration { port: 8081, ..registration(CheckStatus::Passing) };
    services.register(&second).await?;
    let found = listed(&client, false, stands(CheckStatus::Passing)).await?;
    assert_eq!(found[0].port, 8081);
    let checks = consul.api().get("/v1/agent/checks").await?;
    assert_eq!(checks.as_object().map(serde_json::Map::len), Some(1), "{checks}");
    Ok(())
}

#[tokio::test]
async fn instances_are_chosen_by_an_expression() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    for version in ["1.2.0", "1.3.0"] {
        let mut service = registration(CheckStatus::Passing);
        service.id = version.to_owned();
        service.meta.insert("version".to_owned(), version.to_owned());
        client.agent_service().register(&service).await?;
    }
    listed(&client, true, |found| found.len() == 2).await?;
    let filter = r#"Service.Meta.version == "1.3.0""#;
    let found = client.health().service("nova-proxy", true, filter, Consistency::Stale).await?.value;
    assert_eq!(found.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["1.3.0"]);
    let error = client.health().service("nova-proxy", true, "Service.None ==", Consistency::Stale).await;
    let error = error.expect_err("no expression").to_string();
    assert!(error.contains("boolean expression") && error.contains("or the request"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_token_sees_and_registers_what_its_policy_says_and_the_rest_is_left_out_in_silence()
-> anyhow::Result<()> {
    let consul = ConsulLaunch::new().with_acls().start().await?;
    let operator = client(&consul)?;
    operator.agent_service().register(&registration(CheckStatus::Passing)).await?;
    listed(&operator, true, stands(CheckStatus::Passing)).await?;
    let token = consul.token_for("other", r#"service "other" { policy = "write" }"#).await?;
    let other = client_with(&consul, &token)?;
    let error = other.agent_service().register(&registration(CheckStatus::Passing)).await;
    assert!(error.expect_err("no policy").is_permission_denied());
    assert_eq!(other.agent_service().list().await?, []);
    let hidden = other.catalog().service("nova-proxy", Consistency::Default).await?;
    assert!(hidden.value.is_empty() && hidden.filtered_by_acls, "{hidden:?}");
    let agent = operator.agent_service().agent().await?;
    assert_eq!(agent["Config"]["NodeName"], "consul");
    Ok(())
}
