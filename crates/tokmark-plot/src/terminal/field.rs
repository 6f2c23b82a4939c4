//! Series over two axes.

use crate::drawing::{Field, FieldSeries};
use crate::extent::Fitted;
use crate::plot::Plot;
use crate::text::{columns, wrap};

use super::braille::{Dots, straight};
use super::grid::Grid;
use super::{Characters, TerminalOptions, cut, flush_right, legend, tick_line, ticks_fit};

/// Least room between the axes.
const LEAST_WIDTH: usize = 12;
const LEAST_HEIGHT: usize = 4;
/// Least columns that a name on an axis is cut to.
const LEAST_NAME: usize = 8;

/// Markers of series, then letters.
const SHAPES: [char; 8] = ['●', '■', '▲', '◆', '○', '□', '△', '◇'];
const ASCII_SHAPES: [char; 8] = ['*', '+', 'o', 'x', '#', '@', '%', '&'];

/// Of how many dots a line shows how many, by series.
const DASHES: [(usize, usize); 5] = [(1, 1), (4, 6), (1, 2), (3, 4), (1, 3)];

/// The area between the axes.
struct Frame {
    width: usize,
    height: usize,
    x: Fitted,
    y: Fitted,
    characters: Characters,
}

impl Frame {
    /// Dots in a cell, across and down.
    fn dots(&self) -> (usize, usize) {
        if self.characters == Characters::Unicode { (2, 4) } else { (1, 1) }
    }

    /// The dot of a place.
    fn dot(&self, x: f64, y: f64) -> (usize, usize) {
        let (across, down) = self.dots();
        let place = |share: f64, n: usize| (share * (n - 1) as f64).round() as usize;
        let column = place(self.x.share(x), self.width * across);
        (column, place(1.0 - self.y.share(y), self.height * down))
    }

    /// Sets a dot.
    fn set(&self, dots: &mut Dots, x: usize, y: usize) {
        match self.characters {
            Characters::Unicode => dots.set(x, y),
            Characters::Ascii => dots.set(2 * x, 4 * y),
        }
    }

    /// The cell of a place.
    fn cell(&self, x: f64, y: f64) -> (usize, usize) {
        let ((across, down), (x, y)) = (self.dots(), self.dot(x, y));
        (x / across, y / down)
    }
}

/// The marker of a series.
pub(super) fn shape(n: usize, characters: Characters) -> char {
    let shapes = if characters == Characters::Unicode { SHAPES } else { ASCII_SHAPES };
    let letter = || ('A'..='Z').nth((n - shapes.len()) % 26);
    shapes.get(n).copied().or_else(letter).unwrap_or('*')
}

/// The lines of the plot, where there is room for one.
pub(super) fn draw(plot: &Plot, field: &Field, room: &TerminalOptions) -> Option<Vec<String>> {
    let mut below = legend(&names(field, room), room.width);
    below.extend(plot.notes.iter().flat_map(|note| wrap(note, room.width)));
    let n_reserved = 5 + below.len() + usize::from(has_labels(field));
    let height = room.height.checked_sub(n_reserved).filter(|n| *n >= LEAST_HEIGHT)?;
    let y = field.y.fit((height / 3).clamp(2, 8));
    let margin = y.ticks.iter().map(|tick| columns(&tick.label)).max().unwrap_or(0);
    let width = room.width.checked_sub(margin + 2).filter(|n| *n >= LEAST_WIDTH)?;
    let is_ordinal = field.x.is_ordinal();
    let x = field.x.fit_where(10, |axis| ticks_fit(&x_ticks(axis, width, is_ordinal), width));
    let frame = Frame { width, height, x, y, characters: room.characters };
    let (picture, n_left_out) = picture(field, &frame);
    let mut lines = vec![cut(&plot.title, room.width), cut(&frame.y.title, room.width)];
    lines.extend(with_axes(&frame, &picture, margin, is_ordinal));
    lines.push(flush_right(&frame.x.title, room.width));
    lines.extend(below);
    if n_left_out > 0 {
        let labels = if n_left_out == 1 { "label" } else { "labels" };
        lines.push(cut(&format!("{n_left_out} {labels} left out; see the table"), room.width));
    }
    Some(lines)
}

