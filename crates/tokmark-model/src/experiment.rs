//! An experiment: several variants measured in turn, so that they can be compared. Its
//! record names the records of its visits, its design and its verdicts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::usual::COMPARED_MODELS;
use crate::{
    Comparison, EngineParams, Estimate, Interval, Looks, ModelFacts, ProcessParams, RecordId, Test,
    Verdict,
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

    fn label(self, n_variants: usize) -> String {
        match self {
            Question::Compare => format!("compare {n_variants}"),
            Question::Ab => "ab".to_owned(),
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
    /// What its figures hold that others do not: `prompt_tokens_estimated`,
    /// `prompt_tokens_asked` (nobody counted them), `output_tokens_estimated`,
    /// `hidden_reasoning` (in the time to the first token).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
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
    /// Faster than every other that was measured, by comparisons decided together.
    Best,
    /// The only one that was measured: there is nothing to compare it with.
    Alone,
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

/// What a try of [`Power`] has to say for the difference to count as found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoundAs {
    /// *Slower*, the verdict.
    #[default]
    Slower,
    /// An interval below 1 that Holm's correction leaves; where the difference lies within what
    /// is called the same, the verdict says *same* of it and never *slower*.
    BelowOne,
}

/// Why the tries of [`Power`] may be of another difference than the one that the worker makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PowerDoubt {
    /// The interval of the planted pairs leaves out the delay: it did not arrive as asked.
    DelayNotSeen,
    /// Fewer than two planted pairs were measured: nothing shows that the delay arrives.
    TooFewPlanted,
}

/// What would have been found had the second variant been slower by a known difference in this
/// test: tries, each the whole experiment again, with its looks, its tests and its last round,
/// of blocks as noisy as those that were made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Power {
    /// The difference, as a share of the time: 0.03 is 3 % slower.
    pub share: f64,
    /// Tries.
    pub n_tries: u32,
    /// Of these, tries in which the difference was found when the experiment ended.
    pub n_found: u32,
    /// What counts as found.
    #[serde(default)]
    pub found_as: FoundAs,
    /// Rounds that a try has at most: those of the design, however early this experiment ended.
    #[serde(default)]
    pub n_rounds: u32,
    /// Pairs of planted blocks.
    pub n_planted_pairs: u32,
    /// Median of the planted pairs: time of the delayed over that of the other, less 1. Shows
    /// that the delay arrived.
    pub planted_seen: Option<f64>,
    /// Lower end of its 95 % interval; absent with fewer than two planted pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planted_low: Option<f64>,
    /// Upper end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planted_high: Option<f64>,
    /// Why `n_found` may speak of another difference; absent where the delay was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<PowerDoubt>,
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

impl Contest {
    /// The variant with the highest rate of those that no other is faster than by the pairs: a
    /// median over all visits may say otherwise than the pairs where the machine's pace moved.
    /// `None` where none was measured.
    pub fn fastest(&self) -> Option<usize> {
        let rate = |variant: usize| self.rates[variant].map(|rate| rate.rate_tps.get());
        top(&(0..self.rates.len()).map(rate).collect::<Vec<_>>(), &self.pairings)
    }

    /// What the pairs say of `variant` beside `reference`: the ratio is its speed over the
    /// reference's. `None` where the two were not compared.
    pub fn beside(&self, variant: usize, reference: usize) -> Option<Comparison> {
        beside(&self.pairings, variant, reference)
    }
}

/// The greatest of the figures that are known, of variants that the pairs put behind no other; of
/// all where each is behind another.
fn top(figures: &[Option<f64>], pairings: &[Pairing]) -> Option<usize> {
    let is_beaten = |variant: usize| {
        (0..figures.len()).any(|other| {
            let verdict = beside(pairings, variant, other).map(|found| found.verdict);
            verdict == Some(Verdict::Slower)
        })
    };
    let known = || (0..figures.len()).filter_map(|variant| Some((variant, figures[variant]?)));
    let greatest = |a: &(usize, f64), b: &(usize, f64)| a.1.total_cmp(&b.1);
    let unbeaten = known().filter(|(variant, _)| !is_beaten(*variant)).max_by(greatest);
    unbeaten.or_else(|| known().max_by(greatest)).map(|(variant, _)| variant)
}

fn beside(pairings: &[Pairing], variant: usize, reference: usize) -> Option<Comparison> {
    let (variant, reference) = (variant as u32, reference as u32);
    pairings.iter().find_map(|Pairing { first, second, comparison }| match (*first, *second) {
        pair if pair == (reference, variant) => Some(comparison.clone()),
        pair if pair == (variant, reference) => Some(comparison.mirrored()),
        _ => None,
    })
}

/// What a variant takes beside the time of its tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// From the start of the process to the first decode possible, in ns.
    LoadNs,
    /// Peak resident memory of the process, mapped files included, in bytes.
    PeakBytes,
}

/// What one variant took of a resource over its visits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceUse {
    /// Median, in the unit that the resource's name ends with.
    pub median: f64,
    /// Its 95 % interval; absent with too few visits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
}

/// Figures and verdicts of one resource, of which less is better: in its pairings the second
/// variant is called faster where it takes less.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceContest {
    /// The resource.
    pub resource: Resource,
    /// What each variant takes; absent where that is not known.
    pub uses: Vec<Option<ResourceUse>>,
    /// Each two variants of which it is known.
    pub pairings: Vec<Pairing>,
    /// Where each variant stands.
    pub standings: Vec<Standing>,
}

impl ResourceContest {
    /// The variant that takes least of those that no other takes less than by the pairs. `None`
    /// where it is known of none.
    pub fn least(&self) -> Option<usize> {
        let less = |variant: usize| self.uses[variant].map(|own| -own.median);
        top(&(0..self.uses.len()).map(less).collect::<Vec<_>>(), &self.pairings)
    }

    /// What the pairs say of `variant` beside `reference`: the ratio is what the reference takes
    /// over what it takes, above 1 where it takes less. `None` where the two were not compared.
    pub fn beside(&self, variant: usize, reference: usize) -> Option<Comparison> {
        beside(&self.pairings, variant, reference)
    }
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
    /// What they take beside time; decided together, apart from the tests. They end nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceContest>,
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
        self.question.label(self.variants.len())
    }

    /// Every label that an experiment has.
    pub fn labels() -> Vec<String> {
        let compared = COMPARED_MODELS.map(|n| Question::Compare.label(n));
        compared.chain([Question::Ab.label(2)]).collect()
    }
}
