//! What people see. Views format; they compute no statistics.

pub(crate) mod card;
pub(crate) mod devices;
pub(crate) mod download;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod show;
pub(crate) mod table;
mod words;

use tokmark_host::Headroom;
use tokmark_lab::Subject;
use tokmark_model::MachineFacts;

/// Says so before it starts to swap.
pub(crate) fn warn_of_memory(subject: &Subject, machine: &MachineFacts) {
    let (word, need, available) =
        match tokmark_host::memory_headroom(subject.facts.file_size_bytes, machine) {
            Headroom::Approaching { need, available } => ("approaches", need, available),
            Headroom::Above { need, available } => ("is above", need, available),
            Headroom::Fits | Headroom::Unknown => return,
        };
    eprintln!(
        "warning: the model's {need} {word} the {available} of memory that is free; expect \
         swapping or the end of the engine"
    );
}
