//! The history of one thing measured again and again: its series, where it changed, and what
//! changed with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tokmark_model::{
    Estimate, GradeLetter, Note, Record, RecordId, RecordKind, ServingSummary, Status, SystemRate,
    Timestamp, TokensPerSecond,
};

use crate::change::{ChangeOptions, ChangePoint, Changes, Regression, change_points, regression};
use crate::difference::{Difference, Group, Weight, differences, workload};
use crate::{STATISTICS_VERSION, summarize_again};

/// What makes one series: only records that agree in all of it are its points.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeriesKey {
    /// Name of the model.
    pub model: String,
    /// Hash of the model's file; absent for servers that tell none.
    pub model_sha256: Option<String>,
    /// What was measured, as tables name it.
    pub test: String,
    /// Everything that two records need equal to be of the same workload, by field: the kind of
    /// the tokens; of load points the shape with its hash, temperature, reasoning, prefix cache
    /// and the like. A field that is unknown is absent.
    #[serde(default)]
    pub workload: BTreeMap<String, String>,
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

/// What differed between a record and the one before that can move its rate: engine, driver,
/// kernel, build, hardware, settings of the process, seeds.
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
    /// The last change for the worse that was not recovered, see [`regression`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regression: Option<Regression>,
    /// Where engine, software or hardware changed, whether or not the rate did.
    pub annotations: Vec<Annotation>,
    /// Records that failed, oldest first: they have no rate and are no points.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Failure>,
}

/// A record of a series that has no rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Its id.
    pub id: RecordId,
    /// When it was begun.
    pub at: Timestamp,
}

/// A change point may lie this many records beside its cause: as far as the simulation of
/// `docs/statistics.md` lets it lie beside the step that it found.
const BESIDE: usize = 2;

impl Watched {
    /// What changed in the machine or the engine at `change`, or up to two records beside it:
    /// what is offered as its cause.
    pub fn causes(&self, change: &ChangePoint) -> impl Iterator<Item = &Annotation> {
        let at = change.index;
        self.annotations.iter().filter(move |annotation| annotation.index.abs_diff(at) <= BESIDE)
    }

    /// Whether the step at `change` is smaller than the half width that its records carry
    /// themselves, see [`ChangePoint::is_within_own_intervals`]; `None` where none has an interval.
    pub fn is_within_own_intervals(&self, change: &ChangePoint) -> Option<bool> {
        let half_width = |point: &SeriesPoint| {
            let (rate, ends) = (point.rate.rate_tps.get(), point.rate.interval?);
            Some((ends.high / rate).max(rate / ends.low) - 1.0)
        };
        let half_widths: Vec<Option<f64>> = self.points.iter().map(half_width).collect();
        change.is_within_own_intervals(&half_widths)
    }

    /// Whether the newest records failed.
    pub fn fails_now(&self) -> bool {
        let last = self.points.last().map(|point| point.at);
        self.failed.last().is_some_and(|failure| last.is_none_or(|last| failure.at > last))
    }

    /// The last change for the worse that was not recovered.
    pub fn regression(&self) -> Option<&Regression> {
        self.regression.as_ref()
    }
}

/// The series among `records`, each watched for changes of its rate, by model, test, workload,
/// settings, engine and machine in the order of their names. Records that failed stand beside the
/// series that they would belong to; those without a rate, visits of experiments and what was not
/// measured here belong to none.
pub fn watch(records: &[Record], options: &ChangeOptions) -> Vec<Watched> {
    let rated = |record| Some((key(record), record, rate(record)?));
    let of_points = records.iter().filter(|record| is_point(record));
    let mut belonging: Vec<(SeriesKey, &Record, Estimate)> = of_points.filter_map(rated).collect();
    belonging.sort_by(|(a, first, _), (b, second, _)| {
        let time = |record: &Record| (record.created_at, record.id);
        a.cmp(b).then(time(first).cmp(&time(second)))
    });
    let mut failed = failures(records);
    belonging
        .chunk_by(|(a, ..), (b, ..)| a == b)
        .map(|series| {
            let of_series: Vec<&Record> = series.iter().map(|(_, record, _)| *record).collect();
            let rates: Vec<f64> = series.iter().map(|(.., rate)| rate.rate_tps.get()).collect();
            let changes = change_points(&rates, options);
            Watched {
                key: series[0].0.clone(),
                points: series.iter().map(|(_, record, rate)| point(record, *rate)).collect(),
                regression: regression(&rates, &changes, options),
                changes,
                annotations: annotations(&of_series),
                failed: failed.remove(&series[0].0).unwrap_or_default(),
            }
        })
        .collect()
}

fn is_point(record: &Record) -> bool {
    is_measured(record) && record.status == Status::Ok
}

fn is_measured(record: &Record) -> bool {
    record.kind == RecordKind::Measured && record.visit.is_none() && record.experiment.is_none()
}

/// The failed records of each series, oldest first. What was skipped or cut says nothing.
fn failures(records: &[Record]) -> BTreeMap<SeriesKey, Vec<Failure>> {
    use Status::{Crashed, Failed, OutOfMemory, TimedOut};

    let mut found: BTreeMap<SeriesKey, Vec<Failure>> = BTreeMap::new();
    for record in records.iter().filter(|record| is_measured(record)) {
        if matches!(record.status, Crashed | Failed | OutOfMemory | TimedOut) {
            let failure = Failure { id: record.id, at: record.created_at };
            found.entry(key(record)).or_default().push(failure);
        }
    }
    for failures in found.values_mut() {
        failures.sort_by_key(|failure| (failure.at, failure.id));
    }
    found
}

/// The rate by the statistics of this version, so that a change of these is no step: that of a
/// load point depends on its window. A point that has too many requests for its record keeps the
/// rate that it was given, and the version is an annotation.
fn rate(record: &Record) -> Option<Estimate> {
    let other = |summary: &ServingSummary| summary.statistics_version != STATISTICS_VERSION;
    let old = record.serving.as_deref().filter(|own| own.summary.as_ref().is_some_and(other));
    let anew = old.and_then(|serving| summarize_again(serving)?.output_rate_tps);
    let estimate = |rate: SystemRate| Estimate {
        rate_tps: TokensPerSecond(rate.per_s),
        interval: rate.interval,
        no_interval: rate.no_interval,
    };
    anew.map(estimate).or_else(|| record.rate())
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
        workload: workload(record),
        settings,
        engine: record.engine.name.clone(),
        machine: record.machine.fingerprint.clone(),
    }
}

fn point(record: &Record, rate: Estimate) -> SeriesPoint {
    SeriesPoint {
        id: record.id,
        at: record.created_at,
        rate,
        grade: record.grade.as_ref().map(|grade| grade.letter),
        notes: record.notes.clone(),
    }
}

fn annotations(series: &[&Record]) -> Vec<Annotation> {
    // A name or a version of the record's form moves no rate; noise stands in the grade.
    let is_cause = |difference: &Difference| {
        let is_state = matches!(difference.group, Group::Noise | Group::Remarks);
        !is_state && difference.weight != Weight::Describes
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
