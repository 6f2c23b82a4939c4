//! How values are spread: cumulative shares or a histogram, with quantiles marked.

use crate::appearance::MOST_SERIES;
use crate::axis::Axis;
use crate::drawing::{Drawing, Field, FieldPoint, FieldSeries, Guide};
use crate::error::PlotError;
use crate::extent::Extent;
use crate::number::count;
use crate::plot::Plot;
use crate::series::check_number;
use crate::table::Table;
use crate::text::clean;
use crate::thin::{every_nth, thin_line};
use crate::unit::{Unit, quantity};
use crate::wording::{counted, sentence, times};

/// Points of all curves together, roughly.
const MOST_POINTS: usize = 4_000;
/// Quantiles of a sample that are drawn and told; the table has all.
const MOST_MARKED: usize = 12;
/// Bins of a histogram: fewest and most.
const BINS: (usize, usize) = (5, 40);
/// Markers on a curve without quantiles, so that curves differ by more than colour.
const MARKERS: usize = 8;

/// How often values of one or several samples occur.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Title of the plot.
    pub title: String,
    /// The axis of the values.
    pub value: Axis,
    /// At most 24 samples.
    pub samples: Vec<Sample>,
    /// Which picture.
    pub shape: DistributionShape,
}

/// Which picture of a distribution is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DistributionShape {
    /// Share of values at or below each value (empirical distribution function). Shows every
    /// value and needs no choice of bins.
    #[default]
    Cumulative,
    /// Share of values in each bin. As many bins as Rice's rule (2 x cube root of the number
    /// of values), 5 to 40, at nice places.
    Histogram,
}

/// Values that belong together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    /// Name in the legend; may be empty for an only sample.
    pub label: String,
    /// The values, in any order, in the axis's unit.
    pub values: Vec<f64>,
    /// Finished quantiles of these values.
    pub quantiles: Vec<QuantileMark>,
}

/// A quantile as the statistics computed it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantileMark {
    /// 0 to 1; 0.99 is p99.
    pub level: f64,
    /// Its value.
    pub value: f64,
}

impl QuantileMark {
    fn name(&self) -> String {
        if self.level == 0.5 {
            return "median".to_owned();
        }
        format!("p{}", (self.level * 1e7).round() / 1e5)
    }
}

impl Distribution {
    /// The finished plot.
    ///
    /// # Errors
    ///
    /// A value that the axis cannot show, a level outside 0 to 1, too many samples.
    pub fn plot(&self) -> Result<Plot, PlotError> {
        check_number(self.samples.len(), MOST_SERIES)?;
        let value = self.value.cleaned()?;
        let samples = self
            .samples
            .iter()
            .map(|sample| checked(sample, &value))
            .collect::<Result<Vec<_>, _>>()?;
        let title = clean(&self.title);
        if samples.iter().all(|sample| sample.values.is_empty()) {
            return Ok(Plot::empty(&title, "no values were given"));
        }
        let numbers = |sample: &Sample| -> Vec<f64> {
            let ends = [sample.values.first(), sample.values.last()];
            let marks = sample.quantiles.iter().map(|mark| mark.value);
            ends.into_iter().flatten().copied().chain(marks).collect()
        };
        let x = Extent::of(&value, samples.iter().flat_map(numbers));
        let sentence = told(&samples, &value);
        let (drawing, table) = match self.shape {
            DistributionShape::Cumulative => {
                (curves(&samples, &x, &value.unit), cumulative_table(&title, &samples, &x, &value))
            }
            DistributionShape::Histogram => {
                let edges = edges(&samples, &x, &value);
                (
                    bins(&samples, &x, &edges, &value.unit),
                    bin_table(&title, &samples, &edges, &value),
                )
            }
        };
        let drawing = Drawing::Field(drawing);
        Ok(Plot { title, sentence, table, drawing, notes: Vec::new() })
    }
}

/// The sample with sorted values and quantiles.
fn checked(sample: &Sample, axis: &Axis) -> Result<Sample, PlotError> {
    let label = clean(&sample.label);
    for value in &sample.values {
        axis.check(&label, *value)?;
    }
    let share = Axis::linear("", Unit::Share);
    for mark in &sample.quantiles {
        axis.check(&label, mark.value)?;
        share.check(&label, mark.level)?;
        if !(0.0..=1.0).contains(&mark.level) {
            let what = format!("the level of a quantile of {label}");
            return Err(PlotError::OutOfRange { what, value: mark.level, lower: 0.0, upper: 1.0 });
        }
    }
    let mut values = sample.values.clone();
    values.sort_by(f64::total_cmp);
    let mut quantiles = sample.quantiles.clone();
    quantiles.sort_by(|a, b| a.level.total_cmp(&b.level));
    Ok(Sample { label, values, quantiles })
}

