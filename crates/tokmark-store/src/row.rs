use serde::Serialize;
use serde::de::DeserializeOwned;
use tokmark_model::{
    GradeLetter, Nanos, Note, Record, RecordId, RecordKind, Status, Test, Timestamp,
    TokensPerSecond,
};
use uuid::Uuid;

use crate::catalogue;
use crate::entity::{notes, records};

/// What a list shows of a record. Every figure is the record's own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordRow {
    /// Name of the record.
    pub id: RecordId,
    /// Run that it belongs to.
    pub run_id: Uuid,
    /// How it came to be.
    pub kind: RecordKind,
    /// How the test ended.
    pub status: Status,
    /// When the test began, to the microsecond.
    pub created_at: Timestamp,
    /// Name of the model.
    pub model_name: String,
    /// Hash of the model's file.
    pub model_sha256: Option<String>,
    /// Quantization by tensor census.
    pub quantization: Option<String>,
    /// What was done; of a load point its nominal size.
    pub test: Test,
    /// What was done, as tables name it.
    pub label: String,
    /// Name of the engine.
    pub engine: String,
    /// Back ends as the engine reported them.
    pub backends: String,
    /// Fingerprint of the machine.
    pub machine_fingerprint: String,
    /// How far it can be believed.
    pub grade: Option<GradeLetter>,
    /// The rate; absent without a summary.
    pub rate_tps: Option<TokensPerSecond>,
    /// Lower end of its interval.
    pub rate_low_tps: Option<TokensPerSecond>,
    /// Upper end of its interval.
    pub rate_high_tps: Option<TokensPerSecond>,
    /// From the first warm-up to the end of the last repetition, without loading; absent
    /// without samples.
    pub duration_ns: Option<Nanos>,
    /// Version of the record's format.
    pub record_version: u32,
    /// Version of the statistics; absent without a summary.
    pub statistics_version: Option<u32>,
    /// The engine's settings in llama-bench's short flags; empty for a load point and an
    /// experiment.
    pub settings: String,
    /// One visit of an experiment, whose record has the same `run_id`.
    pub is_visit: bool,
    /// Remarks, oldest first.
    pub notes: Vec<Note>,
    /// Labels.
    pub tags: Vec<String>,
}

/// One run: the records of one command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RunRow {
    /// Name of the run.
    pub run_id: Uuid,
    /// Records in it.
    pub n_records: u64,
    /// When its first test began, to the microsecond.
    pub first_at: Timestamp,
    /// When its last test began, to the microsecond.
    pub last_at: Timestamp,
}

/// Bytes of a text that an index holds: every database can index a few of these together.
const MAX_INDEXED_BYTES: usize = 200;

/// The searched columns of a record that belongs to this row of the leaderboard.
pub(crate) fn columns(record: &Record, board_key: Option<Uuid>) -> records::Model {
    let model = &record.model;
    let searched = [Some(&model.name), Some(&model.file_name), model.source.as_ref()];
    let search: Vec<&str> = searched.into_iter().flatten().map(String::as_str).collect();
    let search = storable(&search.join("\n").to_lowercase());
    let kind = word(&record.kind);
    let test_kind = test_kind(record);
    let test = [
        record.test.n_prompt.into(),
        record.test.n_gen.into(),
        record.test.n_depth.into(),
        record.test.n_parallel.into(),
    ];
    let rate = record.rate();
    let interval = rate.and_then(|rate| rate.interval);
    let rate_tps = rate.map(|rate| rate.rate_tps.get()).filter(|rate| rate.is_finite());
    records::Model {
        id: record.id,
        run_id: record.run_id,
        status: word(&record.status),
        created_at_us: record.created_at.as_microsecond(),
        model_name: storable(&model.name),
        model_sort: model_sort(&search),
        model_search: search,
        model_sha256: model.sha256.as_deref().map(storable),
        quantization: model.quantization.as_deref().map(storable),
        test_sort: test_sort(&test_kind, test),
        test_kind,
        n_prompt: test[0],
        n_gen: test[1],
        n_depth: test[2],
        n_parallel: test[3],
        test_label: storable(&record.label()),
        engine_name: storable(&record.engine.name),
        backends: storable(&record.engine.backends),
        machine_fingerprint: storable(&record.machine.fingerprint),
        grade: record.grade.as_ref().map(|grade| letter(grade.letter)),
        rate_class: rate_class(&kind, rate_tps),
        kind,
        rate_tps,
        rate_low_tps: interval.map(|ends| ends.low).filter(|end| end.is_finite()),
        rate_high_tps: interval.map(|ends| ends.high).filter(|end| end.is_finite()),
        duration_ns: duration(record).map(|time| i64::try_from(time.get()).unwrap_or(i64::MAX)),
        record_version: record.record_version.into(),
        statistics_version: record.statistics_version().map(Into::into),
        settings: match (&record.serving, &record.experiment) {
            (None, None) => storable(&record.params.settings()),
            _ => String::new(),
        },
        is_visit: record.visit.is_some(),
        board_key,
        model_key: catalogue::model_key(model.sha256.as_deref(), &model.name),
    }
}

/// What records are sorted by in an order of models.
pub(crate) fn model_sort(model_search: &str) -> String {
    clipped(model_search)
}

