//! What must hold for every image: it is well-formed XML, says its title and sentence, keeps
//! within its view box, and no tick label covers another.

use roxmltree::Document;
use tokmark_plot::{
    Axis, Distribution, DistributionShape, LinePoint, LineSeries, Mode, Plot, Reading, Sample,
    Scatter, ScatterGroup, ScatterPoint, StyleSheet, SvgOptions, TimeSeries, Unit, XAxis,
};

use crate::picture;
use crate::picture::{Bounds, Words};
use crate::samples;

/// Most bytes of any image.
const MOST_BYTES: usize = 300_000;

fn options() -> Vec<SvgOptions> {
    let mut all = Vec::new();
    for (width, height) in [(320.0, 200.0), (720.0, 400.0), (1_200.0, 300.0)] {
        for draw_title in [true, false] {
            all.push(SvgOptions { width, height, draw_title, ..SvgOptions::default() });
        }
    }
    all
}

fn check_bounds(name: &str, svg: &Document) {
    let (width, height) = picture::size(svg);
    for shape in picture::shapes(svg) {
        if let Some(Bounds(left, top, right, bottom)) = picture::bounds(&shape) {
            let is_inside = left >= 0.0 && top >= 0.0 && right <= width && bottom <= height;
            assert!(is_inside, "{name}: {shape:?} in {width} x {height}");
        }
    }
}

fn check_ticks(name: &str, svg: &Document) {
    let ticks: Vec<Words> = picture::all_words(svg).into_iter().filter(|w| w.is_muted).collect();
    for (n, one) in ticks.iter().enumerate() {
        for other in &ticks[..n] {
            let (a, b) = (one.bounds, other.bounds);
            let overlaps = a.0 < b.2 && b.0 < a.2 && a.1 < b.3 && b.1 < a.3;
            assert!(!overlaps, "{name}: {} covers {}", one.text, other.text);
        }
    }
}

#[test]
fn every_image_is_well_formed_and_keeps_within_its_view_box() {
    for (name, plot) in samples::all() {
        for options in options() {
            let text = plot.svg(&options);
            let svg = Document::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            check_bounds(name, &svg);
            check_ticks(name, &svg);
            assert!(text.len() < MOST_BYTES, "{name} has {} bytes", text.len());
        }
    }
}

#[test]
fn every_image_says_its_title_and_sentence() {
    for (name, plot) in samples::all() {
        let text = plot.svg(&SvgOptions::default());
        let svg = Document::parse(&text).unwrap();
        let root = svg.root_element();
        assert_eq!(root.attribute("role"), Some("img"), "{name}");
        let named: Vec<_> = root
            .attribute("aria-labelledby")
            .unwrap()
            .split(' ')
            .map(|id| root.children().find(|node| node.attribute("id") == Some(id)).unwrap())
            .map(|node| (node.tag_name().name().to_owned(), node.text().unwrap().to_owned()))
            .collect();
        let expected = [("title", plot.title()), ("desc", plot.sentence())];
        assert_eq!(named, expected.map(|(tag, text)| (tag.to_owned(), text.to_owned())), "{name}");
    }
}

#[test]
fn no_image_has_a_script_an_address_or_markup_from_a_label() {
    for (name, plot) in samples::all() {
        let text = plot.svg(&SvgOptions::default());
        let svg = Document::parse(&text).unwrap();
        let allowed =
            ["svg", "title", "desc", "style", "defs", "pattern", "rect", "path", "g", "text"];
        for node in svg.descendants().filter(|node| node.is_element()) {
            assert!(allowed.contains(&node.tag_name().name()), "{name}: {node:?}");
            let is_event = |name: &str| name.starts_with("on") || name.contains("href");
            assert!(!node.attributes().any(|attribute| is_event(attribute.name())), "{name}");
        }
        assert_eq!(text.matches("http").count() - text.matches("http 429").count(), 1, "{name}");
    }
}

#[test]
fn ids_are_used_once_and_references_lead_to_them() {
    for (name, plot) in samples::all() {
        let text = plot.svg(&SvgOptions { id: Some("a b".to_owned()), ..SvgOptions::default() });
        let svg = Document::parse(&text).unwrap();
        let mut ids: Vec<_> = svg.descendants().filter_map(|node| node.attribute("id")).collect();
        assert!(ids.iter().all(|id| id.starts_with("tp-ab-")), "{name}: {ids:?}");
        for fill in svg.descendants().filter_map(|node| node.attribute("fill")) {
            if let Some(id) = fill.strip_prefix("url(#").and_then(|rest| rest.strip_suffix(')')) {
                assert!(ids.contains(&id), "{name}: {id}");
            }
        }
        let n = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), n, "{name}");
    }
}

