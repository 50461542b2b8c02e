//! One environment that is as it should be, and one that could be set up, each with one fault after the other: each fault is found by
//! one check, and the right one.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use nova_hashistack::consul::CheckStatus;
use rstest::rstest;
use serde_json::json;

use super::check::Command;
use super::fact::{
    BedrockAnswer, BedrockCall, BedrockCredentials, CertificateFact, ClientFact, ClockFact, ConsulFact,
    EndpointFact, Facts, HealthPage, InstanceFact, JobFact, KeyFact, ModelFact, NomadFact, NomadNodeFact,
    PortFact, ReadinessCondition, Skew, TlsTrouble, TokenFact, Trouble, VaultFact, VersionFact, Whose,
};
use super::report::{Report, Status, of};
use super::rules::Rules;
use super::table::checks;
use crate::documents::Indexes;
use crate::receipt::{
    AppliedConfig, ConsulView, DocumentIndex, Receipt, Refusal, RefusedPlace, SecretView, VaultView,
};

const KEY: &str = "nova/prod/config";

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn ago(seconds: i64) -> Timestamp {
    now() - jiff::SignedDuration::from_secs(seconds)
}

fn silence() -> Trouble {
    Trouble::Unreachable("no connection".to_owned())
}

fn refusal(status: u16, told: &str) -> Trouble {
    Trouble::Refused { status, told: told.to_owned() }
}

fn instance(name: &str) -> InstanceFact {
    let receipt = Receipt {
        version: Some("1.2.0".to_owned()),
        config: AppliedConfig {
            documents: vec![DocumentIndex { key: KEY.to_owned(), modify_index: 7 }],
            ..AppliedConfig::default()
        },
        consul: ConsulView { state: Some("in_sync".to_owned()), ..ConsulView::default() },
        vault: VaultView { state: Some("logged_in".to_owned()), error: None },
        secrets: vec![SecretView {
            name: "aws_credentials".to_owned(),
            read_at: Some(ago(1000)),
            ends_at: Some(ago(-2600)),
            error: None,
        }],
        ..Receipt::default()
    };
    InstanceFact {
        name: name.to_owned(),
        registered_version: Some("1.2.0".to_owned()),
        region: Some("us-east-1".to_owned()),
        status: CheckStatus::Passing,
        health: Ok(HealthPage {
            is_ready: true,
            phase: "ready".to_owned(),
            version: "1.2.0".to_owned(),
            conditions: Vec::new(),
        }),
        receipt: Ok(receipt),
        counted: Ok((10.0, 13.0)),
    }
}

fn servers(facts: &mut Facts) {
    let token = || TokenFact { name: "verifier".to_owned(), ends_at: None };
    let version = |version: &str| vec![VersionFact { server: "one".to_owned(), version: version.to_owned() }];
    facts.consul = Ok(ConsulFact {
        address: "http://consul:8500".to_owned(),
        leader: Ok("10.0.0.1:8300".to_owned()),
        versions: Ok(version("1.21.0")),
        token: Ok(token()),
        documents: Ok(Indexes::from([(KEY.to_owned(), 7)])),
        catalog: Ok(2),
    });
    facts.nomad = Ok(NomadFact {
        address: "http://nomad:4646".to_owned(),
        leader: Ok("10.0.0.1:4647".to_owned()),
        versions: Ok(version("1.11.1")),
        token: Ok(token()),
        job: Ok(Some(JobFact {
            id: "nova-proxy".to_owned(),
            is_stopped: false,
            wanted: 2,
            running: 2,
            kill_timeout: Duration::from_secs(30),
            drain: Some(Duration::from_secs(20)),
            is_deploying: false,
        })),
        nodes: Ok(vec![NomadNodeFact {
            name: "node-1".to_owned(),
            takes_tasks: true,
            drivers: vec!["exec".to_owned()],
            volumes: Ok(vec!["nova-data".to_owned()]),
        }]),
        clients: Ok(vec![ClientFact {
            node: "node-1".to_owned(),
            max_kill_timeout: Ok(Duration::from_secs(30)),
        }]),
    });
    facts.vault = Ok(VaultFact {
        address: "http://vault:8200".to_owned(),
        health: Ok((true, "active", "1.21.1".to_owned())),
        token: Ok(token()),
    });
    let clock = |whose, name: &str| ClockFact {
        whose,
        name: name.to_owned(),
        skew: Ok(Skew { ahead_ms: 400, margin_ms: 510 }),
    };
    facts.clocks = vec![
        clock(Whose::Server, "consul"),
        clock(Whose::Instance, "one"),
        clock(Whose::Bedrock, "bedrock us-east-1"),
    ];
}

