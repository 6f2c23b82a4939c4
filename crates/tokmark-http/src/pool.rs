//! Open connections that wait for another request, of one thread.

use std::cell::RefCell;

use crate::connection::{Broken, Connection};
use crate::target::Target;

/// Idle connections of one thread, by position of their target.
pub(crate) struct Pool {
    idle: RefCell<Vec<Vec<Connection>>>,
    reuse: bool,
}

/// A connection, and whether it was made for this request.
pub(crate) struct Lent {
    pub(crate) connection: Connection,
    pub(crate) is_new: bool,
}

impl Pool {
    pub(crate) fn new(n_targets: usize, reuse: bool) -> Self {
        Pool { idle: RefCell::new((0..n_targets).map(|_| Vec::new()).collect()), reuse }
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
