//! The connections of one thread.

use crate::connection::Connection;

/// Names a connection for as long as it lives: the slot is used again, the pair is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Position in the table.
    pub(crate) slot: u32,
    /// How many connections had it before.
    pub(crate) generation: u32,
}

/// Connections in slots that are used again.
#[derive(Default)]
pub(crate) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    connection: Option<Connection>,
}

impl Table {
    /// Takes one in. `make` is told its slot; an error of it leaves the table as it was.
    pub(crate) fn add<E>(
        &mut self,
        make: impl FnOnce(usize) -> Result<Connection, E>,
    ) -> Result<Key, E> {
        let slot = self.free.last().copied().unwrap_or(self.slots.len() as u32);
        let connection = make(slot as usize)?;
        if self.free.pop().is_none() {
            self.slots.push(Slot::default());
        }
        let entry = &mut self.slots[slot as usize];
        entry.connection = Some(connection);
        Ok(Key { slot, generation: entry.generation })
    }

    /// The connection, unless it was removed.
    pub(crate) fn get(&mut self, key: Key) -> Option<&mut Connection> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        if slot.generation != key.generation { None } else { slot.connection.as_mut() }
    }

    /// The key of the connection in `slot` now.
    pub(crate) fn key_of(&self, slot: usize) -> Option<Key> {
        let entry = self.slots.get(slot)?;
        entry.connection.as_ref()?;
        Some(Key { slot: slot as u32, generation: entry.generation })
    }

    /// Takes it out.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Connection> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        if slot.generation != key.generation {
            return None;
        }
        let connection = slot.connection.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(key.slot);
        Some(connection)
    }
}
