//! Layers, tiers and where values come from.

use std::time::Duration;

use super::{MINIMAL, environment, load_texts};
use crate::{
    AuthConfig, Layer, Origin, Tier, bootstrap_changes, bootstrap_fields_touched, fields, load_layers,
};

#[test]
fn scalars_of_the_later_layer_win() {
    let config = load_texts(&[MINIMAL, "ring = \"a\"\nstrict = true", "ring = \"b\""]).unwrap().config;
    assert_eq!(config.bootstrap.ring, "b");
    assert!(config.runtime.strict);
}

#[test]
fn labelled_blocks_merge_attribute_by_attribute() {
    let one = "model \"x\" {\n target = \"nova-pro\"\n max_tokens = 5\n prompt_cache = [\"system\"]\n}\n\
               model \"y\" { target = \"nova-lite\" }";
    let two = "model \"x\" {\n max_tokens = 7\n prompt_cache = [\"messages\"]\n}";
    let models = load_texts(&[MINIMAL, one, two]).unwrap().config.runtime.models;
    assert_eq!(models["x"].target, "nova-pro");
    assert_eq!(models["x"].max_tokens, Some(7));
    // A list is replaced, not joined.
    assert_eq!(models["x"].prompt_cache, [crate::PromptCachePoint::Messages]);
    assert_eq!(models["y"].target, "nova-lite");
}

#[test]
fn unlabelled_blocks_are_replaced_whole() {
    let two = "bedrock {\n region = \"us-east-1\"\n connect_timeout = \"1s\"\n}";
    let three = "bedrock {\n region = \"us-west-2\"\n retry { max_attempts = 9 }\n}";
    let config = load_texts(&[MINIMAL, two, three]).unwrap().config;
    assert_eq!(config.bootstrap.bedrock.region, "us-west-2");
    assert_eq!(config.runtime.timeouts.connect, Duration::from_secs(3));
    assert_eq!(config.runtime.retry.max_attempts, 9);
}

#[test]
fn a_runtime_document_cannot_erase_bootstrap_fields_of_a_block() {
    let file = "auth { none = true }\nbedrock {\n region = \"us-west-2\"\n connect_timeout = \"1s\"\n}\n";
    let document = "bedrock { stream_idle_timeout = \"7m\" }";
    let layers = vec![Layer::file("1.hcl", file), Layer::runtime("config", document)];
    let config = load_layers(layers, &environment(&[])).unwrap().config;
    assert_eq!(config.bootstrap.bedrock.region, "us-west-2");
    assert_eq!(config.runtime.timeouts.stream_idle, Duration::from_secs(420));
    assert_eq!(config.runtime.timeouts.connect, Duration::from_secs(3));
}

#[test]
fn remove_takes_a_label_out_until_a_later_layer_writes_it_anew() {
    let define = "model \"x\" {\n target = \"nova-pro\"\n max_tokens = 5\n}";
    let remove = "model \"x\" { remove = true }";
    let gone = load_texts(&[MINIMAL, define, remove]).unwrap();
    assert!(gone.config.runtime.models.is_empty());
    assert!(gone.config.runtime.removed_models.contains("x"));

    let anew = load_texts(&[MINIMAL, define, remove, "model \"x\" { target = \"nova-lite\" }"]).unwrap();
    assert!(anew.config.runtime.removed_models.is_empty());
    assert_eq!(anew.config.runtime.models["x"].max_tokens, None);

    // A well-known name that no layer defines can be taken out too, and that is a different configuration.
    let unknown = load_texts(&[MINIMAL, "model \"gpt-4o\" { remove = true }"]).unwrap();
    assert!(unknown.config.runtime.removed_models.contains("gpt-4o"));
    assert_ne!(unknown.hash(), load_texts(&[MINIMAL]).unwrap().hash());
}

