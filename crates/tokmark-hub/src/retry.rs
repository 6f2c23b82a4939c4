//! Trying again, with growing pauses, for a bounded number of times.

use std::time::Duration;

use crate::http::Failure;
use crate::{HubError, Outside, Progress};

/// Attempts in a row that may bring nothing.
const FRUITLESS_ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// A server that asks for more patience than this is given up.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// How often a pause looks for a cancellation.
const SLICE: Duration = Duration::from_millis(250);

/// Counts the attempts at one address.
#[derive(Debug)]
pub(crate) struct Attempts<'a> {
    /// For messages, without secrets.
    url: String,
    outside: &'a Outside,
    fruitless: u32,
    was_reached: bool,
}

impl<'a> Attempts<'a> {
    pub fn at(url: String, outside: &'a Outside) -> Self {
        Attempts { url, outside, fruitless: 0, was_reached: false }
    }

    /// The last attempt brought something: the count begins anew.
    pub fn succeeded(&mut self) {
        self.fruitless = 0;
        self.was_reached = true;
    }

    /// Waits before the next attempt at `name`: as long as the server asks, else 1, 2, 4,
    /// 8 seconds.
    ///
    /// # Errors
    /// A lasting failure as it is; the error of `give_up` at once when the server was never
    /// reached; the error of `give_up` after five fruitless attempts;
    /// [`HubError::Busy`] when the server asks for more than two minutes;
    /// [`HubError::Cancelled`].
    pub fn wait_after(
        &mut self,
        failure: Failure,
        name: &str,
        progress: &mut dyn Progress,
        give_up: impl FnOnce(String) -> HubError,
    ) -> Result<(), HubError> {
        let (reason, wait) = match failure {
            Failure::Lasting(error) => return Err(error),
            Failure::Absent { reason } if !self.was_reached => return Err(give_up(reason)),
            Failure::Absent { reason } => (reason, None),
            Failure::Passing { reason, wait } => (reason, wait),
        };
        self.was_reached = true;
        self.fruitless += 1;
        if let Some(wait) = wait.filter(|wait| *wait > LONGEST_WAIT) {
            let url = self.url.clone();
            return Err(HubError::Busy { url, wait });
        }
        if self.fruitless >= FRUITLESS_ATTEMPTS {
            return Err(give_up(reason));
        }
        let wait = wait.unwrap_or(FIRST_PAUSE * 2_u32.pow(self.fruitless - 1));
        progress.waiting(&format!("{name}: {reason}; trying again in {} s", wait.as_secs()));
        let mut left = wait;
        while !left.is_zero() {
            if progress.cancelled() {
                let what = name.to_owned();
                return Err(HubError::Cancelled { what });
            }
            let slice = left.min(SLICE);
            (self.outside.sleep)(slice);
            left -= slice;
        }
        Ok(())
    }
}
