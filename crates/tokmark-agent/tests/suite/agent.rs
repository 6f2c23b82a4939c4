//! What an agent does with a job, whatever its server and its process do meanwhile.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokmark_agent::{
    Agent, AgentError, AgentEvent, AgentOptions, Client, ClientError, Ended, Ending, Offer, Outbox,
    Pace, Runner, Running,
};
use tokmark_model::{
    AgentHello, Job, JobEnd, JobOutcome, JobProgress, JobSpec, JobState, ModelFacts, Timestamp,
    Uuid,
};

use super::records::records;
use super::server::{Asked, Reply, Server, Taken};

/// More waits than any of these tests needs.
const ENDLESS: usize = 20_000;

/// Waits that take no time. Stops are raised by whoever shares the counter.
#[derive(Clone, Default)]
struct FakePace {
    n_stops: Arc<AtomicU32>,
    waits: Arc<Mutex<Vec<Duration>>>,
    /// Raises a stop at these waits.
    stop_at: Vec<usize>,
}

impl Pace for FakePace {
    fn n_stops(&self) -> u32 {
        self.n_stops.load(Ordering::SeqCst)
    }

    fn pause(&mut self, at_most: Duration, _n_seen: u32) {
        let mut waits = self.waits.lock().unwrap();
        waits.push(at_most);
        assert!(waits.len() < ENDLESS, "the agent never ends");
        if self.stop_at.contains(&waits.len()) {
            self.n_stops.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// A job that ends after so many looks at it, or after it was asked to so often.
#[derive(Clone)]
struct Script {
    n_looks: u32,
    n_cancels: u32,
    ended: Ended,
    /// How often it was asked to end.
    cancelled: Arc<AtomicU32>,
    commands: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Script {
    fn new(n_looks: u32) -> Self {
        Script {
            n_looks,
            n_cancels: 1,
            ended: Ended { outcome: JobOutcome::Done, message: None, records: records(2) },
            cancelled: Arc::default(),
            commands: Arc::default(),
        }
    }

    fn n_cancelled(&self) -> u32 {
        self.cancelled.load(Ordering::SeqCst)
    }
}

impl Runner for Script {
    fn start(&mut self, _: &Job, command: &[String]) -> Result<Box<dyn Running>, AgentError> {
        self.commands.lock().unwrap().push(command.to_vec());
        Ok(Box::new(self.clone()))
    }
}

impl Running for Script {
    fn progress(&mut self) -> JobProgress {
        let share = 1.0 / f64::from(self.n_looks + 1);
        JobProgress { share, doing: "tg128".to_owned(), remaining_s: Some(1.5) }
    }

    fn poll(&mut self) -> Option<Ended> {
        if self.cancelled.load(Ordering::SeqCst) >= self.n_cancels {
            return Some(Ended { outcome: JobOutcome::Cancelled, ..self.ended.clone() });
        }
        if self.n_looks == 0 {
            return Some(self.ended.clone());
        }
        self.n_looks -= 1;
        None
    }

    fn cancel(&mut self) {
        self.cancelled.fetch_add(1, Ordering::SeqCst);
    }
}

fn quick(model: &str) -> Job {
    Job {
        id: Uuid::from_u128(5),
        spec: JobSpec::Quick { model: model.to_owned() },
        state: JobState::Running,
        machine: None,
        agent: None,
        n_attempts: 1,
        cancel: false,
        progress: JobProgress::default(),
        message: None,
        run_id: None,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        leased_until: None,
    }
}

/// What a test's server does instead of its duty, by the number of that request and its kind:
/// `claim`, `report`, `benchmarks` or `end`.
type Fault = Box<dyn FnMut(&str, usize) -> Option<Reply> + Send>;

fn no_fault() -> Fault {
    Box::new(|_, _| None)
}

/// An agent that did its work.
struct Done {
    result: Result<(), AgentError>,
    asked: Vec<Asked>,
    events: Vec<AgentEvent>,
    waits: Vec<Duration>,
    n_waiting: usize,
}

impl Done {
    fn bodies(&self, kind: &str) -> Vec<Value> {
        self.asked.iter().filter(|asked| asked.path().ends_with(kind)).map(Asked::json).collect()
    }

    /// The one end that was told.
    fn end(&self) -> JobEnd {
        let ends = self.bodies("/end");
        let [end] = ends.as_slice() else { panic!("{ends:?}") };
        serde_json::from_value(end.clone()).unwrap()
    }

    fn last_ending(&self) -> Option<Ending> {
        self.events.iter().rev().find_map(|event| match event {
            AgentEvent::Ending { why, .. } => Some(*why),
            _ => None,
        })
    }
}

/// Has an agent work for a server with one job, until the job's end was told or `pace` says so.
fn work(job: Job, script: &Script, pace: FakePace, mut fault: Fault, taken: Taken) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(folder.path()).unwrap();
    let mut taken = taken;
    let mut offered = Some(job.clone());
    let mut counts = std::collections::BTreeMap::new();
    let n_stops = Arc::clone(&pace.n_stops);
    let server = Server::new(move |asked| {
        let kind = asked.path().rsplit('/').next().unwrap().to_owned();
        let count = counts.entry(kind.clone()).or_insert(0usize);
        *count += 1;
        if let Some(reply) = fault(&kind, *count) {
            return reply;
        }
        match kind.as_str() {
            "claim" => match offered.take() {
                Some(job) => Reply::Json(200, serde_json::to_value(job).unwrap()),
                None => {
                    n_stops.fetch_add(1, Ordering::SeqCst);
                    Reply::Raw(204, String::new(), Vec::new())
                }
            },
            "report" => Reply::Json(200, json!({ "cancel": false })),
            "benchmarks" => taken.answer(asked),
            "end" => Reply::Json(200, serde_json::to_value(&job).unwrap()),
            other => panic!("{other} was asked"),
        }
    });
    let client = Client::new(&server.address(), Some("token")).unwrap();
    let options = AgentOptions { id: Uuid::from_u128(7), seed: 1 };
    let models = [("A".to_owned(), "models/a.gguf".into())].into();
    let mut offer = Some(Offer { models, ..Offer::default() });
    let agent = Agent { client: &client, outbox: &outbox, options: &options };
    let mut events = Vec::new();
    let mut runner = script.clone();
    let result = agent.run(&mut runner, &mut pace.clone(), &mut || offer.take(), &mut |event| {
        events.push(event);
    });
    let n_waiting = outbox.n_waiting().unwrap();
    let waits = pace.waits.lock().unwrap().clone();
    Done { result, asked: server.asked(), events, waits, n_waiting }
}

#[test]
fn a_job_is_run_reported_uploaded_and_ended() {
    let script = Script::new(20);
    let done = work(quick("A"), &script, FakePace::default(), no_fault(), Taken::default());
    done.result.as_ref().unwrap();
    assert_eq!(*script.commands.lock().unwrap(), [["quick", "models/a.gguf"]]);
    let expected = JobEnd {
        agent: Uuid::from_u128(7),
        outcome: JobOutcome::Done,
        message: None,
        run_id: Some(Uuid::from_u128(1)),
    };
    assert_eq!(done.end(), expected);
    // 20 looks of a quarter of a second: at once, after 2 and after 4 seconds.
    let reports = done.bodies("/report");
    assert_eq!(reports.len(), 3);
    assert_eq!(reports[0]["progress"]["doing"], "tg128");
    let paths: Vec<&str> =
        done.asked.iter().map(|asked| asked.path().rsplit('/').next().unwrap()).collect();
    assert_eq!(paths, ["claim", "report", "report", "report", "benchmarks", "end", "claim"]);
    assert_eq!(done.asked[4].ids().len(), 2);
    let ended =
        AgentEvent::Ended { job: Uuid::from_u128(5), outcome: JobOutcome::Done, message: None };
    assert_eq!(done.events.last(), Some(&ended));
    assert_eq!((script.n_cancelled(), done.n_waiting), (0, 0));
}

#[test]
fn a_failed_job_is_told_with_its_reason_and_what_it_measured() {
    let mut script = Script::new(1);
    script.ended.outcome = JobOutcome::Failed;
    script.ended.message = Some("no such model\u{1b}[2J".to_owned());
    let done = work(quick("A"), &script, FakePace::default(), no_fault(), Taken::default());
    assert_eq!(done.end().outcome, JobOutcome::Failed);
    assert_eq!(done.end().message.unwrap(), r"no such model\u{1b}[2J");
    assert_eq!(done.bodies("/benchmarks").len(), 1);
}

#[test]
fn a_job_that_this_agent_cannot_do_fails_and_nothing_is_started() {
    for model in ["B", "../../etc/passwd", "-o", "http://host/a.gguf"] {
        let script = Script::new(1);
        let done = work(quick(model), &script, FakePace::default(), no_fault(), Taken::default());
        assert_eq!(done.end().outcome, JobOutcome::Failed, "{model}");
        assert!(done.end().message.unwrap().contains("models"), "{model}");
        assert!(script.commands.lock().unwrap().is_empty());
    }
}

#[test]
fn a_cancel_is_obeyed_and_what_was_measured_is_uploaded() {
    let script = Script::new(1_000);
    let cancel: Fault = Box::new(|kind, n| {
        (kind == "report" && n >= 2).then(|| Reply::Json(200, json!({ "cancel": true })))
    });
    let done = work(quick("A"), &script, FakePace::default(), cancel, Taken::default());
    assert_eq!(done.end().outcome, JobOutcome::Cancelled);
    assert_eq!(script.n_cancelled(), 1);
    assert_eq!(done.last_ending(), Some(Ending::Ordered));
    assert_eq!(done.bodies("/benchmarks").len(), 1);
}

#[test]
fn what_does_not_end_when_asked_is_asked_harder() {
    let mut script = Script::new(1_000);
    script.n_cancels = 3;
    let cancel: Fault =
        Box::new(|kind, _| (kind == "report").then(|| Reply::Json(200, json!({ "cancel": true }))));
    let done = work(quick("A"), &script, FakePace::default(), cancel, Taken::default());
    assert_eq!(done.end().outcome, JobOutcome::Cancelled);
    assert_eq!(script.n_cancelled(), 3);
    // Ten seconds each of patience, in quarters.
    let n_looks = done.waits.iter().filter(|wait| **wait == Duration::from_millis(250)).count();
    assert_eq!(n_looks, 81);
}

#[test]
fn a_job_that_was_done_before_it_heard_of_the_cancel_is_done() {
    let mut script = Script::new(10);
    script.n_cancels = 99;
    let cancel: Fault =
        Box::new(|kind, _| (kind == "report").then(|| Reply::Json(200, json!({ "cancel": true }))));
    let done = work(quick("A"), &script, FakePace::default(), cancel, Taken::default());
    assert_eq!(done.end().outcome, JobOutcome::Done);
}

#[test]
fn a_lost_lease_ends_the_job_and_its_records_are_kept() {
    let script = Script::new(1_000);
    let lost: Fault = Box::new(|kind, n| {
        let lost = Reply::complaint(409, "lease_lost", "another agent has it");
        (kind == "report" && n >= 3).then_some(lost)
    });
    let done = work(quick("A"), &script, FakePace::default(), lost, Taken::default());
    done.result.as_ref().unwrap();
    assert_eq!(script.n_cancelled(), 1);
    assert_eq!(done.last_ending(), Some(Ending::LeaseLost));
    assert!(done.bodies("/end").is_empty(), "it is not this agent's to end");
    assert_eq!(done.bodies("/report").len(), 3);
    assert_eq!(done.bodies("/benchmarks").len(), 1);
}

#[test]
fn a_server_that_goes_in_mid_job_ends_nothing() {
    let script = Script::new(400);
    let away: Fault = Box::new(|kind, n| match (kind, n) {
        ("report", 2..=3) => Some(Reply::HangUp),
        ("report", 4) => {
            Some(Reply::Raw(503, "retry-after: 3600\r\n".to_owned(), b"down".to_vec()))
        }
        ("benchmarks", 1..=2) => Some(Reply::HangUp),
        ("end", 1) => Some(Reply::Raw(502, String::new(), Vec::new())),
        _ => None,
    });
    let done = work(quick("A"), &script, FakePace::default(), away, Taken::default());
    done.result.as_ref().unwrap();
    assert_eq!(script.n_cancelled(), 0);
    let ends = done.bodies("/end");
    assert_eq!(ends.len(), 2);
    assert_eq!(ends[0], ends[1]);
    assert_eq!(ends[1]["outcome"], "done");
    assert_eq!(done.bodies("/benchmarks").len(), 3);
    let is = |event: &&AgentEvent, away: bool| match event {
        AgentEvent::ServerAway { .. } => away,
        AgentEvent::ServerBack => !away,
        _ => false,
    };
    // In mid-job, at the upload, at the end: told once each.
    assert_eq!(done.events.iter().filter(|event| is(event, true)).count(), 3);
    assert_eq!(done.events.iter().filter(|event| is(event, false)).count(), 3);
    assert_eq!(done.n_waiting, 0);
    // However long the server asks to be let alone, it is told in time for the lease.
    assert!(done.bodies("/report").len() >= 8, "{}", done.bodies("/report").len());
}

#[test]
fn a_stop_interrupts_the_job_uploads_and_tells_it() {
    let script = Script::new(1_000);
    let pace = FakePace { stop_at: vec![5], ..FakePace::default() };
    let done = work(quick("A"), &script, pace, no_fault(), Taken::default());
    done.result.as_ref().unwrap();
    assert_eq!(script.n_cancelled(), 1);
    assert_eq!(done.end().outcome, JobOutcome::Failed);
    assert_eq!(done.end().message.unwrap(), "its agent was stopped");
    assert_eq!(done.bodies("/benchmarks").len(), 1);
    assert_eq!(done.bodies("/claim").len(), 1, "no other job is taken");
}

#[test]
fn each_further_stop_presses_what_runs() {
    let mut script = Script::new(1_000);
    script.n_cancels = 3;
    let pace = FakePace { stop_at: vec![5, 7, 9], ..FakePace::default() };
    let done = work(quick("A"), &script, pace, no_fault(), Taken::default());
    // One look after the last.
    assert_eq!((script.n_cancelled(), done.waits.len()), (3, 10));
    let n_told = done.events.iter().filter(|e| matches!(e, AgentEvent::Ending { .. })).count();
    assert_eq!(n_told, 1);
}

#[test]
fn a_stop_while_the_server_is_away_leaves_the_records_in_the_outbox() {
    let script = Script::new(1_000);
    let pace = FakePace { stop_at: vec![5], ..FakePace::default() };
    let away: Fault = Box::new(|kind, _| (kind != "claim").then_some(Reply::HangUp));
    let done = work(quick("A"), &script, pace, away, Taken::default());
    done.result.as_ref().unwrap();
    assert_eq!(done.n_waiting, 1);
    assert!(done.events.contains(&AgentEvent::Left { n_batches: 1 }));
    assert_eq!(
        done.end().message.unwrap().split(':').next(),
        Some("its records wait on the agent's machine")
    );
}

#[test]
fn refused_records_are_told_and_a_job_of_which_none_is_left_has_failed() {
    for (n_refused, outcome) in [(1, JobOutcome::Done), (2, JobOutcome::Failed)] {
        let unwanted = records(n_refused).iter().map(|record| record.id.to_string()).collect();
        let taken = Taken { unwanted, names_it: true, ..Taken::default() };
        let done = work(quick("A"), &Script::new(1), FakePace::default(), no_fault(), taken);
        assert_eq!(done.end().outcome, outcome);
        let message = done.end().message.unwrap();
        assert!(message.starts_with(&format!("{n_refused} of its records refused")), "{message}");
        assert!(done.events.iter().any(|event| matches!(event, AgentEvent::Refused { .. })));
        assert_eq!(done.n_waiting, 0);
    }
}

#[test]
fn a_server_that_never_takes_the_records_is_told_the_end_nevertheless() {
    let broken: Fault = Box::new(|kind, _| {
        (kind == "benchmarks").then(|| Reply::complaint(500, "internal", "it broke"))
    });
    let done = work(quick("A"), &Script::new(1), FakePace::default(), broken, Taken::default());
    assert_eq!(done.end().outcome, JobOutcome::Done);
    assert!(done.end().message.unwrap().contains("its records wait"));
    assert_eq!(done.bodies("/benchmarks").len(), 6);
    assert_eq!(done.n_waiting, 1);
}

#[test]
fn the_agent_waits_longer_each_time_for_a_server_that_is_away() {
    let away: Fault = Box::new(|kind, n| (kind == "claim" && n <= 8).then_some(Reply::HangUp));
    let done = work(quick("A"), &Script::new(0), FakePace::default(), away, Taken::default());
    done.result.as_ref().unwrap();
    assert_eq!(done.end().outcome, JobOutcome::Done);
    for (index, wait) in done.waits[..8].iter().enumerate() {
        let whole = f64::from(1 << index).min(60.0);
        assert!((whole / 2.0..=whole).contains(&wait.as_secs_f64()), "{index}: {wait:?}");
    }
    let n_away = done.events.iter().filter(|e| matches!(e, AgentEvent::ServerAway { .. })).count();
    assert_eq!(n_away, 1);
}

#[test]
fn an_agent_whose_token_does_not_count_leaves_and_loses_nothing() {
    let mut is_revoked = false;
    let revoked: Fault = Box::new(move |kind, _| {
        is_revoked |= kind == "report";
        is_revoked.then(|| Reply::complaint(401, "revoked", "the token was revoked"))
    });
    let done = work(quick("A"), &Script::new(20), FakePace::default(), revoked, Taken::default());
    let Err(AgentError::Client(ClientError::NotAuthorized { .. })) = done.result else {
        panic!("{:?}", done.result)
    };
    assert_eq!(done.n_waiting, 1);
}

#[test]
fn models_that_came_later_are_offered() {
    let server = Server::new(|_| Reply::Raw(204, String::new(), Vec::new()));
    let client = Client::new(&server.address(), None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(folder.path()).unwrap();
    let options = AgentOptions { id: Uuid::from_u128(7), seed: 1 };
    let agent = Agent { client: &client, outbox: &outbox, options: &options };
    let offer = |names: &[&str]| {
        let fact = |name: &&str| ModelFacts { name: (*name).to_owned(), ..ModelFacts::default() };
        let models = names.iter().map(fact).collect();
        Some(Offer { hello: AgentHello { models, ..AgentHello::default() }, ..Offer::default() })
    };
    let mut shelf = [offer(&["A"]), None, offer(&["A", "B"]), None].into_iter();
    let pace = FakePace { stop_at: vec![4], ..FakePace::default() };
    let mut offers = || shelf.next().flatten();
    agent.run(&mut Script::new(0), &mut pace.clone(), &mut offers, &mut |_| ()).unwrap();
    let said = |asked: &Asked| {
        let hello: AgentHello = serde_json::from_value(asked.json()).unwrap();
        hello.models.into_iter().map(|model| model.name).collect::<Vec<_>>()
    };
    let claims: Vec<Vec<String>> = server.asked().iter().map(said).collect();
    assert_eq!(claims, [vec!["A"], vec!["A"], vec!["A", "B"], vec!["A", "B"]]);
}

#[test]
fn what_earlier_jobs_left_is_sent_before_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(folder.path()).unwrap();
    outbox.add(&records(1)).unwrap();
    let pace = FakePace { stop_at: vec![1], ..FakePace::default() };
    let mut taken = Taken::default();
    let server = Server::new(move |asked| match asked.path() {
        "/api/benchmarks" => taken.answer(asked),
        _ => Reply::Raw(204, String::new(), Vec::new()),
    });
    let client = Client::new(&server.address(), None).unwrap();
    let options = AgentOptions { id: Uuid::from_u128(7), seed: 1 };
    let agent = Agent { client: &client, outbox: &outbox, options: &options };
    agent.run(&mut Script::new(0), &mut pace.clone(), &mut || None, &mut |_| ()).unwrap();
    assert_eq!(server.asked()[0].path(), "/api/benchmarks");
    assert_eq!(outbox.n_waiting().unwrap(), 0);
}
