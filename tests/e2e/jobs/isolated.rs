//! The job by the driver `exec`, as in production: the program comes out of the archive of a release, whose checksum has to be right,
//! runs as nobody, and sees nothing of the host.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use nova_test_support::binary::Program;
use nova_test_support::server::{Consul, ConsulLaunch, Nomad, NomadLaunch};
use nova_test_support::wait::{Look, wait_for};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::rollout::{ROLLOUT, address, chat_call, ready};
use super::{Job, report};
use crate::bed::ask;

/// The host volume for what the proxy keeps.
pub(super) const VOLUME: &str = "nova-data";

/// What `exec` gives its tasks of the host here: what the programs are linked with. By default it is copies of whole folders.
const OF_THE_HOST: [&str; 6] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib/x86_64-linux-gnu/libgcc_s.so.1",
    "/lib/x86_64-linux-gnu/libm.so.6",
    "/etc/passwd",
    "/etc/ssl/certs/ca-certificates.crt",
];

/// A client of Nomad that runs tasks by `exec`, and has a host volume where a folder is named.
pub(super) fn client(volume: Option<&Path>) -> anyhow::Result<String> {
    let mut files = String::new();
    for path in OF_THE_HOST {
        // Nomad would give the link, and not what it leads to.
        let file = std::fs::canonicalize(path).with_context(|| path.to_owned())?;
        files.push_str(&format!("{file:?} = {path:?}\n"));
    }
    let volume = volume
        .map_or_else(String::new, |folder| format!("host_volume \"{VOLUME}\" {{\n path = {folder:?}\n }}\n"));
    Ok(format!(
        "client {{\n options = {{\n \"driver.allowlist\" = \"exec,raw_exec\"\n }}\n chroot_env = {{\n {files} }}\n {volume} }}\n"
    ))
}

/// An archive with both programs where a release has them, without what debuggers need, and its checksum.
pub(super) fn archive(folder: &Path) -> anyhow::Result<String> {
    let programs = folder.join("nova/bin");
    std::fs::create_dir_all(&programs)?;
    for program in [Program::Proxy, Program::Local] {
        run(Command::new("strip").arg("-o").arg(programs.join(program.name())).arg(program.path()?))?;
    }
    let archive = folder.join("nova.tar.gz");
    let mut tar = Command::new("tar");
    run(tar.arg("-C").arg(folder).args(["-czf".as_ref(), archive.as_os_str()]).arg("nova"))?;
    let sum = run(Command::new("sha256sum").arg(&archive))?;
    Ok(sum.split(' ').next().unwrap_or_default().to_owned())
}

fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("start {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Gives these bytes to whoever asks, by HTTP, until it is dropped.
pub(super) async fn offer(bytes: Vec<u8>) -> anyhow::Result<(String, JoinSet<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/nova.tar.gz", listener.local_addr()?);
    let mut server = JoinSet::new();
    server.spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = vec![0; 8192];
            // One that asks for nothing gets nothing.
            let Ok(read) = connection.read(&mut request).await else { continue };
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", bytes.len());
            let body: &[u8] = if request[..read].starts_with(b"HEAD") { &[] } else { &bytes };
            let answer = [head.as_bytes(), body].concat();
            // Whoever does not read to the end has what it wants.
            drop(connection.write_all(&answer).await);
        }
    });
    Ok((url, server))
}

/// The first instance of a service, as soon as it is ready.
pub(super) async fn instance(consul: &Consul, nomad: &Nomad, service: &str) -> anyhow::Result<Value> {
    let api = consul.api();
    let waited = wait_for(&format!("a {service} that is ready"), ROLLOUT, async || {
        let found = ready(&api, service).await?;
        Ok(found.first().cloned().map_or(Look::NotYet(found), Look::Ready))
    })
    .await;
    match waited {
        Ok(found) => Ok(found),
        Err(error) => Err(error.context(report(nomad).await?)),
    }
}

#[tokio::test]
async fn a_job_runs_isolated_from_the_archive_of_a_release_and_no_other_archive_runs() {
    let folder = tempfile::tempdir().unwrap();
    let sum = archive(folder.path()).unwrap();
    let (url, _server) = offer(std::fs::read(folder.path().join("nova.tar.gz")).unwrap()).await.unwrap();
    let consul = ConsulLaunch::new().start().await.unwrap();
    let nomad =
        NomadLaunch::new().with_consul(&consul).with_settings(&client(None).unwrap()).start().await.unwrap();
    let isolated =
        json!({ "artifact": format!("{url}?checksum=sha256:{sum}"), "driver": "exec", "user": "nobody" });
    Job::simulator().unwrap().with(isolated.clone()).run(&nomad).await.unwrap();
    instance(&consul, &nomad, "bedrock-sim").await.unwrap();
    let job = Job::proxy().unwrap().with(isolated).with(json!({
        "instances": 1, "min_healthy_seconds": 1, "consul_address": format!("http://{}", consul.address()),
    }));
    job.run(&nomad).await.unwrap();
    let found = instance(&consul, &nomad, "nova-proxy").await.unwrap();
    let asked = chat_call(&address(&found)).unwrap().body(ask("Hello").to_string());
    let reply = asked.send().await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());

    let other = format!("{url}?checksum=sha256:{}", "0".repeat(64));
    job.with(json!({ "artifact": other, "version": "0.2.0" })).run(&nomad).await.unwrap();
    wait_for("the archive to be refused", ROLLOUT, async || {
        let found = nomad.allocations("nova-proxy").await?;
        let events = found.iter().filter_map(|one| one["TaskStates"]["nova-proxy"]["Events"].as_array());
        let is_refused = events.flatten().any(|event| {
            event["Type"] == "Failed Artifact Download"
                && event.to_string().contains("Checksums did not match")
        });
        Ok(if is_refused { Look::Ready(()) } else { Look::NotYet(found) })
    })
    .await
    .unwrap();
}
