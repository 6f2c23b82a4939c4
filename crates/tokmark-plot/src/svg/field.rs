//! Series over two axes.

use crate::appearance::{MARKER_RADIUS, marker};
use crate::drawing::{Field, FieldPoint, FieldSeries, Guide};
use crate::extent::{Extent, Fitted};
use crate::text::{pixels, shorten};

use super::canvas::{Anchor, Canvas, Look, notes_height, px};
use super::labels::{Area, Placed, Places};
use super::legend::{self, Sign};
use super::{EDGE, marks};

/// Least height of the area between the axes.
const LEAST_AREA: f64 = 150.0;
/// With more points than this there are no tooltips.
const MOST_TOOLTIPS: usize = 300;
/// Names of an ordinal axis are shortened, but not below this.
const LEAST_NAME: f64 = 56.0;

/// The area between the axes, with the axes fitted to it.
struct Frame {
    area: Area,
    x: Fitted,
    y: Fitted,
}

impl Frame {
    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let Area { left, top, right, bottom } = self.area;
        (left + (right - left) * self.x.share(x), bottom - (bottom - top) * self.y.share(y))
    }
}

/// Draws the field below `top`; returns the height of the image.
pub(super) fn draw(
    canvas: &mut Canvas,
    field: &Field,
    top: f64,
    height: f64,
    notes: &[String],
) -> f64 {
    let top = legend::draw(canvas, top, &names(field)) + 28.0;
    let room = canvas.width() - 2.0 * EDGE;
    let below = 46.0 + notes_height(notes, room);
    let bottom = (height - below).max(top + LEAST_AREA);
    let frame = fit(field, canvas.width(), top, bottom);
    draw_axes(canvas, &frame, &field.x);
    for (n, series) in field.series.iter().enumerate() {
        draw_areas(canvas, &frame, n, series);
    }
    draw_guides(canvas, &frame, &field.guides);
    for (n, series) in field.series.iter().enumerate() {
        draw_lines(canvas, &frame, n, series);
    }
    draw_points(canvas, &frame, field);
    let n_left_out = draw_labels(canvas, &frame, field);
    let mut end = canvas.notes(EDGE, bottom + 42.0, room, notes);
    if n_left_out > 0 {
        let labels = if n_left_out == 1 { "label" } else { "labels" };
        let note = format!("{n_left_out} {labels} left out for lack of room; see the table");
        end = canvas.notes(EDGE, end, room, &[note]);
    }
    (end + 6.0).max(height)
}

fn names(field: &Field) -> Vec<(Sign, &str)> {
    if field.series.len() < 2 {
        return Vec::new();
    }
    let sign = |(n, series): (usize, &FieldSeries)| Sign::Series {
        n,
        line: !series.lines.is_empty(),
        marker: !series.points.is_empty(),
    };
    let names = field.series.iter().map(|series| series.label.as_str());
    field.series.iter().enumerate().map(sign).zip(names).collect()
}

fn fit(field: &Field, width: f64, top: f64, bottom: f64) -> Frame {
    let apart = |axis: &Fitted| {
        let pair = |pair: &[f64]| (pair[1] - pair[0]) * (bottom - top) >= 18.0;
        let shares: Vec<f64> = axis.ticks.iter().map(|tick| axis.share(tick.at)).collect();
        shares.windows(2).all(pair)
    };
    let y = field.y.fit_where(((bottom - top) / 40.0) as usize, apart);
    let size = Look::TICK.size;
    let widest = y.ticks.iter().map(|tick| pixels(&tick.label, size)).fold(0.0, f64::max);
    let (left, right) = (EDGE + widest + 8.0, width - EDGE - 10.0);
    let x = field.x.fit_where(10, |axis| {
        let least = if field.x.is_ordinal() { LEAST_NAME } else { f64::INFINITY };
        let label = |n: usize| {
            let tick = &axis.ticks[n];
            let half = pixels(&tick.label, size).min(least) / 2.0;
            let centre = centred(left + (right - left) * axis.share(tick.at), half, width);
            (centre - half, centre + half)
        };
        (1..axis.ticks.len()).all(|n| label(n - 1).1 + 10.0 <= label(n).0)
    });
    Frame { area: Area { left, top, right, bottom }, x, y }
}

/// The centre of a label that must stay within the image.
fn centred(centre: f64, half: f64, width: f64) -> f64 {
    centre.min(width - half - 2.0).max(half + 2.0)
}

fn draw_axes(canvas: &mut Canvas, frame: &Frame, x: &Extent) {
    let Area { left, top, right, bottom } = frame.area;
    let width = canvas.width();
    let mut grid = String::new();
    for tick in &frame.y.ticks {
        let y = bottom - (bottom - top) * frame.y.share(tick.at);
        grid.push_str(&format!("M{} {}H{}", px(left), px(y), px(right)));
        canvas.text(left - 8.0, y + 4.0, Anchor::End, Look::TICK, &tick.label, left);
    }
    canvas.rules(&grid, false);
    let mut axis = format!("M{} {}H{}", px(left), px(bottom), px(right));
    let slot = (right - left) / frame.x.ticks.len().max(1) as f64 - 8.0;
    for tick in &frame.x.ticks {
        let at = left + (right - left) * frame.x.share(tick.at);
        axis.push_str(&format!("M{} {}v5", px(at), px(bottom)));
        let room = if x.is_ordinal() { slot.max(LEAST_NAME) } else { width };
        let fits = |text: &str| pixels(text, Look::TICK.size) <= room;
        let half = pixels(&shorten(&tick.label, fits), Look::TICK.size) / 2.0;
        let centre = centred(at, half, width);
        canvas.text(centre, bottom + 18.0, Anchor::Middle, Look::TICK, &tick.label, room);
    }
    canvas.rules(&axis, true);
    let title = Look { muted: false, ..Look::TICK };
    canvas.text(EDGE, top - 14.0, Anchor::Start, title, &frame.y.title, width - 2.0 * EDGE);
    canvas.text(right, bottom + 36.0, Anchor::End, title, &frame.x.title, right - EDGE);
}

