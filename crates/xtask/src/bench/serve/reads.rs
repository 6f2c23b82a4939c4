//! An open loop over addresses: requests are due at even times, whether or not earlier ones
//! were answered, and every latency counts from the due time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokmark_stats::quantile;

use super::client::Client;

/// Between two due times: 50 requests a second.
const GAP: Duration = Duration::from_millis(20);
/// Threads that ask, each on a connection of its own: more than are under way while a server
/// keeps up. When all wait, the next request is late, and its latency says so.
const CALLERS: usize = 16;
/// Time for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Requests that could not be sent this long after the last was due are given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of a loop.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) n_requests: usize,
    pub(super) n_errors: usize,
    pub(super) first_error: Option<String>,
    /// From due, errors included, ascending.
    latencies_ms: Vec<f64>,
}

impl Outcome {
    /// A quantile of the latencies, in ms.
    pub(super) fn ms(&self, q: f64) -> f64 {
        quantile(&self.latencies_ms, q).unwrap_or(f64::NAN)
    }
}

/// Latency from due, and what went wrong.
type Asked = (Duration, Option<String>);

/// Asks for the addresses in turn for this long, after each was asked for once untimed.
///
/// # Errors
/// When an address does not answer at all.
pub(super) fn open_loop(url: &str, addresses: &[String], length: Duration) -> Result<Outcome> {
    let client = Client::new(url, TIMEOUT);
    for address in addresses {
        let answer = client.page(address)?;
        ensure!(answer.status == 200, "{address}: {}", answer.said());
    }
    let n_requests = (length.as_nanos() / GAP.as_nanos()) as usize;
    let next = AtomicUsize::new(0);
    let start = Instant::now() + GAP;
    let work = || -> Vec<Asked> {
        let client = Client::new(url, TIMEOUT);
        let mut asked = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= n_requests {
                return asked;
            }
            let due = start + GAP * at as u32;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let error = match Instant::now() < start + length + PATIENCE {
                true => failure(&client, &addresses[at % addresses.len()]),
                false => Some("given up: the server does not keep up".to_owned()),
            };
            asked.push((due.elapsed(), error));
        }
    };
    let asked = thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(work)).collect();
        let mut asked = Vec::with_capacity(n_requests);
        for caller in callers {
            asked.extend(caller.join().ok().context("a caller panicked")?);
        }
        anyhow::Ok(asked)
    })?;
    Ok(outcome(asked))
}

fn outcome(asked: Vec<Asked>) -> Outcome {
    let mut latencies_ms: Vec<f64> =
        asked.iter().map(|(latency, _)| 1e3 * latency.as_secs_f64()).collect();
    latencies_ms.sort_unstable_by(f64::total_cmp);
    let n_requests = asked.len();
    let errors: Vec<String> = asked.into_iter().filter_map(|(_, error)| error).collect();
    Outcome {
        n_requests,
        n_errors: errors.len(),
        first_error: errors.into_iter().next(),
        latencies_ms,
    }
}

fn failure(client: &Client, address: &str) -> Option<String> {
    match client.page(address) {
        Ok(answer) if answer.status == 200 => None,
        Ok(answer) => Some(format!("{address}: {}", answer.said())),
        Err(error) => Some(format!("{error:#}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_counts_among_the_latencies() {
        let ms = Duration::from_millis;
        let found = outcome(vec![(ms(30), None), (ms(10), None), (ms(20), Some("no".to_owned()))]);
        assert_eq!((found.n_requests, found.n_errors), (3, 1));
        assert_eq!((found.ms(0.5), found.ms(1.0)), (20.0, 30.0));
        assert_eq!(found.first_error.as_deref(), Some("no"));
    }
}
