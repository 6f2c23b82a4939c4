//! Waking the event loop at an exact time.
//!
//! `epoll_wait` rounds its time limit up to whole milliseconds. On Linux a timer descriptor in
//! the same poll set wakes the loop to the microsecond. Elsewhere the time limit of the poll is
//! used: exact with kqueue, whole milliseconds on Windows.

use std::io;
use std::time::Duration;

#[cfg(target_os = "linux")]
pub(crate) use timer_descriptor::Alarm;

#[cfg(not(target_os = "linux"))]
pub(crate) use time_limit::Alarm;

/// How long the poll may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// The time is there already.
    None,
    /// Until this much time has passed.
    #[cfg_attr(target_os = "linux", expect(dead_code, reason = "the timer descriptor wakes"))]
    AtMost(Duration),
    /// Until something happens; the alarm is such a thing.
    Endless,
}

impl Patience {
    /// As the time limit of a poll.
    pub(crate) fn time_limit(self) -> Option<Duration> {
        match self {
            Patience::None => Some(Duration::ZERO),
            Patience::AtMost(limit) => Some(limit),
            Patience::Endless => None,
        }
    }
}

#[cfg(target_os = "linux")]
mod timer_descriptor {
    use std::os::fd::{AsRawFd, OwnedFd};

    use mio::unix::SourceFd;
    use mio::{Interest, Registry, Token};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };

    use super::{Patience, io};

    /// A timer descriptor on the monotonic clock. Setting it clears an expiry that nobody read,
    /// so with an edge-triggered poll it needs no read.
    pub(crate) struct Alarm {
        timer: OwnedFd,
        set_to: u64,
    }

    impl Alarm {
        /// One that is not set, in the poll set of `registry`.
        pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
            Ok(Alarm { timer, set_to: 0 })
        }

        /// Wakes the poll at `at`; without one, an earlier setting stands.
        pub(crate) fn set(&mut self, at: Option<u64>, now: u64) -> io::Result<Patience> {
            let Some(at) = at else { return Ok(Patience::Endless) };
            if at <= now {
                return Ok(Patience::None);
            }
            if at != self.set_to {
                let value = Timespec {
                    tv_sec: i64::try_from(at / 1_000_000_000).unwrap_or(i64::MAX),
                    tv_nsec: (at % 1_000_000_000) as _,
                };
                let once = Itimerspec { it_interval: Timespec::default(), it_value: value };
                timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &once)?;
                self.set_to = at;
            }
            Ok(Patience::Endless)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod time_limit {
    use mio::{Registry, Token};

    use super::{Duration, Patience, io};

    /// Nothing but the poll's own time limit.
    pub(crate) struct Alarm;

    impl Alarm {
        /// One that is not set.
        pub(crate) fn new(_registry: &Registry, _token: Token) -> io::Result<Self> {
            Ok(Alarm)
        }

        /// How long the poll may wait to be back at `at`.
        pub(crate) fn set(&mut self, at: Option<u64>, now: u64) -> io::Result<Patience> {
            Ok(match at {
                None => Patience::Endless,
                Some(at) if at <= now => Patience::None,
                Some(at) => Patience::AtMost(Duration::from_nanos(at - now)),
            })
        }
    }
}
