//! Prepared queries: made, found by name, asked, changed, removed.

use std::time::Duration;

use anyhow::Context as _;
use nova_hashistack::consul::{
    Check, CheckStatus, Consistency, NamedQuery, PreparedQuery, QueriedService, QueryFailover,
    ServiceRegistration,
};
use nova_test_support::server::ConsulLaunch;
use nova_test_support::wait::{DEADLINE, Look, wait_for};

use super::client;

#[tokio::test]
async fn a_question_is_asked_by_its_name_and_answered_with_healthy_instances() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    for (id, status) in
        [("good", CheckStatus::Passing), ("warned", CheckStatus::Warning), ("bad", CheckStatus::Critical)]
    {
        let check = Check::ttl(Duration::from_secs(3600)).with_status(status);
        let service = ServiceRegistration {
            id: id.to_owned(),
            name: "web".to_owned(),
            port: 80,
            checks: vec![check],
            ..ServiceRegistration::default()
        };
        client.agent_service().register(&service).await?;
    }
    let queries = client.queries();
    let mut query = PreparedQuery {
        name: "web-anywhere".to_owned(),
        service: QueriedService {
            service: "web".to_owned(),
            failover: QueryFailover { nearest_n: 2, datacenters: vec!["dc2".to_owned()] },
            ..QueriedService::default()
        },
    };
    let id = queries.create(&query).await?;
    assert!(queries.create(&query).await.is_err(), "the name is taken");
    let named = queries.named("web-anywhere", Consistency::Consistent).await?.context("it was made")?;
    assert_eq!(named, NamedQuery { id: id.clone(), query: query.clone() });
    assert_eq!(queries.named("none", Consistency::Consistent).await?, None);

    let answered = async |wanted: &[&str]| {
        wait_for("the question to be answered as wanted", DEADLINE, async || {
            let answer = client.queries().execute("web-anywhere").await?;
            let mut ids: Vec<_> = answer.instances.iter().map(|one| one.id.as_str()).collect();
            ids.sort_unstable();
            Ok(if ids == wanted { Look::Ready(answer) } else { Look::NotYet(answer) })
        })
        .await
    };
    let answer = answered(&["good", "warned"]).await?;
    assert_eq!((answer.datacenter.as_str(), answer.failovers), ("dc1", 0));
    query.service.only_passing = true;
    queries.update(&id, &query).await?;
    let answer = answered(&["good"]).await?;
    assert_eq!(answer.instances[0].status, CheckStatus::Passing);
    assert_eq!(answer.instances[0].port, 80);

    queries.delete(&id).await?;
    let error = queries.execute("web-anywhere").await.expect_err("it is gone");
    assert!(error.is_not_found(), "{error}");
    Ok(())
}
