//! The API as its callers see it: both doors, roles, orders on a leader and on others, events, and a drain. Nomad and the rollouts are
//! scripted; listeners, routes and clients are real.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use nova_hashistack::{NomadClient, NomadConfig, Retries};
use nova_lifecycle::Tasks;
use serde_json::{Value, json};
use slog::o;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpStream, UnixStream};

use super::server::{ApiServer, Listener};
use super::*;
use crate::driver::{Activation, Pending, Scope, Summary, Surroundings, Task, TaskError};
use crate::leader::Holder;
use crate::rollout::observation::Command;
use crate::rollout::record::Target;
use crate::scripted::{Scripted, answer};

/// Tokens that the scripted Nomad knows.
const VIEWER: &str = "11111111-viewer";
const OPERATOR: &str = "22222222-operator";
const MANAGEMENT: &str = "33333333-management";
const OTHER: &str = "44444444-other";

struct Idle(Scope, &'static str);

impl Task for Idle {
    fn name(&self) -> &'static str {
        self.1
    }

    fn scope(&self) -> Scope {
        self.0
    }

    fn period(&self) -> Duration {
        Duration::from_secs(3600)
    }

    fn activate(&self, _activation: Activation) -> Pending<'_, Result<Summary, TaskError>> {
        Box::pin(async { Ok(Summary("nothing to do".to_owned())) })
    }
}

/// One rollout, of the deployment `d-1`, and the commands that came for it.
#[derive(Default)]
struct OneRollout {
    commands: Mutex<Vec<Command>>,
}

impl OneRollout {
    fn is_it(target: &Target) -> bool {
        (target.namespace.as_str(), target.job.as_str()) == ("default", "web/api")
    }
}

impl Rollouts for OneRollout {
    fn list(&self) -> Pending<'_, Result<Vec<Value>, RolloutsError>> {
        Box::pin(async { Ok(vec![json!({ "deployment_id": "d-1" })]) })
    }

    fn read<'a>(&'a self, target: &'a Target) -> Pending<'a, Result<Option<Value>, RolloutsError>> {
        Box::pin(async { Ok(Self::is_it(target).then(|| json!({ "deployment_id": "d-1" }))) })
    }

    fn history<'a>(&'a self, _target: &'a Target) -> Pending<'a, Result<Vec<Value>, RolloutsError>> {
        Box::pin(async { Err(RolloutsError::Unavailable("no cluster leader".to_owned())) })
    }

    fn command<'a>(
        &'a self,
        _leadership: &'a Leadership,
        target: &'a Target,
        command: Command,
    ) -> Pending<'a, Result<Value, RolloutsError>> {
        Box::pin(async {
            if !Self::is_it(target) {
                let Target { namespace, job } = target.clone();
                return Err(RolloutsError::None { namespace, job });
            }
            if command.deployment_id != "d-1" {
                return Err(RolloutsError::OtherDeployment { current: "d-1".to_owned() });
            }
            self.commands.lock().unwrap().push(command);
            Ok(json!({ "deployment_id": "d-1" }))
        })
    }
}

/// A running API.
struct Bed {
    api: SharedApi,
    rollouts: Arc<OneRollout>,
    leadership: watch::Sender<Option<Leadership>>,
    standing: watch::Sender<Standing>,
    events: Events,
    tasks: Tasks,
    socket: PathBuf,
    tcp: String,
    nomad: Scripted,
    _folder: TempDir,
}

fn nomad_says(asked: &crate::scripted::Asked) -> crate::scripted::Answer {
    let token = |kind: &str, policies: &[&str]| {
        let token = json!({ "AccessorID": "5a4d", "Name": "ana", "Type": kind, "Policies": policies });
        answer(200, token.to_string())
    };
    match asked.header("x-nomad-token") {
        Some(VIEWER) => token("client", &["nova-viewer"]),
        Some(OPERATOR) => token("client", &["nova-operator"]),
        Some(MANAGEMENT) => token("management", &[]),
        Some(OTHER) => token("client", &["other"]),
        Some("broken") => answer(500, "rpc error: No cluster leader"),
        Some("off") => answer(400, "ACL support disabled"),
        _ => answer(403, "Permission denied"),
    }
}

