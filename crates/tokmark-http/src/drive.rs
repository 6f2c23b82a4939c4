//! Drives the requests of one load point: a few threads, each with its own runtime and
//! connections, and the caller's thread, which keeps the log and decides when to stop.

mod open_loop;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokmark_model::{ClientCheck, Load, Message, Nanos, RequestError, RequestSample, Workload};
use tokmark_run::{Due, Schedule};
use tokmark_wire::Ask;
use tokmark_workload::{PlannedRequest, PromptSource};

use self::open_loop::{arrivals, open_loop};
use crate::clock::Clock;
use crate::collector::{Collector, Ended, Watcher};
use crate::exchange::{Finished, Ready, Rules, exchange};
use crate::log::{FinishedLog, RequestLog};
use crate::pace::{Lateness, cpu_time, raise_file_limit, sharpen_timers, step_back};
use crate::pool::Pool;
use crate::{Endpoint, HttpError};

/// A pause of the thread that makes requests, when there are enough.
const PAUSE: Duration = Duration::from_millis(1);
/// The interval of the timer whose lateness is measured.
const MONITOR: Duration = Duration::from_millis(10);
/// Time limit of a request without one of its own.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);
/// Streams for which one thread more is worth its switches.
const STREAMS_PER_THREAD: u32 = 4000;

/// A point that is over.
#[derive(Debug)]
pub struct Driven {
    /// Its requests, in the order in which they ended.
    pub log: FinishedLog,
    /// How the client fared; the verdict is not in it yet.
    pub client: ClientCheck,
    /// Why it ended.
    pub ended: Ended,
    /// From the first due time to the last end.
    pub elapsed: Duration,
    /// When the first request was due.
    pub begun: Instant,
}

/// A request with its bytes.
struct Made {
    request: Arc<PlannedRequest>,
    ready: Ready,
    /// How long it waited for the answer before it, beyond its due time.
    held: Option<Nanos>,
}

/// What all threads share.
pub(crate) struct Shared {
    endpoint: Endpoint,
    source: Arc<PromptSource>,
    workload: Workload,
    rules: Rules,
    clock: Clock,
    until: Option<Instant>,
    schedule: Mutex<Schedule>,
    n_slots: u32,
    /// Requests made ahead of a closed loop.
    ahead: Mutex<VecDeque<Made>>,
    /// Later turns of an open loop whose answers are there, the longest waiting first.
    follow_ups: Mutex<VecDeque<Made>>,
    /// Requests that an open loop may still make; `None` for any number.
    n_left: Option<AtomicU64>,
    next_session: AtomicU64,
    next_index: AtomicU64,
    is_over: AtomicBool,
    n_in_flight: AtomicU32,
    stop: AtomicU8,
    cut_now: Notify,
    /// Of requests that are not due yet.
    no_more: Notify,
}

const GO: u8 = 0;
const FINISH: u8 = 1;
const CUT: u8 = 2;

/// Sends the requests of `workload` to `endpoint` as `schedule` says, until that is over or
/// `watcher` has enough. `source` says what each asks,
/// beginning with its conversation `first_session`, so that no two points ask the same.
///
/// # Errors
/// When a thread or the log can't be made. A request that fails is a sample, not an error.
pub fn drive(
    endpoint: &Endpoint,
    source: &Arc<PromptSource>,
    workload: &Workload,
    schedule: Schedule,
    first_session: u64,
    watcher: &mut dyn Watcher,
) -> Result<Driven, HttpError> {
    raise_file_limit();
    let system = |what| move |source| HttpError::System { what, source };
    let mut log = RequestLog::new().map_err(system("cannot make the log of requests"))?;
    let n_slots = schedule.n_slots();
    let clock = Clock::start();
    let begun = clock.instant(Nanos(0));
    let shared = Arc::new(Shared {
        endpoint: endpoint.clone(),
        source: source.clone(),
        workload: workload.clone(),
        rules: rules(workload),
        clock,
        until: schedule.ends_at().map(|span| clock.instant(span)),
        n_slots: n_slots.unwrap_or(0),
        n_left: schedule.n_requests().map(AtomicU64::new),
        schedule: Mutex::new(schedule),
        ahead: Mutex::default(),
        follow_ups: Mutex::default(),
        next_session: AtomicU64::new(first_session),
        next_index: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
        n_in_flight: AtomicU32::new(0),
        stop: AtomicU8::new(GO),
        cut_now: Notify::new(),
        no_more: Notify::new(),
    });
    let cpu_before = cpu_time();
    let (done, over) = channel();
    let threads =
        start_threads(&shared, n_slots, &done).map_err(system("cannot start a thread"))?;
    drop(done);
    let ended = Collector::new(&mut log).run(&shared, &over, watcher);
    shared.is_over.store(true, Ordering::Relaxed);
    let mut lateness = Lateness::default();
    // One of them only makes requests, or only waits for due times.
    let n_threads = threads.len() as u32 - 1;
    for thread in threads {
        if let Ok(own) = thread.join() {
            lateness.merge(&own);
        }
    }
    let ended = ended.map_err(system("cannot write the log of requests"))?;
    let log = log.finish().map_err(system("cannot write the log of requests"))?;
    let elapsed = begun.elapsed();
    let cpu = cpu_time().saturating_sub(cpu_before);
    let client = ClientCheck {
        wakeup_p99_ns: lateness.p99(),
        wakeup_max_ns: lateness.p99().map(|_| lateness.max()),
        cpu_cores: Some(cpu.as_secs_f64() / elapsed.as_secs_f64().max(1e-9)),
        n_threads,
        kernel_stamps: cfg!(target_os = "linux")
            && endpoint.targets.iter().all(|target| target.tls.is_none()),
        ..ClientCheck::default()
    };
    Ok(Driven { log, client, ended, elapsed, begun })
}

