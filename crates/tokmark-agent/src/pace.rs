//! Waiting, and being told to stop: the agent's only clock.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Who lets the agent wait and tells it to stop.
pub trait Pace {
    /// How often it was told to stop. Once: end the job, upload what is measured, leave. Each
    /// further time presses the process that measures.
    fn n_stops(&self) -> u32;

    /// Waits; shorter where [`Pace::n_stops`] is or becomes another number than `n_seen`.
    fn pause(&mut self, at_most: Duration, n_seen: u32);
}

/// Ctrl-C and SIGTERM, counted, for the agent's thread. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    shared: Arc<(Mutex<u32>, Condvar)>,
}

impl Stop {
    /// Counts one more and ends a wait. Called from the thread that handles signals, not from
    /// the handler itself.
    pub fn raise(&self) {
        let (count, changed) = &*self.shared;
        *count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        changed.notify_all();
    }
}

impl Pace for Stop {
    fn n_stops(&self) -> u32 {
        *self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pause(&mut self, at_most: Duration, n_seen: u32) {
        let (count, changed) = &*self.shared;
        let count = count.lock().unwrap_or_else(PoisonError::into_inner);
        drop(changed.wait_timeout_while(count, at_most, |count| *count == n_seen));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_ends_a_wait_whether_it_came_before_or_during_it() {
        let stop = Stop::default();
        let never = Duration::from_secs(u64::from(u32::MAX));
        stop.raise();
        stop.clone().pause(never, 0);
        let raising = std::thread::spawn({
            let stop = stop.clone();
            move || stop.raise()
        });
        stop.clone().pause(never, 1);
        raising.join().unwrap();
        assert_eq!(stop.n_stops(), 2);
    }
}
