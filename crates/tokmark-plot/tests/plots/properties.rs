//! What must hold for any finite data.

use proptest::prelude::*;
use roxmltree::Document;
use tokmark_plot::{
    Axis, BarSeries, Bars, Distribution, DistributionShape, Limit, LinePoint, LineSeries, Lines,
    Plot, QuantileMark, Reading, RequestSpan, Sample, Scatter, ScatterGroup, ScatterPoint,
    SvgOptions, TerminalOptions, TimeMark, TimeSeries, Timeline, Unit, XAxis,
};

use crate::picture;
use crate::picture::Bounds;

/// Short names, markup and any characters at all. (Patterns would be parsed for each value.)
fn label() -> impl Strategy<Value = String> {
    let of = |characters: &'static str, most: usize| {
        let characters: Vec<char> = characters.chars().collect();
        prop::collection::vec(prop::sample::select(characters), 0..most)
    };
    prop_oneof![
        4 => of("abcXYZ 0129.", 13),
        1 => of("<>&\"'|\\`", 9),
        1 => of("مرحبا漢字👩\u{200D}💻\u{202E}\u{1b}\n\u{301} ", 30),
        1 => prop::collection::vec(any::<char>(), 0..40),
    ]
    .prop_map(|characters| characters.into_iter().collect())
}

/// Any size, some of them equal, zero, tiny or huge.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -1e3..1e3,
        2 => prop_oneof![Just(0.0), Just(1.0), Just(-1.0), Just(1e100), Just(-1e100), Just(1e-300)],
        1 => (-100.0..100.0_f64).prop_map(|power| 10f64.powf(power)),
        1 => (-100.0..100.0_f64).prop_map(|power| -(10f64.powf(power))),
        1 => (0..9_u32).prop_map(|n| 1e9 + f64::from(n)),
    ]
}

fn positive() -> impl Strategy<Value = f64> {
    prop_oneof![3 => 1e-3..1e4, 1 => (-99.0..99.0_f64).prop_map(|power| 10f64.powf(power))]
}

fn unit() -> impl Strategy<Value = Unit> {
    prop_oneof![
        Just(Unit::Bare),
        Just(Unit::Seconds),
        Just(Unit::Bytes),
        Just(Unit::Share),
        Just(Unit::counted("request", "requests")),
        Just(Unit::symbol("tok/s")),
    ]
}

fn reading(values: impl Strategy<Value = f64>) -> impl Strategy<Value = Reading> {
    (values, 0.0..1.0_f64, 0..6_u8, label()).prop_map(|(value, share, kind, reason)| match kind {
        0 => Reading::missing(reason),
        1 | 2 => {
            let spread = (value.abs() * share * 0.5).min(1e99);
            let (lower, upper) = (value - spread, value + spread);
            if upper.abs() > 1e100 || lower.abs() > 1e100 {
                Reading::value(value)
            } else {
                Reading::within(value, lower, upper)
            }
        }
        _ => Reading::value(value),
    })
}

fn x_axis() -> impl Strategy<Value = (XAxis, BoxedStrategy<f64>)> {
    prop_oneof![
        (label(), unit(), any::<bool>()).prop_map(|(title, unit, from_zero)| {
            let axis = Axis { from_zero, ..Axis::linear(title, unit) };
            (XAxis::Numeric(axis), value().boxed())
        }),
        (label(), unit()).prop_map(|(title, unit)| {
            (XAxis::Numeric(Axis::log(title, unit)), positive().boxed())
        }),
        (label(), prop::collection::vec(label(), 1..40)).prop_map(|(title, labels)| {
            let places = (0..labels.len()).prop_map(|n| n as f64).boxed();
            (XAxis::Ordinal { title, labels }, places)
        }),
        (label(), -6e10..2e11, prop::sample::select(vec![0.5, 60.0, 1e5, 1e7, 5e10])).prop_map(
            |(title, start, range)| { (XAxis::Utc { title }, (start..start + range).boxed()) }
        ),
    ]
}

