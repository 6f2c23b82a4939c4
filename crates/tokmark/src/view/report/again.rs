//! The command lines that repeat a run, and what they lack.

use tokmark_model::Record;
use tokmark_plot::{Block, Section};

use super::super::words::printable;

/// What no record knows.
const UNKNOWN: [&str; 2] = [
    "Headers, keys, certificates and --insecure are kept in no record. Add them where the server \
     needs them.",
    "A recipe that is not shipped with Tokmark goes by its file instead of its name, and \
     --recipe-model names its model.",
];

/// The section with the commands and what they lack.
pub(super) fn section(records: &[Record]) -> Section {
    let mut blocks: Vec<Block> =
        tokmark_command::load_commands(records).into_iter().map(Block::Text).collect();
    let mut remarks: Vec<String> = UNKNOWN.map(str::to_owned).into();
    remarks.extend(foreign_shapes(records));
    blocks.push(Block::List(remarks));
    Section { heading: "The same again".to_owned(), blocks }
}

/// Shapes that are no shipped ones, with what tells them.
fn foreign_shapes(records: &[Record]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for workload in records.iter().filter_map(|record| Some(&record.serving.as_ref()?.workload)) {
        if !tokmark_command::needs_file(workload) {
            continue;
        }
        let hash = workload.shape_sha256.as_deref().map_or_else(String::new, printable);
        let line = format!(
            "FILE of {} is the shape or trace whose SHA-256 begins with {}.",
            printable(&workload.shape),
            hash.get(..12).unwrap_or(&hash)
        );
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}