/// What records are sorted by in an order of tests: kind, then prompt, generation, depth
/// and parallel sequences.
pub(crate) fn test_sort(test_kind: &str, counts: [i64; 4]) -> String {
    let [n_prompt, n_gen, n_depth, n_parallel] = counts;
    format!("{test_kind} {n_prompt:010} {n_gen:010} {n_depth:010} {n_parallel:010}")
}

/// Where a record stands in an order by rate: what has no samples is never ranked among
/// what has, and what has no rate comes last.
pub(crate) fn rate_class(kind: &str, rate_tps: Option<f64>) -> i64 {
    let without = [RecordKind::ImportedSummary, RecordKind::Published];
    let is_without = without.iter().any(|without| word(without) == kind);
    2 * i64::from(is_without) + i64::from(rate_tps.is_none())
}

/// `pp`, `tg`, `pg`, `load`, or `experiment`.
fn test_kind(record: &Record) -> String {
    match (&record.experiment, &record.serving) {
        (Some(_), _) => "experiment".to_owned(),
        (None, Some(_)) => "load".to_owned(),
        (None, None) => word(&record.test.kind()),
    }
}

impl RecordRow {
    /// What a list shows of a record that lies in no store.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(record: &Record) -> Result<RecordRow, String> {
        let found = row(columns(record, None))?;
        Ok(RecordRow { notes: record.notes.clone(), tags: record.tags.clone(), ..found })
    }
}

/// The row of these columns, without notes and tags.
pub(crate) fn row(columns: records::Model) -> Result<RecordRow, String> {
    let count = |n: i64| u32::try_from(n).map_err(|_| format!("{n} is no count"));
    Ok(RecordRow {
        id: columns.id,
        run_id: columns.run_id,
        kind: unword(&columns.kind)?,
        status: unword(&columns.status)?,
        created_at: time(columns.created_at_us)?,
        model_name: columns.model_name,
        model_sha256: columns.model_sha256,
        quantization: columns.quantization,
        test: Test {
            n_prompt: count(columns.n_prompt)?,
            n_gen: count(columns.n_gen)?,
            n_depth: count(columns.n_depth)?,
            n_parallel: count(columns.n_parallel)?,
        },
        label: columns.test_label,
        engine: columns.engine_name,
        backends: columns.backends,
        machine_fingerprint: columns.machine_fingerprint,
        grade: columns.grade.as_deref().map(unword).transpose()?,
        rate_tps: columns.rate_tps.map(TokensPerSecond),
        rate_low_tps: columns.rate_low_tps.map(TokensPerSecond),
        rate_high_tps: columns.rate_high_tps.map(TokensPerSecond),
        duration_ns: columns.duration_ns.map(nanos),
        record_version: count(columns.record_version)?,
        statistics_version: columns.statistics_version.map(count).transpose()?,
        settings: columns.settings,
        is_visit: columns.is_visit,
        notes: Vec::new(),
        tags: Vec::new(),
    })
}

/// The note as it is kept. The same note of the same record has the same `note_id`.
pub(crate) fn note_columns(id: RecordId, note: &Note, position: usize) -> notes::Model {
    let (noted_at, text) = (note.at.to_string(), storable(&note.text));
    notes::Model {
        record_id: id,
        note_id: Uuid::new_v5(&id, format!("{noted_at}\n{text}").as_bytes()),
        position: i64::try_from(position).unwrap_or(i64::MAX),
        noted_at,
        text,
    }
}

pub(crate) fn note(columns: notes::Model) -> Result<Note, String> {
    let at = columns.noted_at.parse().map_err(|error| format!("note: {error}"))?;
    Ok(Note { at, text: columns.text })
}

pub(crate) fn time(microseconds: i64) -> Result<Timestamp, String> {
    Timestamp::from_microsecond(microseconds).map_err(|error| error.to_string())
}

pub(crate) fn nanos(column: i64) -> Nanos {
    Nanos(column.unsigned_abs())
}

/// PostgreSQL refuses the zero character in text; in JSON it is escaped.
pub(crate) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// As much of a text as an index holds.
pub(crate) fn clipped(text: &str) -> String {
    storable(&text[..text.floor_char_boundary(MAX_INDEXED_BYTES)])
}

/// A text of an index may be the beginning of a longer one.
pub(crate) fn is_cut(text: &str) -> bool {
    text.len() + 4 > MAX_INDEXED_BYTES
}

/// The first `n` characters of a text that somebody sent.
pub(crate) fn shortened(text: &str, n: usize) -> String {
    storable(text).chars().take(n).collect()
}

pub(crate) fn letter(grade: GradeLetter) -> String {
    word(&grade)
}

/// The word that stands for a value in JSON, and in the columns.
pub(crate) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("a word is a string in JSON, not {other:?}"),
    }
}

pub(crate) fn unword<T: DeserializeOwned>(word: &str) -> Result<T, String> {
    serde_json::from_value(word.into()).map_err(|error| error.to_string())
}

/// From the first warm-up to the end of the last repetition.
fn duration(record: &Record) -> Option<Nanos> {
    let timed = record
        .samples
        .iter()
        .map(|sample| sample.start_ns.get().saturating_add(sample.duration_ns.get()))
        .max()?;
    let warmup = record.warmup_ns.iter().fold(0u64, |sum, time| sum.saturating_add(time.get()));
    Some(Nanos(timed.saturating_add(warmup)))
}