fn rules(workload: &Workload) -> Rules {
    Rules {
        api: workload.api,
        stream: workload.stream,
        timeout: workload.timeout_ns.map_or(DEFAULT_TIMEOUT, Duration::from),
        n_retries: workload.n_retries,
        // Templates of reasoning models open the tag themselves.
        expects_open_think: true,
    }
}

/// One thread reads a few thousand streams; more threads only take turns with the server.
fn n_threads(n_slots: u32) -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u32;
    n_slots.div_ceil(STREAMS_PER_THREAD).clamp(1, cores.div_ceil(2))
}

type Thread = std::thread::JoinHandle<Lateness>;

fn start_threads(
    shared: &Arc<Shared>,
    n_slots: Option<u32>,
    done: &Sender<Finished>,
) -> std::io::Result<Vec<Thread>> {
    let mut threads = Vec::new();
    let Some(n_slots) = n_slots else {
        let (jobs, taken) = tokio::sync::mpsc::unbounded_channel();
        let (own, done) = (shared.clone(), done.clone());
        threads.push(spawn("load", move || open_loop(&own, taken, &done))?);
        let shared = shared.clone();
        threads.push(spawn("arrivals", move || arrivals(&shared, &jobs))?);
        return Ok(threads);
    };
    let n = n_threads(n_slots);
    for thread in 0..n {
        let own = n_slots / n + u32::from(thread < n_slots % n);
        let (shared, done) = (shared.clone(), done.clone());
        threads.push(spawn("load", move || closed_loop(&shared, own, &done))?);
    }
    let shared = shared.clone();
    threads.push(spawn("requests", move || make_ahead(&shared))?);
    Ok(threads)
}

fn spawn(name: &str, run: impl FnOnce() -> Lateness + Send + 'static) -> std::io::Result<Thread> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run)
}

/// Runs `work` on this thread's own runtime, beside a timer whose lateness is returned.
fn on_runtime(work: impl Future<Output = ()>) -> Lateness {
    sharpen_timers();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return Lateness::default() };
    let mut lateness = Lateness::default();
    let local = tokio::task::LocalSet::new();
    runtime.block_on(local.run_until(async {
        let monitor = async {
            loop {
                let due = tokio::time::Instant::now() + MONITOR;
                tokio::time::sleep_until(due).await;
                lateness.add(due.elapsed());
            }
        };
        // The work alone decides when it is over: also what is cut has to be told.
        tokio::select! {
            () = work => {}
            () = monitor => {}
        }
    }));
    lateness
}

/// `slots` requests under way, each followed by the next.
fn closed_loop(shared: &Arc<Shared>, slots: u32, done: &Sender<Finished>) -> Lateness {
    on_runtime(async {
        let reuse = shared.workload.reuse_connections;
        let pool = std::rc::Rc::new(Pool::new(shared.endpoint.targets.len(), reuse));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..slots {
            let (shared, pool, done) = (shared.clone(), pool.clone(), done.clone());
            tasks.spawn_local(async move { slot(&shared, &pool, &done).await });
        }
        while tasks.join_next().await.is_some() {}
    })
}

/// One slot of a closed loop: conversation after conversation.
async fn slot(shared: &Shared, pool: &Pool, done: &Sender<Finished>) {
    let mut follow_up = None;
    while shared.wants_more() {
        let due = shared.clock.now();
        if shared.take().is_none() {
            return;
        }
        let made = follow_up.take().unwrap_or_else(|| shared.made_ahead());
        let answer = shared.carry_out(pool, due, &made, done).await;
        if let Some(answer) = answer {
            let PlannedRequest { session, turn, messages, .. } = &*made.request;
            let next = shared.source.follow_up(*session, turn + 1, messages, &answer);
            follow_up = next.map(|request| shared.make(request));
        }
    }
}