fn series(places: BoxedStrategy<f64>) -> impl Strategy<Value = Vec<LineSeries>> {
    let point = (places, reading(value())).prop_map(|(x, reading)| LinePoint { x, reading });
    let points = prop::collection::vec(point, 0..80);
    let one = (label(), points).prop_map(|(label, points)| LineSeries { label, points });
    prop::collection::vec(one, 0..6)
}

fn lines() -> impl Strategy<Value = Plot> {
    let axes = (x_axis(), label(), unit());
    axes.prop_flat_map(|((x, places), title, unit)| {
        let y = Axis::linear(title.clone(), unit);
        let marks = prop::collection::vec((places.clone(), label()), 0..3);
        (Just((x, y, title)), series(places), marks, any::<bool>())
    })
    .prop_map(|((x, y, title), series, marks, is_history)| {
        let intervals = String::new();
        if is_history {
            let mark = |(x, label)| TimeMark { x, label };
            let marks = marks.into_iter().map(mark).collect();
            return TimeSeries { title, x, y, series, intervals, marks }.plot().unwrap();
        }
        let limit = |(value, label)| Limit { label, value };
        let limits = marks.into_iter().map(limit).collect();
        Lines { title, x, y, series, intervals, limits }.plot().unwrap()
    })
}

fn distributions() -> impl Strategy<Value = Plot> {
    let sample = (label(), prop::collection::vec(positive(), 0..200), any::<bool>());
    let sample = sample.prop_map(|(label, values, with_median)| {
        let median = values.iter().copied().reduce(f64::min).filter(|_| with_median);
        let quantiles =
            median.map(|value| QuantileMark { level: 0.5, value }).into_iter().collect();
        Sample { label, values, quantiles }
    });
    (label(), unit(), prop::collection::vec(sample, 0..5), any::<bool>(), any::<bool>()).prop_map(
        |(title, unit, samples, is_log, is_histogram)| {
            let value = if is_log { Axis::log("value", unit) } else { Axis::linear("value", unit) };
            let shape = if is_histogram {
                DistributionShape::Histogram
            } else {
                DistributionShape::Cumulative
            };
            Distribution { title, value, samples, shape }.plot().unwrap()
        },
    )
}

fn scatters() -> impl Strategy<Value = Plot> {
    let point = (value(), value(), label()).prop_map(|(x, y, label)| ScatterPoint { x, y, label });
    let group = (label(), prop::collection::vec(point, 0..40), any::<bool>())
        .prop_map(|(label, points, connected)| ScatterGroup { label, points, connected });
    (label(), unit(), unit(), prop::collection::vec(group, 0..4)).prop_map(
        |(title, x, y, groups)| {
            let (x, y) = (Axis::linear("x", x), Axis::linear("y", y));
            Scatter { title, x, y, groups }.plot().unwrap()
        },
    )
}

fn bars() -> impl Strategy<Value = Plot> {
    (0..40_usize, 0..4_usize).prop_flat_map(|(n, n_series)| {
        let names = prop::collection::vec(label(), n);
        let one = (label(), prop::collection::vec(reading(value()), n));
        let one = one.prop_map(|(label, readings)| BarSeries { label, readings });
        (label(), unit(), names, prop::collection::vec(one, n_series)).prop_map(
            |(title, unit, categories, series)| {
                let (category, value) = ("Model".to_owned(), title.clone());
                let intervals = String::new();
                Bars { title, category, value, unit, categories, series, intervals }.plot().unwrap()
            },
        )
    })
}

fn timelines() -> impl Strategy<Value = Plot> {
    let gaps = prop::array::uniform5(prop::option::of(0.0..5.0_f64));
    let request = (label(), 0.0..1e4_f64, gaps, prop::option::of(label()));
    let request = request.prop_map(|(label, start, gaps, error)| {
        let mut at = start;
        let instants = gaps.map(|gap| {
            at += gap.unwrap_or(0.0);
            gap.map(|_| at)
        });
        let [due_s, sent_s, first_text_s, last_text_s, end_s] = instants;
        RequestSpan { label, due_s, sent_s, first_text_s, last_text_s, end_s, error }
    });
    (label(), prop::collection::vec(request, 0..200)).prop_map(|(title, requests)| {
        Timeline { title, requests, at_least_s: None }.plot().unwrap()
    })
}

