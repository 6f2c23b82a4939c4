use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use tokmark_model::Nanos;

/// A monotonic clock. The origin is arbitrary; only differences mean something.
pub trait Clock {
    /// Time since the origin.
    fn now(&self) -> Nanos;

    /// Keeps the processor busy until `instant`: to sleep would cool it down.
    fn wait_until(&self, instant: Nanos) {
        while self.now() < instant {
            std::hint::spin_loop();
        }
    }
}

/// The system's monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct MonotonicClock {
    origin: Instant,
}

impl MonotonicClock {
    /// A clock whose origin is now.
    pub fn new() -> Self {
        MonotonicClock { origin: Instant::now() }
    }
}

impl Default for MonotonicClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for MonotonicClock {
    fn now(&self) -> Nanos {
        self.origin.elapsed().into()
    }
}

/// A clock that moves only when told to. Clones share their time.
#[derive(Debug, Clone, Default)]
pub struct FakeClock {
    now: Rc<Cell<u64>>,
}

impl FakeClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Nanos) {
        self.now.set(self.now.get().saturating_add(by.get()));
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Nanos {
        Nanos(self.now.get())
    }

    fn wait_until(&self, instant: Nanos) {
        self.now.set(self.now.get().max(instant.get()));
    }
}
