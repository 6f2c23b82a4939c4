//! Open connections that wait for another request, of one thread.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use crate::connection::{Broken, Connection};
use crate::target::Target;

/// How long the end of a body is waited for when all is said, so that the connection can be
/// used again.
const PATIENCE: Duration = Duration::from_millis(100);
/// After so many that did not end, and none that did, no other is waited for.
const ENOUGH_OPEN_ENDS: u32 = 3;

/// Idle connections of one thread, by position of their target.
pub(crate) struct Pool {
    idle: RefCell<Vec<Vec<Connection>>>,
    reuse: bool,
    n_ends: Cell<u32>,
    n_open_ends: Cell<u32>,
}

/// A connection, and whether it was made for this request.
pub(crate) struct Lent {
    pub(crate) connection: Connection,
    pub(crate) is_new: bool,
}

impl Pool {
    pub(crate) fn new(n_targets: usize, reuse: bool) -> Self {
        Pool {
            idle: RefCell::new((0..n_targets).map(|_| Vec::new()).collect()),
            reuse,
            n_ends: Cell::new(0),
            n_open_ends: Cell::new(0),
        }
    }

    /// How long to wait for the end of a body whose answer is whole. A server that leaves every
    /// answer open would otherwise keep each slot idle for that long.
    pub(crate) fn patience(&self) -> Duration {
        let is_hopeless = self.n_open_ends.get() >= ENOUGH_OPEN_ENDS && self.n_ends.get() == 0;
        if is_hopeless { Duration::ZERO } else { PATIENCE }
    }

    /// A body ended in time.
    pub(crate) fn note_end(&self) {
        self.n_ends.set(self.n_ends.get().saturating_add(1));
    }

    /// A body did not end although all was said.
    pub(crate) fn note_open_end(&self) {
        self.n_open_ends.set(self.n_open_ends.get().saturating_add(1));
    }

    /// A connection that waited, the last used first.
    pub(crate) fn take(&self, replica: usize) -> Option<Lent> {
        let connection = self.idle.borrow_mut().get_mut(replica)?.pop()?;
        Some(Lent { connection, is_new: false })
    }

    pub(crate) async fn open(&self, target: &Target) -> Result<Lent, Broken> {
        Ok(Lent { connection: Connection::open(target).await?, is_new: true })
    }

    /// Keeps a connection whose answer was read to its end.
    pub(crate) fn give_back(&self, replica: usize, connection: Connection) {
        if !self.reuse || !connection.is_reusable() {
            return;
        }
        if let Some(idle) = self.idle.borrow_mut().get_mut(replica) {
            idle.push(connection);
        }
    }
}
