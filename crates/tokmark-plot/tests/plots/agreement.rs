//! Image, terminal, table and sentence say the same.

use proptest::prelude::*;
use tokmark_plot::{
    Axis, AxisKind, DistributionShape, DrawingData, LinePoint, LineSeries, Lines, Plot, Reading,
    SpanData, SvgOptions, TerminalOptions, Unit, XAxis,
};

use crate::samples;

/// What a reader of each rendering meets: image, terminal, table.
fn renderings(plot: &Plot) -> [(&'static str, String); 3] {
    [
        ("image", plot.svg(&SvgOptions::default())),
        ("terminal", plot.terminal(&TerminalOptions::new(120, 40))),
        ("table", plot.table().text()),
    ]
}

#[test]
fn every_rendering_names_all_series_and_categories() {
    let named: [(Plot, &[&str]); 5] = [
        (samples::latency_against_load(), &["p50", "p90", "p99"]),
        (samples::distribution(DistributionShape::Cumulative, 50), &["chat", "rag"]),
        (samples::distribution(DistributionShape::Histogram, 50), &["chat", "rag"]),
        (samples::trade_off(), &["llama-server", "vLLM", "x 16", "x 64"]),
        (samples::bars(), &["CPU", "Vulkan", "Qwen3 0.6B Q8_0", "Llama 3.2 1B Q4_K_M"]),
    ];
    for (plot, names) in named {
        for (rendering, text) in renderings(&plot) {
            for name in names {
                assert!(text.contains(name), "{name} is not in the {rendering}:\n{text}");
            }
        }
    }
}

#[test]
fn every_rendering_says_what_is_missing_and_why() {
    for (rendering, text) in renderings(&samples::latency_against_load()) {
        assert!(text.contains("all requests timed out"), "{rendering}:\n{text}");
    }
    for (rendering, text) in renderings(&samples::bars()) {
        assert!(text.contains("no data: out of memory"), "{rendering}:\n{text}");
    }
    assert!(samples::latency_against_load().sentence().contains("all requests timed out"));
    assert!(samples::bars().sentence().contains("1 without data"));
}

#[test]
fn the_same_figures_stand_in_image_table_and_sentence() {
    let plot = samples::latency_against_load();
    assert!(plot.svg(&SvgOptions::default()).contains("<title>p50: 16 requests, 410 ms</title>"));
    assert_eq!(plot.table().header()[1], "p50 (ms)");
    assert_eq!(plot.table().rows()[4][..2], ["16", "410 (385 to 451)"]);
    assert!(plot.sentence().contains("to 410 ms at 16"), "{}", plot.sentence());
}

#[test]
fn series_are_given_away_in_the_units_of_the_table() {
    let plot = samples::latency_against_load();
    let DrawingData::Field(field) = plot.data().drawing else { panic!("{:?}", plot.data()) };
    assert_eq!((field.x.kind, field.x.unit.as_str()), (AxisKind::Log, "requests"));
    assert_eq!((field.y.title.as_str(), field.y.unit.as_str()), ("TTFT (ms)", "ms"));
    assert_eq!(plot.table().rows()[4][..2], ["16", "410 (385 to 451)"]);
    let first = &field.series[0];
    assert_eq!((first.label.as_str(), first.lines[0][4]), ("p50", (16.0, 410.0)));
    assert_eq!(first.bands[0][4], (16.0, 385.4, 451.0));
    assert_eq!((first.lines.len(), first.lines[0].len(), first.thinned), (1, 5, false));
    let guide = &field.guides[0];
    assert_eq!((guide.at, guide.label.as_str()), (300.0, "service level 300 ms"));
    assert_eq!(plot.data().notes, plot.notes());
    let labels: Vec<&str> = field.y.ticks.iter().map(|(_, label)| label.as_str()).collect();
    assert!(labels.contains(&"0") && labels.contains(&"600"), "{labels:?}");
    assert!(field.y.ticks.iter().all(|(at, _)| (field.y.low..=field.y.high).contains(at)));
}

#[test]
fn bars_are_given_away_with_interval_and_reason() {
    let DrawingData::Rows(rows) = samples::bars().data().drawing else { panic!("no rows") };
    let names: Vec<&str> = rows.patterns.iter().map(|one| one.label.as_str()).collect();
    assert_eq!(names, ["CPU", "Vulkan"]);
    let vulkan = &rows.groups[0].rows[1];
    assert_eq!(vulkan.spans, [SpanData { from: 0.0, to: 180.0, pattern: 1 }]);
    assert_eq!((vulkan.whisker, vulkan.text.as_str()), (Some((171.0, 190.8)), "180 tok/s"));
    assert_eq!(rows.groups[2].rows[1].text, "no data: out of memory");
    let DrawingData::Rows(memory) = samples::plain_bars().data().drawing else { panic!("no rows") };
    assert_eq!((memory.x.unit.as_str(), memory.groups[0].rows[0].spans[0].to), ("GB", 3.4));
}

#[test]
fn instants_are_given_away_as_seconds_and_names_as_indexes() {
    let DrawingData::Field(field) = samples::history(40).data().drawing else {
        panic!("no series")
    };
    assert_eq!((field.x.kind, field.x.unit.as_str()), (AxisKind::Utc, ""));
    assert_eq!(field.series[0].lines[0][0].0, 1_740_787_200.0);
    assert_eq!(field.series[0].whiskers.len(), 40);
    assert!(field.guides.iter().all(|guide| guide.upright));
    let DrawingData::Field(field) = samples::ordinal_lines().data().drawing else {
        panic!("no series")
    };
    assert_eq!((field.x.kind, field.x.names.len(), field.x.ticks.len()), (AxisKind::Names, 4, 4));
    assert_eq!(field.series[1].lines[0][2], (2.0, 104.0));
}

#[test]
fn every_request_with_an_error_is_marked_alike() {
    let plot = samples::timeline(24);
    let n_errors = samples::spans(24).iter().filter(|span| span.error.is_some()).count();
    assert_eq!(n_errors, 3);
    let image = plot.svg(&SvgOptions::default());
    let n_crosses = image.matches("<title>http 429</title>").count()
        + image.matches("<title>broken stream</title>").count();
    let terminal = plot.terminal(&TerminalOptions::new(120, 40));
    assert_eq!(n_crosses, n_errors);
    assert_eq!(terminal.matches("✗ http 429").count() + terminal.matches("✗ broken").count(), 3);
    assert_eq!(plot.table().rows().iter().filter(|row| row[6] != "ok").count(), n_errors);
    assert!(plot.sentence().contains("3 with an error"));
}

#[test]
fn what_was_left_out_is_said_below_the_picture() {
    for (rendering, text) in renderings(&samples::timeline(5_000)).into_iter().take(2) {
        assert!(text.contains("119 of 5,000 requests drawn"), "{rendering}");
    }
    let short = samples::timeline(24).terminal(&TerminalOptions::new(100, 14));
    assert!(short.contains("of 24 rows shown here"), "{short}");
    assert_eq!(short.matches("✗ ").count(), 1 + 2, "the legend and a third of six rows");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn lines_have_a_row_of_the_table_for_each_place(
        first in prop::collection::vec(0..500_u32, 1..400),
        second in prop::collection::vec(0..500_u32, 0..20),
    ) {
        let series = |places: &[u32]| LineSeries {
            label: String::new(),
            points: places
                .iter()
                .map(|x| LinePoint { x: f64::from(*x), reading: Reading::value(1.0) })
                .collect(),
        };
        let plot = Lines {
            title: "t".to_owned(),
            x: XAxis::Numeric(Axis::linear("x", Unit::Bare)),
            y: Axis::linear("y", Unit::Bare),
            series: vec![series(&first), series(&second)],
            intervals: String::new(),
            limits: Vec::new(),
        }
        .plot()
        .unwrap();
        let times = |places: &[u32], x: u32| places.iter().filter(|place| **place == x).count();
        let n: usize = (0..500).map(|x| times(&first, x).max(times(&second, x))).sum();
        let (n_rows, notes) = (plot.table().rows().len(), plot.table().notes().join(" "));
        prop_assert!(n_rows == n || notes.contains(&format!("{n_rows} of {n} rows")), "{}", notes);
    }
}
