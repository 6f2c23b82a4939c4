//! The connections of one thread, from their coming to their going.

use std::sync::Arc;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::clock::monotonic_ns;
use crate::connection::{Connection, Phase, Progress};
use crate::desk::Desk;
use crate::http::{Parsed, parse};
use crate::script::Script;
use crate::shared::{Shared, locked};
use crate::slots::Ticket;
use crate::table::{Key, Table};
use crate::truth::Summary;

/// Bytes read at once.
const BUFFER: usize = 64 << 10;

/// The connections of one thread and everything that they need.
pub(crate) struct Hall {
    worker: usize,
    shared: Arc<Shared>,
    registry: Registry,
    desk: Desk,
    table: Table,
    buffer: Box<[u8]>,
    /// Connections whose answer is over; there may be a next request in their input.
    ready: Vec<Key>,
    /// Connections that began to wait for a time.
    waiting: Vec<(u64, Key)>,
}

impl Hall {
    /// An empty one for thread `worker`, whose poll set is that of `registry`.
    pub(crate) fn new(worker: usize, shared: Arc<Shared>, registry: Registry) -> Self {
        Hall {
            worker,
            registry,
            desk: Desk::new(Arc::clone(&shared)),
            shared,
            table: Table::default(),
            buffer: vec![0; BUFFER].into(),
            ready: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// Takes a connection in. One that cannot be watched is closed.
    pub(crate) fn take_in(&mut self, mut socket: TcpStream) {
        self.shared.connected();
        if self.shared.options.close_on_accept {
            return;
        }
        // Without it a small event could wait for the acknowledgement of the one before.
        let _ = socket.set_nodelay(true);
        #[cfg(unix)]
        tokmark_run::stamp_arrivals(&socket);
        let registry = &self.registry;
        let added = self.table.add(move |slot| {
            registry.register(&mut socket, Token(slot), Interest::READABLE | Interest::WRITABLE)?;
            Ok::<_, std::io::Error>(Connection::new(socket))
        });
        if added.is_err() {
            self.shared.accept_failed();
        }
    }

    /// Something happened on the connection in `slot`.
    pub(crate) fn event(&mut self, slot: usize, is_readable: bool) {
        let Some(key) = self.table.key_of(slot) else { return };
        let Some(connection) = self.table.get(key) else { return };
        if is_readable {
            connection.fill(&mut self.buffer);
        }
        if connection.is_blocked() {
            self.resume(key);
        }
        self.attend(key);
        // A client that closed its side is gone, as it is for other servers.
        if self.table.get(key).is_some_and(|connection| connection.has_ended()) {
            let shared = Arc::clone(&self.shared);
            self.leave(key, &mut locked(&shared.ledgers[self.worker].sums));
        }
    }

    /// A slot became free for a connection that waits for one.
    pub(crate) fn slot(&mut self, ticket: Ticket) {
        match self.table.get(ticket.key) {
            Some(connection) if connection.phase == Phase::Waiting => {
                self.start(ticket.key, monotonic_ns());
                self.attend(ticket.key);
            }
            _ => self.shared.give_slot_back(),
        }
    }

    /// Begins the next requests of connections whose answer is over.
    pub(crate) fn attend_ready(&mut self) {
        while let Some(key) = self.ready.pop() {
            self.attend(key);
        }
    }

    /// Whether some connection's answer is over.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Connections that began to wait for a time since the last call.
    pub(crate) fn take_waiting(&mut self) -> std::vec::Drain<'_, (u64, Key)> {
        self.waiting.drain(..)
    }

    /// Does what is due on a connection; the time of its next event, if it has one.
    #[inline]
    pub(crate) fn go_on(&mut self, key: Key, now_ns: u64, sums: &mut Summary) -> Option<u64> {
        let connection = self.table.get(key)?;
        match connection.go_on(now_ns, sums) {
            Progress::Wait(at_ns) => Some(at_ns),
            other => {
                self.settle(key, other, sums);
                None
            }
        }
    }

    /// Begins the requests in the input, one after the other, as far as none has to wait.
    fn attend(&mut self, key: Key) {
        loop {
            let Some(connection) = self.table.get(key) else { return };
            if connection.phase != Phase::Listening {
                return;
            }
            if connection.has_more() {
                connection.fill(&mut self.buffer);
            }
            if connection.input.is_empty() {
                return;
            }
            let at_ns = connection.read_at_ns;
            let understood = match parse(&connection.input) {
                Parsed::Whole(request, n_bytes) => Ok((self.desk.script(&request, at_ns), n_bytes)),
                Parsed::Bad { status, reason } => {
                    Ok((self.desk.refuse(status, reason), usize::MAX))
                }
                Parsed::Beginning { expects_continue } => Err(expects_continue),
            };
            let (script, n_bytes) = match understood {
                Ok(understood) => understood,
                Err(expects_continue) => {
                    if expects_continue {
                        connection.ask_for_body();
                    }
                    return;
                }
            };
            connection.consume(n_bytes);
            self.begin(key, script);
        }
    }

    fn begin(&mut self, key: Key, script: Script) {
        let Some(connection) = self.table.get(key) else { return };
        if script.is_text() {
            self.shared.begin();
        }
        let ticket = Ticket { worker: self.worker, key };
        let waits = script.wants_slot() && !self.shared.take_slot(ticket);
        let start_ns = connection.read_at_ns.max(connection.free_at_ns);
        connection.script = Some(script);
        if waits {
            connection.phase = Phase::Waiting;
        } else {
            self.start(key, start_ns);
        }
    }

    fn start(&mut self, key: Key, start_ns: u64) {
        let Some(connection) = self.table.get(key) else { return };
        connection.phase = Phase::Answering;
        if let Some(script) = connection.script.as_mut() {
            script.start(start_ns);
        }
        self.resume(key);
    }

    fn resume(&mut self, key: Key) {
        let shared = Arc::clone(&self.shared);
        let mut sums = locked(&shared.ledgers[self.worker].sums);
        if let Some(at_ns) = self.go_on(key, monotonic_ns(), &mut sums) {
            self.waiting.push((at_ns, key));
        }
    }

    fn settle(&mut self, key: Key, progress: Progress, sums: &mut Summary) {
        match progress {
            Progress::Wait(_) | Progress::Idle => {}
            Progress::Over { closes } => {
                self.finish(key, sums);
                let Some(connection) = self.table.get(key) else { return };
                if closes {
                    connection.drain();
                } else {
                    connection.phase = Phase::Listening;
                    self.ready.push(key);
                }
            }
            Progress::Lost => self.leave(key, sums),
        }
    }

    /// Records the answer that is over.
    fn finish(&mut self, key: Key, sums: &mut Summary) {
        let Some(connection) = self.table.get(key) else { return };
        let now_ns = monotonic_ns();
        connection.free_at_ns = now_ns;
        let Some(script) = connection.script.take() else { return };
        if script.wants_slot() {
            self.shared.give_slot_back();
        }
        if let Some(row) = script.row(now_ns, false) {
            sums.add_outcome(row.outcome);
            self.shared.end(self.worker, &row);
        }
    }

    /// Takes a connection out whose client is gone, and records what it leaves.
    fn leave(&mut self, key: Key, sums: &mut Summary) {
        let Some(connection) = self.table.remove(key) else { return };
        let Some(script) = connection.script else { return };
        // Before another thread can start what waited for its slot.
        let now_ns = monotonic_ns();
        if script.wants_slot() {
            let ticket = Ticket { worker: self.worker, key };
            match connection.phase {
                // Where it left the queue too late, the slot comes and finds nobody.
                Phase::Waiting => {
                    self.shared.leave_queue(ticket);
                }
                _ => self.shared.give_slot_back(),
            }
        }
        if let Some(row) = script.row(now_ns, true) {
            sums.add_outcome(row.outcome);
            self.shared.end(self.worker, &row);
        }
    }
}
