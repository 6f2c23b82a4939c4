//! Leases that run out, and agents that come back.

use tokmark_model::*;
use tokmark_store::*;

use crate::jobs::{LEASE, agent, claim, ended, said, submit};
use crate::place::{Place, on_both_databases};
use crate::sample::time;

on_both_databases!(
    a_lease_that_ran_out_frees_the_job,
    a_lease_nobody_else_wanted_is_renewed,
    a_lost_lease_is_told,
    ending_twice_alike_is_fine,
    after_three_attempts_a_job_fails,
    a_cancelled_job_of_a_silent_agent_is_not_given_again,
    claimers_share_out_what_ran_out,
);

async fn a_lease_that_ran_out_frees_the_job(place: &Place) {
    let store = place.open().await;
    let id = submit(&store, 1).await.id;
    let waiting = submit(&store, 2).await.id;
    assert_eq!(claim(&store, 1, 10).await.unwrap().id, id);
    assert_eq!(claim(&store, 2, 39).await.unwrap().id, waiting);
    assert_eq!(claim(&store, 3, 39).await, None);
    store.jobs().report(id, &said(1, 0.9), LEASE, time(39)).await.unwrap();
    assert_eq!(claim(&store, 3, 68).await, None);
    let again = claim(&store, 3, 69).await.unwrap();
    assert_eq!((again.id, again.agent, again.n_attempts), (id, Some(agent(3)), 2));
    assert_eq!(again.progress, JobProgress::default());
}

async fn a_lease_nobody_else_wanted_is_renewed(place: &Place) {
    let store = place.open().await;
    let id = submit(&store, 1).await.id;
    claim(&store, 1, 10).await.unwrap();
    store.jobs().report(id, &said(1, 0.5), LEASE, time(1_000)).await.unwrap();
    assert_eq!(claim(&store, 2, 1_001).await, None);
    store.jobs().end(id, &ended(1, JobOutcome::Done), time(5_000)).await.unwrap();
}

async fn a_lost_lease_is_told(place: &Place) {
    let store = place.open().await;
    let jobs = store.jobs();
    let id = submit(&store, 1).await.id;
    let lost = |error: StoreError| {
        assert!(matches!(error, StoreError::LeaseLost { id: of } if of == id), "{error}");
    };
    // Nobody holds it yet.
    lost(jobs.report(id, &said(1, 0.1), LEASE, time(2)).await.unwrap_err());
    claim(&store, 1, 10).await.unwrap();
    lost(jobs.report(id, &said(2, 0.1), LEASE, time(11)).await.unwrap_err());
    lost(jobs.end(id, &ended(2, JobOutcome::Done), time(11)).await.unwrap_err());
    claim(&store, 2, 100).await.unwrap();
    lost(jobs.report(id, &said(1, 0.5), LEASE, time(101)).await.unwrap_err());
    lost(jobs.end(id, &ended(1, JobOutcome::Done), time(101)).await.unwrap_err());
    let held = jobs.get(id).await.unwrap();
    assert_eq!((held.agent, held.state), (Some(agent(2)), JobState::Running));
    assert_eq!(held.progress, JobProgress::default());
    jobs.end(id, &ended(2, JobOutcome::Done), time(102)).await.unwrap();
    lost(jobs.report(id, &said(2, 1.0), LEASE, time(103)).await.unwrap_err());
}

async fn ending_twice_alike_is_fine(place: &Place) {
    let store = place.open().await;
    let jobs = store.jobs();
    let id = submit(&store, 1).await.id;
    claim(&store, 1, 2).await.unwrap();
    let end = JobEnd { message: Some("no such model".into()), ..ended(1, JobOutcome::Failed) };
    let over = jobs.end(id, &end, time(3)).await.unwrap();
    assert_eq!((over.state, &over.message), (JobState::Failed, &end.message));
    assert_eq!(jobs.end(id, &end, time(4)).await.unwrap(), over);
    for other in [ended(1, JobOutcome::Done), ended(2, JobOutcome::Failed)] {
        let error = jobs.end(id, &other, time(5)).await.unwrap_err();
        assert!(matches!(error, StoreError::LeaseLost { .. }), "{error}");
    }
    assert_eq!(jobs.get(id).await.unwrap(), over);
}

async fn after_three_attempts_a_job_fails(place: &Place) {
    let store = place.open().await;
    let id = submit(&store, 1).await.id;
    for attempt in 1..=u64::from(MAX_ATTEMPTS) {
        let job = claim(&store, attempt.into(), attempt * 100).await.unwrap();
        assert_eq!(u64::from(job.n_attempts), attempt);
    }
    assert_eq!(store.jobs().get(id).await.unwrap().state, JobState::Running);
    assert_eq!(claim(&store, 9, 1_000).await, None);
    let failed = store.jobs().get(id).await.unwrap();
    assert_eq!((failed.state, failed.leased_until), (JobState::Failed, None));
    assert!(failed.message.unwrap().contains("3 times"));
    assert_eq!(claim(&store, 9, 2_000).await, None);
}

async fn a_cancelled_job_of_a_silent_agent_is_not_given_again(place: &Place) {
    let store = place.open().await;
    let [first, second] = [submit(&store, 1).await.id, submit(&store, 2).await.id];
    for n in 1..=2 {
        claim(&store, n, 10).await.unwrap();
    }
    store.jobs().cancel(first, time(11)).await.unwrap();
    assert_eq!(claim(&store, 3, 100).await.unwrap().id, second);
    let over = store.jobs().get(first).await.unwrap();
    assert_eq!((over.state, over.message), (JobState::Cancelled, None));
    // Where nobody asks for work, the user's word is enough.
    let over = store.jobs().cancel(second, time(1_000)).await.unwrap();
    assert_eq!(over.state, JobState::Cancelled);
}

async fn claimers_share_out_what_ran_out(place: &Place) {
    let store = place.open().await;
    for n in 0..20 {
        submit(&store, n).await;
        claim(&store, 99, 50).await.unwrap();
    }
    let mut claimers = Vec::new();
    for n in 0..4 {
        let store = place.open().await;
        claimers.push(tokio::spawn(async move {
            let mut n_got = 0;
            while let Some(job) = claim(&store, n, 500).await {
                assert_eq!((job.agent, job.n_attempts), (Some(agent(n)), 2));
                n_got += 1;
            }
            n_got
        }));
    }
    let mut n_got = 0;
    for claimer in claimers {
        n_got += claimer.await.unwrap();
    }
    assert_eq!(n_got, 20);
}
