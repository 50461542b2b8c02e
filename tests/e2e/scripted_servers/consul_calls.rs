//! The calls that both Consuls answer.

use http::Method;
use serde_json::{Value, json};

use super::transcript::{Step, call, get, put, until};

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

pub(super) fn steps() -> Vec<Step> {
    [values(), prefixes(), sessions(), transactions(), fences(), services(), entries()].concat()
}

fn delete(path: &str) -> Step {
    call(Method::DELETE, path, "")
}

/// Values, with conditions and without.
fn values() -> Vec<Step> {
    vec![
        put("/v1/kv/a/one", "x"),
        get("/v1/kv/a/one").keep("one", "/0/ModifyIndex"),
        // The same again is no change.
        put("/v1/kv/a/one", "x"),
        get("/v1/kv/a/one"),
        get("/v1/kv/a/one?raw"),
        put("/v1/kv/a/one?cas=0", "y"),
        put("/v1/kv/a/one?cas=999999", "y"),
        put("/v1/kv/a/one?cas={one}", "y"),
        get("/v1/kv/a/one").keep("one", "/0/ModifyIndex"),
        put("/v1/kv/a/two?cas=0", ""),
        get("/v1/kv/a/two"),
        get("/v1/kv/a/two?consistent"),
        get("/v1/kv/a/one?index={one}&wait=10ms"),
        delete("/v1/kv/a/one?cas=999999"),
        delete("/v1/kv/a/one?cas={one}"),
        delete("/v1/kv/a/one?cas={one}"),
        delete("/v1/kv/a/absent"),
        get("/v1/kv/a/one"),
        put("/v1/kv/a/one?flags=42", "z"),
        get("/v1/kv/a/one"),
    ]
}

/// What begins alike.
fn prefixes() -> Vec<Step> {
    vec![
        put("/v1/kv/b/x/1", "1"),
        put("/v1/kv/b/x/2", "2"),
        put("/v1/kv/b/xy", "3"),
        get("/v1/kv/b/x?recurse"),
        get("/v1/kv/b/x/?recurse"),
        get("/v1/kv/b/?keys"),
        get("/v1/kv/none/?recurse"),
        get("/v1/kv/none/?keys"),
        delete("/v1/kv/b/x/?recurse"),
        get("/v1/kv/b/?recurse"),
        get("/v1/kv/b/x/?recurse"),
    ]
}

fn session(extra: &Value) -> String {
    let mut session = json!({ "Name": "leader", "TTL": "15000ms", "LockDelay": "5000ms", "Behavior": "release", "NodeChecks": [] });
    if let (Some(session), Some(extra)) = (session.as_object_mut(), extra.as_object()) {
        session.extend(extra.clone());
    }
    session.to_string()
}

/// Sessions, and the locks that they hold.
fn sessions() -> Vec<Step> {
    vec![
        put("/v1/session/create", session(&json!({ "TTL": "1000ms" }))),
        put("/v1/session/create", session(&json!({}))).keep("s", "/ID"),
        put("/v1/session/create", session(&json!({}))).keep("t", "/ID"),
        get("/v1/session/info/{s}"),
        get(&format!("/v1/session/info/{NOBODY}")),
        put("/v1/session/renew/{s}", ""),
        put(&format!("/v1/session/renew/{NOBODY}"), ""),
        put(&format!("/v1/kv/l/leader?acquire={NOBODY}"), "who"),
        put("/v1/kv/l/leader?acquire={s}", "one"),
        get("/v1/kv/l/leader"),
        // Again by the holder: a new value, and no new lock.
        put("/v1/kv/l/leader?acquire={s}", "uno"),
        get("/v1/kv/l/leader"),
        put("/v1/kv/l/leader?acquire={t}", "two"),
        put("/v1/kv/l/leader?release={t}", "two"),
        // A plain write does not take the lock away.
        put("/v1/kv/l/leader", "written"),
        get("/v1/kv/l/leader"),
        put("/v1/kv/l/leader?release={s}", "free"),
        get("/v1/kv/l/leader"),
        // Released before the session ends: no delay.
        put("/v1/session/destroy/{s}", ""),
        put("/v1/kv/l/leader?acquire={t}", "two"),
        get("/v1/kv/l/leader"),
        // Held while the session ends: a delay.
        put("/v1/session/create", session(&json!({}))).keep("u", "/ID"),
        put("/v1/session/destroy/{t}", ""),
        put("/v1/session/destroy/{t}", ""),
        get("/v1/kv/l/leader"),
        put("/v1/kv/l/leader?acquire={u}", "three"),
        get("/v1/kv/l/leader"),
        // With its session a key can go.
        put("/v1/session/create", session(&json!({ "Behavior": "delete" }))).keep("v", "/ID"),
        put("/v1/kv/l/gone?acquire={v}", "x"),
        put("/v1/session/destroy/{v}", ""),
        get("/v1/kv/l/gone"),
        get("/v1/kv/l/?recurse"),
    ]
}

