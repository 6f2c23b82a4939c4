//! How long to wait before a server that did not answer is asked again.

use std::time::Duration;

/// Longest first wait.
const FIRST: Duration = Duration::from_secs(1);
/// Longest wait by the number of failures alone.
const LONGEST: Duration = Duration::from_secs(60);
/// Longest wait that a server may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);
/// What is added to a wait that a server asked for, at most, so that not all come at once.
const SPREAD: f64 = 0.25;

/// Waits that double from a second to a minute, each cut at random by up to half.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    random: u64,
    n_failures: u32,
}

impl Backoff {
    /// The same seed gives the same waits.
    pub(crate) fn new(seed: u64) -> Self {
        Backoff { random: seed, n_failures: 0 }
    }

    /// The wait after one more failure; no shorter than the server asked for, an hour at most.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.n_failures.min(16)).min(LONGEST);
        self.n_failures += 1;
        let share = self.unit();
        let wait = whole.mul_f64(0.5 + share / 2.0);
        let asked = asked.unwrap_or_default().min(LONGEST_ASKED);
        wait.max(asked.mul_f64(1.0 + SPREAD * share))
    }

    /// `usual`, made up to half shorter or longer.
    pub(crate) fn around(&mut self, usual: Duration) -> Duration {
        usual.mul_f64(0.5 + self.unit())
    }

    /// The server answered.
    pub(crate) fn reset(&mut self) {
        self.n_failures = 0;
    }

    /// The next of SplitMix64 (Steele, Lea, Flood 2014) as a number from 0 to below 1.
    fn unit(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_minute_and_begin_anew_after_an_answer() {
        let mut backoff = Backoff::new(7);
        for whole in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0] {
            let wait = backoff.next(None).as_secs_f64();
            assert!((whole / 2.0..=whole).contains(&wait), "{wait} of {whole}");
        }
        backoff.reset();
        assert!(backoff.next(None) <= FIRST);
    }

    #[test]
    fn no_wait_is_shorter_than_the_server_asked_nor_longer_than_it_may_ask() {
        let mut backoff = Backoff::new(7);
        let wait = backoff.next(Some(Duration::from_secs(30))).as_secs_f64();
        assert!((30.0..=37.5).contains(&wait), "{wait}");
        assert!(backoff.next(Some(Duration::MAX)) <= LONGEST_ASKED.mul_f64(1.0 + SPREAD));
    }

    #[test]
    fn the_same_seed_gives_the_same_waits_and_another_others() {
        let waits = |seed| {
            let mut backoff = Backoff::new(seed);
            (0..5).map(|_| backoff.next(None)).collect::<Vec<_>>()
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }
}
