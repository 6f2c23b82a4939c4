//! What makes no plot, and what makes a plot that says why it is empty.

use crate::samples;
use tokmark_plot::{
    Axis, BarSeries, Bars, Distribution, DistributionShape, Limit, LinePoint, LineSeries, Lines,
    PlotError, QuantileMark, Reading, RequestSpan, Sample, Scatter, ScatterGroup, ScatterPoint,
    TimeMark, TimeSeries, Timeline, Unit, XAxis,
};

fn axis() -> Axis {
    Axis::linear("Rate", Unit::symbol("tok/s"))
}

fn lines(x: XAxis, points: Vec<LinePoint>) -> Lines {
    let series = vec![LineSeries { label: "p50".to_owned(), points }];
    let (title, intervals) = ("t".to_owned(), String::new());
    Lines { title, x, y: axis(), series, intervals, limits: Vec::new() }
}

fn at(x: f64, value: f64) -> LinePoint {
    LinePoint { x, reading: Reading::value(value) }
}

#[test]
fn no_plot_takes_a_value_that_is_no_number() {
    let numeric = XAxis::Numeric(axis());
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let is_refused = |result: Result<_, PlotError>| {
            assert!(matches!(result, Err(PlotError::NotFinite { .. })), "{result:?}");
        };
        is_refused(lines(numeric.clone(), vec![at(1.0, bad)]).plot());
        is_refused(lines(numeric.clone(), vec![at(bad, 1.0)]).plot());
        is_refused(lines(XAxis::Utc { title: String::new() }, vec![at(bad, 1.0)]).plot());
        let limits = vec![Limit { label: "limit".to_owned(), value: bad }];
        is_refused(Lines { limits, ..lines(numeric.clone(), vec![at(1.0, 1.0)]) }.plot());
        let series =
            |value| vec![LineSeries { label: String::new(), points: vec![at(1.0, value)] }];
        let history = TimeSeries {
            title: "t".to_owned(),
            x: numeric.clone(),
            y: axis(),
            series: series(1.0),
            intervals: String::new(),
            marks: vec![TimeMark { x: bad, label: "mark".to_owned() }],
        };
        is_refused(history.plot());
        is_refused(TimeSeries { series: series(bad), marks: Vec::new(), ..history }.plot());
        let sample = |values, quantiles| Distribution {
            title: "t".to_owned(),
            value: axis(),
            samples: vec![Sample { label: "a".to_owned(), values, quantiles }],
            shape: DistributionShape::Cumulative,
        };
        is_refused(sample(vec![1.0, bad], Vec::new()).plot());
        is_refused(sample(vec![1.0], vec![QuantileMark { level: 0.5, value: bad }]).plot());
        is_refused(sample(vec![1.0], vec![QuantileMark { level: bad, value: 1.0 }]).plot());
        let scatter = |x, y| Scatter {
            title: "t".to_owned(),
            x: axis(),
            y: axis(),
            groups: vec![ScatterGroup {
                label: "g".to_owned(),
                points: vec![ScatterPoint { x, y, label: String::new() }],
                connected: false,
            }],
        };
        is_refused(scatter(bad, 1.0).plot());
        is_refused(scatter(1.0, bad).plot());
        is_refused(bars(vec![Reading::value(bad)]).plot());
        is_refused(bars(vec![Reading::within(1.0, bad, 2.0)]).plot());
        let request = RequestSpan { sent_s: Some(bad), ..RequestSpan::default() };
        is_refused(
            Timeline { title: "t".to_owned(), requests: vec![request], at_least_s: None }.plot(),
        );
    }
}

fn bars(readings: Vec<Reading>) -> Bars {
    Bars {
        title: "t".to_owned(),
        category: "Model".to_owned(),
        value: "Rate".to_owned(),
        unit: Unit::Bare,
        categories: vec!["a".to_owned()],
        series: vec![BarSeries { label: "s".to_owned(), readings }],
        intervals: String::new(),
    }
}

#[test]
fn a_quantile_has_a_level_from_zero_to_one() {
    let sample = |level| Distribution {
        title: "t".to_owned(),
        value: axis(),
        samples: vec![Sample {
            label: "chat".to_owned(),
            values: vec![1.0],
            quantiles: vec![QuantileMark { level, value: 1.0 }],
        }],
        shape: DistributionShape::Cumulative,
    };
    assert!(sample(1.0).plot().is_ok());
    let error = sample(99.0).plot().unwrap_err().to_string();
    assert_eq!(error, "the level of a quantile of chat is 9.9e1; this axis shows 0e0 to 1e0");
}