fn kv(verb: &str, key: &str, extra: &Value) -> Value {
    let mut kv = json!({ "Verb": verb, "Key": key });
    if let (Some(kv), Some(extra)) = (kv.as_object_mut(), extra.as_object()) {
        kv.extend(extra.clone());
    }
    json!({ "KV": kv })
}

fn txn(operations: &[Value]) -> Step {
    put("/v1/txn", json!(operations))
}

/// An operation with an index that an earlier step has kept.
fn txn_at(operations: &[Value], name: &str) -> Step {
    put("/v1/txn", json!(operations).to_string().replace("\"AT\"", &format!("{{{name}}}")))
}

fn transactions() -> Vec<Step> {
    let value = json!({ "Value": "aGk=" });
    vec![
        txn(&[
            kv("set", "t/a", &value),
            kv("cas", "t/b", &json!({ "Value": "aGk=", "Index": 0 })),
            kv("get", "t/a", &json!({})),
        ]),
        get("/v1/kv/t/?recurse").keep("a", "/0/ModifyIndex"),
        txn(&[kv("set", "t/c", &value), kv("cas", "t/b", &json!({ "Value": "aGk=", "Index": 0 }))]),
        get("/v1/kv/t/c"),
        txn(&[kv("get", "t/none", &json!({}))]),
        txn(&[kv("check-not-exists", "t/none", &json!({})), kv("check-not-exists", "t/a", &json!({}))]),
        txn(&[kv("check-not-exists", "t/none", &json!({}))]),
        txn(&[kv("check-index", "t/none", &json!({ "Index": 7 }))]),
        txn_at(&[kv("check-index", "t/a", &json!({ "Index": "AT" })), kv("set", "t/c", &value)], "a"),
        txn(&[kv("get-tree", "t/", &json!({}))]),
        txn(&[kv("delete-cas", "t/none", &json!({ "Index": 7 })), kv("delete", "t/none", &json!({}))]),
        txn_at(
            &[kv("delete-cas", "t/a", &json!({ "Index": "AT" })), kv("delete-tree", "t/c", &json!({}))],
            "a",
        ),
        get("/v1/kv/t/?recurse"),
        put("/v1/txn", "nonsense"),
    ]
}

/// What a leader writes, and what one that was.
fn fences() -> Vec<Step> {
    let fenced = |session: &str, key: &str| {
        let write = kv("set", key, &json!({ "Value": "aGk=" }));
        put("/v1/txn", json!([kv("check-session", "f/leader", &json!({ "Session": session })), write]))
    };
    let unlock = |session: &str| {
        put("/v1/txn", json!([kv("unlock", "f/leader", &json!({ "Session": session, "Value": "" }))]))
    };
    vec![
        put("/v1/session/create", session(&json!({ "LockDelay": "0ms" }))).keep("x", "/ID"),
        put("/v1/session/create", session(&json!({}))).keep("y", "/ID"),
        fenced("{x}", "f/record"),
        put("/v1/txn", json!([kv("lock", "f/leader", &json!({ "Session": "{x}", "Value": "aGk=" }))])),
        put("/v1/txn", json!([kv("lock", "f/leader", &json!({ "Session": "{y}", "Value": "aGk=" }))])),
        fenced("{x}", "f/record"),
        fenced("{y}", "f/record"),
        unlock("{y}"),
        unlock("{x}"),
        fenced("{x}", "f/record"),
        get("/v1/kv/f/?recurse"),
    ]
}

