//! The table that says what the chosen models are.

use tokmark_model::ModelFacts;

use super::layout::{pad, wrap};
use crate::view::specification::{self, FIELDS};
use crate::view::words::printable;

/// Columns of the names of the rows, with the gap behind them.
const LABEL: usize = 16;
/// Columns that a model needs at least beside the others.
const NARROWEST: usize = 12;
/// Columns between two models.
const GAP: usize = 2;
/// Lines that a cell may take.
const LINES: usize = 3;

/// The models side by side in the order in which they are compared, or one below the other
/// where `width` does not suffice. Empty without models.
pub(super) fn table(models: &[(&str, &ModelFacts)], width: usize) -> Vec<String> {
    if models.is_empty() {
        return Vec::new();
    }
    let beside = width.saturating_sub(2 + LABEL) / models.len();
    if beside < NARROWEST + GAP {
        stacked(models, width)
    } else {
        side_by_side(models, beside - GAP)
    }
}

fn side_by_side(models: &[(&str, &ModelFacts)], column: usize) -> Vec<String> {
    let columns: Vec<_> =
        models.iter().enumerate().map(|(n, (name, facts))| rows(n + 1, name, facts)).collect();
    // No wider than what stands in it.
    let longest = columns.iter().flatten().map(|(_, text)| text.chars().count()).max();
    let column = column.min(longest.unwrap_or(column).max(NARROWEST));
    let mut lines = Vec::new();
    for row in 0..columns[0].len() {
        let cells: Vec<Vec<String>> =
            columns.iter().map(|rows| wrap(&rows[row].1, column, 0)).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0).min(LINES);
        for n in 0..height {
            let label = if n == 0 { columns[0][row].0 } else { "" };
            let mut line = format!("  {}", pad(label, LABEL));
            for cell in &cells {
                let text = cell.get(n).map_or("", String::as_str);
                let more = if n + 1 == LINES && cell.len() > LINES { "..." } else { "" };
                line += &pad(&format!("{text}{more}"), column);
                line += &" ".repeat(GAP);
            }
            lines.push(line.trim_end().to_owned());
        }
    }
    lines
}

fn stacked(models: &[(&str, &ModelFacts)], width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for (n, (name, facts)) in models.iter().enumerate() {
        for (label, text) in rows(n + 1, name, facts) {
            let line = if label == MODEL { text } else { format!("  {label}: {text}") };
            lines.extend(wrap(&line, width, 4));
        }
    }
    lines
}

/// Name of the first row.
const MODEL: &str = "model";

/// What is said of the `n`th model, with names of the rows.
fn rows(n: usize, name: &str, facts: &ModelFacts) -> Vec<(&'static str, String)> {
    let of_file = FIELDS.into_iter().zip(specification::of(facts));
    let said = of_file.map(|(field, text)| (field, text.unwrap_or_else(|| "unknown".to_owned())));
    std::iter::once((MODEL, printable(&format!("{n} {name}")))).chain(said).collect()
}
