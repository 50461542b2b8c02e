//! Configuration entries: a canary's resolver and splitter, changed by one writer at a time.

use anyhow::Context as _;
use nova_hashistack::ConsulClient;
use nova_hashistack::consul::{ConfigEntry, Consistency};
use nova_test_support::server::ConsulLaunch;
use serde_json::{Value, json};

use super::client;

fn splitter(canary: u32) -> Value {
    let split = |weight: u32, subset: &str| json!({ "Weight": weight, "ServiceSubset": subset });
    json!({
        "Kind": "service-splitter", "Name": "web", "Meta": { "by": "ada" },
        "Splits": [split(100 - canary, "v1"), split(canary, "v2")],
    })
}

fn resolver() -> Value {
    let subset = |version: &str| json!({ "Filter": format!("Service.Meta.version == \"{version}\""), "OnlyPassing": true });
    json!({
        "Kind": "service-resolver", "Name": "web", "DefaultSubset": "v1",
        "Subsets": { "v1": subset("1.2.0"), "v2": subset("1.3.0") },
    })
}

async fn stored(client: &ConsulClient) -> anyhow::Result<ConfigEntry> {
    let found = client.config_entries().get("service-splitter", "web", Consistency::Consistent).await?;
    assert!(found.index > 0);
    found.value.context("there is no splitter")
}

#[tokio::test]
async fn an_entry_that_does_not_fit_the_others_is_refused_with_the_reason() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    let entries = client.config_entries();
    let refused = async |entry: Value, why: &str| {
        let error = client.config_entries().put_cas(&entry, 0).await.expect_err(why);
        assert!(error.to_string().contains(why), "{error}");
    };
    refused(splitter(5), "does not have a subset named").await;
    assert!(entries.put_cas(&resolver(), 0).await?);
    refused(splitter(5), "advanced routing").await;
    let defaults = json!({ "Kind": "service-defaults", "Name": "web", "Protocol": "http" });
    assert!(entries.put_cas(&defaults, 0).await?);
    let mut lacking = splitter(5);
    lacking["Splits"][0]["Weight"] = json!(90);
    refused(lacking, "100").await;
    assert!(entries.put_cas(&splitter(5), 0).await?);
    let index = entries.get("service-resolver", "web", Consistency::Consistent).await?.value;
    let index = index.context("it was written")?.modify_index;
    assert!(entries.delete_cas("service-resolver", "web", index).await.is_err(), "the splitter needs it");
    Ok(())
}

#[tokio::test]
async fn a_splitter_is_shifted_by_who_read_it_last() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    let entries = client.config_entries();
    let defaults = json!({ "Kind": "service-defaults", "Name": "web", "Protocol": "http" });
    for entry in [defaults, resolver(), splitter(0)] {
        assert!(entries.put_cas(&entry, 0).await?, "it was absent");
    }
    assert!(!entries.put_cas(&splitter(1), 0).await?, "it is there");
    // What is there already may be written as it is, whatever the index.
    assert!(entries.put_cas(&splitter(0), 0).await?);

    // What was read goes back as it is, with one member changed.
    let first = stored(&client).await?;
    let mut shifted = first.body.clone();
    shifted["Splits"] = splitter(5)["Splits"].clone();
    assert!(entries.put_cas(&shifted, first.modify_index).await?);
    assert!(!entries.put_cas(&splitter(7), first.modify_index).await?, "somebody else wrote");
    let second = stored(&client).await?;
    assert_eq!((&second.body["Splits"][1]["Weight"], &second.body["Meta"]["by"]), (&json!(5), &json!("ada")));

    assert!(!entries.delete_cas("service-splitter", "web", first.modify_index).await?);
    assert!(entries.delete_cas("service-splitter", "web", second.modify_index).await?);
    let gone = entries.get("service-splitter", "web", Consistency::Consistent).await?;
    assert!(gone.value.is_none() && gone.index > 0);
    Ok(())
}
