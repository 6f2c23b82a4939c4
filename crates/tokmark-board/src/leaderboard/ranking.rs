//! Ranks among lines that may be compared.

use std::collections::BTreeMap;

use serde::Serialize;
use tokmark_model::{Conditions, RecordKind};
use tokmark_stats::{Ends, Level, Rank, ranks};

use super::Line;

/// Why a line has no rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoRank {
    /// Its figures have no samples: published, or imported as a summary.
    Kind,
    /// Its rate is a range over shapes.
    Range,
    /// Its rate has no interval.
    NoInterval,
    /// Something that the level needs is unknown of it: the model's hash, the machine.
    Unknown,
    /// No other line may be compared with it.
    Alone,
    /// No level was asked for.
    NotAsked,
}

impl NoRank {
    /// The reason in words.
    pub fn reason(self) -> &'static str {
        match self {
            NoRank::Kind => "figures without samples are not ranked",
            NoRank::Range => "a range over shapes is not ranked; choose a shape",
            NoRank::NoInterval => "a rate without an interval is not ranked",
            NoRank::Unknown => "too little is known of it to be ranked like this",
            NoRank::Alone => "there is nothing that it may be ranked against",
            NoRank::NotAsked => "nothing is ranked",
        }
    }
}

/// What all lines of one ranking have in common, as far as a level asks for it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Class<'a> {
    kind: RecordKindOrder,
    /// As a person reads it; the conditions hold what stands behind it.
    work: (bool, &'a str, &'a str),
    conditions: Conditions,
}

/// Kinds by their place in the type: they have no order of their own.
type RecordKindOrder = u8;

/// Gives every line of a group its rank, or the reason why it has none.
pub(super) fn rank(lines: &mut [Line], level: Level) {
    let mut classes: BTreeMap<Class<'_>, Vec<usize>> = BTreeMap::new();
    let mut results: Vec<Result<Rank, NoRank>> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        results.push(match class(line, level) {
            Ok(class) => {
                classes.entry(class).or_default().push(at);
                Err(NoRank::Alone)
            }
            Err(reason) => Err(reason),
        });
    }
    for members in classes.into_values().filter(|members| members.len() > 1) {
        let ends: Vec<_> = members.iter().map(|at| interval(&lines[*at])).collect();
        for (at, rank) in members.into_iter().zip(ranks(&ends)) {
            results[at] = rank.ok_or(NoRank::NoInterval);
        }
    }
    for (line, result) in lines.iter_mut().zip(results) {
        match result {
            Ok(rank) => line.set_rank(rank),
            Err(reason) => line.no_rank = Some(reason),
        }
    }
}

fn interval(line: &Line) -> Option<Ends> {
    let (low, high) = (line.rate_low_tps?, line.rate_high_tps?);
    (!line.is_range).then_some(Ends { low: low.get(), high: high.get() })
}

fn class(line: &Line, level: Level) -> Result<Class<'_>, NoRank> {
    let kind = match line.kind {
        RecordKind::Measured => 0,
        RecordKind::Imported => 1,
        RecordKind::ImportedSummary | RecordKind::Published => return Err(NoRank::Kind),
    };
    if level == Level::None {
        return Err(NoRank::NotAsked);
    }
    let [shape] = line.shapes.as_slice() else { return Err(NoRank::Range) };
    if line.is_range {
        return Err(NoRank::Range);
    }
    if interval(line).is_none() {
        return Err(NoRank::NoInterval);
    }
    let (is_stack, is_hardware) = (level >= Level::SameStack, level >= Level::SameHardwareAndStack);
    let Conditions { workload, stack, hardware } = line.conditions;
    let conditions = Conditions {
        workload,
        stack: stack.filter(|_| is_stack),
        hardware: hardware.filter(|_| is_hardware),
    };
    let is_known = workload.is_some()
        && conditions.stack.is_some() == is_stack
        && conditions.hardware.is_some() == is_hardware;
    if !is_known {
        return Err(NoRank::Unknown);
    }
    Ok(Class { kind, work: (line.is_serving, &shape.shape, &line.load), conditions })
}
