//! Figures side by side, with a verdict where both sessions allow one.

use serde::{Deserialize, Serialize};
use tokmark_model::{
    Bytes, Contest, Estimate, Experiment, Interval, LoadTime, MemoryUse, Nanos, Question, Record,
    RecordKind, Speculation, Summary,
};

use super::comparability::{Level, comparability};
use super::load_figures;
use crate::DEFAULT_SAME_WITHIN;
use crate::sessions::{Ends, SessionRatio, compare_sessions};

/// The unit of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Tokens per second.
    TokensPerSecond,
    /// Milliseconds.
    Milliseconds,
    /// Bytes.
    Bytes,
    /// Requests per second.
    RequestsPerSecond,
    /// Hundredths.
    Percent,
    /// A plain number.
    Count,
    /// Tokens per second and GB of 10^9 bytes.
    TokensPerSecondPerGb,
}

/// Which values of a figure are the better ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Rates.
    Higher,
    /// Times, memory, errors.
    Lower,
}

/// A figure of one record, in the unit that its [`Figure`] names.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FigureValue {
    /// The value.
    pub value: f64,
    /// Its 95 % interval, as the record keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Ends>,
}

/// Why there is no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoVerdict {
    /// One record lacks the figure.
    OneSideOnly,
    /// A session gives one value of it, whose spread is not known.
    OneValue,
    /// The figures were made by different versions of the statistics.
    StatisticsVersions,
    /// A record without samples.
    NoSamples,
    /// Another set of service levels decided it.
    ServiceLevels,
    /// One is per event of several tokens, the other per token.
    PerEvent,
    /// A record has too few samples for an interval.
    NoInterval,
}

/// One figure of two records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Its name.
    pub name: String,
    /// Unit of both values.
    pub unit: Unit,
    /// Which values are better.
    pub better: Better,
    /// The first record's.
    pub a: Option<FigureValue>,
    /// The second's.
    pub b: Option<FigureValue>,
    /// b / a - 1, a share; absent where one is missing or the first is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<f64>,
    /// The second session's speed over the first's. Always one of this and `no_verdict`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<SessionRatio>,
    /// Why there is no verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_verdict: Option<NoVerdict>,
}

/// Figures of two records side by side, the main one first. Empty where their workload or kind
/// differs, and where neither has any.
pub fn figures(a: &Record, b: &Record) -> Vec<Figure> {
    at(comparability(a, b).level, a, b)
}

pub(super) fn at(level: Level, a: &Record, b: &Record) -> Vec<Figure> {
    if level == Level::None {
        return Vec::new();
    }
    let mut sheet = Sheet { obstacle: obstacle(a, b), figures: Vec::new() };
    let serving = |record: &'_ Record| record.serving.as_ref()?.summary.clone();
    let (points, summaries) = ((serving(a), serving(b)), (a.summary.as_ref(), b.summary.as_ref()));
    if points.0.is_some() || points.1.is_some() {
        load_figures::add(&mut sheet, (a, points.0.as_ref()), (b, points.1.as_ref()));
    }
    if summaries.0.is_some() || summaries.1.is_some() {
        of_test(&mut sheet, summaries.0, summaries.1);
    }
    if let (Some(a), Some(b)) = (&a.experiment, &b.experiment) {
        of_experiment(&mut sheet, a, b);
    }
    around(&mut sheet, a, b);
    sheet.figures
}

/// What speaks against any verdict on two records.
fn obstacle(a: &Record, b: &Record) -> Option<NoVerdict> {
    let has_samples =
        |record: &Record| matches!(record.kind, RecordKind::Measured | RecordKind::Imported);
    if !has_samples(a) || !has_samples(b) {
        Some(NoVerdict::NoSamples)
    } else if a.statistics_version() != b.statistics_version() {
        Some(NoVerdict::StatisticsVersions)
    } else {
        None
    }
}

/// The figures so far, and what speaks against a verdict on any of them.
pub(super) struct Sheet {
    obstacle: Option<NoVerdict>,
    figures: Vec<Figure>,
}

