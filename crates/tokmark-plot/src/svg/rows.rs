//! Rows along one axis.

use crate::drawing::{Group, Row, Rows};
use crate::extent::Fitted;
use crate::text::pixels;

use super::canvas::{Anchor, Canvas, Look, px};
use super::legend::{self, CROSS_ATTRIBUTES, Sign, cross};
use super::{EDGE, marks};

/// Height of a bar with text, with the gap below it.
const BAR: f64 = 22.0;
/// Gap between groups of several rows.
const GROUP_GAP: f64 = 8.0;
/// Height that rows without text share, where each is between the least and the most.
const SHARED: f64 = 420.0;
const LEAST_ROW: f64 = 4.0;
const MOST_ROW: f64 = 18.0;
/// Least distance of labels.
const LABEL: f64 = 14.0;

/// Where things stand.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    row: f64,
    gap: f64,
    x: Fitted,
}

impl Frame {
    fn at(&self, value: f64) -> f64 {
        self.left + (self.right - self.left) * self.x.share(value)
    }
}

/// Draws the rows below `top`; returns the height of the image.
pub(super) fn draw(canvas: &mut Canvas, rows: &Rows, top: f64, notes: &[String]) -> f64 {
    canvas.patterns(rows.patterns.iter().map(|pattern| pattern.style));
    let top = legend::draw(canvas, top, &names(rows)) + 6.0;
    let frame = fit(canvas, rows, top);
    draw_axis(canvas, &frame);
    draw_spans(canvas, &frame, rows);
    let mut y = frame.top;
    let mut last_label = f64::NEG_INFINITY;
    for group in &rows.groups {
        draw_group_label(canvas, &frame, group, y, &mut last_label);
        for row in &group.rows {
            draw_ends(canvas, &frame, row, y + frame.row / 2.0, rows.has_text());
            y += frame.row;
        }
        y += frame.gap;
    }
    let room = canvas.width() - 2.0 * EDGE;
    canvas.notes(EDGE, frame.bottom + 44.0, room, notes) + 6.0
}

fn names(rows: &Rows) -> Vec<(Sign, &str)> {
    if !rows.has_legend() {
        return Vec::new();
    }
    let patterns = rows.patterns.iter();
    let cross = rows.cross.iter().map(|name| (Sign::Cross, name.as_str()));
    patterns
        .map(|pattern| (Sign::Tile(pattern.style), pattern.label.as_str()))
        .chain(cross)
        .collect()
}

fn fit(canvas: &Canvas, rows: &Rows, top: f64) -> Frame {
    let width = canvas.width();
    let (n_rows, size) = (rows.rows().count(), Look::TICK.size);
    let row =
        if rows.has_text() { BAR } else { (SHARED / n_rows as f64).clamp(LEAST_ROW, MOST_ROW) };
    let gap = if rows.groups.iter().any(|group| group.rows.len() > 1) { GROUP_GAP } else { 0.0 };
    let widest = |texts: &mut dyn Iterator<Item = &String>| {
        texts.map(|text| pixels(text, size)).fold(0.0, f64::max)
    };
    let labels = widest(&mut rows.groups.iter().map(|group| &group.label)).min(width * 0.32);
    let bars = rows.rows().filter(|row| !row.spans.is_empty());
    let texts = widest(&mut bars.map(|row| &row.text)).min(width * 0.3);
    let (left, right) = (EDGE + labels + 8.0, width - EDGE - 10.0 - texts);
    let x = rows.x.fit_where(10, |axis| {
        let label = |n: usize| {
            let tick = &axis.ticks[n];
            let half = pixels(&tick.label, size) / 2.0;
            let centre = left + (right - left) * axis.share(tick.at);
            (centre - half, centre + half)
        };
        (1..axis.ticks.len()).all(|n| label(n - 1).1 + 10.0 <= label(n).0)
    });
    let bottom = top + n_rows as f64 * row + rows.groups.len() as f64 * gap + 4.0;
    Frame { left, right, top: top + 4.0, bottom, row, gap, x }
}

