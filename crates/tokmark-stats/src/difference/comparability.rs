//! How far two records may be compared.

use serde::{Deserialize, Serialize};
use tokmark_model::Record;

use super::Difference;
use super::findings::Findings;

/// How far the figures of two records may be compared, worst first. Each level holds what the
/// one before it needs; `docs/statistics.md` lists the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Another workload or another kind of record: their figures are of different things.
    None,
    /// The same work, done by another model, engine or setting.
    WorkloadOnly,
    /// The same model file in the same engine, built and set in the same way.
    SameStack,
    /// The same on equal hardware with the same system: what is left is what changed in time.
    SameHardwareAndStack,
}

impl Level {
    /// Every level that has to be reached, lowest first.
    const STEPS: [Level; 3] = [Level::WorkloadOnly, Level::SameStack, Level::SameHardwareAndStack];
}

/// The level that two records reach, and what keeps them from the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparability {
    /// The level reached.
    pub level: Level,
    /// The next better one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Level>,
    /// What would have to be equal for it, most telling first. A field that both records leave
    /// unknown stands here too: unknown is not equal.
    pub needed: Vec<Difference>,
}

/// How far two records may be compared.
pub fn comparability(a: &Record, b: &Record) -> Comparability {
    of(a, b, &Findings::between(a, b))
}

pub(super) fn of(a: &Record, b: &Record, findings: &Findings) -> Comparability {
    let best = Comparability { level: Level::SameHardwareAndStack, next: None, needed: Vec::new() };
    if a.id == b.id {
        return best;
    }
    let mut level = Level::None;
    for next in Level::STEPS {
        let needed = findings.against(next);
        if !needed.is_empty() {
            return Comparability { level, next: Some(next), needed };
        }
        level = next;
    }
    best
}