/// Name, unit and sense of a figure.
pub(super) type Head = (&'static str, Unit, Better);

impl Sheet {
    /// A figure with intervals, unless it is absent on both sides. `against` is what speaks
    /// against a verdict on this one.
    pub(super) fn known(
        &mut self,
        (name, unit, better): Head,
        values: [Option<FigureValue>; 2],
        against: Option<NoVerdict>,
    ) {
        self.named(name.to_owned(), (unit, better), values, against);
    }

    /// The same under a name of its own.
    fn named(
        &mut self,
        name: String,
        (unit, better): (Unit, Better),
        values: [Option<FigureValue>; 2],
        against: Option<NoVerdict>,
    ) {
        let [a, b] = values;
        if a.is_none() && b.is_none() {
            return;
        }
        let both = a.zip(b);
        let obstacle = match both {
            None => Some(NoVerdict::OneSideOnly),
            Some(_) => against
                .filter(|reason| *reason == NoVerdict::OneValue)
                .or(self.obstacle)
                .or(against),
        };
        let comparison = both.filter(|_| obstacle.is_none()).and_then(|(a, b)| ratio(better, a, b));
        self.figures.push(Figure {
            name,
            unit,
            better,
            a,
            b,
            change: both.filter(|(a, _)| a.value != 0.0).map(|(a, b)| b.value / a.value - 1.0),
            comparison,
            no_verdict: match comparison {
                Some(_) => None,
                None => obstacle.or(Some(NoVerdict::NoInterval)),
            },
        });
    }

    /// A figure of which a session has one value.
    pub(super) fn single(&mut self, head: Head, values: [Option<f64>; 2]) {
        let bare = |value: Option<f64>| value.map(|value| FigureValue { value, interval: None });
        self.known(head, values.map(bare), Some(NoVerdict::OneValue));
    }
}

/// The second's speed over the first's: of times the inverse ratio.
fn ratio(better: Better, a: FigureValue, b: FigureValue) -> Option<SessionRatio> {
    let (a, b) = ((a.value, a.interval?), (b.value, b.interval?));
    let speed = |(value, interval): (f64, Ends)| match better {
        Better::Higher => (value, interval),
        Better::Lower => {
            let Ends { low, high } = interval;
            (value.recip(), Ends { low: high.recip(), high: low.recip() })
        }
    };
    compare_sessions(speed(a), speed(b), DEFAULT_SAME_WITHIN)
}

fn of_test(sheet: &mut Sheet, a: Option<&Summary>, b: Option<&Summary>) {
    let mut rate = |name, read: fn(&Summary) -> Option<Estimate>| {
        let value = |summary: &Summary| {
            let Estimate { rate_tps, interval, no_interval: _ } = read(summary)?;
            Some(FigureValue { value: rate_tps.0, interval: interval.map(Ends::from) })
        };
        let head = (name, Unit::TokensPerSecond, Better::Higher);
        sheet.known(head, [a.and_then(value), b.and_then(value)], None);
    };
    rate("rate", |summary| Some(summary.rate));
    rate("prompt rate", |summary| summary.prompt_rate);
    rate("generation rate", |summary| summary.generation_rate);
    let mut token = |name, read: fn(&Summary) -> Option<Nanos>| {
        let value = |summary: &Summary| read(summary).map(milliseconds);
        let head = (name, Unit::Milliseconds, Better::Lower);
        sheet.single(head, [a.and_then(value), b.and_then(value)]);
    };
    token("token p50", |summary| Some(summary.token_times?.p50_ns));
    token("token p99", |summary| Some(summary.token_times?.p99_ns));
    token("slowest token", |summary| Some(summary.token_times?.max_ns));
}

/// Rates of the variants by test, and of two variants the ratio that the experiment is about.
/// Experiments of the same tests have them in the same order.
fn of_experiment(sheet: &mut Sheet, a: &Experiment, b: &Experiment) {
    for (one, other) in a.contests.iter().zip(&b.contests) {
        let label = one.test.label();
        if a.question == Question::Ab {
            let ratio = |contest: &Contest| {
                let comparison = &contest.pairings.first()?.comparison;
                let ends = |ends: Interval| Ends { low: 100.0 * ends.low, high: 100.0 * ends.high };
                let interval = comparison.interval.map(ends);
                Some(FigureValue { value: 100.0 * comparison.ratio, interval })
            };
            let head = (Unit::Percent, Better::Higher);
            sheet.named(format!("{label}, B over A"), head, [ratio(one), ratio(other)], None);
        }
        for (n, variant) in a.variants.iter().enumerate() {
            let rate = |contest: &Contest| {
                let Estimate { rate_tps, interval, no_interval: _ } =
                    contest.rates.get(n).copied().flatten()?;
                Some(FigureValue { value: rate_tps.0, interval: interval.map(Ends::from) })
            };
            let head = (Unit::TokensPerSecond, Better::Higher);
            let name = format!("{label}, {}", variant.name);
            sheet.named(name, head, [rate(one), rate(other)], None);
        }
    }
}

/// Loading, memory and what goes with it.
fn around(sheet: &mut Sheet, a: &Record, b: &Record) {
    let load = |record: &Record| {
        let LoadTime { duration_ns, resident_share: _ } = record.load.as_ref()?;
        Some(milliseconds(*duration_ns))
    };
    let head = ("load time", Unit::Milliseconds, Better::Lower);
    sheet.single(head, [load(a), load(b)]);
    let mut peak = |name, read: fn(&MemoryUse) -> Option<Bytes>| {
        let value = |record: &Record| read(&record.memory).map(|bytes| bytes.0 as f64);
        sheet.single((name, Unit::Bytes, Better::Lower), [value(a), value(b)]);
    };
    peak("peak memory, host", |memory| memory.host_peak_bytes);
    peak("of that, mapped files", |memory| memory.host_file_bytes);
    peak("peak memory, device", |memory| memory.device_peak_bytes);
    let efficiency = |record: &Record| record.summary.as_ref()?.efficiency_tps_per_gb;
    let head = ("efficiency", Unit::TokensPerSecondPerGb, Better::Higher);
    sheet.single(head, [efficiency(a), efficiency(b)]);
    let accepted = |record: &Record| {
        let Speculation { method: _, n_drafted, n_accepted } = record.speculation.as_ref()?;
        (*n_drafted > 0).then(|| 100.0 * *n_accepted as f64 / *n_drafted as f64)
    };
    let head = ("drafts accepted", Unit::Percent, Better::Higher);
    sheet.single(head, [accepted(a), accepted(b)]);
}

fn milliseconds(time: Nanos) -> f64 {
    time.0 as f64 * 1e-6
}