#[test]
fn a_runtime_document_that_writes_bootstrap_fields_is_refused() {
    let document = "strict = true\nlisten = \"127.0.0.1:1\"\nlog {\n level = \"warn\"\n format = \"text\"\n}";
    let layers = vec![Layer::file("1.hcl", MINIMAL), Layer::runtime("nova/default/config", document)];
    let faults = load_layers(layers, &environment(&[])).unwrap_err();
    assert_eq!(
        faults.to_string(),
        "nova/default/config:2:1: listen: is fixed when the process starts, and cannot be set here: \
         write it in a file named by --config, and restart\n\
         nova/default/config:5:2: log.format: is fixed when the process starts, and cannot be set here: \
         write it in a file named by --config, and restart"
    );
    let touched = bootstrap_fields_touched("nova/default/config", document).unwrap();
    let paths: Vec<_> = touched.iter().map(|field| (field.path.as_str(), field.position.line)).collect();
    assert_eq!(paths, [("listen", 2), ("log.format", 5)]);
    assert!(bootstrap_fields_touched("x", "requires = \">= 0.1\"\nstrict = true").unwrap().is_empty());
    assert!(bootstrap_fields_touched("x", "=").is_err());
}

#[test]
fn every_field_of_the_schema_has_a_tier() {
    fn leaves(schema: &serde_json::Value, path: &str, found: &mut Vec<String>) {
        let below = schema["properties"].as_object().into_iter().flatten();
        // A map of values is a field; labelled blocks have fields.
        let labelled = schema.get("additionalProperties").filter(|below| below["properties"].is_object());
        let mut is_leaf = true;
        for (name, schema) in
            below.map(|(name, schema)| (name.as_str(), schema)).chain(labelled.map(|s| ("*", s)))
        {
            is_leaf = false;
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            leaves(schema, &path, found);
        }
        if is_leaf {
            assert!(schema["description"].is_string(), "{path} has no description");
            found.push(path.to_owned());
        }
    }
    let mut all = Vec::new();
    leaves(&crate::json_schema(), "", &mut all);
    let tiered: Vec<_> = fields().iter().map(|field| field.path.clone()).collect();
    assert_eq!(all, tiered);
    assert!(all.len() > 40, "{}", all.len());
    let of = |path: &str| fields().iter().find(|field| field.path == path).map(|field| field.tier);
    assert_eq!(of("listen"), Some(Tier::Bootstrap));
    assert_eq!(of("model.*.target"), Some(Tier::Runtime));
    assert_eq!(of("bedrock.retry.max_delay"), Some(Tier::Runtime));
}

#[test]
fn a_reload_is_told_which_bootstrap_fields_it_cannot_apply() {
    let old = load_texts(&[MINIMAL]).unwrap();
    let runtime_only =
        load_texts(&[MINIMAL, "strict = true\nlimits { n = 2 }\nrequires = \">= 0.1\""]).unwrap();
    assert!(bootstrap_changes(&old, &runtime_only).is_empty());
    let both =
        load_texts(&[MINIMAL, "strict = true\nmetrics = \"127.0.0.1:9\"\nserver { idle_timeout = \"5s\" }"]);
    assert_eq!(bootstrap_changes(&old, &both.unwrap()), ["metrics", "server.idle_timeout"]);
}

#[test]
fn the_hash_after_a_reload_names_what_is_in_force() {
    let before = load_texts(&[MINIMAL]).unwrap();
    let changed = format!("strict = true\nmetrics = \"127.0.0.1:1\"\nring = \"canary\"\n{MINIMAL}");
    let after = load_texts(&[&changed]).unwrap();
    assert_eq!(bootstrap_changes(&before, &after), ["metrics", "ring"]);
    let after = after.with_bootstrap_of(&before);
    // As if the file had changed the runtime field alone.
    let expected = load_texts(&[&format!("strict = true\n{MINIMAL}")]).unwrap();
    assert_eq!(after.hash(), expected.hash());
    assert_eq!(after.config, expected.config);
    assert_eq!(bootstrap_changes(&before, &after), Vec::<String>::new());
}