/// An environment that is as it should be.
fn deployed() -> Facts {
    let mut facts = Facts::new(now(), Rules { instances: 2, ..Rules::default() });
    servers(&mut facts);
    facts.instances = vec![instance("one"), instance("two")];
    facts.keys = vec![KeyFact { region: "us-east-1".to_owned(), models: Ok(1) }];
    facts.models = vec![ModelFact {
        region: "us-east-1".to_owned(),
        model: "gpt-4o".to_owned(),
        instance: "one".to_owned(),
        plain: Some(Ok(())),
        stream: Some(Ok(())),
        tools: Some(Ok(())),
        sent: 3,
    }];
    facts.agent.leader = Ok(Some("agent-1".to_owned()));
    facts.agent.recorded_at = Ok(Some(ago(8)));
    facts.agent.rolling = Ok(Vec::new());
    facts
}

/// One in which the product could be set up.
fn empty() -> Facts {
    let mut facts =
        Facts::new(now(), Rules { host_volume: Some("nova-data".to_owned()), ..Rules::default() });
    servers(&mut facts);
    facts.ports = vec![PortFact { address: "0.0.0.0:8080".to_owned(), free: Ok(()) }];
    facts.endpoints = vec![EndpointFact {
        resolved: Ok(vec!["10.1.0.1".to_owned()]),
        connected: Ok(()),
        certificate: Ok(CertificateFact { ends_at: ago(-100 * 24 * 3600) }),
        ..EndpointFact::new("bedrock us-east-1", "bedrock-runtime.us-east-1.amazonaws.com:443")
    }];
    facts.credentials = Ok(BedrockCredentials { source: "the environment".to_owned() });
    facts.bedrock = vec![BedrockCall {
        region: "us-east-1".to_owned(),
        model: "us.amazon.nova-lite-v1:0".to_owned(),
        answer: BedrockAnswer::Answered,
    }];
    facts
}

fn judged(command: Command, facts: &Facts) -> Report {
    Report::of(command, facts, &BTreeSet::new())
}

fn failed(report: &Report) -> Vec<&'static str> {
    report.failures().map(|finding| finding.check.id).collect()
}

fn warned(report: &Report) -> Vec<&'static str> {
    let warned = report.findings.iter().filter(|finding| finding.status == Status::Warned);
    warned.map(|finding| finding.check.id).collect()
}

#[test]
fn good_environments_pass_every_check() {
    for (command, facts) in [(Command::Verify, deployed()), (Command::Preflight, empty())] {
        let report = judged(command, &facts);
        let counts = report.counts();
        let odd: Vec<_> = report.findings.iter().filter(|found| found.status != Status::Passed).collect();
        assert_eq!(counts.passed, report.findings.len(), "{odd:#?}");
        assert!(report.is_good(true));
    }
}

fn consul(facts: &mut Facts) -> &mut ConsulFact {
    facts.consul.as_mut().unwrap()
}

fn nomad(facts: &mut Facts) -> &mut NomadFact {
    facts.nomad.as_mut().unwrap()
}

fn vault(facts: &mut Facts) -> &mut VaultFact {
    facts.vault.as_mut().unwrap()
}

fn job(facts: &mut Facts) -> &mut JobFact {
    nomad(facts).job.as_mut().unwrap().as_mut().unwrap()
}

fn receipt(facts: &mut Facts) -> &mut Receipt {
    facts.instances[1].receipt.as_mut().unwrap()
}

fn refused() -> Refusal {
    let place = RefusedPlace {
        file: KEY.to_owned(),
        line: 3,
        column: 5,
        path: "limits.concurrency".to_owned(),
        problem: "is 0".to_owned(),
        fix: "write 1".to_owned(),
    };
    Refusal { faults: vec![place], faults_total: Some(1), ..Refusal::default() }
}

