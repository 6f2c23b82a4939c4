//! An experiment: several variants measured in turn, so that they can be compared. Its
//! record names the records of its visits, its design and its verdicts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Comparison, EngineParams, Estimate, Looks, ModelFacts, ProcessParams, RecordId, Test, Verdict,
};

/// What an experiment asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Which of several models is the fastest here.
    Compare,
    /// Whether the second of two variants is faster or slower than the first.
    Ab,
}

impl Question {
    /// The command that asks it.
    pub fn as_str(self) -> &'static str {
        match self {
            Question::Compare => "compare",
            Question::Ab => "ab",
        }
    }
}

/// One of the things that are compared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Variant {
    /// As tables name it: `A`, or the model's name.
    pub name: String,
    /// As the user wrote it, without folders.
    pub given: String,
    /// The model; of an endpoint what it says of its model.
    pub model: ModelFacts,
    /// The engine's settings; the defaults for an endpoint.
    pub params: EngineParams,
    /// Settings of the worker's process, its environment among them.
    pub process: ProcessParams,
    /// Address of the endpoint, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Why it was left out from some visit on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// How an experiment is made, fixed before its first visit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Design {
    /// What is measured in every visit, in this order.
    pub tests: Vec<Test>,
    /// Timed repetitions of each test in a visit. A visit is one fresh worker process, and its
    /// time for a test is their median.
    pub n_repetitions: u32,
    /// Rounds at most. A round is one visit to every variant and gives one pair of each two.
    pub n_rounds: u32,
    /// Seed of the order of visits.
    pub seed: u64,
    /// When the pairs are looked at.
    pub looks: Looks,
    /// x of *same within x*.
    pub same_within: f64,
    /// Share by which the worker delays itself in planted blocks; absent without such blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planted_delay: Option<f64>,
}

/// One visit to a variant: a fresh worker, all tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Visit {
    /// Which variant, counted from 0.
    pub variant: u32,
    /// Position in the order of visits, counted from 0.
    pub position: u32,
    /// The visit belongs to a planted block, which shows what would be found and enters no
    /// figure. Its variant is then the first one, and `delayed` says which of the two.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub planted: bool,
    /// In a planted block: the worker delayed itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub delayed: bool,
}

/// A visit with the records of its tests, in the order of the design's tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VisitRecords {
    /// The visit.
    #[serde(flatten)]
    pub visit: Visit,
    /// Records of its tests.
    pub records: Vec<RecordId>,
}

/// Where a variant stands in one test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Faster than every other, by comparisons decided together.
    Best,
    /// Not told from the fastest: the two are the same or undecided.
    Tied,
    /// Slower than the fastest.
    Behind,
    /// Not measured.
    Absent,
}

/// Two variants against each other in one test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pairing {
    /// The first variant, counted from 0.
    pub first: u32,
    /// The second one, whose speed over the first's is told.
    pub second: u32,
    /// What the pairs say.
    pub comparison: Comparison,
}

/// What would have been found: tries with pairs as noisy as those that were made, and a known
/// difference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Power {
    /// The difference, as a share of the time: 0.03 is 3 % slower.
    pub share: f64,
    /// Tries.
    pub n_tries: u32,
    /// Of these, tries in which the difference was found.
    pub n_found: u32,
    /// Pairs of planted blocks.
    pub n_planted_pairs: u32,
    /// Median of the planted pairs: time of the delayed over that of the other, less 1. Shows
    /// that the delay arrived.
    pub planted_seen: Option<f64>,
}

/// Figures and verdicts of one test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Contest {
    /// The test.
    pub test: Test,
    /// Rate of each variant over its visits; absent where it has none.
    pub rates: Vec<Option<Estimate>>,
    /// Each two variants.
    pub pairings: Vec<Pairing>,
    /// Where each variant stands.
    pub standings: Vec<Standing>,
    /// What would have been found; absent without planted blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<Power>,
}

/// All of an experiment but its samples, which lie in the records of its visits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Experiment {
    /// What it asks.
    pub question: Question,
    /// What is compared.
    pub variants: Vec<Variant>,
    /// How.
    pub design: Design,
    /// What was measured, in order.
    pub visits: Vec<VisitRecords>,
    /// Visits of which a record is graded F: the machine did much else meanwhile.
    pub n_disturbed: u32,
    /// Figures and verdicts by test.
    pub contests: Vec<Contest>,
    /// Of two variants the verdict over all tests: slower if one test says so; else undecided if
    /// one is; else faster if one is; else the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overall: Option<Verdict>,
    /// Version of the statistics that made them.
    pub statistics_version: u32,
    /// Arguments of the command that does the same again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
}

impl Experiment {
    /// What was done, as tables name it: `compare 3`, `ab`.
    pub fn label(&self) -> String {
        match self.question {
            Question::Compare => format!("compare {}", self.variants.len()),
            Question::Ab => "ab".to_owned(),
        }
    }
}
