//! The driver on paused time: tasks that work, fail, panic and are deposed.

use std::sync::atomic::{AtomicUsize, Ordering};

use nova_lifecycle::Shutdown;
use slog::o;
use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::leader::Leadership;

const PERIOD: Duration = Duration::from_secs(60);

/// What the task of a test does.
#[derive(Clone, Copy)]
enum Does {
    Work,
    Fail,
    Panic,
    Take(Duration),
}

struct Scripted {
    scope: Scope,
    does: Does,
    begun: AtomicUsize,
    done: AtomicUsize,
}

impl Scripted {
    fn new(scope: Scope, does: Does) -> Arc<Self> {
        Arc::new(Self { scope, does, begun: AtomicUsize::new(0), done: AtomicUsize::new(0) })
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    fn done(&self) -> usize {
        self.done.load(Ordering::SeqCst)
    }
}

impl Task for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn scope(&self) -> Scope {
        self.scope
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    fn activate(&self, _activation: Activation) -> Pending<'_, Result<Summary, TaskError>> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {
            match self.does {
                Does::Work => {}
                Does::Fail => return Err("the servers do not answer".into()),
                Does::Panic => panic!("a defect"),
                Does::Take(time) => sleep(time).await,
            }
            self.done.fetch_add(1, Ordering::SeqCst);
            Ok(Summary("worked".to_owned()))
        })
    }
}

struct Running {
    driver: Driver,
    leadership: watch::Sender<Option<Leadership>>,
    stopping: CancellationToken,
    tasks: Tasks,
    events: Events,
}

fn start(task: &Arc<Scripted>) -> Running {
    let log = Logger::root(slog::Discard, o!());
    let tasks = Tasks::new(Shutdown::new(), &log);
    let leadership = watch::Sender::new(None);
    let task: Arc<dyn Task> = Arc::<Scripted>::clone(task);
    let driver = Driver::new([task]);
    let (stopping, events) = (CancellationToken::new(), Events::new("p"));
    let surroundings = Surroundings {
        leadership: leadership.subscribe(),
        stopping: stopping.clone(),
        events: events.clone(),
        log,
    };
    driver.start(&tasks, &surroundings);
    Running { driver, leadership, stopping, tasks, events }
}

impl Running {
    fn status(&self) -> TaskStatus {
        self.driver.statuses().remove(0)
    }

    /// Waits until the task rests after so many activations.
    async fn rests_after(&self, activations: u64) -> TaskStatus {
        let rests = async {
            while self.status().activations < activations || self.status().is_running() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PERIOD * 10, rests).await.expect("the task is not activated");
        self.status()
    }
}

/// A leadership that may act for so long, as the election hands it out.
fn leads_for(time: Duration) -> Option<Leadership> {
    Some(Leadership::for_tests(7, time))
}

#[tokio::test(start_paused = true)]
async fn a_task_runs_at_once_and_again_after_its_period() {
    let task = Scripted::new(Scope::Everywhere, Does::Work);
    let running = start(&task);
    let begun = Instant::now();
    let status = running.rests_after(1).await;
    assert!(matches!(status.last.unwrap().outcome, Outcome::Done { summary } if summary == "worked"));
    running.rests_after(2).await;
    let rested = begun.elapsed();
    assert!(rested >= PERIOD.mul_f64(0.9) && rested <= PERIOD.mul_f64(1.11), "{rested:?}");
}

#[tokio::test(start_paused = true)]
async fn demands_are_met_at_once_and_those_that_come_together_are_one() {
    let task = Scripted::new(Scope::Everywhere, Does::Work);
    let running = start(&task);
    running.rests_after(1).await;
    for _ in 0..5 {
        running.driver.activate("scripted").unwrap();
    }
    let status = running.rests_after(2).await;
    assert_eq!(status.last.unwrap().reason, Reason::Demand);
    sleep(PERIOD / 2).await;
    assert_eq!(task.begun(), 2);
    let unknown = running.driver.activate("other").unwrap_err();
    assert!(unknown.to_string().contains("\"other\""), "{unknown}");
}

#[tokio::test(start_paused = true)]
async fn a_demand_during_an_activation_is_met_after_it_and_never_beside_it() {
    let task = Scripted::new(Scope::Everywhere, Does::Take(Duration::from_secs(5)));
    let running = start(&task);
    sleep(Duration::from_secs(1)).await;
    running.driver.activate("scripted").unwrap();
    sleep(Duration::from_secs(3)).await;
    assert_eq!((task.begun(), task.done()), (1, 0));
    running.rests_after(2).await;
    assert_eq!((task.begun(), task.done()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_kept_told_once_and_tried_again() {
    let task = Scripted::new(Scope::Everywhere, Does::Fail);
    let running = start(&task);
    let status = running.rests_after(3).await;
    assert_eq!(status.failures, 3);
    let Outcome::Failed { error } = status.last.unwrap().outcome else { panic!("it did not fail") };
    assert_eq!(error, "the servers do not answer");
    let crate::events::Next::Events(events) = running.events.subscribe(None).next().await else {
        panic!("no events")
    };
    assert_eq!(events.len(), 1, "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_counted_and_outlived() {
    let task = Scripted::new(Scope::Everywhere, Does::Panic);
    let running = start(&task);
    let status = running.rests_after(2).await;
    assert_eq!(status.failures, 2);
    assert!(matches!(status.last.unwrap().outcome, Outcome::Panicked { error } if error == "a defect"));
    assert!(running.tasks.failures().is_empty(), "the loop itself lives on");
}

#[tokio::test(start_paused = true)]
async fn a_task_of_the_leaders_waits_for_leadership() {
    let task = Scripted::new(Scope::Leader, Does::Work);
    let running = start(&task);
    sleep(PERIOD * 3).await;
    running.driver.activate("scripted").unwrap();
    sleep(PERIOD).await;
    assert_eq!((task.begun(), running.status().state), (0, TaskState::NotLeading));
    running.leadership.send_replace(leads_for(PERIOD * 2));
    let status = running.rests_after(1).await;
    assert_eq!(status.last.unwrap().reason, Reason::Leadership);
}

#[tokio::test(start_paused = true)]
async fn nothing_begins_when_the_time_of_a_leader_is_over() {
    let task = Scripted::new(Scope::Leader, Does::Work);
    let running = start(&task);
    // The election is frozen: nobody takes the leadership back when its time is over.
    running.leadership.send_replace(leads_for(PERIOD / 2));
    running.rests_after(1).await;
    sleep(PERIOD * 5).await;
    assert_eq!(task.begun(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_activation_is_dropped_when_leadership_is_lost() {
    let task = Scripted::new(Scope::Leader, Does::Take(PERIOD));
    let running = start(&task);
    running.leadership.send_replace(leads_for(PERIOD * 9));
    sleep(Duration::from_secs(1)).await;
    running.leadership.send_replace(None);
    let status = running.rests_after(1).await;
    assert_eq!(status.last.unwrap().outcome, Outcome::Deposed);
    sleep(PERIOD * 2).await;
    assert_eq!((task.begun(), task.done()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_an_activation_end_and_nothing_begin() {
    let task = Scripted::new(Scope::Everywhere, Does::Take(Duration::from_secs(5)));
    let running = start(&task);
    sleep(Duration::from_secs(1)).await;
    running.stopping.cancel();
    let begun = Instant::now();
    running.driver.idle().await;
    assert_eq!((task.done(), begun.elapsed().as_secs()), (1, 4));
    running.driver.activate("scripted").unwrap();
    sleep(PERIOD * 2).await;
    assert_eq!((task.begun(), running.status().state), (1, TaskState::Stopped));
}