impl Bed {
    async fn start() -> Self {
        let log = Logger::root(slog::Discard, o!());
        let nomad = Scripted::start(nomad_says).await;
        let client = NomadClient::new(NomadConfig::new(nomad.address.parse().unwrap())).unwrap();
        let access = AccessConfig {
            rules: AccessRules {
                viewer: ["nova-viewer".to_owned()].into(),
                operator: ["nova-operator".to_owned()].into(),
            },
            remembered_for: Duration::from_secs(60),
        };
        let access = NomadAccess::new(client.retrying(Retries::default()), access);
        let tasks = Tasks::new(Shutdown::new(), &log);
        let (leadership, standing) = (watch::Sender::new(None), watch::Sender::new(Standing::default()));
        let (events, rollouts) = (Events::new("p"), Arc::<OneRollout>::default());
        let own: [Arc<dyn Task>; 2] =
            [Arc::new(Idle(Scope::Leader, "rollouts")), Arc::new(Idle(Scope::Everywhere, "look"))];
        let driver = Arc::new(Driver::new(own));
        let surroundings = Surroundings {
            leadership: leadership.subscribe(),
            stopping: tasks.shutdown().announced().clone(),
            events: events.clone(),
            log: log.clone(),
        };
        driver.start(&tasks, &surroundings);
        let behind: Arc<dyn Rollouts> = Arc::<OneRollout>::clone(&rollouts);
        let api = Api::new(Parts {
            instance: "one".to_owned(),
            leadership: leadership.subscribe(),
            standing: standing.subscribe(),
            driver,
            rollouts: behind,
            leader_record: watch::channel(Some(json!({ "epoch": 3 }))).1,
            events: events.clone(),
            readiness: Readiness::new(tasks.shutdown().clone()),
            shutdown: tasks.shutdown().clone(),
            metrics: None,
            access: Some(Arc::new(access)),
            log: log.clone(),
        });
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent.sock");
        let unix = Listener::unix(&socket).await.unwrap();
        let tcp = Listener::tcp("127.0.0.1:0".parse().unwrap(), None).await.unwrap();
        let address = tcp.name();
        for (name, listener) in [("unix", unix), ("tcp", tcp)] {
            tasks.spawn(name, ApiServer::new(listener, routes(&api), &tasks, log.clone()).run());
        }
        tasks.shutdown().set_ready();
        Self {
            api,
            rollouts,
            leadership,
            standing,
            events,
            tasks,
            socket,
            tcp: address,
            nomad,
            _folder: folder,
        }
    }

    fn lead(&self) {
        self.leadership.send_replace(Some(Leadership::for_tests(3, Duration::from_secs(600))));
    }

    fn follows(&self, api: Option<&str>) {
        let holder = Holder {
            instance: "two".to_owned(),
            api: api.map(str::to_owned),
            version: "0.1.0".to_owned(),
            since: Timestamp::UNIX_EPOCH,
        };
        self.standing.send_replace(Standing { is_known: true, holder: Some(holder), fault: None });
    }

    /// Asks by the Unix socket.
    async fn unix(&self, request: &str, body: &str) -> Reply {
        let stream = UnixStream::connect(&self.socket).await.unwrap();
        exchange(stream, request, "", body).await
    }

    /// Asks by TCP, with a token where there is one.
    async fn tcp(&self, token: Option<&str>, request: &str, body: &str) -> Reply {
        let header = token.map(|token| format!("x-nomad-token: {token}\r\n")).unwrap_or_default();
        let stream = TcpStream::connect(&self.tcp).await.unwrap();
        exchange(stream, request, &header, body).await
    }
}

struct Reply {
    status: u16,
    head: String,
    body: Value,
}

impl Reply {
    fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }
}

async fn exchange(
    mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    request: &str,
    headers: &str,
    body: &str,
) -> Reply {
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nhost: agent\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head: head.to_owned(), body: serde_json::from_str(body).unwrap_or_else(|_| json!(body)) }
}

const ABORT: &str = "POST /v1/rollouts/default/web%2Fapi/abort";
const BODY: &str = r#"{"deployment_id":"d-1","reason":"it smells"}"#;

#[tokio::test]
async fn the_unix_socket_is_an_operators_and_the_command_says_who_it_was() {
    let bed = Bed::start().await;
    bed.lead();
    assert_eq!(bed.unix("GET /v1/agent", "").await.status, 200);
    let reply = bed.unix(ABORT, BODY).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    let commands = bed.rollouts.commands.lock().unwrap().clone();
    assert_eq!((commands[0].kind.as_str(), commands[0].reason.as_str()), ("abort", "it smells"));
    assert!(commands[0].by.starts_with("uid "), "{commands:?}");
}

