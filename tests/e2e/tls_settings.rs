//! What the listener speaks and what it refuses, as OpenSSL sees it, and in hellos of a kind that OpenSSL no longer says.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, ensure};
use nova_test_support::process::Launch;
use nova_test_support::wait::DEADLINE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::bed::{Bed, Settings};
use crate::case::Cases;

/// All suites that OpenSSL can name, without its own idea of what is secure.
const ALL: &str = "ALL:COMPLEMENTOFALL:@SECLEVEL=0";

/// The suites of TLS 1.3 that are spoken; those of TLS 1.2 are [`is_spoken`].
const TLS13: [&str; 3] = ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"];

/// The suites of TLS 1.2 that are spoken with a certificate of this kind: forward secrecy and authenticated encryption.
fn is_spoken(suite: &str, kind: &str) -> bool {
    ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"]
        .iter()
        .any(|cipher| suite == format!("ECDHE-{kind}-{cipher}"))
}

async fn openssl(arguments: &[&str]) -> anyhow::Result<String> {
    let finished = Launch::new("openssl").args(arguments.iter().copied()).finish().await?;
    Ok(format!("{}{}", finished.stdout, finished.stderr))
}

async fn s_client(address: &str, arguments: &[&str]) -> anyhow::Result<String> {
    openssl(&[&["s_client", "-connect", address], arguments].concat()).await
}

/// A proxy with a certificate of this kind, `ECDSA` or `RSA`, and its address.
async fn listening(kind: &str, folder: &Path) -> anyhow::Result<(Bed, String)> {
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let algorithm: &[&str] =
        if kind == "RSA" { &["rsa:2048"] } else { &["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"] };
    let (cert_text, key_text) = (cert.display().to_string(), key.display().to_string());
    let request = [
        "req",
        "-x509",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=nova.test",
        "-keyout",
        &key_text,
        "-out",
        &cert_text,
    ];
    let made = openssl(&[&request[..], &["-newkey"], algorithm].concat()).await?;
    ensure!(cert.is_file() && key.is_file(), "{made}");
    let rest = format!("tls {{\n  cert_file = \"{cert_text}\"\n  key_file = \"{key_text}\"\n}}");
    let bed = Bed::with(Settings { rest, ..Settings::default() }).await?;
    let address = bed.root.strip_prefix("http://").context("a root that is not http")?.to_owned();
    Ok((bed, address))
}

#[tokio::test]
async fn only_suites_with_forward_secrecy_and_authenticated_encryption_are_spoken() {
    let listed = openssl(&["ciphers", "-v", ALL]).await.unwrap();
    let mut cases = Cases::default();
    for kind in ["ECDSA", "RSA"] {
        let folder = tempfile::tempdir().unwrap();
        let (_bed, address) = listening(kind, folder.path()).await.unwrap();
        let mut spoken = 0;
        for line in listed.lines() {
            let suite = line.split_whitespace().next().unwrap_or_default();
            let is_13 = suite.starts_with("TLS_");
            let expected = if is_13 { TLS13.contains(&suite) } else { is_spoken(suite, kind) };
            let result = async {
                let choice = format!("{suite}:@SECLEVEL=0");
                let arguments =
                    if is_13 { ["-tls1_3", "-ciphersuites", suite] } else { ["-tls1_2", "-cipher", &choice] };
                let output = s_client(&address, &arguments).await?;
                let agreed = output.contains(&format!("Cipher is {suite}\n"));
                ensure!(agreed == expected, "agreed: {agreed}\n{output}");
                spoken += usize::from(agreed);
                Ok(())
            };
            cases.note(format!("{kind}: {suite}"), result.await);
        }
        assert_eq!(spoken, 6, "three suites of each version, with a certificate of {kind}");
    }
    cases.all_hold();
}

#[tokio::test]
async fn protocols_are_agreed_on_and_dangers_of_the_past_are_off() {
    let folder = tempfile::tempdir().unwrap();
    let (_bed, address) = listening("ECDSA", folder.path()).await.unwrap();
    let mut cases = Cases::default();
    for (arguments, expected) in [
        (&["-tls1_3"][..], "New, TLSv1.3, "),
        (&["-tls1_2"], "New, TLSv1.2, "),
        (&["-alpn", "h2,http/1.1"], "ALPN protocol: h2\n"),
        (&["-alpn", "http/1.1"], "ALPN protocol: http/1.1\n"),
        (&["-alpn", "nonsense"], "alert no application protocol"),
        (&["-tls1_2", "-comp"], "Compression: NONE"),
        (&["-tls1_2"], "Extended master secret: yes"),
        (&["-tls1_2", "-fallback_scsv"], "inappropriate fallback"),
        (&["-tls1", "-cipher", ALL], "New, (NONE), Cipher is (NONE)"),
        (&["-tls1_1", "-cipher", ALL], "New, (NONE), Cipher is (NONE)"),
    ] {
        let result = async {
            let output = s_client(&address, arguments).await?;
            ensure!(output.contains(expected), "no {expected:?} in {output}");
            Ok(())
        };
        cases.note(arguments.join(" "), result.await);
    }
    cases.note("renegotiation", renegotiation_is_refused(&address).await);
    cases.all_hold();
}

