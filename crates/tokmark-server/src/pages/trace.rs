//! What happened during a test, over its time.

use tokmark_model::{Nanos, Noise, Record, Repetition, Serving, TimelinePoint};
use tokmark_plot::{Axis, LinePoint, LineSeries, Lines, Plot, Reading, TimeSeries, Unit, XAxis};

/// Repetitions whose tokens are drawn.
const TRACES: usize = 8;

/// Points of a line; of more, neighbours are drawn as one, their mean.
const MAX_POINTS: usize = 2_000;

/// Seconds, and what was read then.
type Readings = Vec<(f64, Option<f64>)>;

/// The rate of each repetition.
pub(super) fn rates(record: &Record) -> Option<Plot> {
    let tokens = record.test.n_tokens().get() as f64;
    let rate = |sample: &Repetition| Some(tokens / sample.duration_ns.as_secs_f64().max(1e-12));
    let series = vec![("rate", of_repetitions(record, rate))];
    over_time("Rate of each repetition", Axis::linear("Rate", Unit::symbol("tok/s")), series)
}

/// What of the processors others took during each repetition, and what the test waited for.
pub(super) fn noise(record: &Record) -> Option<Plot> {
    type Cores = fn(&Noise) -> Option<f64>;
    let parts: [(&str, Cores); 4] = [
        ("other processes", |noise| noise.other_cores),
        ("stolen by the hypervisor", |noise| share(noise.steal_ns, noise)),
        ("throttled by the quota", |noise| share(noise.cgroup_throttled_ns, noise)),
        ("waiting for a processor", |noise| share(noise.run_delay_ns, noise)),
    ];
    let series = parts.map(|(name, cores)| {
        (name, of_repetitions(record, |sample| sample.noise.as_ref().and_then(cores)))
    });
    let axis = Axis::linear("Cores", Unit::counted("core", "cores"));
    over_time("What the machine did meanwhile", axis, series.into())
}

/// Part of the wall time.
fn share(time: Option<Nanos>, noise: &Noise) -> Option<f64> {
    let wall = noise.wall_ns.as_secs_f64();
    Some(time?.as_secs_f64() / wall).filter(|share| share.is_finite())
}

fn of_repetitions(record: &Record, value: impl Fn(&Repetition) -> Option<f64>) -> Readings {
    record.samples.iter().map(|own| (own.start_ns.as_secs_f64(), value(own))).collect()
}

/// A line for each series of which anything is known.
fn over_time(title: &str, y: Axis, series: Vec<(&str, Readings)>) -> Option<Plot> {
    let point = |(x, value): (f64, Option<f64>)| LinePoint {
        x,
        reading: value.map_or_else(|| Reading::missing("not read"), Reading::value),
    };
    let longest = series.iter().map(|(_, points)| points.len()).max().unwrap_or(0);
    let series: Vec<LineSeries> = series
        .into_iter()
        .map(|(label, points)| (label, thinned(points)))
        .filter(|(_, points)| points.iter().any(|(_, value)| value.is_some()))
        .map(|(label, points)| LineSeries {
            label: label.to_owned(),
            points: points.into_iter().map(point).collect(),
        })
        .collect();
    if series.is_empty() {
        return None;
    }
    let x = XAxis::Numeric(Axis::linear("Since the beginning", Unit::Seconds));
    let (title, intervals) = (title.to_owned() + &of_how_many(longest), String::new());
    TimeSeries { title, x, y, series, intervals, marks: Vec::new() }.plot().ok()
}

/// No more than [`MAX_POINTS`] of these.
fn thinned(points: Readings) -> Readings {
    let together = points.len().div_ceil(MAX_POINTS).max(1);
    if together == 1 {
        return points;
    }
    let mean = |group: &[(f64, Option<f64>)]| {
        let known: Vec<f64> = group.iter().filter_map(|(_, value)| *value).collect();
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        (group[0].0, (!known.is_empty()).then_some(mean))
    };
    points.chunks(together).map(mean).collect()
}

/// Of how many points one of [`thinned`] is made, for a title.
fn of_how_many(n: usize) -> String {
    match n.div_ceil(MAX_POINTS) {
        0 | 1 => String::new(),
        together => format!(" (each point is the mean of {together})"),
    }
}

/// The time of each token of the first repetitions.
pub(super) fn tokens(record: &Record) -> Option<Plot> {
    let traced = record.samples.iter().enumerate().filter(|(_, own)| own.token_ns.len() > 1);
    let series: Vec<LineSeries> = traced
        .take(TRACES)
        .map(|(n, sample)| LineSeries {
            label: format!("repetition {}", n + 1),
            points: {
                let numbers = (1..).map(f64::from);
                let times = sample.token_ns.iter().map(|time| Some(time.as_secs_f64()));
                let points = thinned(numbers.zip(times).collect()).into_iter();
                let point = |(x, time): (f64, Option<f64>)| LinePoint {
                    x,
                    reading: Reading::value(time.unwrap_or_default()),
                };
                points.map(point).collect()
            },
        })
        .collect();
    let longest = record.samples.iter().take(TRACES).map(|own| own.token_ns.len()).max();
    if series.is_empty() {
        return None;
    }
    let of = match (series.len(), record.samples.len()) {
        (n, all) if n == all => "each repetition".to_owned(),
        (n, _) => format!("the first {n} repetitions"),
    };
    Lines {
        title: format!("Time of each token of {of}") + &of_how_many(longest.unwrap_or(0)),
        x: XAxis::Numeric(Axis::linear("Token", Unit::counted("token", "tokens"))),
        y: Axis::linear("Time", Unit::Seconds),
        series,
        intervals: String::new(),
        limits: Vec::new(),
    }
    .plot()
    .ok()
}

/// What the server said of its requests during a load point.
pub(super) fn load(serving: &Serving) -> Option<Plot> {
    let series = vec![
        ("running", of_timeline(serving, |point| point.running)),
        ("waiting", of_timeline(serving, |point| point.waiting)),
    ];
    let axis = Axis::linear("Requests", Unit::counted("request", "requests"));
    over_time("Requests in the server", axis, series)
}

/// Cores that were busy on the client's machine during a load point.
pub(super) fn cores(serving: &Serving) -> Option<Plot> {
    let series = vec![
        ("the whole machine", of_timeline(serving, |point| point.busy_cores)),
        ("the client", of_timeline(serving, |point| point.client_cores)),
        ("taken by the hypervisor", of_timeline(serving, |point| point.stolen_cores)),
    ];
    let axis = Axis::linear("Cores", Unit::counted("core", "cores"));
    over_time("Busy cores", axis, series)
}

fn of_timeline(serving: &Serving, value: impl Fn(&TimelinePoint) -> Option<f64>) -> Readings {
    serving.timeline.iter().map(|own| (own.at_ns.as_secs_f64(), value(own))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_drawn_by_means() {
        let points: Readings = (0..4_001).map(|i| (f64::from(i), Some(f64::from(i % 3)))).collect();
        let found = thinned(points.clone());
        assert_eq!((found.len(), found[1], found[1_333].1), (1_334, (3.0, Some(1.0)), Some(0.5)));
        assert_eq!(thinned(points[..2_000].to_vec()), points[..2_000]);
        assert_eq!(thinned(vec![(0.0, None); 6_000])[0], (0.0, None));
        assert_eq!(of_how_many(4_001), " (each point is the mean of 3)");
        assert_eq!(of_how_many(2_000), "");
    }
}
