//! Records read from what commands printed, also where their end is missing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tokmark_model::Record;

/// The records in all `files`, each once, as its first file has it: oldest first, experiments
/// after everything else. Files that are not there hold none.
pub(super) fn records(files: &[&Path]) -> Vec<Record> {
    let mut seen = BTreeSet::new();
    let mut records = Vec::new();
    for file in files {
        let text = fs::read(file).unwrap_or_default();
        records.extend(read(&text).into_iter().filter(|record| seen.insert(record.id)));
    }
    records.sort_by_key(|record| (record.experiment.is_some(), record.created_at, record.id));
    records
}

/// Records in an array, in lines or alone; those before the place from where on it is none.
fn read(mut text: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    loop {
        let is_between = |byte: &u8| byte.is_ascii_whitespace() || b"[,]".contains(byte);
        let n_between = text.iter().take_while(|byte| is_between(byte)).count();
        let mut values = serde_json::Deserializer::from_slice(&text[n_between..]).into_iter();
        match values.next() {
            Some(Ok(record)) => records.push(record),
            Some(Err(_)) | None => return records,
        }
        text = &text[n_between + values.byte_offset()..];
    }
}
