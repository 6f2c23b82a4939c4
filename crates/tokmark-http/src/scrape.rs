//! The server's own counters, beside the requests.

use std::time::Duration;

use tokmark_wire::ServerGauges;

use crate::endpoint::runtime;
use crate::fetch::fetch;
use crate::{Endpoint, HttpError};

/// A server too busy to answer in this time has no counters for the moment.
const LIMIT: Duration = Duration::from_secs(1);

/// Reads the counters of an endpoint's servers again and again, on a runtime of its own.
#[derive(Debug)]
pub struct Scraper {
    runtime: tokio::runtime::Runtime,
    endpoint: Endpoint,
}

impl Scraper {
    /// `None` where the server has no such counters.
    ///
    /// # Errors
    /// When no runtime can be started.
    pub fn new(endpoint: &Endpoint) -> Result<Option<Self>, HttpError> {
        if endpoint.abilities().metrics_path.is_none() {
            return Ok(None);
        }
        Ok(Some(Scraper { runtime: runtime()?, endpoint: endpoint.clone() }))
    }

    /// The counters now, of all replicas together; `None` where none answers.
    pub fn read(&self) -> Option<ServerGauges> {
        let path = self.endpoint.abilities().metrics_path?;
        self.runtime.block_on(async {
            let mut sum: Option<ServerGauges> = None;
            for target in &self.endpoint.targets {
                let answer = fetch(target, "GET", path, b"", LIMIT).await.ok();
                let answer = answer.filter(|answer| answer.head.status == 200);
                let Some(answer) = answer else { continue };
                let own = ServerGauges::parse(&answer.body);
                sum = Some(sum.map_or(own, |sum| together(&sum, &own)));
            }
            sum
        })
    }
}

/// Counts of two servers add up; of the shares of their caches the larger stands.
fn together(one: &ServerGauges, other: &ServerGauges) -> ServerGauges {
    let sum = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    };
    ServerGauges {
        running: sum(one.running, other.running),
        waiting: sum(one.waiting, other.waiting),
        kv_cache_share: one.kv_cache_share.into_iter().chain(other.kv_cache_share).reduce(f64::max),
        n_drafted: sum(one.n_drafted, other.n_drafted),
        n_accepted: sum(one.n_accepted, other.n_accepted),
    }
}