/// Consul is gone, and with it everything that is read from it.
fn without_consul(facts: &mut Facts) {
    let consul = consul(facts);
    consul.leader = Err(silence());
    consul.versions = Err(silence());
    consul.token = Err(silence());
    consul.documents = Err(silence());
    consul.catalog = Err(silence());
    facts.instances.clear();
    facts.keys.clear();
    facts.models.clear();
    facts.agent.leader = Err(silence());
    facts.agent.recorded_at = Err(silence());
}

fn without_nomad(facts: &mut Facts) {
    let nomad = nomad(facts);
    nomad.leader = Err(silence());
    nomad.versions = Err(silence());
    nomad.token = Err(silence());
    nomad.job = Err(silence());
    nomad.nodes = Err(silence());
    nomad.clients = Err(silence());
}

fn unknown_to_consul(facts: &mut Facts) {
    let denied = || refusal(403, "ACL not found");
    let consul = consul(facts);
    consul.token = Err(denied());
    consul.versions = Err(denied());
    consul.documents = Err(denied());
    consul.catalog = Err(denied());
    facts.instances.clear();
    facts.keys.clear();
    facts.models.clear();
    facts.agent.leader = Err(denied());
}

fn unready(facts: &mut Facts) {
    let page = facts.instances[0].health.as_mut().unwrap();
    page.is_ready = false;
    page.phase = "starting".to_owned();
    page.conditions = vec![ReadinessCondition {
        name: "aws_credentials".to_owned(),
        holds: false,
        reason: "none yet".to_owned(),
    }];
    facts.instances[0].status = CheckStatus::Critical;
    let receipt = facts.instances[0].receipt.as_mut().unwrap();
    receipt.secrets[0].read_at = None;
    receipt.vault.state = Some("pending".to_owned());
}

