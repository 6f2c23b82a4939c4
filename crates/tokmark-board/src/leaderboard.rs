//! The leaderboard: rows grouped by family, filtered, sorted, ranked where the intervals part.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Serialize;
use tokmark_model::BoardRow;

use crate::catalogue::Source;
use crate::{Families, words};

mod column;
mod filter;
mod line;
mod query;
mod ranking;

pub use column::{Column, Direction};
pub use filter::RowFilter;
pub use line::{Line, ShapeRate};
pub use query::{Query, QueryError};
pub use ranking::NoRank;
pub use tokmark_stats::Level;

/// The lines of one family.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// Its name.
    pub family: String,
    /// Month of its release: `2026-04`. Absent where nobody says it.
    pub released: Option<String>,
    /// Who says so.
    pub source: Option<Source>,
    /// Remark on the family.
    pub note: Option<String>,
    /// Its lines, sorted.
    pub rows: Vec<Line>,
}

/// A leaderboard, finished: a page prints it and computes nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Leaderboard {
    /// Families, latest release first, those of an unknown month last, then by name.
    pub groups: Vec<Group>,
    /// Lines of all groups.
    pub n_rows: usize,
    /// Slower lines that the query's limit left out.
    pub n_left_out: usize,
    /// Rows that the filters took and that no line shows, being rates of prompts: where no shape
    /// is chosen, a line tells how fast text is generated.
    pub n_prompt_rows: usize,
    /// What is shown, in one sentence for the live region: `42 rows, fastest first`.
    pub sentence: String,
}

/// Makes a leaderboard of rows, in any order, under a query.
///
/// Rows of one model, quantization, machine, engine with version, back ends and settings, number
/// of requests at once, kind and source are one line. Where the query names no shape, its rate is
/// the range over the shapes that generate text. Lines of published and imported summaries, of
/// ranges and without an interval have no rank; nor has a line that has nothing to be ranked
/// against (see [`Query::level`]).
pub fn leaderboard(rows: &[BoardRow], families: &Families, query: &Query) -> Leaderboard {
    let mut n_prompt_rows = 0;
    let mut keyed: BTreeMap<line::Key<'_>, Vec<&BoardRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| query.filter.takes(row)) {
        if query.filter.shape.is_none() && !line::is_generation(row) {
            n_prompt_rows += 1;
            continue;
        }
        keyed.entry(line::Key::of(row)).or_default().push(row);
    }
    let mut lines: Vec<Line> = keyed.into_values().filter_map(Line::of).collect();
    let n_found = lines.len();
    if let Some(limit) = query.filter.limit.and_then(|limit| usize::try_from(limit).ok()) {
        lines.sort_by(|a, b| by(Column::Rate, Direction::Descending, a, b));
        lines.truncate(limit);
    }
    let n_rows = lines.len();
    let groups = grouped(lines, families, query);
    let sentence = sentence(n_rows, query);
    Leaderboard { groups, n_rows, n_left_out: n_found - n_rows, n_prompt_rows, sentence }
}

fn grouped(lines: Vec<Line>, families: &Families, query: &Query) -> Vec<Group> {
    let mut by_family: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    for line in lines {
        by_family.entry(line.family.clone()).or_default().push(line);
    }
    let mut groups: Vec<Group> = by_family
        .into_iter()
        .map(|(family, mut rows)| {
            ranking::rank(&mut rows, query.level);
            rows.sort_by(|a, b| by(query.sort, query.direction, a, b));
            let known = families.find(&family);
            Group {
                released: known.and_then(|known| known.released.clone()),
                source: known.and_then(|known| known.source.clone()),
                note: known.and_then(|known| known.note.clone()),
                family,
                rows,
            }
        })
        .collect();
    groups.sort_by(|a, b| match (&a.released, &b.released) {
        (Some(a), Some(b)) => b.cmp(a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    });
    groups
}

/// Order of two lines. What a column does not know comes last in both directions; lines that it
/// does not tell apart are in the order of their names, then of their records.
fn by(column: Column, direction: Direction, a: &Line, b: &Line) -> Ordering {
    let names = |line: &Line| {
        let Line { model_name, quantization, hardware, engine_text, records, .. } = line;
        (
            model_name.clone(),
            quantization.clone(),
            hardware.clone(),
            engine_text.clone(),
            records[0],
        )
    };
    column.order(direction, a, b).then_with(|| names(a).cmp(&names(b)))
}

fn sentence(n_rows: usize, query: &Query) -> String {
    let mut sentence = words::counted(n_rows, "row", "rows");
    if n_rows > 1 {
        sentence += ", ";
        sentence += query.sort.order_words(query.direction);
    }
    sentence
}
