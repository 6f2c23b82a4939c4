//! Jobs from being written down to their end.

use std::time::Duration;

use tokmark_model::*;
use tokmark_store::*;

use crate::place::{Place, on_both_databases};
use crate::sample::{NASTY, time};

on_both_databases!(
    a_job_is_written_down_claimed_and_done,
    the_oldest_job_that_fits_is_given,
    the_same_key_gives_the_same_job,
    one_key_submitted_at_once_makes_one_job,
    two_claimers_never_get_one_job,
    a_queued_job_is_cancelled_at_once,
    a_running_job_is_told_to_end,
    what_agents_say_is_kept_soundly,
    unsound_jobs_are_refused,
    jobs_that_are_not_there_are_told,
);

pub const LEASE: Duration = Duration::from_secs(30);

pub fn agent(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

pub fn quick(model: &str) -> JobSpec {
    JobSpec::Quick { model: model.into() }
}

pub fn models(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub async fn submit(store: &Store, seconds: u64) -> Job {
    store.jobs().submit(&quick("A"), None, None, time(seconds)).await.unwrap()
}

pub async fn claim(store: &Store, n: u128, seconds: u64) -> Option<Job> {
    let has = models(&["A", "B", "C"]);
    store.jobs().claim(agent(n), "here", &has, LEASE, time(seconds)).await.unwrap()
}

pub fn said(n: u128, share: f64) -> JobReport {
    let progress = JobProgress { share, doing: "tg128".into(), remaining_s: Some(2.5) };
    JobReport { agent: agent(n), progress }
}

pub fn ended(n: u128, outcome: JobOutcome) -> JobEnd {
    JobEnd { agent: agent(n), outcome, message: None, run_id: None }
}

/// To the microsecond, as jobs keep it.
pub fn kept(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap()
}

async fn a_job_is_written_down_claimed_and_done(place: &Place) {
    let store = place.open().await;
    let jobs = store.jobs();
    let spec = JobSpec::Suite {
        model: "A".into(),
        n_prompt: vec![512],
        n_gen: vec![128],
        n_batch: vec![],
        n_parallel: vec![1, 4],
        n_gpu_layers: vec![-1],
        repetitions: None,
    };
    let queued = jobs.submit(&spec, Some("here"), None, time(1)).await.unwrap();
    assert_eq!(
        queued,
        Job {
            id: queued.id,
            spec,
            state: JobState::Queued,
            machine: Some("here".into()),
            agent: None,
            n_attempts: 0,
            cancel: false,
            progress: JobProgress::default(),
            message: None,
            run_id: None,
            created_at: kept(time(1)),
            updated_at: kept(time(1)),
            leased_until: None,
        }
    );
    assert_eq!(jobs.get(queued.id).await.unwrap(), queued);

    let running = claim(&store, 1, 2).await.unwrap();
    assert_eq!(
        running,
        Job {
            state: JobState::Running,
            agent: Some(agent(1)),
            n_attempts: 1,
            updated_at: kept(time(2)),
            leased_until: Some(kept(time(32))),
            ..queued
        }
    );
    assert_eq!(claim(&store, 2, 3).await, None);
    let order = jobs.report(running.id, &said(1, 0.5), LEASE, time(4)).await.unwrap();
    assert_eq!(order, JobOrder { cancel: false });
    let job = jobs.get(running.id).await.unwrap();
    assert_eq!((job.progress, job.leased_until), (said(1, 0.5).progress, Some(kept(time(34)))));

    let end = JobEnd { run_id: Some(agent(9)), ..ended(1, JobOutcome::Done) };
    let done = jobs.end(running.id, &end, time(5)).await.unwrap();
    assert_eq!((done.state, done.run_id, done.leased_until), (JobState::Done, end.run_id, None));
    assert_eq!((done.agent, done.updated_at), (Some(agent(1)), kept(time(5))));
    store.close().await;
    assert_eq!(place.open().await.jobs().list(10, None).await.unwrap().rows, [done]);
}

async fn the_oldest_job_that_fits_is_given(place: &Place) {
    let store = place.open().await;
    let jobs = store.jobs();
    let compare = |names: &[&str]| JobSpec::Compare {
        models: models(names),
        n_prompt: 512,
        n_gen: 64,
        repetitions: Some(3),
    };
    let mut ids = Vec::new();
    for (n, (spec, machine)) in [
        (quick("A"), Some("elsewhere")),
        (compare(&["A", "D"]), None),
        (compare(&["A", "B"]), None),
        (quick("B"), Some("here")),
        (quick("C"), None),
    ]
    .into_iter()
    .enumerate()
    {
        ids.push(jobs.submit(&spec, machine, None, time(n as u64)).await.unwrap().id);
    }
    let newest_first: Vec<Uuid> = ids.iter().rev().copied().collect();
    let listed: Vec<Uuid> =
        jobs.list(9, None).await.unwrap().rows.iter().map(|job| job.id).collect();
    assert_eq!(listed, newest_first);
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = jobs.list(2, after.as_ref()).await.unwrap();
        listed.extend(page.rows.iter().map(|job| job.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, newest_first);

    let ask = async |machine: &str, has: &[&str]| {
        let job = jobs.claim(agent(1), machine, &models(has), LEASE, time(10)).await.unwrap();
        job.map(|job| ids.iter().position(|id| *id == job.id).unwrap())
    };
    assert_eq!(ask("here", &[]).await, None);
    assert_eq!(ask("here", &["E", "' OR 1=1 --", NASTY, "\0"]).await, None);
    assert_eq!(ask("\0", &["B"]).await, None);
    assert_eq!(ask("here", &["A", "B", "C"]).await, Some(2));
    assert_eq!(ask("here", &["A", "B", "C"]).await, Some(3));
    assert_eq!(ask("here", &["A", "B"]).await, None);
    assert_eq!(ask("there", &["A", "C"]).await, Some(4));
    assert_eq!(ask("there", &["D", "A"]).await, Some(1));
    assert_eq!(ask("elsewhere", &["A"]).await, Some(0));
    assert_eq!(ask("elsewhere", &["A", "B", "C", "D"]).await, None);
}

async fn the_same_key_gives_the_same_job(place: &Place) {
    let store = place.open().await;
    let jobs = store.jobs();
    let key = format!("{NASTY}\0{}", "k".repeat(10_000));
    let first = jobs.submit(&quick("A"), None, Some(&key), time(1)).await.unwrap();
    let again = jobs.submit(&quick("B"), Some("x"), Some(&key), time(2)).await.unwrap();
    assert_eq!(again, first);
    let other = jobs.submit(&quick("A"), None, Some("other"), time(3)).await.unwrap();
    let without = submit(&store, 3).await;
    assert!(other.id != first.id && without.id != other.id);
    let running = claim(&store, 1, 4).await.unwrap();
    assert_eq!(jobs.submit(&quick("A"), None, Some(&key), time(5)).await.unwrap(), running);
    assert_eq!(jobs.list(9, None).await.unwrap().rows.len(), 3);
}

async fn one_key_submitted_at_once_makes_one_job(place: &Place) {
    let stores = [place.open().await, place.open().await];
    let submits: Vec<_> = (0..40)
        .map(|n| {
            let store = stores[n % 2].clone();
            tokio::spawn(async move {
                store.jobs().submit(&quick("A"), None, Some("key"), time(1)).await.unwrap().id
            })
        })
        .collect();
    let mut ids = Vec::new();
    for submit in submits {
        ids.push(submit.await.unwrap());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(stores[0].jobs().list(9, None).await.unwrap().rows.len(), 1);
}

async fn two_claimers_never_get_one_job(place: &Place) {
    let store = place.open().await;
    for n in 0..60 {
        submit(&store, n).await;
    }
    let mut claimers = Vec::new();
    for n in 0..6 {
        let store = if n % 2 == 0 { store.clone() } else { place.open().await };
        claimers.push(tokio::spawn(async move {
            let mut got = Vec::new();
            while let Some(job) = claim(&store, n, 100).await {
                assert_eq!((job.agent, job.n_attempts), (Some(agent(n)), 1));
                got.push(job.id);
            }
            got
        }));
    }
    let mut got = Vec::new();
    for claimer in claimers {
        got.extend(claimer.await.unwrap());
    }
    got.sort();
    got.dedup();
    assert_eq!(got.len(), 60);
    for job in store.jobs().list(99, None).await.unwrap().rows {
        assert_eq!((job.state, job.n_attempts), (JobState::Running, 1));
    }
}

async fn a_queued_job_is_cancelled_at_once(place: &Place) {
    let store = place.open().await;
    let job = submit(&store, 1).await;
    let cancelled = store.jobs().cancel(job.id, time(2)).await.unwrap();
    assert_eq!((cancelled.state, cancelled.cancel), (JobState::Cancelled, true));
    assert_eq!(claim(&store, 1, 3).await, None);
    // Over is over.
    assert_eq!(store.jobs().cancel(job.id, time(4)).await.unwrap(), cancelled);
    assert_eq!(store.jobs().get(job.id).await.unwrap(), cancelled);
}

async fn a_running_job_is_told_to_end(place: &Place) {
    let store = place.open().await;
    let jobs = store.jobs();
    let id = submit(&store, 1).await.id;
    claim(&store, 1, 2).await.unwrap();
    let told = jobs.cancel(id, time(3)).await.unwrap();
    assert_eq!((told.state, told.cancel), (JobState::Running, true));
    assert_eq!(jobs.cancel(id, time(4)).await.unwrap(), told);
    let order = jobs.report(id, &said(1, 0.2), LEASE, time(5)).await.unwrap();
    assert_eq!(order, JobOrder { cancel: true });
    let end = ended(1, JobOutcome::Cancelled);
    let over = jobs.end(id, &end, time(6)).await.unwrap();
    assert_eq!((over.state, over.progress.share), (JobState::Cancelled, 0.2));
    assert_eq!(jobs.cancel(id, time(7)).await.unwrap(), over);
}

async fn what_agents_say_is_kept_soundly(place: &Place) {
    let store = place.open().await;
    let jobs = store.jobs();
    let id = submit(&store, 1).await.id;
    claim(&store, 1, 2).await.unwrap();
    for (share, remaining_s, expected) in [
        (f64::NAN, Some(f64::NAN), (0.0, None)),
        (f64::INFINITY, Some(-1.0), (0.0, None)),
        (7.0, Some(f64::INFINITY), (1.0, None)),
        (-7.0, Some(0.5), (0.0, Some(0.5))),
    ] {
        let doing = format!("{NASTY}\0{}", "é".repeat(100_000));
        let progress = JobProgress { share, doing, remaining_s };
        let report = JobReport { agent: agent(1), progress };
        jobs.report(id, &report, Duration::MAX, time(3)).await.unwrap();
        let kept = jobs.get(id).await.unwrap().progress;
        assert_eq!((kept.share, kept.remaining_s), expected);
        assert_eq!(kept.doing.chars().count(), 500);
    }
    let message = Some("\0".repeat(100_000));
    let end = JobEnd { message, ..ended(1, JobOutcome::Failed) };
    jobs.end(id, &end, time(4)).await.unwrap();
    assert_eq!(jobs.get(id).await.unwrap().message.unwrap().chars().count(), 500);

    let mut hello = AgentHello { models: vec![ModelFacts::default()], ..AgentHello::default() };
    hello.machine.fingerprint = NASTY.into();
    jobs.hello(agent(1), &AgentHello::default(), time(5)).await.unwrap();
    jobs.hello(agent(1), &hello, time(6)).await.unwrap();
    jobs.hello(agent(2), &AgentHello::default(), time(7)).await.unwrap();
    let first = AgentRow { id: agent(1), hello: hello.clone(), last_at: kept_at(6) };
    let second = AgentRow { id: agent(2), hello: AgentHello::default(), last_at: kept_at(7) };
    assert_eq!(jobs.agents(time(6)).await.unwrap(), [second.clone(), first]);
    assert_eq!(jobs.agents(time(7)).await.unwrap(), [second]);
    assert_eq!(jobs.agents(time(8)).await.unwrap(), []);
    hello.machine.cpu.n_allowed = f64::NAN;
    let error = jobs.hello(agent(1), &hello, time(8)).await.unwrap_err();
    assert!(matches!(error, StoreError::InvalidJob { .. }), "{error}");
}

fn kept_at(seconds: u64) -> Timestamp {
    kept(time(seconds))
}

async fn unsound_jobs_are_refused(place: &Place) {
    let store = place.open().await;
    for model in ["", "../../etc/passwd", "https://example.org/x", "--flag", "a\0b"] {
        let error = store.jobs().submit(&quick(model), None, None, time(1)).await.unwrap_err();
        assert!(matches!(error, StoreError::InvalidJob { .. }), "{error}");
    }
    assert_eq!(store.jobs().list(9, None).await.unwrap().rows, []);
}

async fn jobs_that_are_not_there_are_told(place: &Place) {
    let store = place.open().await;
    let jobs = store.jobs();
    for error in [
        jobs.get(agent(1)).await.unwrap_err(),
        jobs.cancel(agent(1), time(1)).await.unwrap_err(),
        jobs.report(agent(1), &said(1, 0.0), LEASE, time(1)).await.unwrap_err(),
        jobs.end(agent(1), &ended(1, JobOutcome::Done), time(1)).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::NoJob { id, .. } if id == agent(1)), "{error}");
        assert!(!error.is_unavailable());
    }
}