#[tokio::test]
async fn on_tcp_the_policies_of_the_token_decide() {
    let bed = Bed::start().await;
    bed.lead();
    for (token, read, order) in [
        (None, 401, 401),
        (Some("55555555-unknown"), 403, 403),
        (Some(OTHER), 403, 403),
        (Some(VIEWER), 200, 403),
        (Some(OPERATOR), 200, 202),
        (Some(MANAGEMENT), 200, 202),
    ] {
        for page in ["/v1/agent", "/v1/tasks", "/v1/rollouts", "/v1/rollouts/default/web%2Fapi"] {
            let reply = bed.tcp(token, &format!("GET {page}"), "").await;
            assert_eq!(reply.status, read, "{token:?} {page}: {}", reply.body);
        }
        for request in [ABORT, "POST /v1/tasks/look/activate", "POST /v1/tasks/rollouts/activate"] {
            let reply = bed.tcp(token, request, BODY).await;
            assert_eq!(reply.status, order, "{token:?} {request}: {}", reply.body);
        }
    }
    let by: Vec<String> =
        bed.rollouts.commands.lock().unwrap().iter().map(|command| command.by.clone()).collect();
    assert_eq!(by, ["ana (5a4d)", "ana (5a4d)"], "and nobody else's was taken");
}

#[tokio::test]
async fn a_token_that_nobody_can_check_opens_nothing_and_is_asked_about_again() {
    let bed = Bed::start().await;
    for token in ["broken", "off"] {
        let reply = bed.tcp(Some(token), "GET /v1/agent", "").await;
        assert_eq!((reply.status, reply.code()), (503, "access_unknown"), "{}", reply.body);
        assert!(reply.head.to_lowercase().contains("retry-after:"), "{}", reply.head);
        let asked = bed.nomad.calls().len();
        bed.tcp(Some(token), "GET /v1/agent", "").await;
        assert!(bed.nomad.calls().len() > asked, "a failure is not remembered");
    }
}

#[tokio::test]
async fn what_nomad_said_of_a_token_is_remembered_the_bad_news_too() {
    let bed = Bed::start().await;
    for token in [VIEWER, "66666666-unknown"] {
        for _ in 0..5 {
            bed.tcp(Some(token), "GET /v1/agent", "").await;
        }
    }
    assert_eq!(bed.nomad.calls(), vec!["GET /v1/acl/token/self"; 2]);
}

#[tokio::test]
async fn health_and_metrics_are_open_and_name_no_reason() {
    let bed = Bed::start().await;
    bed.api.readiness.declare("consul", "x").fail("the policy nova-secret is missing");
    assert_eq!(bed.tcp(None, "GET /health/live", "").await.status, 200);
    let ready = bed.tcp(None, "GET /health/ready", "").await;
    assert_eq!(ready.status, 503);
    assert!(!ready.body.to_string().contains("nova-secret"), "{}", ready.body);
    assert_eq!(bed.tcp(None, "GET /metrics", "").await.status, 200);
    bed.api.readiness.declare("consul", "x").hold("it answers");
    assert_eq!(bed.unix("GET /health/ready", "").await.status, 200);
}

#[tokio::test]
async fn one_that_does_not_lead_answers_reads_and_sends_orders_to_the_leader() {
    let bed = Bed::start().await;
    bed.follows(Some("http://10.0.0.2:9210"));
    let status = bed.unix("GET /v1/agent", "").await;
    assert_eq!(status.status, 200);
    assert_eq!(
        (&status.body["is_leader"], &status.body["leader"]["instance"]),
        (&json!(false), &json!("two"))
    );
    assert_eq!(status.body["leader_record"]["epoch"], 3, "{}", status.body);
    assert_eq!(bed.unix("GET /v1/rollouts", "").await.status, 200);

    let reply = bed.unix(ABORT, BODY).await;
    assert_eq!((reply.status, reply.code()), (307, "not_leader"));
    let location = "location: http://10.0.0.2:9210/v1/rollouts/default/web%2Fapi/abort";
    assert!(reply.head.contains(location), "{}", reply.head);
    assert_eq!(bed.unix("POST /v1/tasks/rollouts/activate", "").await.status, 307);
    assert_eq!(bed.unix("POST /v1/tasks/look/activate", "").await.status, 202, "which is everybody's");
    assert!(bed.rollouts.commands.lock().unwrap().is_empty());
}

