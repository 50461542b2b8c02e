//! The cache under a paused clock that wall time and timers share.

use std::sync::Mutex as StdMutex;
use std::sync::atomic::AtomicUsize;
use std::time::UNIX_EPOCH;

use aws_credential_types::provider::error::CredentialsError;
use futures_util::future::{BoxFuture, join_all};
use tokio::task::JoinSet;

use super::*;

const HOUR: Duration = Duration::from_hours(1);

/// Wall time that moves with tokio's clock.
fn paused_wall_clock() -> WallClock {
    let start = Instant::now();
    Arc::new(move || UNIX_EPOCH + Duration::from_secs(1_700_000_000) + start.elapsed())
}

#[derive(Clone, Copy, Debug)]
enum Behavior {
    Give,
    GiveForever,
    GiveTheSame,
    Expired,
    Fail,
    Hang,
}

/// Gives credentials named by the number of the load, living an hour, after a second of work.
struct Scripted {
    now: WallClock,
    behavior: StdMutex<Behavior>,
    loads: AtomicUsize,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

impl CredentialSource for Scripted {
    fn load(&self) -> BoxFuture<'_, Result<Credentials, CredentialsError>> {
        let number = self.loads.fetch_add(1, Ordering::SeqCst) + 1;
        let behavior = *self.behavior.lock().unwrap();
        Box::pin(async move {
            sleep(Duration::from_secs(1)).await;
            let expiry = match behavior {
                Behavior::Fail => return Err(CredentialsError::not_loaded("the source is down")),
                Behavior::Hang => pending().await,
                Behavior::GiveForever | Behavior::GiveTheSame => None,
                Behavior::Expired => Some((self.now)()),
                Behavior::Give => Some((self.now)() + HOUR),
            };
            let id = if matches!(behavior, Behavior::GiveTheSame) {
                "SAME".to_owned()
            } else {
                format!("AKID{number}")
            };
            Ok(Credentials::new(id, "secret", None, expiry, "test"))
        })
    }

    fn describe(&self) -> String {
        "a script".to_owned()
    }
}

struct Bench {
    source: Arc<Scripted>,
    cache: Arc<CachedCredentials>,
    /// Ends the renewal when the bench is dropped.
    _tasks: JoinSet<()>,
}

impl Bench {
    fn new(behavior: Behavior) -> Self {
        let now = paused_wall_clock();
        let source = Arc::new(Scripted {
            now: now.clone(),
            behavior: StdMutex::new(behavior),
            loads: AtomicUsize::new(0),
        });
        let log = Logger::root(slog::Discard, slog::o!());
        let cache =
            Arc::new(CachedCredentials::new(source.clone(), CredentialCacheConfig::default(), now, log));
        let mut tasks = JoinSet::new();
        let renewal = cache.clone();
        tasks.spawn(async move { renewal.keep_fresh().await });
        Self { source, cache, _tasks: tasks }
    }

    fn behave(&self, behavior: Behavior) {
        *self.source.behavior.lock().unwrap() = behavior;
    }

    fn loads(&self) -> usize {
        self.source.loads.load(Ordering::SeqCst)
    }