fn draw_areas(canvas: &mut Canvas, frame: &Frame, n: usize, series: &FieldSeries) {
    if series.bands.is_empty() && !series.filled {
        return;
    }
    canvas.open_series(n);
    for band in &series.bands {
        let place = |&(x, lower, upper): &(f64, f64, f64)| {
            let (at, lower) = frame.at(x, lower);
            (at, lower, frame.at(x, upper).1)
        };
        let places: Vec<_> = band.iter().map(place).collect();
        let look = "fill=\"currentColor\" fill-opacity=\"0.13\" stroke=\"currentColor\" \
                    stroke-width=\"1\" stroke-dasharray=\"1 3\"";
        canvas.path(look, &marks::band(&places), "");
    }
    if series.filled {
        for line in &series.lines {
            let places = placed(frame, line);
            let path = marks::area(&places, series.steps, frame.area.bottom);
            canvas.path("fill=\"currentColor\" fill-opacity=\"0.13\"", &path, "");
        }
    }
    canvas.close();
}

fn placed(frame: &Frame, line: &[(f64, f64)]) -> Vec<(f64, f64)> {
    line.iter().map(|&(x, y)| frame.at(x, y)).collect()
}

fn draw_guides(canvas: &mut Canvas, frame: &Frame, guides: &[Guide]) {
    let Area { left, top, right, bottom } = frame.area;
    if guides.is_empty() {
        return;
    }
    canvas.open_ink();
    for guide in guides {
        let path = if guide.upright {
            let x = left + (right - left) * frame.x.share(guide.at);
            format!("M{} {}V{}", px(x), px(bottom), px(top))
        } else {
            let y = bottom - (bottom - top) * frame.y.share(guide.at);
            format!("M{} {}H{}", px(left), px(y), px(right))
        };
        let look = "fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.2\" \
                    stroke-dasharray=\"5 3\"";
        canvas.path(look, &path, &guide.label);
    }
    canvas.close();
}

fn draw_lines(canvas: &mut Canvas, frame: &Frame, n: usize, series: &FieldSeries) {
    if series.lines.is_empty() && series.whiskers.is_empty() {
        return;
    }
    canvas.open_series(n);
    for line in &series.lines {
        let path = marks::line(&placed(frame, line), series.steps);
        canvas.path(&legend::line_attributes(n), &path, "");
    }
    let whisker = |&(x, lower, upper): &(f64, f64, f64)| {
        let (at, lower) = frame.at(x, lower);
        marks::upright_whisker(at, lower, frame.at(x, upper).1)
    };
    let whiskers: String = series.whiskers.iter().map(whisker).collect();
    canvas.path("fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.4\"", &whiskers, "");
    canvas.close();
}

fn draw_points(canvas: &mut Canvas, frame: &Frame, field: &Field) {
    let n_points: usize = field.series.iter().map(|series| series.points.len()).sum();
    let look = format!("{} fill=\"currentColor\"", canvas.outline(0.8));
    for (n, series) in field.series.iter().enumerate().filter(|(_, s)| !s.points.is_empty()) {
        canvas.open_series(n);
        let path = |point: &FieldPoint| {
            let (x, y) = frame.at(point.x, point.y);
            format!("M{} {}{}", px(x), px(y), marker(n))
        };
        if n_points <= MOST_TOOLTIPS {
            for point in &series.points {
                let name = if point.label.is_empty() { &series.label } else { &point.label };
                let (x, y) = (field.x.text(point.x), field.y.text(point.y));
                let tooltip = format!("{name}: {x}, {y}");
                canvas.path(&look, &path(point), tooltip.trim_start_matches(": "));
            }
        } else {
            canvas.path(&look, &series.points.iter().map(path).collect::<String>(), "");
        }
        canvas.close();
    }
}

/// Writes the labels of points and guides; returns how many found no room.
fn draw_labels(canvas: &mut Canvas, frame: &Frame, field: &Field) -> usize {
    let area = frame.area;
    let mut places = Places::new(Area {
        left: area.left + 2.0,
        top: area.top - 6.0,
        right: canvas.width() - 4.0,
        bottom: area.bottom - 1.0,
    });
    for series in &field.series {
        for point in &series.points {
            let (x, y) = frame.at(point.x, point.y);
            places.take(Area::around(x, y, MARKER_RADIUS));
        }
        for line in &series.lines {
            for pair in placed(frame, line).windows(2) {
                let corner = if series.steps { (pair[1].0, pair[0].1) } else { pair[1] };
                places.line(pair[0], corner);
                places.line(corner, pair[1]);
            }
        }
    }
    for guide in field.guides.iter().filter(|guide| !guide.label.is_empty()) {
        let (x, y) = frame.at(guide.at, guide.at);
        if guide.upright {
            places.along_upright(x, &guide.label);
        } else {
            places.along_level(y, &guide.label);
        }
    }
    let points = field.series.iter().flat_map(|series| &series.points);
    for point in points.filter(|point| !point.label.is_empty()) {
        let (x, y) = frame.at(point.x, point.y);
        places.beside(x, y, &point.label);
    }
    let (placed, n_left_out) = places.finish();
    for label in placed {
        canvas.text(label.x, label.y, Placed::ANCHOR, Look::LABEL, &label.text, label.room);
    }
    n_left_out
}
