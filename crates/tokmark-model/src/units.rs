//! Quantities with their unit in the type. In JSON they are plain numbers and the
//! field's name ends in the unit.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident($inner:ty), $($order:ident),*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, $($order,)* Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The bare number, for a border where the name says the unit.
            pub fn get(self) -> $inner {
                self.0
            }
        }
    };
}

quantity!(
    /// A count of tokens.
    Tokens(u64), Eq, Ord
);
quantity!(
    /// A count of bytes.
    Bytes(u64), Eq, Ord
);
quantity!(
    /// Tokens per second.
    TokensPerSecond(f64),
);
quantity!(
    /// A span of time in whole nanoseconds, the form in which raw times are kept.
    Nanos(u64), Eq, Ord
);

impl Nanos {
    /// This span in seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 * 1e-9
    }
}

impl From<Duration> for Nanos {
    /// Saturates after 584 years.
    fn from(duration: Duration) -> Self {
        Nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Nanos> for Duration {
    fn from(nanos: Nanos) -> Self {
        Duration::from_nanos(nanos.0)
    }
}

impl Bytes {
    /// Gigabytes of 10^9 bytes, the unit of the efficiency figure.
    pub fn as_gb(self) -> f64 {
        self.0 as f64 * 1e-9
    }
}

impl fmt::Display for Bytes {
    /// Binary units with two decimals, as llama-bench prints sizes: `92.10 MiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: f64 = 1024.0 * 1024.0;
        let bytes = self.0 as f64;
        if self.0 < 1024 * 1024 {
            write!(f, "{:.2} KiB", bytes / 1024.0)
        } else if self.0 < 1024 * 1024 * 1024 {
            write!(f, "{:.2} MiB", bytes / MIB)
        } else {
            write!(f, "{:.2} GiB", bytes / MIB / 1024.0)
        }
    }
}

impl Tokens {
    /// The rate of this many tokens in `time`; `None` when no time passed.
    pub fn per(self, time: Nanos) -> Option<TokensPerSecond> {
        (time.0 > 0).then(|| TokensPerSecond(self.0 as f64 / time.as_secs_f64()))
    }
}