#[rstest]
#[case::consul_gone("consul-reachable", without_consul)]
#[case::consul_is_another_program("consul-reachable", |f: &mut Facts| { without_consul(f); consul(f).leader = Err(Trouble::Odd("html".to_owned())) })]
#[case::consul_without_leader("consul-leader", |f: &mut Facts| consul(f).leader = Ok(String::new()))]
#[case::consul_cannot_ask_its_leader("consul-leader", |f: &mut Facts| consul(f).leader = Err(refusal(500, "No cluster leader")))]
#[case::consul_open("consul-acl", |f: &mut Facts| consul(f).token = Err(refusal(401, "ACL support disabled")))]
#[case::consul_token_unknown("consul-token", unknown_to_consul)]
#[case::consul_token_over("consul-token", |f: &mut Facts| consul(f).token.as_mut().unwrap().ends_at = Some(ago(1)))]
#[case::consul_old("consul-version", |f: &mut Facts| consul(f).versions.as_mut().unwrap()[0].version = "1.10.4".to_owned())]
#[case::consul_odd_version("consul-version", |f: &mut Facts| consul(f).versions.as_mut().unwrap()[0].version = "latest".to_owned())]
#[case::consul_documents_hidden("consul-rights", |f: &mut Facts| consul(f).documents = Err(refusal(403, "Permission denied")))]
#[case::consul_catalog_hidden("consul-rights", |f: &mut Facts| { consul(f).catalog = Err(refusal(403, "Permission denied")); f.instances.clear() })]
#[case::nomad_gone("nomad-reachable", without_nomad)]
#[case::nomad_without_leader("nomad-leader", |f: &mut Facts| nomad(f).leader = Err(refusal(500, "No cluster leader")))]
#[case::nomad_open("nomad-acl", |f: &mut Facts| nomad(f).token = Err(refusal(400, "ACL support disabled")))]
#[case::nomad_token_unknown("nomad-token", |f: &mut Facts| { let n = nomad(f); n.token = Err(refusal(403, "Permission denied")); n.job = Err(refusal(403, "Permission denied")) })]
#[case::nomad_old("nomad-version", |f: &mut Facts| nomad(f).versions.as_mut().unwrap()[0].version = "1.6.9".to_owned())]
#[case::nomad_job_hidden("nomad-rights", |f: &mut Facts| nomad(f).job = Err(refusal(403, "Permission denied")))]
#[case::no_job("nomad-job", |f: &mut Facts| nomad(f).job = Ok(None))]
#[case::job_stopped("nomad-job", |f: &mut Facts| job(f).is_stopped = true)]
#[case::job_short("nomad-job", |f: &mut Facts| job(f).running = 1)]
#[case::drain_longer_than_the_job_lives("nomad-kill-timeout", |f: &mut Facts| job(f).drain = Some(Duration::from_secs(60)))]
#[case::clients_cut_the_drain("nomad-kill-timeout", |f: &mut Facts| job(f).kill_timeout = Duration::from_secs(610))]
#[case::vault_gone("vault-reachable", |f: &mut Facts| { vault(f).health = Err(silence()); vault(f).token = Err(silence()); receipt(f).vault.state = Some("failing".to_owned()) })]
#[case::vault_sealed("vault-unsealed", |f: &mut Facts| { vault(f).health = Ok((false, "sealed", "1.21.1".to_owned())); vault(f).token = Err(refusal(503, "Vault is sealed")) })]
#[case::vault_old("vault-version", |f: &mut Facts| vault(f).health = Ok((true, "active", "1.12.0".to_owned())))]
#[case::vault_token_unknown("vault-token", |f: &mut Facts| vault(f).token = Err(refusal(403, "permission denied")))]
#[case::instance_unregistered("instances-registered", |f: &mut Facts| drop(f.instances.pop()))]
#[case::instance_gone("instances-reachable", |f: &mut Facts| { let i = &mut f.instances[1]; i.health = Err(silence()); i.receipt = Err(silence()); i.counted = Err(silence()) })]
#[case::instance_unready("instances-ready", unready)]
#[case::instance_failing_its_check("instances-ready", |f: &mut Facts| f.instances[1].status = CheckStatus::Critical)]
#[case::no_receipt("configuration-receipts", |f: &mut Facts| f.instances[1].receipt = Err(refusal(404, "no such page")))]
#[case::deaf("configuration-followed", |f: &mut Facts| receipt(f).consul.state = Some("denied".to_owned()))]
#[case::files_alone("configuration-followed", |f: &mut Facts| { let r = receipt(f); r.consul.state = Some("off".to_owned()); r.config.documents.clear() })]
#[case::refused("configuration-accepted", |f: &mut Facts| receipt(f).refusal = Some(refused()))]
#[case::refused_files("configuration-accepted", |f: &mut Facts| receipt(f).config.files_refused = Some(refused()))]
#[case::behind("configuration-newest", |f: &mut Facts| receipt(f).config.documents[0].modify_index = 6)]
#[case::login_fails("secrets-login", |f: &mut Facts| receipt(f).vault.state = Some("failing".to_owned()))]
#[case::secret_over("secrets-fresh", |f: &mut Facts| receipt(f).secrets[0].ends_at = Some(ago(5)))]
#[case::secret_overdue("secrets-fresh", |f: &mut Facts| receipt(f).secrets[0].ends_at = Some(ago(-50)))]
#[case::secret_unread("secrets-fresh", |f: &mut Facts| receipt(f).secrets[0].read_at = None)]
#[case::secret_older_than_allowed("secrets-fresh", |f: &mut Facts| f.rules.max_secret_age = Some(Duration::from_secs(900)))]
#[case::server_clock("clocks-servers", |f: &mut Facts| f.clocks[0].skew = Ok(Skew { ahead_ms: -45_000, margin_ms: 510 }))]
#[case::instance_clock("clocks-instances", |f: &mut Facts| f.clocks[1].skew = Ok(Skew { ahead_ms: 31_000, margin_ms: 510 }))]
#[case::aws_clock("clocks-bedrock", |f: &mut Facts| f.clocks[2].skew = Ok(Skew { ahead_ms: 400_000, margin_ms: 510 }))]
#[case::key_refused("requests-key", |f: &mut Facts| { f.keys[0].models = Err(refusal(401, "no such key")); f.models.clear() })]
#[case::key_for_nothing("requests-key", |f: &mut Facts| { f.keys[0].models = Ok(0); f.models.clear() })]
#[case::model_throttled("requests-plain", |f: &mut Facts| { let m = &mut f.models[0]; m.plain = Some(Err("429".to_owned())); m.stream = None; m.tools = None; m.sent = 1 })]
#[case::stream_cut("requests-stream", |f: &mut Facts| f.models[0].stream = Some(Err("no [DONE]".to_owned())))]
#[case::tool_not_called("requests-tools", |f: &mut Facts| f.models[0].tools = Some(Err("no call".to_owned())))]
#[case::no_metrics("metrics-readable", |f: &mut Facts| f.instances[1].counted = Err(refusal(404, "no such page")))]
#[case::not_counted("metrics-counted", |f: &mut Facts| f.instances[0].counted = Ok((10.0, 11.0)))]
#[case::two_versions("versions-equal", |f: &mut Facts| { let i = &mut f.instances[1]; i.health.as_mut().unwrap().version = "1.3.0".to_owned(); i.registered_version = Some("1.3.0".to_owned()) })]
#[case::registered_as_another("versions-registered", |f: &mut Facts| f.instances[1].registered_version = Some("1.3.0".to_owned()))]
#[case::no_agent("agent-leader", |f: &mut Facts| { f.agent.leader = Ok(None); f.agent.recorded_at = Ok(None) })]
#[case::agent_without_record("agent-active", |f: &mut Facts| f.agent.recorded_at = Ok(None))]
#[case::agent_frozen("agent-active", |f: &mut Facts| f.agent.recorded_at = Ok(Some(ago(90))))]
fn a_fault_of_what_is_deployed_is_found_by_one_check(#[case] id: &str, #[case] plant: fn(&mut Facts)) {
    let mut facts = deployed();
    plant(&mut facts);
    let report = judged(Command::Verify, &facts);
    assert_eq!((failed(&report), warned(&report)), (vec![id], Vec::new()), "{:#?}", report.findings);
}

