//! Rows along one axis.

use crate::appearance::TILES;
use crate::drawing::{Group, Row, Rows};
use crate::extent::Fitted;
use crate::plot::Plot;
use crate::text::{columns, wrap};
use crate::thin::every_nth_and_special;

use super::grid::Grid;
use super::{Characters, TerminalOptions, cut, flush_right, legend, tick_line, ticks_fit};

/// Least columns for the rows themselves.
const LEAST_WIDTH: usize = 10;

/// What styles are filled with.
const FILLS: [char; TILES.len()] = ['█', '▒', '░', '▓', '═', '║'];
const ASCII_FILLS: [char; TILES.len()] = ['#', '/', '.', '%', '=', '|'];

/// Ends of solid rows in eighths of a column.
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// Where things stand, in columns.
struct Frame {
    margin: usize,
    width: usize,
    x: Fitted,
    characters: Characters,
}

impl Frame {
    /// Place on the axis in columns, with a fraction.
    fn at(&self, value: f64) -> f64 {
        self.x.share(value) * self.width as f64
    }

    fn column(&self, value: f64) -> usize {
        (self.at(value) as usize).min(self.width - 1)
    }
}

/// The lines of the plot, where there is room for one.
pub(super) fn draw(plot: &Plot, rows: &Rows, room: &TerminalOptions) -> Option<Vec<String>> {
    let mut below = legend(&names(rows, room.characters), room.width);
    below.extend(plot.notes.iter().flat_map(|note| wrap(note, room.width)));
    let n_lines = room.height.checked_sub(below.len() + 4).filter(|n| *n > 0)?;
    let kept = kept(rows, n_lines)?;
    if kept.len() < rows.groups.len() {
        let shown = format!("{} of {} rows shown here", kept.len(), rows.groups.len());
        below.push(cut(&shown, room.width));
    }
    let groups: Vec<&Group> = kept.iter().map(|&n| &rows.groups[n]).collect();
    let widest = |texts: &mut dyn Iterator<Item = &String>| {
        texts.map(|text| columns(text)).max().unwrap_or(0)
    };
    let margin = widest(&mut groups.iter().map(|group| &group.label)).min(room.width / 3);
    let texts = rows.rows().filter(|row| !row.spans.is_empty()).map(|row| &row.text);
    let behind = widest(&mut texts.into_iter()).min(room.width / 3);
    let width = room.width.checked_sub(margin + 3 + behind).filter(|n| *n >= LEAST_WIDTH)?;
    let x = rows.x.fit_where(10, |axis| ticks_fit(&ticks(axis, width), width));
    let frame = Frame { margin, width, x, characters: room.characters };
    let mut lines = vec![cut(&plot.title, room.width)];
    let full = room.width - margin - 2;
    for group in groups {
        for (n, row) in group.rows.iter().enumerate() {
            let label = if n == 0 { group.label.as_str() } else { "" };
            let upright = if room.characters == Characters::Unicode { '│' } else { '|' };
            let picture = picture(row, rows, &frame, full);
            lines.push(format!("{} {upright}{picture}", flush_right(label, margin)));
        }
    }
    lines.extend(axis_lines(&frame, room.width));
    lines.extend(below);
    Some(lines)
}

fn names(rows: &Rows, characters: Characters) -> Vec<(String, &str)> {
    if !rows.has_legend() {
        return Vec::new();
    }
    let patterns = rows.patterns.iter();
    let named = patterns.map(|pattern| {
        (fill(pattern.style, characters).to_string().repeat(2), pattern.label.as_str())
    });
    let crosses = rows.cross.iter().map(|name| (cross(characters).to_owned(), name.as_str()));
    named.chain(crosses).collect()
}

fn fill(style: usize, characters: Characters) -> char {
    let fills = if characters == Characters::Unicode { FILLS } else { ASCII_FILLS };
    fills[style % fills.len()]
}

fn cross(characters: Characters) -> &'static str {
    if characters == Characters::Unicode { "✗" } else { "X" }
}

