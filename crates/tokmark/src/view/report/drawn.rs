//! The requests of a point that plots draw: all that its record holds, or some of a file's.

use std::borrow::Cow;
use std::path::Path;

use tokmark_lab::large_log;
use tokmark_model::{Nanos, RequestSample, Serving};

use super::super::words::{printable, thousands};

/// Requests of a file that are drawn, at most.
const MOST_REQUESTS: u64 = 10_000;
/// Text events of these, about.
const MOST_EVENTS: u64 = 1_000_000;

/// Requests, the place of each among all of its point from 1 on, and the times of its text events.
pub(super) struct Drawn<'a> {
    pub(super) requests: Cow<'a, [RequestSample]>,
    pub(super) numbers: Vec<usize>,
    /// Or why there are none.
    pub(super) times: Result<Vec<Vec<Nanos>>, String>,
    /// What a reader must know of the choice.
    pub(super) said: Option<String>,
}

impl<'a> Drawn<'a> {
    pub(super) fn of(serving: &'a Serving, large_logs: &Path) -> Self {
        if let Some(file) = serving.requests_file() {
            return Drawn::of_file(serving, file, large_logs);
        }
        let times = match serving.events.as_ref().map(tokmark_model::EventLog::unpack) {
            Some(times) => times.map_err(|error| error.to_string()),
            None => Err("the times of events were not kept".to_owned()),
        };
        let requests = Cow::Borrowed(serving.requests.as_slice());
        Drawn { numbers: (1..=requests.len()).collect(), requests, times, said: None }
    }

    fn of_file(serving: &Serving, file: &str, large_logs: &Path) -> Self {
        let (mut requests, mut numbers, mut times) = (Vec::new(), Vec::new(), Vec::new());
        let mut n_all = 0;
        let read = large_log(serving, large_logs).map(|log| {
            let log = log?;
            let (by_requests, by_events) =
                (log.n_requests().div_ceil(MOST_REQUESTS), log.n_events().div_ceil(MOST_EVENTS));
            let one_of = by_requests.max(by_events).max(1);
            log.visit(&mut |request, own| {
                if is_drawn(n_all, one_of) {
                    requests.push(request);
                    numbers.push(n_all as usize + 1);
                    times.push(own);
                }
                n_all += 1;
            })
        });
        let lie =
            format!("The requests are too many for the record; they lie in {}", printable(file));
        let said = match read {
            Some(Err(error)) => {
                (requests, numbers, times) = Default::default();
                format!(
                    "{lie}, which can't be read here ({error}): no plot of single requests is drawn."
                )
            }
            _ => format!(
                "{lie}. Plots of single requests draw {} of {}, spread evenly; the quantiles marked in \
                 them are those of all.",
                thousands(&requests.len().to_string()),
                thousands(&n_all.to_string()),
            ),
        };
        Drawn { requests: Cow::Owned(requests), numbers, times: Ok(times), said: Some(said) }
    }
}

/// Whether request `n` is among those that stand for `one_of` each. Multiples of the golden ratio
/// fall evenly and with no period, so that no slot of a closed loop is taken more often.
fn is_drawn(n: u64, one_of: u64) -> bool {
    n.wrapping_mul(0x9E37_79B9_7F4A_7C15) <= u64::MAX / one_of
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_spread_evenly_over_requests_and_slots() {
        let drawn: Vec<u64> = (0..841_444).filter(|n| is_drawn(*n, 85)).collect();
        assert!(drawn.len().abs_diff(841_444 / 85) <= 5, "{}", drawn.len());
        assert!(drawn.windows(2).all(|pair| pair[1] - pair[0] < 3 * 85));
        for slots in [4, 16, 85, 1_000] {
            let mut of_slot = vec![0_usize; slots];
            drawn.iter().for_each(|n| of_slot[(n % slots as u64) as usize] += 1);
            let mean = drawn.len() / slots;
            assert!(
                of_slot.iter().all(|n| n.abs_diff(mean) <= mean / 2 + 5),
                "{slots}: {of_slot:?}"
            );
        }
        assert!((0..100).all(|n| is_drawn(n, 1)));
    }
}