fn has_labels(field: &Field) -> bool {
    let points = field.series.iter().flat_map(|series| &series.points);
    let labels = points.map(|point| &point.label).chain(field.guides.iter().map(|g| &g.label));
    labels.into_iter().any(|label| !label.is_empty())
}

fn names<'a>(field: &'a Field, room: &TerminalOptions) -> Vec<(String, &'a str)> {
    if field.series.len() < 2 {
        return Vec::new();
    }
    let name = |(n, series): (usize, &'a FieldSeries)| {
        (shape(n, room.characters).to_string(), series.label.as_str())
    };
    field.series.iter().enumerate().map(name).collect()
}

/// Columns and labels of ticks; names are cut to the room that each has.
fn x_ticks(axis: &Fitted, width: usize, is_ordinal: bool) -> Vec<(usize, String)> {
    let slot = (width / axis.ticks.len().max(1)).saturating_sub(1).max(LEAST_NAME);
    let column = |at: f64| (axis.share(at) * (width - 1) as f64).round() as usize;
    let label = |label: &str| if is_ordinal { cut(label, slot) } else { label.to_owned() };
    axis.ticks.iter().map(|tick| (column(tick.at), label(&tick.label))).collect()
}

/// Rows of the picture with the axes around them.
fn with_axes(frame: &Frame, picture: &[String], margin: usize, is_ordinal: bool) -> Vec<String> {
    let (tick, upright, corner, level, down) = match frame.characters {
        Characters::Unicode => ('┤', '│', '└', '─', '┬'),
        Characters::Ascii => ('+', '|', '+', '-', '+'),
    };
    let row_of = |share: f64| ((1.0 - share) * (frame.height - 1) as f64).round() as usize;
    let ticks: Vec<(usize, &str)> = frame
        .y
        .ticks
        .iter()
        .map(|tick| (row_of(frame.y.share(tick.at)), tick.label.as_str()))
        .collect();
    let mut lines = Vec::new();
    for (n, row) in picture.iter().enumerate() {
        let label = ticks.iter().find(|(row, _)| *row == n).map(|(_, label)| *label);
        let sign = if label.is_some() { tick } else { upright };
        lines.push(format!("{} {sign}{row}", flush_right(label.unwrap_or(""), margin)));
    }
    let ticks = x_ticks(&frame.x, frame.width, is_ordinal);
    let mark = |column: usize| {
        if ticks.iter().any(|(at, _)| *at == column) { down } else { level }
    };
    let axis: String = (0..frame.width).map(mark).collect();
    lines.push(format!("{} {corner}{axis}", " ".repeat(margin)));
    lines.push(format!("{}  {}", " ".repeat(margin), tick_line(&ticks, frame.width)));
    lines
}

/// The rows between the axes, and how many labels found no room.
fn picture(field: &Field, frame: &Frame) -> (Vec<String>, usize) {
    let mut dots = Dots::new(frame.width, frame.height);
    let mut grid = Grid::new(frame.width, frame.height);
    draw_guides(field, frame, &mut dots);
    for (n, series) in field.series.iter().enumerate() {
        draw_series(n, series, frame, &mut dots);
    }
    for (n, series) in field.series.iter().enumerate() {
        let shape = shape(n, frame.characters).to_string();
        for point in &series.points {
            let (column, row) = frame.cell(point.x, point.y);
            grid.write(column, row, &shape);
        }
    }
    let n_left_out = draw_labels(field, frame, &dots, &mut grid);
    let empty = |column: usize, row: usize| match frame.characters {
        Characters::Unicode => dots.character(column, row),
        Characters::Ascii if dots.is_set(column, row) => '.',
        Characters::Ascii => ' ',
    };
    let row = |row: usize| grid.row(row, |column| empty(column, row));
    ((0..frame.height).map(row).collect(), n_left_out)
}

