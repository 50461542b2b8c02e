//! A declared secret in AWS Secrets Manager, whose double the simulator is: it checks signatures as AWS does.

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::client::Call;
use nova_test_support::wait::{DEADLINE, Look, wait_until};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bed::{Bed, Settings, ask, expect_error, proxy_command};
use crate::hashed_keys::{API_KEY, PEPPER, keys_file};
use crate::simulator::REGION;

/// What AWS tells whom a policy does not let in.
const DENIED: &str = "User: arn:aws:sts::123456789012:assumed-role/nova/i-1 is not authorized to perform: \
                      secretsmanager:GetSecretValue on resource: nova/proxy";

struct Scene {
    bed: Bed,
    folder: TempDir,
}

impl Scene {
    /// A simulator, and no proxy yet.
    async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("keys.json"), keys_file())?;
        Ok(Self { bed: Bed::start().await?, folder })
    }

    /// Puts these secrets in place of all others.
    async fn put(&self, secrets: &Value) -> anyhow::Result<()> {
        let url = format!("{}/_sim/secrets", self.bed.simulator.endpoint);
        let put = Call::new(Method::PUT, &url)?.body(secrets.to_string()).send().await?;
        ensure!(put.status == 200, "{} {}", put.status, put.text());
        Ok(())
    }

    /// Runs a proxy whose pepper is there under this name.
    async fn run_proxy(&mut self, declared: &str) -> anyhow::Result<()> {
        let keys = self.folder.path().join("keys.json");
        let settings = Settings {
            auth: format!("keys_file = {keys:?}\n  pepper_secret = \"pepper\""),
            rest: format!("secret \"pepper\" {{\n  aws_secrets_manager = {declared:?}\n}}\n"),
            endpoint: Some(self.bed.simulator.endpoint.clone()),
            ..Settings::default()
        };
        let config = self.bed.write_config(&settings)?;
        let program = proxy_command()?.env("AWS_ENDPOINT_URL_SECRETS_MANAGER", &self.bed.simulator.endpoint);
        self.bed.start_proxy(config, program).await?;
        self.bed.key = API_KEY.to_owned();
        Ok(())
    }

    async fn has_said(&self, words: &str) -> anyhow::Result<()> {
        let proxy = self.bed.proxy.as_ref().context("there is no proxy")?;
        wait_until(words, DEADLINE, || {
            let told = proxy.stderr()?;
            Ok(if told.contains(words) { Look::Ready(()) } else { Look::NotYet(told) })
        })
        .await
    }
}

#[tokio::test]
async fn a_pepper_of_aws_is_read_when_it_is_there_and_until_then_operators_are_told_what_to_do() {
    let mut scene = Scene::start().await.unwrap();
    scene.run_proxy("nova/proxy#pepper").await.unwrap();
    scene.has_said("ResourceNotFoundException").await.unwrap();
    scene.has_said("list-secrets").await.unwrap();
    expect_error(&scene.bed.chat(&ask("Hello")).await.unwrap(), 503, Some("not_ready")).unwrap();

    let denied = json!({ "nova/proxy": { "error": { "name": "AccessDeniedException", "message": DENIED } } });
    scene.put(&denied).await.unwrap();
    scene.has_said("kms:Decrypt").await.unwrap();
    // Callers are told of no account.
    let health = Call::new(Method::GET, &format!("{}/health", scene.bed.root)).unwrap().send().await.unwrap();
    let refused = scene.bed.chat(&ask("Hello")).await.unwrap();
    for page in [health.text(), refused.text()] {
        assert!(!page.contains("arn:") && !page.contains("123456789012"), "{page}");
    }
    assert!(scene.bed.readiness_page().await.unwrap().text().contains("AccessDeniedException"));

    scene.put(&json!({ "nova/proxy": { "text": json!({ "other": 7 }).to_string() } })).await.unwrap();
    scene.has_said("no JSON object with a text under pepper").await.unwrap();
    let whole = json!({ "pepper": PEPPER, "port": 5432 }).to_string();
    scene.put(&json!({ "nova/proxy": { "text": whole } })).await.unwrap();
    scene.has_said("secret read").await.unwrap();
    scene.bed.still_serves().await.unwrap();
    let told = scene.bed.own_proxy().unwrap().stderr().unwrap() + &scene.bed.metrics_page().await.unwrap();
    assert!(!told.contains(PEPPER) && told.contains("nova_proxy_secret_read_timestamp_seconds"));
}

#[tokio::test]
async fn an_arn_without_a_key_is_the_whole_text_or_the_bytes_of_a_secret() {
    use base64::Engine as _;
    let mut scene = Scene::start().await.unwrap();
    let arn = format!("arn:aws:secretsmanager:{REGION}:123456789012:secret:nova/proxy-AbCdEf");
    let bytes = base64::engine::general_purpose::STANDARD.encode(PEPPER);
    for stored in [json!({ "text": PEPPER }), json!({ "binary": bytes })] {
        scene.put(&json!({ "nova/proxy": stored })).await.unwrap();
        scene.run_proxy(&arn).await.unwrap();
        scene.has_said("secret read").await.unwrap();
        scene.bed.still_serves().await.unwrap();
    }
}