/// Makes requests ahead, so that no free slot waits for text to be written.
fn make_ahead(shared: &Shared) -> Lateness {
    step_back();
    let most = 2 * shared.n_slots.max(8) as usize;
    while shared.wants_more() && !shared.is_over.load(Ordering::Relaxed) {
        let n_ready = shared.ahead.lock().expect("no panic under this lock").len();
        if n_ready >= most {
            std::thread::sleep(PAUSE);
            continue;
        }
        let made = shared.make(shared.source.request(shared.next_session()));
        shared.ahead.lock().expect("no panic under this lock").push_back(made);
    }
    Lateness::default()
}

impl Shared {
    /// No more requests; those under way may end.
    pub(crate) fn finish(&self) {
        self.stop.fetch_max(FINISH, Ordering::SeqCst);
        self.no_more.notify_waiters();
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.now().into()
    }

    pub(crate) fn n_in_flight(&self) -> u32 {
        self.n_in_flight.load(Ordering::Relaxed)
    }

    /// A time of the trace on the point's clock.
    fn sped_up(&self, recorded: Nanos) -> Nanos {
        match self.workload.arrival {
            Load::Replay { speed } => Nanos((recorded.0 as f64 / speed) as u64),
            _ => recorded,
        }
    }

    pub(crate) fn cut(&self) {
        self.stop.store(CUT, Ordering::SeqCst);
        self.cut_now.notify_waiters();
        self.no_more.notify_waiters();
    }

    pub(crate) fn wants_more(&self) -> bool {
        self.stop.load(Ordering::Relaxed) == GO
            && self.until.is_none_or(|until| Instant::now() < until)
    }

    /// Whether the schedule has another request, and when.
    fn take(&self) -> Option<Due> {
        self.schedule.lock().expect("no panic under this lock").next()
    }

    /// Whether an open loop may make another request, which then is one less.
    fn may_make_another(&self) -> bool {
        let Some(n_left) = &self.n_left else { return true };
        let take = |n: u64| n.checked_sub(1);
        n_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn next_session(&self) -> u64 {
        self.next_session.fetch_add(1, Ordering::Relaxed)
    }

    fn made_ahead(&self) -> Made {
        let made = self.ahead.lock().expect("no panic under this lock").pop_front();
        made.unwrap_or_else(|| self.make(self.source.request(self.next_session())))
    }

    /// The bytes of a request, with a number of its own.
    fn make(&self, request: PlannedRequest) -> Made {
        let index = self.next_index.fetch_add(1, Ordering::Relaxed);
        // A conversation stays where its history is cached.
        let replica = request.session as usize % self.endpoint.targets.len().max(1);
        let ask = Ask {
            model: &self.endpoint.facts().model,
            messages: &request.messages,
            tools: &request.tools,
            max_tokens: Some(request.max_tokens),
            temperature: request.temperature.or(self.workload.temperature),
            think: self.workload.think,
            length_control: self.workload.length_control,
            stream: self.workload.stream,
            seed: Some(self.workload.seed.wrapping_add(index)),
        };
        let body = ask.body(self.workload.api, self.endpoint.dialect());
        let extra = format!("x-request-id: {index}\r\n");
        let bytes = self.endpoint.targets[replica].request("POST", body.path, &body.json, &extra);
        let PlannedRequest { session, turn, max_tokens, .. } = request;
        let ready = Ready { index, session, turn, replica, bytes, max_tokens };
        Made { request: Arc::new(request), ready, held: None }
    }

    /// Sends one request and reports it; the answer, if there was one.
    async fn carry_out(
        &self,
        pool: &Pool,
        due: Nanos,
        made: &Made,
        done: &Sender<Finished>,
    ) -> Option<Message> {
        let ready = &made.ready;
        let target = &self.endpoint.targets[ready.replica];
        let cut_now = self.cut_now.notified();
        if self.stop.load(Ordering::Relaxed) == CUT {
            let _ = done.send(never_sent(ready, due, self.clock));
            return None;
        }
        self.n_in_flight.fetch_add(1, Ordering::Relaxed);
        let mut finished =
            exchange(pool, target, ready, due, &self.rules, self.clock, cut_now).await;
        self.n_in_flight.fetch_sub(1, Ordering::Relaxed);
        finished.sample.held_ns = made.held;
        let is_ok = finished.sample.is_ok();
        if is_ok && finished.sample.prompt_tokens.is_none() {
            finished.prompt = Some(made.request.clone());
        }
        let answer = is_ok.then(|| finished.answer.clone());
        let _ = done.send(finished);
        answer
    }
}

/// A request that was cut before anything was sent of it.
fn never_sent(ready: &Ready, due: Nanos, clock: Clock) -> Finished {
    let sample = RequestSample {
        due_ns: due,
        sent_ns: due,
        end_ns: clock.now(),
        session: ready.session,
        turn: ready.turn,
        replica: ready.replica as u32,
        error: Some(RequestError::Cut),
        ..RequestSample::default()
    };
    let answer = Message::text(tokmark_model::Role::Assistant, "");
    Finished {
        index: ready.index,
        sample,
        events: Vec::new(),
        answer,
        reasoning: String::new(),
        prompt: None,
        first_event: String::new(),
    }
}
