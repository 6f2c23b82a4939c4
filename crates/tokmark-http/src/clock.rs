//! The client's clock, and stamps of arriving bytes.

use std::time::Instant;

use tokmark_model::Nanos;

/// Spans since the start of a load point, monotonic.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    epoch: Instant,
}

impl Clock {
    /// A clock that reads 0 now.
    pub fn start() -> Self {
        Clock { epoch: Instant::now() }
    }

    /// The span since its start; 0 before it.
    pub fn now(&self) -> Nanos {
        self.at(Instant::now())
    }

    /// The span from its start to `instant`.
    pub fn at(&self, instant: Instant) -> Nanos {
        instant.saturating_duration_since(self.epoch).into()
    }

    /// The instant at which it reads `span`.
    pub fn instant(&self, span: Nanos) -> Instant {
        self.epoch + span.into()
    }
}