#[tokio::test]
async fn without_a_leader_that_can_be_reached_an_order_is_refused_with_what_to_do() {
    let bed = Bed::start().await;
    let reply = bed.unix(ABORT, BODY).await;
    assert_eq!((reply.status, reply.code()), (503, "no_leader"));
    bed.follows(None);
    let reply = bed.unix(ABORT, BODY).await;
    assert_eq!((reply.status, reply.code()), (503, "no_leader"));
    assert!(reply.body.to_string().contains("Unix socket"), "{}", reply.body);
}

#[tokio::test]
async fn every_refusal_has_one_shape() {
    let bed = Bed::start().await;
    bed.lead();
    for (request, body, status, code) in [
        ("GET /v1/nothing", "", 404, "no_page"),
        ("POST /v1/agent", "", 405, "method_not_allowed"),
        ("POST /v1/tasks/other/activate", "", 404, "no_task"),
        ("GET /v1/rollouts/default/other", "", 404, "no_rollout"),
        ("GET /v1/rollouts/default/web%2Fapi/history", "", 503, "store_unavailable"),
        ("POST /v1/rollouts/default/other/abort", BODY, 404, "no_rollout"),
        ("POST /v1/rollouts/default/web%2Fapi/delete", BODY, 404, "no_page"),
        (ABORT, "{\"deployment_id\":\"d-0\"}", 409, "other_deployment"),
        (ABORT, "", 400, "bad_request"),
    ] {
        let reply = bed.unix(request, body).await;
        assert_eq!((reply.status, reply.code()), (status, code), "{request}: {}", reply.body);
        for member in ["message", "hint"] {
            let text = reply.body["error"][member].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{request} has no {member}");
        }
    }
}

/// A reader of events, by the Unix socket.
struct Reader {
    lines: BufReader<UnixStream>,
}

impl Reader {
    async fn open(bed: &Bed, last: Option<&str>) -> Self {
        let mut stream = UnixStream::connect(&bed.socket).await.unwrap();
        let header = last.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
        let request = format!("GET /v1/events HTTP/1.1\r\nhost: agent\r\n{header}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Self { lines: BufReader::new(stream) }
    }

    /// The next line that begins with one of these; nothing at the end of the connection.
    async fn line(&mut self, beginnings: &[&str]) -> Option<String> {
        let mut line = String::new();
        while self.lines.read_line(&mut line).await.unwrap() > 0 {
            if beginnings.iter().any(|beginning| line.starts_with(beginning)) {
                return Some(line.trim().to_owned());
            }
            line.clear();
        }
        None
    }
}

#[tokio::test]
async fn a_reader_of_events_resumes_where_it_was() {
    let bed = Bed::start().await;
    bed.events.record("test", json!({ "n": 1 }));
    let mut reader = Reader::open(&bed, None).await;
    assert_eq!(reader.line(&["id:"]).await.as_deref(), Some("id: p-1"));
    drop(reader);
    bed.events.record("test", json!({ "n": 2 }));
    let mut reader = Reader::open(&bed, Some("p-1")).await;
    assert_eq!(reader.line(&["id:", "event: gap"]).await.as_deref(), Some("id: p-2"));
    let mut reader = Reader::open(&bed, Some("of-another-process-7")).await;
    assert_eq!(reader.line(&["id:", "event:"]).await.as_deref(), Some("event: gap"));
}

#[tokio::test]
async fn a_drain_ends_open_streams_with_a_last_event_and_is_clean() {
    let bed = Bed::start().await;
    let mut reader = Reader::open(&bed, None).await;
    assert!(reader.line(&[": alive"]).await.is_some());
    let (outcome, last) =
        tokio::join!(bed.tasks.drain(Duration::ZERO, Duration::from_secs(20)), reader.line(&["event:"]),);
    assert_eq!(last.as_deref(), Some("event: draining"));
    assert_eq!(outcome, nova_lifecycle::Outcome::Drained);
    assert!(TcpStream::connect(&bed.tcp).await.is_err(), "nobody listens any more");
    assert_eq!(bed.tasks.finish(Duration::from_secs(5)).await, 0);
}

#[tokio::test]
async fn readers_of_events_are_bounded() {
    let bed = Bed::start().await;
    let places = Arc::clone(&bed.api.readers);
    let taken = places.try_acquire_many(u32::try_from(MAX_READERS).unwrap()).unwrap();
    let reply = bed.unix("GET /v1/events", "").await;
    assert_eq!((reply.status, reply.code()), (503, "too_many_readers"));
    drop(taken);
    let mut reader = Reader::open(&bed, None).await;
    assert!(reader.line(&["HTTP/1.1 200"]).await.is_some());
}