#[test]
fn series_differ_by_dash_or_marker_and_bars_by_pattern() {
    let text = samples::many_series().svg(&SvgOptions::default());
    let svg = Document::parse(&text).unwrap();
    let mut signs: Vec<(String, String)> = Vec::new();
    for group in svg.descendants().filter(|node| node.has_tag_name("g")) {
        let paths: Vec<_> = group.children().filter(|node| node.has_tag_name("path")).collect();
        if let [line, marker] = paths.as_slice() {
            let dash = line.attribute("stroke-dasharray").unwrap_or("").to_owned();
            let shape = marker.attribute("d").unwrap().split_once('m').unwrap().1.to_owned();
            signs.push((dash, shape));
        }
    }
    assert_eq!(signs.len(), 24);
    signs.sort_unstable();
    signs.dedup();
    assert_eq!(signs.len(), 24);

    let bars = samples::bars().svg(&SvgOptions::default());
    assert!(bars.contains("fill=\"currentColor\"") && bars.contains("fill=\"url(#"));
}

#[test]
fn a_cut_label_has_the_whole_as_a_tooltip() {
    let svg = samples::bars().svg(&SvgOptions::default());
    let whole = "A model whose name is much longer than the room";
    assert!(svg.contains(&format!("…<title>{whole}</title>")));
}

#[test]
fn modes_and_style_sheets_are_as_asked() {
    let plot = samples::one_point();
    let svg =
        |mode, style_sheet| plot.svg(&SvgOptions { mode, style_sheet, ..SvgOptions::default() });
    assert!(svg(Mode::Reader, StyleSheet::Own).contains("prefers-color-scheme:dark"));
    assert!(!svg(Mode::Reader, StyleSheet::Page).contains("<style>"));
    for (mode, background, other) in
        [(Mode::Light, "#ffffff", "#14171c"), (Mode::Dark, "#14171c", "#ffffff")]
    {
        for style_sheet in [StyleSheet::Own, StyleSheet::Page] {
            let text = svg(mode, style_sheet);
            assert!(text.contains(&format!(" style=\"--tp-background:{background};")));
            assert!(text.contains(&format!("fill=\"{background}\"")) && !text.contains(other));
            assert_eq!(text.contains("<style>"), style_sheet == StyleSheet::Own);
        }
    }
}

#[test]
fn sizes_that_make_no_sense_are_bounded() {
    let plot = samples::latency_against_load();
    for size in [f64::NAN, f64::INFINITY, -5.0, 0.0, 1e30] {
        let text = plot.svg(&SvgOptions { width: size, height: size, ..SvgOptions::default() });
        let svg = Document::parse(&text).unwrap();
        check_bounds("bounded", &svg);
    }
}

fn huge_series(n: usize) -> Vec<LinePoint> {
    let mut numbers = samples::Numbers(3);
    let point = |x| {
        let value = 50.0 + 10.0 * numbers.next();
        LinePoint { x: f64::from(x), reading: Reading::within(value, value - 3.0, value + 3.0) }
    };
    (0..n as u32).map(point).collect()
}

/// Plots of so many values.
fn huge(n: usize) -> Vec<Plot> {
    let mut numbers = samples::Numbers(4);
    let values: Vec<f64> = (0..n).map(|_| numbers.latency(0.05, 0.1)).collect();
    let value = Axis::linear("TTFT", Unit::Seconds);
    let axis = || Axis::linear("Rate", Unit::symbol("tok/s"));
    let distribution = |shape| {
        let sample = |label: &str| Sample {
            label: label.to_owned(),
            values: values.clone(),
            quantiles: Vec::new(),
        };
        let samples = vec![sample("a"), sample("b")];
        Distribution { title: "t".to_owned(), value: value.clone(), samples, shape }.plot().unwrap()
    };
    let points = values.chunks(2).filter_map(|pair| match pair {
        [x, y] => Some(ScatterPoint { x: *x, y: *y, label: "p".to_owned() }),
        _ => None,
    });
    let group = ScatterGroup { label: String::new(), points: points.collect(), connected: false };
    let series = LineSeries { label: String::new(), points: huge_series(n) };
    vec![
        distribution(DistributionShape::Cumulative),
        distribution(DistributionShape::Histogram),
        Scatter { title: "t".to_owned(), x: axis(), y: axis(), groups: vec![group] }
            .plot()
            .unwrap(),
        TimeSeries {
            title: "t".to_owned(),
            x: XAxis::Numeric(Axis::linear("Time", Unit::Seconds)),
            y: axis(),
            series: vec![series],
            intervals: String::new(),
            marks: Vec::new(),
        }
        .plot()
        .unwrap(),
        samples::timeline(n),
    ]
}

#[test]
fn images_of_a_hundred_thousand_values_stay_small() {
    for (n, plot) in huge(100_000).into_iter().enumerate() {
        let text = plot.svg(&SvgOptions::default());
        let svg = Document::parse(&text).unwrap();
        assert!(text.len() < MOST_BYTES, "{n}: {} bytes", text.len());
        let n_elements = picture::shapes(&svg).count();
        assert!(n_elements < 3_000, "{n}: {n_elements} elements");
        check_bounds("huge", &svg);
        check_ticks("huge", &svg);
        let said = plot.table().notes().join(" ");
        assert!(plot.table().rows().len() <= 200, "{n}");
        assert!(
            ["100,000", "50,000", "200,000"].iter().any(|all| said.contains(all)),
            "{n}: {said}"
        );
    }
}
