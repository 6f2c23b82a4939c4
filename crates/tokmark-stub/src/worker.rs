//! The event loop of one thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};

use crate::agenda::Agenda;
use crate::alarm::{Alarm, Patience};
use crate::clock::monotonic_ns;
use crate::hall::Hall;
use crate::shared::{Message, Shared, locked};

/// Events of the poll set that are told by their tokens; all others are connections.
const LISTENER: Token = Token(usize::MAX);
pub(crate) const WAKER: Token = Token(usize::MAX - 1);
const ALARM: Token = Token(usize::MAX - 2);

/// Due events handled before the sockets are looked at again.
const MAX_DUE: usize = 4096;
/// Connections accepted before streams go on.
const MAX_ACCEPT: usize = 64;
/// Pause after the system refused a connection.
const ACCEPT_PAUSE_NS: u64 = 20_000_000;

/// One thread of a server.
pub(crate) struct Worker {
    index: usize,
    shared: Arc<Shared>,
    poll: Poll,
    alarm: Alarm,
    /// Only the first thread has it; it deals connections out in turn.
    listener: Option<TcpListener>,
    /// When to accept again without being told of a new connection.
    accept_at_ns: Option<u64>,
    n_accepted: usize,
    agenda: Agenda,
    hall: Hall,
}

impl Worker {
    /// Thread `index`, which uses `poll`.
    pub(crate) fn new(
        index: usize,
        shared: Arc<Shared>,
        poll: Poll,
        listener: Option<TcpListener>,
    ) -> io::Result<Self> {
        let mut listener = listener;
        if let Some(listener) = &mut listener {
            poll.registry().register(listener, LISTENER, Interest::READABLE)?;
        }
        let hall = Hall::new(index, Arc::clone(&shared), poll.registry().try_clone()?);
        Ok(Worker {
            index,
            alarm: Alarm::new(poll.registry(), ALARM)?,
            poll,
            shared,
            listener,
            accept_at_ns: None,
            n_accepted: 0,
            agenda: Agenda::default(),
            hall,
        })
    }

    /// Serves until the server is stopped.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let step_ns = u64::try_from(self.shared.options.timer_step.as_nanos()).unwrap_or(0);
        let mut events = Events::with_capacity(1024);
        let mut last_ns = 0u64;
        while !self.shared.stop.load(Ordering::Acquire) {
            let patience = self.patience(last_ns.saturating_add(step_ns))?;
            match self.poll.poll(&mut events, patience.time_limit()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(),
                    WAKER => self.read_messages(),
                    ALARM => {}
                    Token(slot) => {
                        let is_readable =
                            event.is_readable() || event.is_read_closed() || event.is_error();
                        self.hall.event(slot, is_readable);
                    }
                }
            }
            last_ns = monotonic_ns();
            if self.accept_at_ns.is_some_and(|at_ns| at_ns <= last_ns) {
                self.accept();
            }
            self.run_due(last_ns);
            self.hall.attend_ready();
            for (at_ns, key) in self.hall.take_waiting() {
                self.agenda.add(at_ns, key);
            }
        }
        Ok(())
    }

    /// Sets the alarm to the next due event, but not before `earliest_ns`.
    fn patience(&mut self, earliest_ns: u64) -> io::Result<Patience> {
        if self.hall.has_ready() {
            return Ok(Patience::None);
        }
        let next = self.agenda.next_at().map(|at_ns| at_ns.max(earliest_ns));
        let next = match (next, self.accept_at_ns) {
            (Some(next), Some(accept)) => Some(next.min(accept)),
            (next, accept) => next.or(accept),
        };
        self.alarm.set(next, monotonic_ns())
    }

    fn run_due(&mut self, now_ns: u64) {
        let hall = &mut self.hall;
        let mut sums = locked(&self.shared.ledgers[self.index].sums);
        self.agenda.run(now_ns, MAX_DUE, |key| hall.go_on(key, now_ns, &mut sums));
    }

    fn read_messages(&mut self) {
        for message in self.shared.inboxes[self.index].take() {
            match message {
                Message::Accepted(socket) => self.hall.take_in(socket),
                Message::Slot(ticket) => self.hall.slot(ticket),
            }
        }
    }

    /// Accepts what is there, and plans to go on where more may be.
    fn accept(&mut self) {
        let Some(listener) = &self.listener else { return };
        self.accept_at_ns = None;
        for _ in 0..MAX_ACCEPT {
            match listener.accept() {
                Ok((socket, _)) => {
                    let worker = self.n_accepted % self.shared.inboxes.len();
                    self.n_accepted = self.n_accepted.wrapping_add(1);
                    if worker == self.index {
                        self.hall.take_in(socket);
                    } else {
                        self.shared.send(worker, Message::Accepted(socket));
                    }
                }
                Err(error) => {
                    match error.kind() {
                        io::ErrorKind::WouldBlock => return,
                        io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                        // Mostly no descriptor left: connections that end free some.
                        _ => {
                            self.shared.accept_failed();
                            self.accept_at_ns = Some(monotonic_ns() + ACCEPT_PAUSE_NS);
                            return;
                        }
                    }
                }
            }
        }
        self.accept_at_ns = Some(0);
    }
}