fn untrusted(facts: &mut Facts, trouble: TlsTrouble) {
    facts.endpoints[0].certificate = Err(trouble);
}

#[rstest]
#[case::port_taken("ports-free", |f: &mut Facts| f.ports[0].free = Err("in use".to_owned()))]
#[case::name_unknown("network-names", |f: &mut Facts| f.endpoints[0] = EndpointFact { resolved: Err(silence()), ..EndpointFact::new("b", "b:443") })]
#[case::no_egress("network-egress", |f: &mut Facts| f.endpoints[0] = EndpointFact { resolved: Ok(vec![]), connected: Err(silence()), ..EndpointFact::new("b", "b:443") })]
#[case::certificate_of_a_stranger("tls-trusted", |f: &mut Facts| untrusted(f, TlsTrouble::Untrusted("unknown issuer".to_owned())))]
#[case::no_handshake("tls-trusted", |f: &mut Facts| untrusted(f, TlsTrouble::Other("it speaks no TLS".to_owned())))]
#[case::certificate_of_another("tls-name", |f: &mut Facts| untrusted(f, TlsTrouble::OtherName("not for b".to_owned())))]
#[case::certificate_over("tls-time", |f: &mut Facts| untrusted(f, TlsTrouble::OutOfTime("it ended".to_owned())))]
#[case::consul_gone("consul-reachable", without_consul)]
#[case::consul_open("consul-acl", |f: &mut Facts| consul(f).token = Err(refusal(401, "ACL support disabled")))]
#[case::nomad_gone("nomad-reachable", without_nomad)]
#[case::no_driver("nomad-driver", |f: &mut Facts| nomad(f).nodes.as_mut().unwrap()[0].drivers.clear())]
#[case::no_node("nomad-driver", |f: &mut Facts| { f.rules.host_volume = None; nomad(f).nodes.as_mut().unwrap()[0].takes_tasks = false })]
#[case::no_volume("nomad-volume", |f: &mut Facts| nomad(f).nodes.as_mut().unwrap()[0].volumes = Ok(Vec::new()))]
#[case::drain_cut("nomad-kill-limit", |f: &mut Facts| f.rules.drain = Duration::from_secs(600))]
#[case::vault_sealed("vault-unsealed", |f: &mut Facts| { vault(f).health = Ok((false, "sealed", "1.21.1".to_owned())); vault(f).token = Err(refusal(503, "Vault is sealed")) })]
#[case::vault_old("vault-version", |f: &mut Facts| vault(f).health = Ok((true, "active", "1.9.0".to_owned())))]
#[case::aws_clock("clocks-bedrock", |f: &mut Facts| f.clocks[2].skew = Ok(Skew { ahead_ms: 400_000, margin_ms: 510 }))]
#[case::no_credentials("bedrock-credentials", |f: &mut Facts| { f.credentials = Err(silence()); f.bedrock[0].answer = BedrockAnswer::NotAsked("no credentials".to_owned()) })]
#[case::wrong_credentials("bedrock-credentials", |f: &mut Facts| f.bedrock[0].answer = BedrockAnswer::Unauthenticated("no such key".to_owned()))]
#[case::no_permission("bedrock-permission", |f: &mut Facts| f.bedrock[0].answer = BedrockAnswer::Denied("not authorized".to_owned()))]
#[case::no_model("bedrock-models", |f: &mut Facts| f.bedrock[0].answer = BedrockAnswer::UnknownModel("no such model".to_owned()))]
#[case::no_quota("bedrock-quota", |f: &mut Facts| f.bedrock[0].answer = BedrockAnswer::Throttled("too many".to_owned()))]
#[case::bedrock_ill("bedrock-answers", |f: &mut Facts| f.bedrock[0].answer = BedrockAnswer::Other("500".to_owned()))]
fn a_fault_before_an_installation_is_found_by_one_check(#[case] id: &str, #[case] plant: fn(&mut Facts)) {
    let mut facts = empty();
    plant(&mut facts);
    let report = judged(Command::Preflight, &facts);
    assert_eq!((failed(&report), warned(&report)), (vec![id], Vec::new()), "{:#?}", report.findings);
}

