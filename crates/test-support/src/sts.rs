//! AWS's Security Token Service, as far as it lets roles be assumed: nothing of AWS can run here.
//!
//! It gives credentials that last as long as a test wants, which AWS's own never do (15 minutes at least), and refuses when told to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A running service. Dropping it ends it.
#[derive(Debug)]
pub struct Sts {
    address: SocketAddr,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    lifetime: Duration,
    /// Access key, secret key and session token of all that is given; of each its own where absent.
    keys: Option<[String; 3]>,
    given: AtomicU64,
    refuses: AtomicBool,
    asked: Mutex<Vec<String>>,
}

impl Sts {
    /// Starts one whose credentials last so long.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(lifetime: Duration) -> anyhow::Result<Self> {
        Self::with_keys(lifetime, None).await
    }

    /// As [`Self::start`], with this access key, secret key and session token each time: for servers that know no others.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn giving(lifetime: Duration, keys: [&str; 3]) -> anyhow::Result<Self> {
        Self::with_keys(lifetime, Some(keys.map(str::to_owned))).await
    }

    async fn with_keys(lifetime: Duration, keys: Option<[String; 3]>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            lifetime,
            keys,
            given: AtomicU64::new(0),
            refuses: AtomicBool::new(false),
            asked: Mutex::default(),
        });
        let mut server = JoinSet::new();
        server.spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, _server: server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many credentials it has given. Those of number `n` have the access key `ASIANOVA` and `n` in twelve digits.
    pub fn given(&self) -> u64 {
        self.shared.given.load(Ordering::Acquire)
    }

    /// Whether it refuses from now on, as AWS does when a trust policy changes.
    pub fn refuse(&self, refuses: bool) {
        self.shared.refuses.store(refuses, Ordering::Release);
    }

    /// The form of each request so far.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    // A listener that fails ends the service, and the test that needs it.
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&shared), request));
            let io = TokioIo::new(stream);
            // The client may close its connection as it likes.
            drop(hyper::server::conn::http1::Builder::new().serve_connection(io, service).await);
        });
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let form = request.into_body().collect().await?.to_bytes();
    let form = String::from_utf8_lossy(&form).into_owned();
    let action = form.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default().to_owned();
    shared.asked.lock().unwrap_or_else(PoisonError::into_inner).push(form);
    let (status, body) = match action.as_str() {
        "GetCallerIdentity" => (200, identity()),
        "AssumeRole" if shared.refuses.load(Ordering::Acquire) => {
            (403, fault("AccessDenied", "User is not authorized to perform: sts:AssumeRole"))
        }
        "AssumeRole" => (200, credentials(shared.given.fetch_add(1, Ordering::AcqRel) + 1, &shared)),
        _ => (400, fault("InvalidAction", "only AssumeRole and GetCallerIdentity are known here")),
    };
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("text/xml"));
    Ok(response)
}

/// The answer of the API's reference, "GetCallerIdentity": Vault asks for it before each role.
fn identity() -> String {
    "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
     <Arn>arn:aws:iam::000000000000:user/vault</Arn><UserId>AIDAVAULT</UserId><Account>000000000000</Account>\
     </GetCallerIdentityResult><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata>\
     </GetCallerIdentityResponse>"
        .to_owned()
}

/// The answer of the API's reference, "AssumeRole".
fn credentials(number: u64, shared: &Shared) -> String {
    let ends = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default() + shared.lifetime;
    let own =
        || ["ASIANOVA", "secret-access-key-", "session-token-"].map(|kind| format!("{kind}{number:012}"));
    let [access_key, secret_key, session_token] = shared.keys.clone().unwrap_or_else(own);
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
         <AssumedRoleUser><AssumedRoleId>AROANOVA:nova</AssumedRoleId>\
         <Arn>arn:aws:sts::000000000000:assumed-role/nova/nova</Arn></AssumedRoleUser>\
         <Credentials><AccessKeyId>{access_key}</AccessKeyId>\
         <SecretAccessKey>{secret_key}</SecretAccessKey>\
         <SessionToken>{session_token}</SessionToken><Expiration>{ends}</Expiration></Credentials>\
         </AssumeRoleResult><ResponseMetadata><RequestId>{number}</RequestId></ResponseMetadata>\
         </AssumeRoleResponse>"
    )
}

fn fault(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>0</RequestId></ErrorResponse>"
    )
}
