use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

/// Callers that are remembered; beyond it those with full buckets are forgotten.
const REMEMBERED: usize = 10_000;

/// A bucket of requests for each caller, refilled evenly over a minute.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    buckets: Mutex<HashMap<(String, bool), Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Pace {
    /// Takes one request out of `caller`'s bucket.
    ///
    /// # Errors
    /// Seconds until there is one again.
    pub(crate) fn take(&self, caller: &str, writes: bool, per_minute: u32) -> Result<(), u32> {
        self.take_at(caller, writes, per_minute, Instant::now())
    }

    /// The same without taking, of the bucket of writes: whether there is one.
    pub(crate) fn look(&self, caller: &str, per_minute: u32) -> Result<(), u32> {
        let buckets = self.buckets.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let Some(bucket) = buckets.get(&(caller.to_owned(), true)) else { return Ok(()) };
        bucket.refilled(per_minute, Instant::now()).map(drop)
    }

    fn take_at(&self, caller: &str, writes: bool, limit: u32, now: Instant) -> Result<(), u32> {
        let mut buckets = self.buckets.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if buckets.len() >= REMEMBERED {
            let full_after = 60.0;
            buckets.retain(|_, bucket| {
                now.saturating_duration_since(bucket.at).as_secs_f64() < full_after
            });
        }
        let full = Bucket { left: f64::from(limit), at: now };
        let bucket = buckets.entry((caller.to_owned(), writes)).or_insert(full);
        *bucket = Bucket { left: bucket.refilled(limit, now)? - 1.0, at: now };
        Ok(())
    }
}

impl Bucket {
    /// What it holds by now, where that is a request at least; else seconds until it does.
    fn refilled(&self, limit: u32, now: Instant) -> Result<f64, u32> {
        let (most, per_s) = (f64::from(limit), f64::from(limit) / 60.0);
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        match (self.left + since * per_s).min(most) {
            left if left < 1.0 => Err(((1.0 - left) / per_s).ceil().max(1.0) as u32),
            left => Ok(left),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let (pace, start) = (Pace::default(), Instant::now());
        for _ in 0..60 {
            assert_eq!(pace.take_at("a", true, 60, start), Ok(()));
        }
        assert_eq!(pace.take_at("a", true, 60, start), Err(1));
        assert_eq!(pace.take_at("b", true, 60, start), Ok(()));
        assert_eq!(pace.take_at("a", false, 60, start), Ok(()));
        assert_eq!(pace.take_at("a", true, 60, start + Duration::from_secs(1)), Ok(()));
    }
}