fn told(samples: &[Sample], axis: &Axis) -> String {
    let part = |sample: &Sample| {
        let name = match (axis.title.as_str(), sample.label.as_str()) {
            (title, "") => title.to_owned(),
            ("", label) => label.to_owned(),
            (title, label) => format!("{title} of {label}"),
        };
        let (Some(least), Some(greatest)) = (sample.values.first(), sample.values.last()) else {
            return format!("{name}: no values");
        };
        let text = |value: f64| quantity(value, &axis.unit);
        let n = counted(sample.values.len(), "value", "values");
        let range = if sample.values.len() == 1 {
            format!("{n}, {}", text(*least))
        } else if least == greatest {
            format!("{n}, all {}", text(*least))
        } else {
            format!("{n} from {} to {}", text(*least), text(*greatest))
        };
        let mut marks: Vec<String> = sample
            .quantiles
            .iter()
            .take(MOST_MARKED)
            .map(|mark| format!("{} {}", mark.name(), text(mark.value)))
            .collect();
        let median = sample.quantiles.iter().find(|mark| mark.level == 0.5);
        let top = sample.quantiles.iter().take(MOST_MARKED).next_back();
        if let (Some(median), Some(top), Some(last)) = (median, top, marks.last_mut())
            && top.level > 0.5
            && let Some(times) = times(top.value, median.value)
        {
            last.push_str(&format!(", {times} the median"));
        }
        marks.insert(0, range);
        format!("{name}: {}", marks.join(", "))
    };
    sentence(samples.iter().map(part).collect(), "samples")
}

fn curves(samples: &[Sample], x: &Extent, unit: &Unit) -> Field {
    let columns = (MOST_POINTS / 4 / samples.len()).max(25);
    let y_axis = Axis::linear("Share at or below", Unit::Share).at_least(0.0, 1.0);
    let series = samples.iter().map(|sample| {
        let n = sample.values.len() as f64;
        let mut curve: Vec<(f64, f64)> =
            sample.values.first().map(|least| (*least, 0.0)).into_iter().collect();
        let mut below = 0;
        for equal in sample.values.chunk_by(|a, b| a == b) {
            below += equal.len();
            curve.push((equal[0], below as f64 / n));
        }
        let curve = thin_line(&curve, columns, |value| x.share(value));
        let points = if sample.quantiles.is_empty() && samples.len() > 1 && curve.len() > 1 {
            let point =
                |at: usize| FieldPoint { x: curve[at].0, y: curve[at].1, label: String::new() };
            every_nth(curve.len(), MARKERS).into_iter().skip(1).map(point).collect()
        } else {
            marked(sample, unit, |mark| mark.level)
        };
        FieldSeries {
            label: sample_label(sample),
            lines: vec![curve],
            steps: true,
            points,
            ..FieldSeries::default()
        }
    });
    let series = series.collect();
    Field { x: x.clone(), y: Extent::of(&y_axis, std::iter::empty()), series, guides: Vec::new() }
}

fn marked(sample: &Sample, unit: &Unit, height: impl Fn(&QuantileMark) -> f64) -> Vec<FieldPoint> {
    let kept = every_nth(sample.quantiles.len(), MOST_MARKED).into_iter();
    kept.map(|n| &sample.quantiles[n])
        .map(|mark| FieldPoint {
            x: mark.value,
            y: height(mark),
            label: format!("{} {}", mark.name(), quantity(mark.value, unit)),
        })
        .collect()
}

fn sample_label(sample: &Sample) -> String {
    let label = &sample.label;
    if sample.values.is_empty() { format!("{label} (no values)") } else { label.clone() }
}

fn cumulative_table(title: &str, samples: &[Sample], x: &Extent, axis: &Axis) -> Table {
    let cells = |name: String, cell: &dyn Fn(&Sample) -> Option<String>| -> Vec<String> {
        let dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
        std::iter::once(name).chain(samples.iter().map(|sample| dash(cell(sample)))).collect()
    };
    let text = |value: f64| quantity(value, &axis.unit);
    let mut rows = vec![
        cells("Number of values".into(), &|sample| Some(count(sample.values.len()))),
        cells("Smallest".into(), &|sample| sample.values.first().map(|value| text(*value))),
    ];
    let mut levels: Vec<QuantileMark> = samples.iter().flat_map(|s| s.quantiles.clone()).collect();
    levels.sort_by(|a, b| a.level.total_cmp(&b.level));
    levels.dedup_by(|a, b| a.level == b.level);
    for level in levels {
        let at_level = |sample: &Sample| {
            let mark = sample.quantiles.iter().find(|mark| mark.level == level.level);
            mark.map(|mark| text(mark.value))
        };
        let name = if level.level == 0.5 { "Median".to_owned() } else { level.name() };
        rows.push(cells(name, &at_level));
    }
    rows.push(cells("Largest".into(), &|sample| sample.values.last().map(|value| text(*value))));
    for tick in x.fit(10).ticks {
        let share = |sample: &Sample| {
            let below = sample.values.partition_point(|value| *value <= tick.at);
            let share = below as f64 / sample.values.len() as f64;
            (!sample.values.is_empty()).then(|| quantity(share, &Unit::Share))
        };
        rows.push(cells(format!("Share at or below {}", text(tick.at)), &share));
    }
    let n_values: usize = samples.iter().map(|sample| sample.values.len()).sum();
    let note = format!(
        "{} summed up; the curve is read at its ticks",
        counted(n_values, "value", "values")
    );
    Table::cleaned(title, &sample_header(&axis.title, samples), rows).with_note(note)
}