/// OpenSSL asks for a renegotiation when it reads "R" on a line of its own. It ends when that is refused, and not before: its
/// input stays open.
async fn renegotiation_is_refused(address: &str) -> anyhow::Result<()> {
    let mut child = Command::new("openssl")
        .args(["s_client", "-tls1_2", "-connect", address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut input = child.stdin.take().context("no input")?;
    input.write_all(b"R\n").await?;
    let ended = tokio::time::timeout(DEADLINE, child.wait_with_output()).await.context("it goes on")??;
    drop(input);
    let output = String::from_utf8_lossy(&ended.stderr);
    ensure!(output.contains("RENEGOTIATING") && !ended.status.success(), "{ended:?}");
    Ok(())
}

/// A ClientHello that offers these suites and nothing newer than `version`.
fn hello(version: [u8; 2], suites: &[u16]) -> Vec<u8> {
    let lengthy = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
    let extension = |kind: u16, body: &[u8]| [&kind.to_be_bytes()[..], &lengthy(body)].concat();
    // x25519, secp256r1; signatures by ECDSA and RSA with SHA-256 and SHA-1; uncompressed points.
    let groups = extension(10, &lengthy(&[0, 29, 0, 23]));
    let signatures = extension(13, &lengthy(&[4, 3, 8, 4, 4, 1, 2, 3, 2, 1]));
    let points = extension(11, &[1, 0]);
    let extensions = lengthy(&[groups, signatures, points].concat());
    let suites: Vec<u8> = suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    let body = [&version[..], &[7; 32], &[0], &lengthy(&suites), &[1, 0], &extensions].concat();
    let message = [&[1, 0][..], &lengthy(&body)].concat();
    [&[22], &version[..], &lengthy(&message)].concat()
}

/// The suite that the server agrees to, or nothing when it refuses.
async fn agreed(address: &str, hello: &[u8]) -> anyhow::Result<Option<u16>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(hello).await?;
    let mut record = [0; 5];
    stream.read_exact(&mut record).await.context("neither a hello nor an alert")?;
    let mut body = vec![0; usize::from(u16::from_be_bytes([record[3], record[4]]))];
    stream.read_exact(&mut body).await?;
    match record[0] {
        21 => Ok(None),
        22 => {
            // Type, length, version, random; then a session id of its own length, then the suite.
            let session = usize::from(*body.get(38).context("a short hello")?);
            let suite = body.get(39 + session..41 + session).context("a short hello")?;
            Ok(Some(u16::from_be_bytes(suite.try_into()?)))
        }
        other => anyhow::bail!("a record of type {other}"),
    }
}

/// By the registry of IANA.
const GOOD: u16 = 0xC02B;
const BROKEN: [(&str, &[u16]); 9] = [
    ("RC4", &[0x0004, 0x0005, 0xC007, 0xC011]),
    ("3DES", &[0x000A, 0x0016, 0xC008, 0xC012]),
    ("DES", &[0x0009, 0x0015]),
    ("NULL", &[0x0001, 0x0002, 0x003B, 0xC006, 0xC010]),
    ("EXPORT", &[0x0003, 0x0006, 0x0008, 0x000B, 0x000E, 0x0011, 0x0014, 0x0017, 0x0019]),
    (
        "anonymous",
        &[
            0x0018, 0x001A, 0x001B, 0x0034, 0x003A, 0x006C, 0x00A6, 0x00A7, 0xC015, 0xC016, 0xC017, 0xC018,
            0xC019,
        ],
    ),
    (
        "CBC",
        &[
            0x002F, 0x0033, 0x0035, 0x0039, 0x003C, 0x003D, 0xC009, 0xC00A, 0xC013, 0xC014, 0xC023, 0xC024,
            0xC027, 0xC028,
        ],
    ),
    ("RSA key exchange", &[0x009C, 0x009D]),
    ("finite field", &[0x009E, 0x009F, 0xCCAA]),
];

#[tokio::test]
async fn broken_suites_and_versions_are_refused_in_any_hello() {
    let folder = tempfile::tempdir().unwrap();
    let (_bed, address) = listening("ECDSA", folder.path()).await.unwrap();
    // The hello itself is good: whatever is refused below is refused for what it offers.
    assert_eq!(agreed(&address, &hello([3, 3], &[GOOD])).await.unwrap(), Some(GOOD));
    let mut cases = Cases::default();
    for (name, suites) in BROKEN {
        for suite in suites {
            let result = async {
                let agreed = agreed(&address, &hello([3, 3], &[*suite])).await?;
                ensure!(agreed.is_none(), "agreed to {agreed:04x?}");
                Ok(())
            };
            cases.note(format!("{name} {suite:04X}"), result.await);
        }
    }
    let every: Vec<u16> = BROKEN.iter().flat_map(|(_, suites)| *suites).copied().chain([GOOD]).collect();
    for (name, version) in [("SSL 3", [3, 0]), ("TLS 1.0", [3, 1]), ("TLS 1.1", [3, 2])] {
        let result = async {
            let agreed = agreed(&address, &hello(version, &every)).await?;
            ensure!(agreed.is_none(), "agreed to {agreed:04x?}");
            Ok(())
        };
        cases.note(name, result.await);
    }
    cases.all_hold();
}