    async fn key(&self) -> String {
        self.cache.get().await.unwrap().signer.access_key_id().to_owned()
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_loaded_before_the_first_use_and_then_once_for_all() {
    let bench = Bench::new(Behavior::Give);
    sleep(HOUR).await;
    assert_eq!(bench.loads(), 0);
    let keys = join_all((0..50).map(|_| bench.key())).await;
    assert!(keys.iter().all(|key| key == "AKID1"));
    assert_eq!(bench.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn renewal_makes_before_it_breaks() {
    let bench = Bench::new(Behavior::Give);
    bench.key().await;
    for minute in 0..600 {
        sleep(Duration::from_mins(1)).await;
        let asked = Instant::now();
        let held = bench.cache.get().await.unwrap();
        assert_eq!(asked.elapsed(), Duration::ZERO, "a request waited in minute {minute}");
        let left = held.expires_at().unwrap().duration_since((bench.source.now)()).unwrap();
        assert!(left >= Duration::from_mins(14), "only {left:?} left in minute {minute}");
    }
    // Ten hours of credentials that live one hour each, renewed at half to three quarters of their life.
    assert!((13..=22).contains(&bench.loads()), "{} loads", bench.loads());
}

#[tokio::test(start_paused = true)]
async fn a_failed_renewal_goes_on_with_the_old_ones_and_recovers() {
    let bench = Bench::new(Behavior::Give);
    bench.key().await;
    bench.behave(Behavior::Fail);
    sleep(Duration::from_mins(55)).await;
    assert_eq!(bench.key().await, "AKID1", "unexpired ones stay in use");
    let tries = bench.loads();
    assert!((8..60).contains(&tries), "{tries} loads: neither given up nor hammered");
    bench.behave(Behavior::Give);
    sleep(Duration::from_mins(2)).await;
    let asked = Instant::now();
    assert_ne!(bench.key().await, "AKID1");
    assert_eq!(asked.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn expired_credentials_are_never_used() {
    let bench = Bench::new(Behavior::Give);
    bench.key().await;
    bench.behave(Behavior::Fail);
    sleep(HOUR).await;
    let error = bench.cache.get().await.unwrap_err();
    assert_eq!(
        chain(&*error),
        "no aws credentials from a script: the credential provider was not enabled: the source is down"
    );
    bench.behave(Behavior::Give);
    assert_ne!(bench.key().await, "AKID1", "the next request loads again");
}

#[tokio::test(start_paused = true)]
async fn whoever_waited_for_a_failed_load_shares_its_failure() {
    let bench = Bench::new(Behavior::Hang);
    let asked = Instant::now();
    let results = join_all((0..50).map(|_| bench.cache.get())).await;
    assert!(
        results
            .iter()
            .all(|result| matches!(&**result.as_ref().unwrap_err(), CredentialError::TimedOut { .. }))
    );
    assert_eq!((bench.loads(), asked.elapsed().as_secs()), (1, 10));
}

#[tokio::test(start_paused = true)]
async fn a_loader_that_goes_away_leaves_its_place_to_the_next() {
    let bench = Bench::new(Behavior::Give);
    let cancelled = timeout(Duration::from_millis(500), bench.cache.get());
    let (gone, key) = tokio::join!(cancelled, bench.key());
    assert!(gone.is_err());
    assert_eq!((key.as_str(), bench.loads()), ("AKID2", 2));
}

#[tokio::test(start_paused = true)]
async fn credentials_that_come_expired_are_refused() {
    let bench = Bench::new(Behavior::Expired);
    assert!(matches!(&*bench.cache.get().await.unwrap_err(), CredentialError::Expired { .. }));
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_replaced_once_for_all_who_held_them() {
    let bench = Bench::new(Behavior::GiveForever);
    let refused = bench.cache.get().await.unwrap();
    assert!(bench.cache.replace(&refused).await.unwrap().is_none(), "just loaded: they would be the same");
    sleep(Duration::from_mins(5)).await;
    let replaced = join_all((0..20).map(|_| bench.cache.replace(&refused))).await;
    for fresh in replaced {
        assert_eq!(fresh.unwrap().unwrap().signer.access_key_id(), "AKID2");
    }
    assert_eq!(bench.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_has_no_others_gives_none() {
    let bench = Bench::new(Behavior::GiveTheSame);
    let refused = bench.cache.get().await.unwrap();
    sleep(Duration::from_mins(5)).await;
    assert!(bench.cache.replace(&refused).await.unwrap().is_none());
    bench.behave(Behavior::Fail);
    sleep(Duration::from_mins(5)).await;
    let held = bench.cache.get().await.unwrap();
    bench.cache.replace(&held).await.unwrap_err();
    assert_eq!(bench.key().await, "SAME", "a failed reload takes nothing away");
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let credentials = Credentials::new("AKID", "s3cr3t", Some("t0k3n".to_owned()), None, "test");
    let held = SigningCredentials {
        signer: Signer::new(&credentials),
        expires_at: credentials.expiry(),
        generation: 1,
        renew_at: None,
    };
    let shown = format!("{held:?}");
    assert!(!shown.contains("s3cr3t") && !shown.contains("t0k3n"), "{shown}");
}