#[test]
fn the_environment_fills_what_no_file_says() {
    let variables = environment(&[
        ("AWS_REGION", ""),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "http://127.0.0.1:2"),
    ]);
    let bare = Layer::file("1.hcl", "auth { none = true }");
    let loaded = load_layers(vec![bare.clone()], &variables).unwrap();
    assert_eq!(loaded.config.bootstrap.bedrock.region, "eu-west-1");
    assert_eq!(loaded.config.bootstrap.bedrock.endpoints["eu-west-1"].as_str(), "http://127.0.0.1:2/");
    let origin = Origin::Environment("AWS_DEFAULT_REGION".to_owned());
    assert_eq!(loaded.origins()["bedrock.region"], origin);
    assert_eq!(origin.to_string(), "environment variable AWS_DEFAULT_REGION");

    let written = Layer::file("2.hcl", "bedrock { region = \"us-east-1\" }");
    let loaded = load_layers(vec![bare, written], &variables).unwrap();
    assert_eq!(loaded.config.bootstrap.bedrock.region, "us-east-1");
}

#[test]
fn the_redacted_configuration_tells_each_value_and_its_origin() {
    let loaded = load_texts(&[MINIMAL, "model \"x\" { target = \"nova-pro\" }"]).unwrap();
    let shown = loaded.redacted();
    assert_eq!(shown["values"]["limits"]["body_bytes"], "25MiB");
    assert_eq!(shown["values"]["model"]["x"]["target"], "nova-pro");
    assert_eq!(shown["origins"]["limits.body_bytes"], "default");
    assert_eq!(shown["origins"]["bedrock.region"], "1.hcl:1:20");
    assert_eq!(shown["origins"]["model.x.target"], "2.hcl:1:22");
    assert_eq!(shown["hash"], loaded.hash());
}

#[test]
fn a_file_declares_the_regions_that_a_runtime_document_chooses_from() {
    let file = "auth { none = true }\nbedrock {\n region = \"us-east-1\"\n endpoint = \"http://127.0.0.1:1\"\n \
                regions = [\"us-west-2\", \"us-east-2\"]\n \
                endpoints = { \"us-west-2\" = \"http://127.0.0.1:2\", us-east-2 = \"http://127.0.0.1:3\" }\n}\n";
    let with = |document: &str| {
        let layers = vec![Layer::file("1.hcl", file), Layer::runtime("config", document)];
        load_layers(layers, &environment(&[])).map(|loaded| loaded.config)
    };
    let all = with("").unwrap();
    assert_eq!(all.runtime.failover.regions, ["us-west-2", "us-east-2"]);
    assert_eq!(all.bootstrap.bedrock.endpoints["us-east-2"].as_str(), "http://127.0.0.1:3/");

    let one = with("bedrock {\n failover_regions = [\"us-east-2\"]\n spill_on_throttle = true\n}").unwrap();
    assert_eq!(one.runtime.failover.regions, ["us-east-2"]);
    assert!(one.runtime.failover.spill_on_throttle);
    assert_eq!(one.bootstrap, all.bootstrap, "a map is not erased by a document that cannot write it");
    assert!(with("bedrock { failover_regions = [] }").unwrap().runtime.failover.regions.is_empty());

    let faults = with("bedrock { failover_regions = [\"eu-west-1\"] }").unwrap_err().to_string();
    assert!(
        faults.starts_with("config:1:30: bedrock.failover_regions: names eu-west-1, which no file"),
        "{faults}"
    );
    let faults = with("bedrock { endpoints = {} }").unwrap_err().to_string();
    assert!(faults.contains("bedrock.endpoints: is fixed when the process starts"), "{faults}");
}

#[test]
fn failover_regions_of_a_file_are_declared_by_it() {
    let text =
        "bedrock {\n region = \"us-east-1\"\n failover_regions = [\"us-west-2\"]\n residency = \"us\"\n}";
    let config = load_texts(&[MINIMAL, text]).unwrap().config;
    assert_eq!(config.bootstrap.bedrock.regions, ["us-west-2"]);
    assert_eq!(config.bootstrap.bedrock.residency.map(crate::Residency::as_str), Some("us"));
    assert!(!config.runtime.failover.spill_on_throttle);
}

