//! What the threads of a server share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mio::Waker;
use mio::net::TcpStream;

use crate::options::Options;
use crate::prefix::PrefixCache;
use crate::row_log::{Place, RowLog};
use crate::slots::{SlotQueue, Ticket};
use crate::truth::{Summary, Truth, TruthRow};

/// Requests whose refused attempts are counted; then all are forgotten at once.
const MAX_ATTEMPTS: usize = 100_000;

/// A message from one thread to another.
#[derive(Debug)]
pub(crate) enum Message {
    /// A connection to take over.
    Accepted(TcpStream),
    /// A slot is now that of this connection.
    Slot(Ticket),
}

/// What others tell a thread.
#[derive(Debug)]
pub(crate) struct Inbox {
    messages: Mutex<Vec<Message>>,
    waker: Waker,
}

impl Inbox {
    /// An empty one, whose thread is woken by `waker`.
    pub(crate) fn new(waker: Waker) -> Self {
        Inbox { messages: Mutex::new(Vec::new()), waker }
    }

    /// Everything that came since the last time.
    pub(crate) fn take(&self) -> Vec<Message> {
        std::mem::take(&mut *locked(&self.messages))
    }
}

/// The truth of one thread. `sums` may be held while `rows` is locked, never the other way round.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) sums: Mutex<Summary>,
    pub(crate) rows: Mutex<RowLog>,
}

/// Everything that the threads of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    /// Unix time of the start in seconds.
    pub(crate) created: u64,
    pub(crate) stop: AtomicBool,
    /// One for each thread.
    pub(crate) ledgers: Vec<Ledger>,
    /// One for each thread.
    pub(crate) inboxes: Vec<Inbox>,
    pub(crate) prefixes: Mutex<PrefixCache>,
    slots: Option<Mutex<SlotQueue>>,
    attempts: Mutex<HashMap<Option<u64>, u32>>,
    n_rows: AtomicUsize,
    n_rows_left_out: AtomicU64,
    in_flight: AtomicU64,
    max_in_flight: AtomicU64,
    n_connections: AtomicU64,
    n_accept_errors: AtomicU64,
}

/// The value, whatever befell another thread that held it.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// For threads with these inboxes.
    pub(crate) fn new(options: Options, created: u64, inboxes: Vec<Inbox>) -> Self {
        Shared {
            created,
            stop: AtomicBool::new(false),
            ledgers: inboxes.iter().map(|_| Ledger::default()).collect(),
            inboxes,
            prefixes: Mutex::default(),
            slots: options.n_slots.map(|n| Mutex::new(SlotQueue::new(n))),
            attempts: Mutex::default(),
            n_rows: AtomicUsize::new(0),
            n_rows_left_out: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            max_in_flight: AtomicU64::new(0),
            n_connections: AtomicU64::new(0),
            n_accept_errors: AtomicU64::new(0),
            options,
        }
    }

    /// Tells a thread.
    pub(crate) fn send(&self, worker: usize, message: Message) {
        if let Some(inbox) = self.inboxes.get(worker) {
            locked(&inbox.messages).push(message);
            // Without a poll set to wake, the thread is gone and needs no message.
            let _ = inbox.waker.wake();
        }
    }

    /// Has all threads end.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        for inbox in &self.inboxes {
            let _ = inbox.waker.wake();
        }
    }

    /// Counts a connection.
    pub(crate) fn connected(&self) {
        self.n_connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a connection that could not be accepted.
    pub(crate) fn accept_failed(&self) {
        self.n_accept_errors.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request for text that was received.
    pub(crate) fn begin(&self) {
        let n = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.max_in_flight.fetch_max(n, Ordering::Relaxed);
    }

    /// Records a request for text that ended. The caller counts it in its sums.
    pub(crate) fn end(&self, worker: usize, row: &TruthRow) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        if self.n_rows.fetch_add(1, Ordering::Relaxed) >= self.options.max_rows {
            self.n_rows_left_out.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if let Some(ledger) = self.ledgers.get(worker) {
            locked(&ledger.rows).add(row);
        }
    }

    /// Takes a slot, or a place in the queue.
    pub(crate) fn take_slot(&self, ticket: Ticket) -> bool {
        self.slots.as_ref().is_none_or(|slots| locked(slots).take(ticket))
    }

    /// Gives a slot back and tells whose it is now.
    pub(crate) fn give_slot_back(&self) {
        let next = self.slots.as_ref().and_then(|slots| locked(slots).give_back());
        if let Some(ticket) = next {
            self.send(ticket.worker, Message::Slot(ticket));
        }
    }

    /// Leaves the queue; false where the slot is on its way already.
    pub(crate) fn leave_queue(&self, ticket: Ticket) -> bool {
        self.slots.as_ref().is_some_and(|slots| locked(slots).leave(ticket))
    }

    /// Counts an attempt of the request `id`; true where it is to be refused.
    pub(crate) fn refuses_attempt(&self, id: Option<u64>, n_refused: u32) -> bool {
        let mut attempts = locked(&self.attempts);
        if attempts.len() > MAX_ATTEMPTS {
            attempts.clear();
        }
        let n = attempts.entry(id).or_insert(0);
        if *n >= n_refused {
            return false;
        }
        *n += 1;
        true
    }

    /// Requests that wait for a slot.
    pub(crate) fn n_waiting(&self) -> u64 {
        self.slots.as_ref().map_or(0, |slots| locked(slots).n_waiting())
    }

    /// Sums over all threads.
    pub(crate) fn summary(&self) -> Summary {
        let mut summary = Summary {
            in_flight: self.in_flight.load(Ordering::Relaxed),
            max_in_flight: self.max_in_flight.load(Ordering::Relaxed),
            waiting: self.n_waiting(),
            n_rows_left_out: self.n_rows_left_out.load(Ordering::Relaxed),
            n_connections: self.n_connections.load(Ordering::Relaxed),
            n_accept_errors: self.n_accept_errors.load(Ordering::Relaxed),
            ..Summary::default()
        };
        for ledger in &self.ledgers {
            summary.add(&locked(&ledger.sums));
        }
        summary
    }

    /// Everything recorded.
    pub(crate) fn truth(&self) -> Truth {
        let mut rows = Vec::new();
        for ledger in &self.ledgers {
            let log = locked(&ledger.rows);
            let mut place = Place::default();
            rows.extend(std::iter::from_fn(|| log.read(&mut place)));
        }
        Truth { summary: self.summary(), rows }
    }

    /// Forgets what was recorded, the prefix cache and refused attempts. Requests in flight stay,
    /// and are recorded when they end.
    pub(crate) fn reset(&self) {
        for ledger in &self.ledgers {
            *locked(&ledger.sums) = Summary::default();
            locked(&ledger.rows).clear();
        }
        locked(&self.prefixes).clear();
        locked(&self.attempts).clear();
        self.n_rows.store(0, Ordering::Relaxed);
        self.n_rows_left_out.store(0, Ordering::Relaxed);
        self.n_connections.store(0, Ordering::Relaxed);
        self.n_accept_errors.store(0, Ordering::Relaxed);
        self.max_in_flight.store(self.in_flight.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}
