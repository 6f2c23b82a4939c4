//! Plots as lines of text.

mod braille;
mod field;
mod grid;
mod rows;

use crate::drawing::Drawing;
use crate::plot::Plot;
use crate::text::{columns, shorten, wrap};

/// Which characters a terminal shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Characters {
    /// Braille, blocks and lines.
    #[default]
    Unicode,
    /// Those of a typewriter. Letters in names that are not among them become `?`.
    Ascii,
}

/// Room for a plot in a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalOptions {
    /// Most columns of a line.
    pub width: usize,
    /// Most lines.
    pub height: usize,
    /// Characters.
    pub characters: Characters,
}

impl TerminalOptions {
    /// Room of so many columns and lines, drawn with Unicode.
    pub fn new(width: usize, height: usize) -> TerminalOptions {
        TerminalOptions { width, height, characters: Characters::Unicode }
    }

    /// The same with plain ASCII.
    pub fn ascii(self) -> TerminalOptions {
        TerminalOptions { characters: Characters::Ascii, ..self }
    }
}

/// Greatest width and height that are used.
const MOST: usize = 1_000;

/// `plot` as lines of text.
pub(crate) fn render(plot: &Plot, options: &TerminalOptions) -> String {
    let room = TerminalOptions {
        width: options.width.min(MOST),
        height: options.height.min(MOST),
        ..*options
    };
    let drawn = match &plot.drawing {
        Drawing::Empty(_) => None,
        Drawing::Field(field) => field::draw(plot, field, &room),
        Drawing::Rows(rows) => rows::draw(plot, rows, &room),
    };
    let lines = drawn.unwrap_or_else(|| told(plot, &room));
    let mut text = String::new();
    for line in lines {
        let line = if room.characters == Characters::Ascii { ascii(&line) } else { line };
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Title and sentence, as far as there is room.
fn told(plot: &Plot, room: &TerminalOptions) -> Vec<String> {
    let mut lines = wrap(&plot.title, room.width);
    lines.extend(wrap(&plot.sentence, room.width));
    lines.truncate(room.height);
    lines
}

/// `text` in at most `width` columns.
fn cut(text: &str, width: usize) -> String {
    shorten(text, |text| columns(text) <= width).into_owned()
}

/// `text` ending at a column.
fn flush_right(text: &str, width: usize) -> String {
    let text = cut(text, width);
    " ".repeat(width.saturating_sub(columns(&text))) + &text
}

/// What stands before the name of a series or pattern, with the name.
fn legend(entries: &[(String, &str)], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (sign, name) in entries {
        let entry = cut(&format!("{sign} {name}"), width);
        match lines.last_mut() {
            Some(line) if columns(line) + 3 + columns(&entry) <= width => {
                line.push_str("   ");
                line.push_str(&entry);
            }
            _ => lines.push(entry),
        }
    }
    lines
}

/// `line` in ASCII, of the same width or less.
fn ascii(line: &str) -> String {
    line.chars()
        .filter_map(|character| match character {
            c if c.is_ascii() => Some(c),
            'µ' | 'μ' => Some('u'),
            '–' | '—' | '−' => Some('-'),
            '×' => Some('x'),
            '…' => Some('~'),
            c if columns(c.encode_utf8(&mut [0; 4])) == 0 => None,
            _ => Some('?'),
        })
        .collect()
}

/// Places of tick labels on a line of `width` columns: those that do not touch the one before.
/// `at` are columns of the ticks' centres.
fn tick_line(ticks: &[(usize, String)], width: usize) -> String {
    let mut line = String::new();
    for (at, label) in ticks {
        let size = columns(label);
        let start = at.saturating_sub(size / 2).min(width.saturating_sub(size));
        let used = columns(&line);
        if size <= width && (used == 0 || start > used) {
            line.push_str(&" ".repeat(start - used));
            line.push_str(label);
        }
    }
    line
}

/// Whether all labels of ticks fit on a line.
fn ticks_fit(ticks: &[(usize, String)], width: usize) -> bool {
    let mut free = 0;
    ticks.iter().all(|(at, label)| {
        let size = columns(label);
        let start = at.saturating_sub(size / 2).min(width.saturating_sub(size));
        let fits = size <= width && (start > free || free == 0);
        free = start + size;
        fits
    })
}
