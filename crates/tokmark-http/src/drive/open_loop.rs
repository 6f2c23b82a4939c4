//! Requests that become due whether or not earlier ones have ended.
//!
//! A rate is one of requests, whatever turn of a conversation they are: a due time goes to the
//! conversation that has waited longest since its last answer, and begins another where none
//! waits. The later turns of a trace have due times of their own.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokmark_model::{Load, Nanos};
use tokmark_run::Due;
use tokmark_workload::PlannedRequest;

use super::{Made, Shared, on_runtime};
use crate::exchange::Finished;
use crate::pace::{Lateness, sharpen_timers, sleep_until};
use crate::pool::Pool;

/// The longest sleep after which a stop is noticed.
const NAP: Duration = Duration::from_millis(50);
/// So long before a due time nobody sleeps any more: to wake a sleeping processor takes up to
/// milliseconds on a virtual machine.
const SOON: Duration = Duration::from_micros(700);
/// At most this part of the time between two due times goes into that: a processor that had work
/// a moment ago sleeps lightly, and a server on this machine needs it too.
const AWAKE_PART: u32 = 8;

/// What the thread of due times says to the one that sends.
pub(super) enum Job {
    /// A request is due in a moment: whoever sleeps now wakes up too late.
    Soon,
    /// A request is due.
    Due { made: Made, due: Nanos },
}

/// Hands out the requests of the schedule at their due times.
pub(super) fn arrivals(shared: &Shared, jobs: &UnboundedSender<Job>) -> Lateness {
    sharpen_timers();
    // The beginning of a conversation, made before it is known whether it is its turn.
    let mut beginning = None;
    let mut before: Option<Instant> = None;
    while let Some(Due::At(due)) = shared.take() {
        beginning.get_or_insert_with(|| shared.make(shared.source.request(shared.next_session())));
        let at = shared.clock.instant(due);
        let gap = before.replace(at).map(|before| at.saturating_duration_since(before));
        let soon = at.checked_sub(awake_before(gap)).unwrap_or(at);
        while !sleep_until(soon, NAP) {
            if !shared.wants_more() {
                return Lateness::default();
            }
        }
        let Some(made) = shared.take_follow_up().or_else(|| beginning.take()) else { break };
        if Instant::now() < at {
            let _ = jobs.send(Job::Soon);
        }
        while Instant::now() < at {
            std::hint::spin_loop();
        }
        let may_send = shared.wants_more() && shared.may_make_another();
        if !may_send || jobs.send(Job::Due { made, due }).is_err() {
            break;
        }
    }
    Lateness::default()
}

/// How long before a due time nobody sleeps, `gap` after the one before.
fn awake_before(gap: Option<Duration>) -> Duration {
    gap.map_or(SOON, |gap| SOON.min(gap / AWAKE_PART))
}

/// Carries out what becomes due, however much is under way.
pub(super) fn open_loop(
    shared: &Arc<Shared>,
    mut jobs: UnboundedReceiver<Job>,
    done: &Sender<Finished>,
) -> Lateness {
    on_runtime(async {
        let reuse = shared.workload.reuse_connections;
        let pool = std::rc::Rc::new(Pool::new(shared.endpoint.targets.len(), reuse));
        let mut tasks = tokio::task::JoinSet::new();
        while let Some(job) = jobs.recv().await {
            let Job::Due { made, due } = job else {
                let begun = Instant::now();
                while jobs.is_empty() && begun.elapsed() < 2 * SOON {
                    tokio::task::yield_now().await;
                }
                continue;
            };
            let (shared, pool, done) = (shared.clone(), pool.clone(), done.clone());
            tasks.spawn_local(async move { conversation(&shared, &pool, made, due, &done).await });
            while tasks.try_join_next().is_some() {}
        }
        while tasks.join_next().await.is_some() {}
    })
}

/// A request of an open loop, and what follows from its answer: of a rate, a turn that waits for
/// the next due time; of a trace, the turns after it, each due at its recorded time, or,
/// where it has none, when the answer before it is there.
async fn conversation(
    shared: &Shared,
    pool: &Pool,
    made: Made,
    due: Nanos,
    done: &Sender<Finished>,
) {
    let (mut made, mut due) = (made, due);
    while let Some(answer) = shared.carry_out(pool, due, &made, done).await {
        let PlannedRequest { session, turn, messages, .. } = &*made.request;
        let next = shared.source.follow_up(*session, turn + 1, messages, &answer);
        let Some(request) = next.filter(|_| shared.wants_more()) else { return };
        if let Load::Rate { .. } = shared.workload.arrival {
            shared.add_follow_up(shared.make(request));
            return;
        }
        let now = shared.clock.now();
        due = request.due.map_or(now, |recorded| shared.sped_up(recorded));
        if !shared.wants_more_at(due).await || !shared.may_make_another() {
            return;
        }
        let held = Nanos(now.0.saturating_sub(due.0));
        made = Made { held: (held.0 > 0).then_some(held), ..shared.make(request) };
    }
}

impl Shared {
    /// Waits until `due`; whether a request is still wanted then. Told at once where no more are
    /// wanted before: a trace may have its next turn in an hour.
    async fn wants_more_at(&self, due: Nanos) -> bool {
        // Asked for before the look, so that a stop in between is not missed.
        let no_more = self.no_more.notified();
        let at = self.clock.instant(due);
        if !self.wants_more() || self.until.is_some_and(|until| at >= until) {
            return false;
        }
        tokio::select! {
            biased;
            () = no_more => false,
            () = tokio::time::sleep_until(at.into()) => self.wants_more(),
        }
    }

    fn add_follow_up(&self, made: Made) {
        self.follow_ups.lock().expect("no panic under this lock").push_back(made);
    }

    fn take_follow_up(&self) -> Option<Made> {
        self.follow_ups.lock().expect("no panic under this lock").pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_high_rate_leaves_the_processor_to_others() {
        assert_eq!(awake_before(None), SOON);
        assert_eq!(awake_before(Some(Duration::from_millis(20))), SOON);
        assert_eq!(awake_before(Some(Duration::from_millis(1))), Duration::from_micros(125));
        assert_eq!(awake_before(Some(Duration::ZERO)), Duration::ZERO);
    }
}