fn draw_guides(field: &Field, frame: &Frame, dots: &mut Dots) {
    let (across, down) = frame.dots();
    for guide in &field.guides {
        let (x, y) = frame.dot(guide.at, guide.at);
        if guide.upright {
            (0..frame.height * down).step_by(2).for_each(|y| frame.set(dots, x, y));
        } else {
            (0..frame.width * across).step_by(2).for_each(|x| frame.set(dots, x, y));
        }
    }
}

fn draw_series(n: usize, series: &FieldSeries, frame: &Frame, dots: &mut Dots) {
    let (shown, of) = DASHES[n % DASHES.len()];
    for line in &series.lines {
        let mut drawn = 0;
        for pair in line.windows(2) {
            let (from, to) = (frame.dot(pair[0].0, pair[0].1), frame.dot(pair[1].0, pair[1].1));
            let corner = if series.steps { (to.0, from.1) } else { from };
            let path =
                straight(from, corner).into_iter().chain(straight(corner, to).into_iter().skip(1));
            for (x, y) in path.skip(usize::from(drawn > 0)) {
                if drawn % of < shown {
                    frame.set(dots, x, y);
                }
                drawn += 1;
            }
        }
    }
    let bands = series.bands.iter().flatten();
    for &(x, lower, upper) in series.whiskers.iter().chain(bands) {
        for (x, y) in straight(frame.dot(x, lower), frame.dot(x, upper)) {
            frame.set(dots, x, y);
        }
    }
}

/// Writes labels where no marker or other label is; returns how many found no room.
fn draw_labels(field: &Field, frame: &Frame, dots: &Dots, grid: &mut Grid) -> usize {
    let mut n_left_out = 0;
    for guide in field.guides.iter().filter(|guide| !guide.label.is_empty()) {
        let size = columns(&guide.label);
        let (column, row) = frame.cell(guide.at, guide.at);
        let rows: Vec<usize> = if guide.upright { (0..frame.height).collect() } else { vec![row] };
        let corners = rows.into_iter().flat_map(|row| {
            if guide.upright {
                [Some((column + 2, row)), column.checked_sub(size + 1).map(|left| (left, row))]
            } else {
                let left = frame.width.checked_sub(size);
                [left.zip(row.checked_sub(1)), left.map(|left| (left, row + 1))]
            }
        });
        n_left_out += usize::from(!write_at_best(corners.flatten(), &guide.label, dots, grid));
    }
    for point in field.series.iter().flat_map(|series| &series.points) {
        if point.label.is_empty() {
            continue;
        }
        let size = columns(&point.label);
        let (column, row) = frame.cell(point.x, point.y);
        let left = column.checked_sub(size + 1);
        let (above, below) = (row.checked_sub(1), Some(row + 1));
        let corners = [
            Some((column + 2, row)),
            left.map(|left| (left, row)),
            below.map(|row| (column + 1, row)),
            left.zip(above),
            above.map(|row| (column + 1, row)),
            left.zip(below),
        ];
        let corners = corners.into_iter().flatten();
        n_left_out += usize::from(!write_at_best(corners, &point.label, dots, grid));
    }
    n_left_out
}

/// Writes a label at the free corner that covers fewest dots.
fn write_at_best(
    corners: impl Iterator<Item = (usize, usize)>,
    label: &str,
    dots: &Dots,
    grid: &mut Grid,
) -> bool {
    let size = columns(label);
    let covered = |&(column, row): &(usize, usize)| {
        (column..column + size).filter(|&column| dots.is_set(column, row)).count()
    };
    let has_room = |&(column, row): &(usize, usize)| {
        let before = column.checked_sub(1);
        grid.is_free(column, row, size)
            && grid.is_free_or_edge(column + size, row)
            && before.is_none_or(|before| grid.is_free_or_edge(before, row))
    };
    let best = corners.filter(has_room).min_by_key(covered);
    if let Some((column, row)) = best {
        grid.write(column, row, label);
    }
    best.is_some()
}
