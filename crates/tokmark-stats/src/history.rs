//! The history of one thing measured again and again: its series, where it changed, and what
//! changed with it.

use serde::{Deserialize, Serialize};
use tokmark_model::{
    Estimate, GradeLetter, Note, Record, RecordId, RecordKind, Status, Timestamp, TokensPerSecond,
};

use crate::change::{ChangeOptions, ChangePoint, Changes, change_points};
use crate::difference::{Difference, Group, differences};

/// What makes one series: only records that agree in all of it are its points.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeriesKey {
    /// Name of the model.
    pub model: String,
    /// Hash of the model's file; absent for servers that tell none.
    pub model_sha256: Option<String>,
    /// What was measured, as tables name it.
    pub test: String,
    /// The engine's settings in llama-bench's short flags; of a server its address.
    pub settings: String,
    /// The engine's name.
    pub engine: String,
    /// Fingerprint of the machine.
    pub machine: String,
}

/// One record of a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesPoint {
    /// The record.
    pub id: RecordId,
    /// When it was begun.
    pub at: Timestamp,
    /// Its rate.
    pub rate: Estimate,
    /// How far it can be believed.
    pub grade: Option<GradeLetter>,
    /// What people remarked.
    pub notes: Vec<Note>,
}

/// What differed between a record and the one before: engine, driver, kernel, build, hardware.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// Position of the later record in the series.
    pub index: usize,
    /// What changed, most telling first.
    pub differences: Vec<Difference>,
}

/// A series with all that is found in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// What it is the series of.
    pub key: SeriesKey,
    /// Its records, oldest first.
    pub points: Vec<SeriesPoint>,
    /// Where it changed, or why that can't be told.
    pub changes: Changes,
    /// Where engine, software or hardware changed, whether or not the rate did.
    pub annotations: Vec<Annotation>,
}

/// A change point may lie this many records beside its cause.
const BESIDE: usize = 1;

impl Watched {
    /// What changed in the machine or the engine at `change`, or one record beside it: what is
    /// offered as its cause.
    pub fn causes(&self, change: &ChangePoint) -> impl Iterator<Item = &Annotation> {
        let at = change.index;
        self.annotations.iter().filter(move |annotation| annotation.index.abs_diff(at) <= BESIDE)
    }

    /// The last change point, where that is one to a lower rate.
    pub fn regression(&self) -> Option<&ChangePoint> {
        let last = self.changes.points()?.last()?;
        (last.direction == crate::Direction::Slower).then_some(last)
    }
}

/// The series among `records`, each watched for changes of its rate, by model, test, settings,
/// engine and machine in the order of their names. Records that failed, have no rate, are visits
/// of experiments or were not measured here belong to none.
pub fn watch(records: &[Record], options: &ChangeOptions) -> Vec<Watched> {
    let mut belonging: Vec<(SeriesKey, &Record)> =
        records.iter().filter(|record| is_point(record)).map(|r| (key(r), r)).collect();
    belonging.sort_by(|(a, first), (b, second)| {
        let time = |record: &Record| (record.created_at, record.id);
        a.cmp(b).then(time(first).cmp(&time(second)))
    });
    belonging
        .chunk_by(|(a, _), (b, _)| a == b)
        .map(|series| {
            let of_series: Vec<&Record> = series.iter().map(|(_, record)| *record).collect();
            let rates: Vec<f64> = of_series.iter().map(|r| rate(r).rate_tps.get()).collect();
            Watched {
                key: series[0].0.clone(),
                points: of_series.iter().map(|record| point(record)).collect(),
                changes: change_points(&rates, options),
                annotations: annotations(&of_series),
            }
        })
        .collect()
}

fn is_point(record: &Record) -> bool {
    record.kind == RecordKind::Measured
        && record.status == Status::Ok
        && record.visit.is_none()
        && record.experiment.is_none()
        && record.rate().is_some()
}

fn rate(record: &Record) -> Estimate {
    record.rate().unwrap_or(Estimate {
        rate_tps: TokensPerSecond(0.0),
        interval: None,
        no_interval: None,
    })
}

fn key(record: &Record) -> SeriesKey {
    let settings = match &record.serving {
        Some(serving) => serving.server.urls.join(" "),
        None => record.params.settings(),
    };
    SeriesKey {
        model: record.model.name.clone(),
        model_sha256: record.model.sha256.clone(),
        test: record.label(),
        settings,
        engine: record.engine.name.clone(),
        machine: record.machine.fingerprint.clone(),
    }
}

fn point(record: &Record) -> SeriesPoint {
    SeriesPoint {
        id: record.id,
        at: record.created_at,
        rate: rate(record),
        grade: record.grade.as_ref().map(|grade| grade.letter),
        notes: record.notes.clone(),
    }
}

fn annotations(series: &[&Record]) -> Vec<Annotation> {
    let is_cause = |difference: &Difference| {
        matches!(
            difference.group,
            Group::Engine | Group::Parameters | Group::Hardware | Group::Software | Group::Versions
        )
    };
    let between = |pair: &[&Record]| -> Vec<Difference> {
        differences(pair[0], pair[1]).into_iter().filter(is_cause).collect()
    };
    series
        .windows(2)
        .enumerate()
        .map(|(before, pair)| Annotation { index: before + 1, differences: between(pair) })
        .filter(|annotation| !annotation.differences.is_empty())
        .collect()
}
