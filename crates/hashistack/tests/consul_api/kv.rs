//! Single keys: what is written is read, and what is removed is that and nothing else.

use nova_hashistack::consul::Consistency;
use nova_test_support::server::ConsulLaunch;

use super::client;

const ODD_KEYS: [&str; 8] = [
    "nova/a b",
    "nova/50%",
    "nova/50%25",
    "nova/größe",
    "nova/q?x=y&z",
    "nova/#1",
    "nova/config.d/.hidden",
    "nova/folder/",
];

#[tokio::test]
async fn odd_keys_and_bytes_that_are_no_text_come_back_as_they_were_written() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    let kv = client.kv();
    for (number, key) in ODD_KEYS.iter().enumerate() {
        kv.put(key, vec![0, 0xff, u8::try_from(number)?]).await?;
    }
    for (number, key) in ODD_KEYS.iter().enumerate() {
        let entry = kv.get(key, Consistency::Consistent).await?.value.expect(key);
        assert_eq!(entry.key, *key);
        assert_eq!(&entry.value[..], [0, 0xff, u8::try_from(number)?]);
    }
    let mut wanted = ODD_KEYS.to_vec();
    wanted.sort_unstable();
    assert_eq!(kv.keys("nova/", Consistency::Consistent).await?.value, wanted);
    Ok(())
}

#[tokio::test]
async fn to_remove_a_key_leaves_those_whose_names_begin_like_it() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    let kv = client.kv();
    for key in ["nova/a", "nova/ab", "nova/a/b", "nova/a/c"] {
        kv.put(key, "x").await?;
    }
    let keys = async || client.kv().keys("nova/", Consistency::Consistent).await.map(|keys| keys.value);
    kv.delete("nova/a").await?;
    assert_eq!(keys().await?, ["nova/a/b", "nova/a/c", "nova/ab"]);
    kv.delete("nova/a").await?;
    assert!(kv.delete_tree("nova/a").await.is_err());
    kv.delete_tree("nova/a/").await?;
    assert_eq!(keys().await?, ["nova/ab"]);
    Ok(())
}

#[tokio::test]
async fn a_read_of_one_key_is_not_answered_with_its_neighbors() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    client.kv().put("nova/ab", "x").await?;
    assert!(client.kv().get("nova/a", Consistency::Default).await?.value.is_none());
    assert_eq!(client.kv().list("nova/a", Consistency::Default).await?.value.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_condition_is_kept_by_writes_and_by_removals() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    let kv = client.kv();
    assert!(kv.put_cas("nova/a", "1", 0).await?);
    assert!(!kv.put_cas("nova/a", "2", 0).await?, "it is there already");
    let first = kv.get("nova/a", Consistency::Consistent).await?.value.expect("it was written");
    assert!(kv.put_cas("nova/a", "2", first.modify_index).await?);
    assert!(!kv.put_cas("nova/a", "3", first.modify_index).await?);
    assert!(!kv.delete_cas("nova/a", first.modify_index).await?);
    let second = kv.get("nova/a", Consistency::Consistent).await?.value.expect("it was written");
    assert_eq!((&second.value[..], second.create_index), (&b"2"[..], first.create_index));
    assert!(kv.delete_cas("nova/a", second.modify_index).await?);
    assert!(kv.get("nova/a", Consistency::Consistent).await?.value.is_none());
    Ok(())
}

#[tokio::test]
async fn what_is_absent_has_an_index_to_wait_for_a_change_after() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    client.kv().put("other", "x").await?;
    let key = client.kv().get("nova/a", Consistency::Stale).await?;
    let prefix = client.kv().list("nova/", Consistency::Stale).await?;
    assert!(key.value.is_none() && prefix.value.is_empty());
    assert!(key.index > 0 && prefix.index > 0, "{key:?} {prefix:?}");
    assert!(key.known_leader && !key.filtered_by_acls);
    Ok(())
}

#[tokio::test]
async fn a_value_over_the_servers_limit_is_refused_as_too_large() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    client.kv().put("nova/a", vec![b'x'; 512 << 10]).await?;
    let error = client.kv().put("nova/a", vec![b'x'; (512 << 10) + 1]).await.expect_err("too large");
    assert!(error.is_too_large(), "{error}");
    let entry = client.kv().get("nova/a", Consistency::Default).await?.value.expect("it was written");
    assert_eq!(entry.value.len(), 512 << 10);
    Ok(())
}