#[rstest]
#[case("configuration-settled", |f: &mut Facts| receipt(f).config.waiting_for_restart = vec!["listen".to_owned()])]
#[case("configuration-settled", |f: &mut Facts| receipt(f).config.not_kept = Some("disk full".to_owned()))]
#[case("secrets-fresh", |f: &mut Facts| receipt(f).secrets[0].error = Some("Vault is slow".to_owned()))]
#[case("consul-version", |f: &mut Facts| consul(f).versions.as_mut().unwrap()[0].version = "2.0.0".to_owned())]
fn what_is_worth_a_look_is_no_failure_unless_all_is_to_be_good(
    #[case] id: &str,
    #[case] plant: fn(&mut Facts),
) {
    let mut facts = deployed();
    plant(&mut facts);
    let report = judged(Command::Verify, &facts);
    assert_eq!((failed(&report), warned(&report)), (Vec::new(), vec![id]));
    assert!(report.is_good(false) && !report.is_good(true));
}

#[test]
fn a_certificate_that_ends_soon_is_worth_a_look() {
    let mut facts = empty();
    facts.endpoints[0].certificate = Ok(CertificateFact { ends_at: ago(-48 * 3600) });
    assert_eq!(warned(&judged(Command::Preflight, &facts)), ["tls-time"]);
}

#[test]
fn two_versions_are_as_they_should_be_while_one_takes_the_others_place() {
    let mut facts = deployed();
    let newer = &mut facts.instances[1];
    newer.health.as_mut().unwrap().version = "1.3.0".to_owned();
    newer.registered_version = Some("1.3.0".to_owned());
    let mut by_nomad = facts.clone();
    job(&mut by_nomad).is_deploying = true;
    assert_eq!(failed(&judged(Command::Verify, &by_nomad)), Vec::<&str>::new());
    facts.agent.rolling = Ok(vec!["nova-proxy".to_owned()]);
    assert_eq!(failed(&judged(Command::Verify, &facts)), Vec::<&str>::new());
}