/// Groups for which there are lines, one kept for what was left out; none where not even one
/// has room.
fn kept(rows: &Rows, n_lines: usize) -> Option<Vec<usize>> {
    let n_groups = rows.groups.len();
    let n_each = rows.groups.iter().map(|group| group.rows.len()).max().unwrap_or(1).max(1);
    if n_groups * n_each <= n_lines {
        return Some((0..n_groups).collect());
    }
    let most = n_lines.checked_sub(1)? / n_each;
    match most {
        0 => None,
        _ if rows.has_text() => Some((0..most).collect()),
        1 => Some(vec![0]),
        _ => {
            let has_cross = |n: usize| rows.groups[n].rows.iter().any(|row| row.cross.is_some());
            Some(every_nth_and_special(n_groups, most, has_cross))
        }
    }
}

/// One row with its spans, whisker, cross and text, in at most `full` columns.
fn picture(row: &Row, rows: &Rows, frame: &Frame, full: usize) -> String {
    let mut grid = Grid::new(full, 1);
    for span in &row.spans {
        let style = rows.patterns[span.pattern].style;
        let (from, to) = (frame.at(span.from), frame.at(span.to));
        let eighths = frame.characters == Characters::Unicode && style.is_multiple_of(FILLS.len());
        let fill = fill(style, frame.characters).to_string();
        let last = if eighths { to.floor() } else { to.round() } as usize;
        let first = from.round() as usize;
        (first..last.max(first)).for_each(|column| grid.write(column, 0, &fill));
        let rest = ((to - to.floor()) * 8.0) as usize;
        if eighths && rest > 0 && last >= first {
            grid.write(last, 0, &EIGHTHS[rest - 1].to_string());
        } else if last <= first && from < to {
            let sliver = if eighths { EIGHTHS[0].to_string() } else { fill };
            grid.write(frame.column(span.from), 0, &sliver);
        }
    }
    let mut end = row.spans.iter().map(|span| frame.at(span.to).ceil() as usize).max().unwrap_or(0);
    if let Some((lower, upper)) = row.whisker {
        let (from, to) = (frame.column(lower), frame.column(upper));
        let (open, level, close) = match frame.characters {
            Characters::Unicode => ("├", "─", "┤"),
            Characters::Ascii => ("[", "-", "]"),
        };
        (from..to).for_each(|column| grid.write(column, 0, level));
        grid.write(from, 0, open);
        grid.write(to, 0, close);
        end = end.max(to + 1);
    }
    if let Some((at, what)) = &row.cross {
        let column = frame.column(*at);
        grid.write(column, 0, cross(frame.characters));
        let behind = cut(what, full.saturating_sub(column + 2));
        if column + 2 >= end {
            grid.write(column + 2, 0, &behind);
        }
    }
    let from = if row.spans.is_empty() { frame.column(0.0) } else { end + 1 };
    grid.write(from, 0, &cut(&row.text, full.saturating_sub(from)));
    grid.row(0, |_| ' ')
}

fn ticks(axis: &Fitted, width: usize) -> Vec<(usize, String)> {
    let column = |at: f64| (axis.share(at) * (width - 1) as f64).round() as usize;
    axis.ticks.iter().map(|tick| (column(tick.at), tick.label.clone())).collect()
}

fn axis_lines(frame: &Frame, width: usize) -> [String; 3] {
    let (corner, level, down) = match frame.characters {
        Characters::Unicode => ('└', '─', '┬'),
        Characters::Ascii => ('+', '-', '+'),
    };
    let ticks = ticks(&frame.x, frame.width);
    let mark = |column: usize| {
        if ticks.iter().any(|(at, _)| *at == column) { down } else { level }
    };
    let axis: String = (0..frame.width).map(mark).collect();
    let margin = " ".repeat(frame.margin);
    [
        format!("{margin} {corner}{axis}"),
        format!("{margin}  {}", tick_line(&ticks, frame.width)),
        flush_right(&frame.x.title, width),
    ]
}