fn sample_header(first: &str, samples: &[Sample]) -> Vec<String> {
    let named = |sample: &Sample| {
        if sample.label.is_empty() { "Value".to_owned() } else { sample.label.clone() }
    };
    std::iter::once(first.to_owned()).chain(samples.iter().map(named)).collect()
}

/// Places where bins meet, at nice numbers on a linear axis, at equal ratios on a logarithmic.
fn edges(samples: &[Sample], x: &Extent, axis: &Axis) -> Vec<f64> {
    let n = samples.iter().map(|sample| sample.values.len()).max().unwrap_or(0);
    let n_bins = ((2.0 * (n as f64).cbrt()).ceil() as usize).clamp(BINS.0, BINS.1);
    if axis.scale == crate::Scale::Linear {
        return x.fit(n_bins).ticks.into_iter().map(|tick| tick.at).collect();
    }
    let (lo, hi) = x.ends();
    let inner = (1..n_bins).map(|n| x.value_at(n as f64 / n_bins as f64));
    std::iter::once(lo).chain(inner).chain([hi]).collect()
}

/// Values of a sample in each bin; a bin holds its lower edge, the last both.
fn counts(sample: &Sample, edges: &[f64]) -> Vec<usize> {
    let below: Vec<usize> =
        edges.iter().map(|edge| sample.values.partition_point(|value| value < edge)).collect();
    let n_bins = edges.len() - 1;
    (0..n_bins)
        .map(|n| {
            let from = if n == 0 { 0 } else { below[n] };
            let to = if n + 1 == n_bins { sample.values.len() } else { below[n + 1] };
            to - from
        })
        .collect()
}

fn bins(samples: &[Sample], x: &Extent, edges: &[f64], unit: &Unit) -> Field {
    let y_axis = Axis::linear("Share of values", Unit::Share).from_zero();
    let mut greatest = 0.0_f64;
    let mut series = Vec::new();
    for sample in samples {
        let n = sample.values.len().max(1) as f64;
        let shares: Vec<f64> =
            counts(sample, edges).into_iter().map(|count| count as f64 / n).collect();
        greatest = shares.iter().copied().fold(greatest, f64::max);
        let mut outline = vec![(edges[0], 0.0), (edges[0], shares[0])];
        outline.extend((1..shares.len()).map(|n| (edges[n], shares[n])));
        outline.push((edges[shares.len()], 0.0));
        series.push(FieldSeries {
            label: sample_label(sample),
            lines: if sample.values.is_empty() { Vec::new() } else { vec![outline] },
            steps: true,
            filled: true,
            points: marked(sample, unit, |_| 0.0),
            ..FieldSeries::default()
        });
    }
    let mut guides = Vec::new();
    if let [only] = series.as_mut_slice() {
        let guide = |point: FieldPoint| Guide { at: point.x, label: point.label, upright: true };
        guides = std::mem::take(&mut only.points).into_iter().map(guide).collect();
    }
    let y = Extent::of(&y_axis, [greatest].into_iter());
    Field { x: x.clone(), y, series, guides }
}

fn bin_table(title: &str, samples: &[Sample], edges: &[f64], axis: &Axis) -> Table {
    let (lo, hi) = (edges[0], edges[edges.len() - 1]);
    let shown = axis.unit.shown(lo.abs().max(hi.abs()));
    let all: Vec<Vec<usize>> = samples.iter().map(|sample| counts(sample, edges)).collect();
    let place = |edge: f64| shown.place(edge, hi - lo);
    let row = |n: usize| -> Vec<String> {
        let cell = |(sample, counts): (&Sample, &Vec<usize>)| {
            let share = counts[n] as f64 / sample.values.len().max(1) as f64;
            format!("{} ({})", count(counts[n]), quantity(share, &Unit::Share))
        };
        let name = format!("{} to {}", place(edges[n]), place(edges[n + 1]));
        std::iter::once(name).chain(samples.iter().zip(&all).map(cell)).collect()
    };
    let rows = (0..edges.len() - 1).map(row).collect();
    let mut table =
        Table::cleaned(title, &sample_header(&shown.titled(&axis.title), samples), rows);
    for sample in samples.iter().filter(|sample| !sample.quantiles.is_empty()) {
        let text =
            |mark: &QuantileMark| format!("{} {}", mark.name(), quantity(mark.value, &axis.unit));
        let marks: Vec<_> = sample.quantiles.iter().map(text).collect();
        table = table.with_note(format!("{} {}", sample.label, marks.join(", ")));
    }
    let n_values: usize = samples.iter().map(|sample| sample.values.len()).sum();
    table.with_note(format!("{} counted in bins", counted(n_values, "value", "values")))
}