#[test]
fn what_stands_on_a_fault_is_skipped_and_names_the_first() {
    let mut facts = deployed();
    without_consul(&mut facts);
    let report = judged(Command::Verify, &facts);
    let needing = report.findings.iter().filter(|found| found.status == Status::Needs("consul-reachable"));
    assert_eq!(needing.count(), 25, "{:#?}", report.findings);
    // What has nothing to do with it is judged all the same.
    let passed =
        |id: &str| report.findings.iter().any(|found| found.check.id == id && found.status == Status::Passed);
    assert!(passed("nomad-job") && passed("vault-token") && passed("clocks-servers"));
}

#[test]
fn servers_that_are_not_there_are_not_missed() {
    let mut facts = deployed();
    facts.nomad = Err("NOMAD_ADDR is not set".to_owned());
    facts.vault = Err("VAULT_ADDR is not set".to_owned());
    let report = judged(Command::Verify, &facts);
    assert!(report.is_good(false) && !report.is_good(true), "{:#?}", report.findings);
    let skipped = report.findings.iter().filter(|found| found.status == Status::Skipped);
    assert!(skipped.clone().count() > 8 && skipped.clone().all(|found| !found.told.is_empty()));
}

#[test]
fn a_check_that_is_left_out_stands_in_nobodys_way() {
    let mut facts = deployed();
    facts.agent.leader = Ok(None);
    facts.agent.recorded_at = Ok(Some(ago(3)));
    let left_out = BTreeSet::from(["agent-leader".to_owned()]);
    let report = Report::of(Command::Verify, &facts, &left_out);
    assert_eq!(failed(&report), Vec::<&str>::new());
}

#[test]
fn json_has_what_the_reference_says() {
    let mut facts = deployed();
    without_nomad(&mut facts);
    let told = judged(Command::Verify, &facts).to_json(false);
    assert_eq!((&told["success"], &told["command"]), (&json!(false), &json!("verify")));
    let all = told["checks"].as_array().unwrap();
    let find = |id: &str| all.iter().find(|check| check["id"] == id).unwrap();
    let reachable = find("nomad-reachable");
    assert_eq!(
        *reachable,
        json!({
            "id": "nomad-reachable", "group": "nomad", "title": "Nomad answers", "status": "failed",
            "told": ["no connection"], "needs": null,
            "hint": "set NOMAD_ADDR to the address of a Nomad agent that runs",
            "docs": "docs/reference/checks.md#nomad-reachable",
        })
    );
    let job = find("nomad-job");
    assert_eq!((&job["status"], &job["needs"]), (&json!("skipped"), &json!("nomad-reachable")));
    assert_eq!(told["counts"]["failed"], 1);
}

#[test]
fn the_table_is_sound() {
    let mut seen = BTreeSet::new();
    for check in checks() {
        assert!(!check.of.is_empty() && !check.hint.is_empty() && !check.title.is_empty(), "{}", check.id);
        assert!(seen.insert(check.id), "{} is there twice", check.id);
        for command in check.of {
            let before: Vec<_> =
                of(*command).take_while(|other| other.id != check.id).map(|other| other.id).collect();
            for needed in check.needs {
                assert!(before.contains(needed), "{} needs {needed} of {}", check.id, command.as_str());
            }
        }
    }
    // A group is shown in one piece.
    for command in [Command::Verify, Command::Preflight] {
        let mut groups: Vec<_> = of(command).map(|check| check.group).collect();
        groups.dedup();
        let distinct: BTreeSet<_> = groups.iter().copied().collect();
        assert_eq!(groups.len(), distinct.len(), "{groups:?}");
    }
}

/// What a hint says of a page of ours is there, and each check has its heading on the page of checks, and each heading its check.
#[test]
fn every_check_has_its_heading_on_the_page_and_no_other_has() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/reference/checks.md")).unwrap();
    let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let ids: Vec<&str> = checks().map(|check| check.id).collect();
    assert_eq!(
        headings, ids,
        "the headings of docs/reference/checks.md are the ids of the table, in its order"
    );
    for check in checks() {
        assert!(page.contains(check.hint), "the page does not say the hint of {}: {}", check.id, check.hint);
        for path in check.hint.split([' ', ',', ';', ':']).filter(|word| word.starts_with("docs/")) {
            assert!(root.join(path).is_file(), "{}: there is no {path}", check.id);
        }
    }
}