fn services() -> Vec<Step> {
    let service = |id: &str, version: &str| {
        json!({ "ID": id, "Name": "web", "Address": "127.0.0.1", "Port": 7000, "Tags": ["t"],
            "Meta": { "version": version, "metrics_port": "7001" },
            "Check": { "CheckID": format!("service:{id}"), "Name": "ready", "TTL": "60s", "Status": "passing" } })
    };
    let version = |count: usize| {
        // The catalog follows the agent a moment later.
        let wanted: Vec<(&'static str, Value)> = match count {
            1 => vec![("/0/ServiceID", json!("web-1"))],
            _ => vec![("/1/ServiceID", json!("web-2"))],
        };
        until("/v1/catalog/service/web", wanted)
    };
    vec![
        get("/v1/catalog/service/none"),
        put("/v1/agent/service/register?replace-existing-checks=true", service("web-1", "1.0.0")),
        version(1),
        put("/v1/agent/service/register?replace-existing-checks=true", service("web-2", "2.0.0")),
        version(2),
        until("/v1/health/service/web?passing", [("/1/Service/ID", json!("web-2"))]),
        get("/v1/health/service/web?passing&filter=Service.Meta.version%20%3D%3D%20%222.0.0%22"),
        get("/v1/agent/service/web-1"),
        get("/v1/agent/service/none"),
        put("/v1/agent/service/deregister/web-1", ""),
        put("/v1/agent/service/deregister/web-1", ""),
        until("/v1/catalog/service/web", [("/0/ServiceID", json!("web-2"))]),
    ]
}

fn entries() -> Vec<Step> {
    let resolver = json!({ "Kind": "service-resolver", "Name": "mesh", "DefaultSubset": "stable",
        "Subsets": { "stable": { "Filter": "Service.Meta.version == \"1\"", "OnlyPassing": true } } });
    let splitter = |legs: Value| json!({ "Kind": "service-splitter", "Name": "mesh", "Splits": legs });
    let whole = splitter(json!([{ "Weight": 100, "ServiceSubset": "stable" }]));
    vec![
        get("/v1/config/service-splitter/mesh"),
        put("/v1/config?cas=0", splitter(json!([{ "Weight": 99, "ServiceSubset": "stable" }]))),
        put("/v1/config?cas=0", &whole),
        put("/v1/config?cas=0", json!({ "Kind": "service-defaults", "Name": "mesh", "Protocol": "http" })),
        put("/v1/config?cas=0", &whole),
        put("/v1/config?cas=0", &resolver),
        put("/v1/config?cas=0", splitter(json!([{ "Weight": 100, "ServiceSubset": "canary" }]))),
        put("/v1/config?cas=0", &whole),
        get("/v1/config/service-splitter/mesh").keep("split", "/ModifyIndex"),
        put(
            "/v1/config?cas=7",
            splitter(json!([{ "Weight": 60, "ServiceSubset": "stable" }, { "Weight": 40 }])),
        ),
        put(
            "/v1/config?cas={split}",
            splitter(json!([{ "Weight": 60, "ServiceSubset": "stable" }, { "Weight": 40 }])),
        ),
        get("/v1/config/service-splitter/mesh").keep("split", "/ModifyIndex"),
        // What is there as it is to be is written, whatever its index.
        put(
            "/v1/config?cas=7",
            splitter(json!([{ "Weight": 60, "ServiceSubset": "stable" }, { "Weight": 40 }])),
        ),
        delete("/v1/config/service-resolver/mesh?cas=7"),
        delete("/v1/config/service-splitter/mesh?cas=7"),
        delete("/v1/config/service-splitter/mesh?cas={split}"),
        get("/v1/config/service-splitter/mesh"),
        get("/v1/config/service-resolver"),
    ]
}