#[test]
fn files_of_every_editor_are_read() {
    let plain = load_texts(&[MINIMAL]).unwrap();
    let marked = load_texts(&[&format!("\u{feff}{}", MINIMAL.replace('\n', "\r\n"))]).unwrap();
    assert_eq!(marked.config, plain.config);
    assert_eq!(marked.locate("auth.keys_file"), plain.locate("auth.keys_file"));
}

#[test]
fn every_value_arrives_in_its_own_type() {
    let text = "listen = \"[::1]:80\"\nauth { none = true }\nbedrock {\n region = \"us-gov-west-1\"\n}\n\
                limits { body_bytes = \"1MiB\" }\n\
                image_fetch { allow_hosts = [\"A.example.com\", \"*.b.com\"] }\n\
                model \"x\" {\n target = <<-EOT\n    nova-pro\n    EOT\n}\n";
    let faults = load_texts(&[text]).map(|loaded| loaded.config);
    let config = faults.unwrap();
    assert_eq!(config.bootstrap.listen, "[::1]:80".parse().unwrap());
    assert_eq!(config.bootstrap.auth, AuthConfig::None);
    assert_eq!(config.runtime.limits.body_bytes, 1 << 20);
    assert_eq!(config.bootstrap.image_fetch.allow_hosts, ["A.example.com", "*.b.com"]);
    assert_eq!(config.runtime.models["x"].target, "nova-pro\n");
}

#[test]
fn a_reload_keeps_the_bootstrap_tier_in_values_origins_and_hash() {
    let tls = "tls {\n  cert_file = \"a\"\n  key_file = \"b\"\n}\n";
    let plain = load_texts(&[MINIMAL]).unwrap();
    let with_tls = load_texts(&[MINIMAL, tls]).unwrap();
    let changed = load_texts(&[MINIMAL, tls, "ring = \"canary\"\nstrict = true\n"]).unwrap();
    let runtime_only = load_texts(&[MINIMAL, "strict = true\n"]).unwrap();

    let kept = changed.clone().with_bootstrap_of(&plain);
    assert_eq!(kept.config, runtime_only.config);
    assert_eq!(kept.hash(), runtime_only.hash());
    assert_eq!(kept.redacted()["values"], runtime_only.redacted()["values"]);
    assert_eq!(kept.origins()["ring"].to_string(), "default");
    assert!(!kept.origins().contains_key("tls.cert_file"));

    let kept = runtime_only.with_bootstrap_of(&with_tls);
    assert_eq!(kept.redacted()["values"]["tls"]["cert_file"], "a");
    assert_eq!(kept.origins()["tls.cert_file"].to_string(), "2.hcl:2:15");
    assert!(kept.config.runtime.strict && kept.config.bootstrap.tls.is_some());
}

#[test]
fn a_reload_keeps_declared_secrets_and_names_those_that_wait_for_a_restart() {
    let declared = |name: &str, file: &str| format!("secret \"{name}\" {{\n  file = \"{file}\"\n}}\n");
    let [pepper, moved, other] = [("pepper", "/a"), ("pepper", "/b"), ("other", "/c")]
        .map(|(name, file)| load_texts(&[MINIMAL, &declared(name, file)]).unwrap());
    assert_eq!(crate::bootstrap_changes(&pepper, &pepper), Vec::<String>::new());
    assert_eq!(crate::bootstrap_changes(&pepper, &moved), ["secret.pepper.file"]);
    assert_eq!(crate::bootstrap_changes(&pepper, &other), ["secret.other.file", "secret.pepper.file"]);
    for next in [moved, other] {
        let kept = next.with_bootstrap_of(&pepper);
        assert_eq!(kept.redacted()["values"]["secret"]["pepper"]["file"], "/a");
        assert_eq!(kept.origins()["secret.pepper.file"].to_string(), "2.hcl:2:10");
        assert_eq!(kept.hash(), pepper.hash());
    }
}