fn draw_axis(canvas: &mut Canvas, frame: &Frame) {
    let Frame { left, right, top, bottom, .. } = *frame;
    let (mut grid, mut axis) = (String::new(), String::new());
    for tick in &frame.x.ticks {
        let x = frame.at(tick.at);
        grid.push_str(&format!("M{} {}V{}", px(x), px(bottom), px(top - 4.0)));
        axis.push_str(&format!("M{} {}v5", px(x), px(bottom)));
        let half = pixels(&tick.label, Look::TICK.size) / 2.0;
        let centre = x.min(canvas.width() - half - 2.0).max(half + 2.0);
        let room = canvas.width();
        canvas.text(centre, bottom + 18.0, Anchor::Middle, Look::TICK, &tick.label, room);
    }
    canvas.rules(&grid, false);
    axis.push_str(&format!("M{} {}H{}", px(left), px(bottom), px(right)));
    canvas.rules(&axis, true);
    let title = Look { muted: false, ..Look::TICK };
    let room = canvas.width() - 2.0 * EDGE;
    canvas.text(canvas.width() - EDGE, bottom + 36.0, Anchor::End, title, &frame.x.title, room);
}

/// All spans, one path for each pattern.
fn draw_spans(canvas: &mut Canvas, frame: &Frame, rows: &Rows) {
    let inset = if frame.row >= 8.0 { 2.0 } else { 0.5 };
    let mut paths = vec![String::new(); rows.patterns.len()];
    let mut y = frame.top;
    for group in &rows.groups {
        for row in &group.rows {
            for span in &row.spans {
                let (from, to) = (frame.at(span.from), frame.at(span.to));
                let path = marks::rectangle(from, y + inset, to - from, frame.row - 2.0 * inset);
                paths[span.pattern].push_str(&path);
            }
            y += frame.row;
        }
        y += frame.gap;
    }
    for (pattern, path) in rows.patterns.iter().zip(&paths) {
        canvas.open_series(pattern.style);
        let fill = canvas.fill(pattern.style);
        canvas.path(&format!("{fill} stroke-width=\"0.8\""), path, "");
        canvas.close();
    }
}

fn draw_group_label(canvas: &mut Canvas, frame: &Frame, group: &Group, top: f64, last: &mut f64) {
    let middle = top + frame.row * group.rows.len() as f64 / 2.0;
    if middle - *last >= LABEL {
        let room = frame.left - 8.0 - EDGE;
        let look = Look { muted: false, ..Look::TICK };
        canvas.text(frame.left - 8.0, middle + 4.0, Anchor::End, look, &group.label, room);
        *last = middle;
    }
}

/// Whisker, cross and text of a row around `y`.
fn draw_ends(canvas: &mut Canvas, frame: &Frame, row: &Row, y: f64, has_text: bool) {
    if let Some((lower, upper)) = row.whisker {
        let path = marks::level_whisker(y, frame.at(lower), frame.at(upper));
        let under = canvas.outline(4.0);
        canvas.path(&format!("fill=\"none\" {under}"), &path, "");
        canvas.open_ink();
        canvas.path("fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.5\"", &path, "");
        canvas.close();
    }
    let ends = row.spans.iter().map(|span| span.to).chain(row.whisker.map(|(_, upper)| upper));
    let end = ends.fold(f64::NEG_INFINITY, f64::max);
    let from = if end.is_finite() { frame.at(end) } else { frame.at(0.0) } + 7.0;
    if has_text {
        let room = canvas.width() - from - 4.0;
        canvas.text(from, y + 4.0, Anchor::Start, Look::LABEL, &row.text, room);
    }
    if let Some((at, what)) = &row.cross {
        let (x, radius) = (frame.at(*at), (frame.row / 2.0 - 1.0).clamp(2.5, 4.0));
        canvas.path(&format!("fill=\"none\" {}", canvas.outline(4.5)), &cross(x, y, radius), "");
        canvas.open_ink();
        canvas.path(CROSS_ATTRIBUTES, &cross(x, y, radius), what);
        canvas.close();
        let room = canvas.width() - x - 12.0;
        let fits = pixels(what, Look::LABEL.size) <= room;
        if frame.row >= LABEL && fits {
            canvas.text(x + 8.0, y + 4.0, Anchor::Start, Look::LABEL, what, room);
        }
    }
}