fn plots() -> impl Strategy<Value = Plot> {
    prop_oneof![lines(), distributions(), scatters(), bars(), timelines()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_image_is_well_formed_and_keeps_within_its_view_box(
        plot in plots(),
        width in 0.0..1_500.0_f64,
        height in 0.0..900.0_f64,
    ) {
        let text = plot.svg(&SvgOptions { width, height, ..SvgOptions::default() });
        let svg = Document::parse(&text).unwrap();
        let (width, height) = picture::size(&svg);
        for shape in picture::shapes(&svg) {
            if let Some(Bounds(left, top, right, bottom)) = picture::bounds(&shape) {
                let is_inside = left >= 0.0 && top >= 0.0 && right <= width && bottom <= height;
                prop_assert!(is_inside, "{:?} in {} x {}", shape, width, height);
            }
        }
        let ticks: Vec<_> =
            picture::all_words(&svg).into_iter().filter(|words| words.is_muted).collect();
        for (n, one) in ticks.iter().enumerate() {
            for other in &ticks[..n] {
                let (a, b) = (one.bounds, other.bounds);
                let overlaps = a.0 < b.2 && b.0 < a.2 && a.1 < b.3 && b.1 < a.3;
                prop_assert!(!overlaps, "{} covers {}", one.text, other.text);
            }
        }
    }

    #[test]
    fn any_terminal_is_filled_within_its_room(
        plot in plots(),
        width in 0..140_usize,
        height in 0..50_usize,
    ) {
        let room = TerminalOptions::new(width, height);
        for (options, is_ascii) in [(room, false), (room.ascii(), true)] {
            let text = plot.terminal(&options);
            prop_assert!(text.lines().count() <= height);
            for line in text.lines() {
                let columns = unicode_width::UnicodeWidthStr::width(line);
                prop_assert!(columns <= width, "{} in {}: {:?}", columns, width, line);
                prop_assert!(!line.contains(char::is_control));
                prop_assert!(!is_ascii || line.is_ascii(), "{:?}", line);
            }
        }
    }

    #[test]
    fn any_table_has_even_rows_and_its_html_is_well_formed(plot in plots()) {
        let table = plot.table();
        prop_assert!(table.rows().iter().all(|row| row.len() == table.header().len()));
        let html = table.html().replace("<br>", "<br/>");
        let html = Document::parse(&html).unwrap();
        let n_rows = html.descendants().filter(|node| node.has_tag_name("tr")).count();
        prop_assert_eq!(n_rows, table.rows().len() + 1);
        prop_assert!(table.markdown().lines().count() >= table.rows().len() + 4);
    }

    #[test]
    fn a_sentence_is_one_line_that_ends(plot in plots()) {
        let sentence = plot.sentence();
        prop_assert!(sentence.ends_with('.') && !sentence.contains(char::is_control));
        prop_assert!(!sentence.contains("NaN") && !sentence.contains("inf"));
    }

    #[test]
    fn bars_have_a_row_of_the_table_for_each_category(
        values in prop::collection::vec(value(), 1..400),
    ) {
        let n = values.len();
        let plot = Bars {
            title: "t".to_owned(),
            category: "c".to_owned(),
            value: "v".to_owned(),
            unit: Unit::Bare,
            categories: (0..n).map(|n| n.to_string()).collect(),
            series: vec![BarSeries {
                label: String::new(),
                readings: values.into_iter().map(Reading::value).collect(),
            }],
            intervals: String::new(),
        }
        .plot()
        .unwrap();
        let (n_rows, notes) = (plot.table().rows().len(), plot.table().notes().join(" "));
        prop_assert!(n_rows == n || notes.contains(&format!("{n_rows} of {n} rows")), "{}", notes);
    }
}
