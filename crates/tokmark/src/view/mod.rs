//! What people see. Views format; they compute no statistics.

pub(crate) mod card;
pub(crate) mod csv;
pub(crate) mod devices;
pub(crate) mod diff;
pub(crate) mod download;
pub(crate) mod experiment;
pub(crate) mod gap;
pub(crate) mod live;
pub(crate) mod load;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod show;
pub(crate) mod specification;
pub(crate) mod table;
pub(crate) mod watch;
pub(crate) mod words;

use tokmark_host::Headroom;
use tokmark_hub::{Hub, LocalModel};
use tokmark_lab::Subject;
use tokmark_model::{Bytes, MachineFacts, PlannedTest};

/// Says so before it starts to swap.
pub(crate) fn warn_of_memory(subject: &Subject, planned: &[PlannedTest], machine: &MachineFacts) {
    let (word, need, available) =
        match tokmark_host::memory_headroom(subject.needs(planned), machine) {
            Headroom::Approaching { need, available } => ("approach", need, available),
            Headroom::Above { need, available } => ("are above", need, available),
            Headroom::Fits | Headroom::Unknown => return,
        };
    crate::output::say!(
        "warning: the {need} of model and cache {word} the {available} of memory that is free; expect \
         swapping or the end of the engine"
    );
}

/// Says that a large file is read whole, once, before anything is measured.
pub(crate) fn tell_of_hashing(hub: &Hub, model: &LocalModel) {
    /// What is hashed in a second or two is not worth a line.
    const LARGE: Bytes = Bytes(1 << 30);
    let unread = hub.unhashed_bytes(model);
    if unread > LARGE {
        crate::output::say!("reading {} once to identify it ({unread})", model.file_name);
    }
}

#[cfg(test)]
mod tests {
    use tokmark_model::Record;

    /// pp512 and tg128 of a real run, with the samples cut short.
    pub(super) fn records() -> Vec<Record> {
        serde_json::from_str(include_str!("../../tests/fixtures/records.json")).unwrap()
    }
}
