//! Two records beside each other: why they differ, how far they may be compared, and what
//! their figures say.
//!
//! Two records are two sessions, made at different times and not interleaved. What is said of
//! their figures holds for these two sessions; for more, variants are measured in turns (see
//! [`crate::compare`]).

mod comparability;
mod engine;
mod experiment;
mod figures;
mod findings;
mod load_figures;
mod machine;
mod model;
mod noise;
mod record;
mod serving;
mod shown;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tokmark_model::Record;

pub use comparability::{Comparability, Level, comparability};
pub use figures::{Better, Figure, FigureValue, NoVerdict, Unit, figures};
use findings::Findings;

/// What a difference is about. The order is that in which groups are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// What was measured: kind, test or workload, tokens.
    Measured,
    /// The model.
    Model,
    /// The engine, its build and its back ends.
    Engine,
    /// Settings of the engine and of its process.
    Parameters,
    /// The machine, and what of it was allowed and used.
    Hardware,
    /// Operating system, kernel, drivers.
    Software,
    /// What the machine did meanwhile.
    Noise,
    /// Versions of statistics, record and tool.
    Versions,
    /// What people and Tokmark remarked: flags, tags, notes.
    Remarks,
}

/// How much a difference can explain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// It alone makes two things of what is compared: another test, model, engine, machine.
    Decides,
    /// It can move the figures.
    Matters,
    /// A name, or what follows from another difference.
    Describes,
}

/// One field in which two records differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What it is about.
    pub group: Group,
    /// The field under its standard name; parameters under llama-bench's.
    pub field: String,
    /// The first record's value as text; absent where it is unknown.
    pub a: Option<String>,
    /// The second record's. An unknown value equals no other.
    pub b: Option<String>,
    /// How much it can explain.
    pub weight: Weight,
    /// The lowest level of comparability that this difference rules out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed_for: Option<Level>,
}

/// Everything that can be said of two records side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// How far they may be compared.
    pub comparability: Comparability,
    /// Why they differ, most telling first.
    pub differences: Vec<Difference>,
    /// Their figures side by side; empty where they may not be compared at all.
    pub figures: Vec<Figure>,
}

/// Why two records differ, field by field, most telling first: by [`Weight`], then by
/// [`Group`], then in the order in which this module's functions name the fields.
///
/// Names, times, samples and what is computed from them are left out: they differ between any
/// two records and explain nothing. Noise is compared by medians over the repetitions, by
/// totals where events are rare, and counts only from the thresholds of the noise guard on.
pub fn differences(a: &Record, b: &Record) -> Vec<Difference> {
    Findings::between(a, b).differences()
}

/// What [`Level::WorkloadOnly`] needs equal of a record, by field; an unknown field is absent. Two
/// records of equal fields did the same work.
pub(crate) fn workload(record: &Record) -> BTreeMap<String, String> {
    Findings::needed(record, false).remove(&Level::WorkloadOnly).unwrap_or_default()
}

/// What each level itself needs equal of a record, by field; without the levels for which the
/// record leaves something unknown that they can't be reached without.
pub(crate) fn needed(record: &Record) -> BTreeMap<Level, BTreeMap<String, String>> {
    Findings::needed(record, true)
}

/// Differences, comparability and figures of two records.
pub fn explain(a: &Record, b: &Record) -> Explanation {
    let findings = Findings::between(a, b);
    let comparability = comparability::of(a, b, &findings);
    let figures = figures::at(comparability.level, a, b);
    Explanation { comparability, differences: findings.differences(), figures }
}