#[test]
fn bars_need_a_reading_for_each_category() {
    let error = bars(vec![Reading::value(1.0), Reading::value(2.0)]).plot().unwrap_err();
    assert_eq!(error.to_string(), "s has 2 readings for 1 categories");
}

#[test]
fn more_series_than_can_be_told_apart_are_refused() {
    let one = LineSeries { label: "a".to_owned(), points: vec![at(1.0, 1.0)] };
    let plot = |n| Lines { series: vec![one.clone(); n], ..lines(XAxis::Numeric(axis()), vec![]) };
    assert!(plot(24).plot().is_ok());
    assert_eq!(plot(25).plot().unwrap_err(), PlotError::TooManySeries { n: 25, most: 24 });
    let series = vec![BarSeries { label: String::new(), readings: vec![Reading::value(1.0)] }; 7];
    let error = Bars { series, ..bars(vec![]) }.plot().unwrap_err();
    assert_eq!(
        error.to_string(),
        "7 series or limits, of which at most 6 can be told apart; make several plots"
    );
}

#[test]
fn the_instants_of_a_request_follow_each_other() {
    let request = |due_s, sent_s, first_text_s| RequestSpan {
        label: "17".to_owned(),
        due_s: Some(due_s),
        sent_s: Some(sent_s),
        first_text_s: Some(first_text_s),
        ..RequestSpan::default()
    };
    let plot = |request| {
        Timeline { title: "t".to_owned(), requests: vec![request], at_least_s: None }.plot()
    };
    assert!(plot(request(1.0, 0.9, 1.1)).is_ok(), "sent before it was due");
    let error = plot(request(1.0, 1.1, 1.05)).unwrap_err().to_string();
    assert_eq!(error, "request 17: first text comes before sent");
}

#[test]
fn a_plot_without_data_says_why() {
    let x = || XAxis::Numeric(axis());
    let missing = LinePoint { x: 1.0, reading: Reading::missing("connection refused") };
    let why = |plot: Result<tokmark_plot::Plot, PlotError>| {
        let plot = plot.unwrap();
        assert!(plot.svg(&Default::default()).contains("No data"));
        assert!(plot.terminal(&tokmark_plot::TerminalOptions::new(60, 10)).contains("No data"));
        assert_eq!(plot.table().rows().len(), 1);
        plot.sentence().to_owned()
    };
    assert_eq!(why(lines(x(), vec![missing]).plot()), "No data: connection refused.");
    assert_eq!(why(lines(x(), vec![]).plot()), "No data: no points were given.");
    assert_eq!(why(bars(vec![Reading::missing("skipped")]).plot()), "No data: skipped.");
    let timeline = Timeline {
        title: "t".to_owned(),
        requests: vec![RequestSpan::default()],
        at_least_s: None,
    };
    assert_eq!(why(timeline.plot()), "No data: no requests were given.");
    let scatter = Scatter { title: "t".to_owned(), x: axis(), y: axis(), groups: Vec::new() };
    assert_eq!(why(scatter.plot()), "No data: no points were given.");
    let (value, shape) = (axis(), DistributionShape::Histogram);
    let distribution =
        Distribution { title: "t".to_owned(), value, samples: vec![Sample::default()], shape };
    assert_eq!(why(distribution.plot()), "No data: no values were given.");
}

#[test]
fn what_was_thinned_is_said_and_errors_are_kept() {
    let plot = samples::timeline(5_000);
    let n_errors = samples::spans(5_000).iter().filter(|r| r.error.is_some()).count();
    assert!(plot.notes()[0].starts_with("119 of 5,000 requests drawn"), "{:?}", plot.notes());
    assert!(plot.notes()[0].ends_with(&format!("of {n_errors} errors")), "{:?}", plot.notes());
    assert!(plot.sentence().contains(&format!("{n_errors} with an error")), "{}", plot.sentence());
    let failed = plot.table().rows().iter().filter(|row| row[6] != "ok").count();
    assert!(failed >= 40);
}
