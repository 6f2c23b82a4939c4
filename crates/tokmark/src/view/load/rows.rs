//! The rows of load points: one table for terminal, Markdown and report.

use comfy_table::presets;
use tokmark_model::{Distribution, Goodput, Record, Serving, ServingSummary};
use tokmark_plot::Table;
use tokmark_stats::itl_is_per_event;

use super::figures::{ABSENT, at, bare, plain_rate};
use super::summary;
use crate::view::table::status_word;
use crate::view::words::{grade_of, number, printable, short_id, thousands};

/// Text in rows under titles with their units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::view) struct Rows {
    /// What they hold.
    pub(in crate::view) caption: String,
    /// Title and unit of each column; the unit may be empty.
    pub(in crate::view) header: Vec<(String, String)>,
    /// Cells, each row as long as the header.
    pub(in crate::view) cells: Vec<Vec<String>>,
}

impl Rows {
    /// For a terminal: columns apart by two spaces, units below the titles.
    pub(in crate::view) fn text(&self) -> String {
        let mut table = comfy_table::Table::new();
        let has_units = self.header.iter().any(|(_, unit)| !unit.is_empty());
        let titles = self.header.iter().map(|(title, unit)| match has_units {
            true => format!("{title}\n{unit}"),
            false => title.clone(),
        });
        table.load_preset(presets::NOTHING).set_header(titles);
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        for row in &self.cells {
            table.add_row(row);
        }
        table.to_string().lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    /// For Markdown and the report; `None` if a row has not as many cells as the header.
    pub(in crate::view) fn table(&self) -> Option<Table> {
        let title = |(title, unit): &(String, String)| match unit.as_str() {
            "" => title.clone(),
            unit => format!("{title} ({unit})"),
        };
        let header: Vec<String> = self.header.iter().map(title).collect();
        Table::new(&self.caption, &header, &self.cells).ok()
    }
}

/// Which of the two narrow tables a column belongs to; names and grades to both.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Both,
    Latency,
    Rate,
}

/// A column: part, title, unit, and the cell of a record.
type Column = (Part, &'static str, &'static str, fn(&Record) -> String);

/// Columns that every run has.
const COLUMNS: [Column; 11] = [
    (Part::Both, "point", "", |record| printable(&record.label())),
    (Part::Latency, "requests", "ok / failed", requests),
    (Part::Latency, "TTFT p50", "ms", |record| {
        spread(record, |summary| at(summary.ttft_ms.as_ref(), 0.5))
    }),
    (Part::Latency, "TTFT p99", "ms", |record| {
        spread(record, |summary| at(summary.ttft_ms.as_ref(), 0.99))
    }),
    (Part::Latency, "ITL p50 / p99", "ms", |record| spread(record, itl)),
    (Part::Latency, "TPOT p50", "ms", |record| {
        spread(record, |summary| bare(summary.tpot_ms.as_ref(), 0.5))
    }),
    (Part::Rate, "a request p50", "tok/s", |record| {
        spread(record, |summary| bare(summary.request_rate_tps.as_ref(), 0.5))
    }),
    (Part::Rate, "output", "tok/s", |record| {
        spread(record, |summary| rate(summary.output_rate_tps.as_ref()))
    }),
    (Part::Rate, "requests", "per s", |record| {
        spread(record, |summary| rate(summary.request_rate_per_s.as_ref()))
    }),
    (Part::Both, "grade", "", |record| grade_of(record).to_owned()),
    (Part::Rate, "id", "", |record| short_id(record.id)),
];

/// Which server of several.
const RECIPE: Column = (Part::Both, "recipe", "", |record| {
    let recipe = serving(record).and_then(|serving| serving.recipe.as_deref());
    recipe.map_or_else(|| ABSENT.to_owned(), printable)
});

/// Only where service levels were given.
const GOODPUT: [Column; 2] = [
    (Part::Rate, "good", "%", |record| spread(record, good_share)),
    (Part::Rate, "goodput", "per s", |record| {
        spread(record, |summary| rate(judged(summary).map(|found| found.rate()).as_ref()))
    }),
];

/// Where the optional columns stand.
const RECIPE_AT: usize = 1;
const GOODPUT_AT: usize = COLUMNS.len() - 2;

/// A row a point, in the order measured.
pub(in crate::view) fn points(records: &[Record]) -> Rows {
    of_columns("Load points", &columns(records), records)
}

/// The same in two tables, for a page.
pub(in crate::view) fn latencies_and_rates(records: &[Record]) -> [Rows; 2] {
    [("Latencies", Part::Latency), ("Rates", Part::Rate)].map(|(caption, part)| {
        let mut columns = columns(records);
        columns.retain(|(of, ..)| *of == part || *of == Part::Both);
        of_columns(caption, &columns, records)
    })
}

fn columns(records: &[Record]) -> Vec<Column> {
    let mut columns = COLUMNS.to_vec();
    let servings = || records.iter().filter_map(serving);
    if servings().any(|serving| !serving.workload.service_levels.is_empty()) {
        columns.splice(GOODPUT_AT..GOODPUT_AT, GOODPUT).for_each(drop);
    }
    if servings().any(|serving| serving.recipe.is_some()) {
        columns.insert(RECIPE_AT, RECIPE);
    }
    columns
}

fn of_columns(caption: &str, columns: &[Column], records: &[Record]) -> Rows {
    let title = |(_, title, unit, _): &Column| ((*title).to_owned(), (*unit).to_owned());
    let row = |record: &Record| columns.iter().map(|(.., cell)| cell(record)).collect();
    Rows {
        caption: caption.to_owned(),
        header: columns.iter().map(title).collect(),
        cells: records.iter().map(row).collect(),
    }
}

fn serving(record: &Record) -> Option<&Serving> {
    record.serving.as_deref()
}

fn spread(record: &Record, cell: impl Fn(&ServingSummary) -> String) -> String {
    summary(record).map_or_else(|| ABSENT.to_owned(), cell)
}

/// Answered and failed requests, or how the point ended without any.
fn requests(record: &Record) -> String {
    match summary(record) {
        Some(summary) => {
            let n_failed: u64 = summary.errors.values().sum();
            let count = |n: u64| thousands(&n.to_string());
            format!("{} / {}", count(summary.n_ok), count(n_failed))
        }
        None => status_word(record.status).to_owned(),
    }
}

fn itl(summary: &ServingSummary) -> String {
    let Some(itl) = &summary.itl_ms else { return ABSENT.to_owned() };
    let per = if itl_is_per_event(summary) { " per event" } else { "" };
    format!("{}{per}", two(itl))
}

/// `10.1 / 12.4`.
pub(in crate::view) fn two(of: &Distribution) -> String {
    format!("{} / {}", bare(Some(of), 0.5), bare(Some(of), 0.99))
}

fn rate(of: Option<&tokmark_model::SystemRate>) -> String {
    of.map_or_else(|| ABSENT.to_owned(), plain_rate)
}

fn judged(summary: &ServingSummary) -> Option<&Goodput> {
    summary.goodput.as_ref().filter(|goodput| goodput.n_judged > 0)
}

/// `95.0 (86.3 to 98.3)`.
fn good_share(summary: &ServingSummary) -> String {
    let percent = |share: f64| number(100.0 * share);
    let text = |found: &Goodput| {
        let (low, high) = (percent(found.share_low), percent(found.share_high));
        format!("{} ({low} to {high})", percent(found.share))
    };
    judged(summary).map_or_else(|| ABSENT.to_owned(), text)
}

/// How a point ended, and why: `failed: none of 12 requests succeeded`.
pub(crate) fn ending(record: &Record) -> String {
    let word = status_word(record.status);
    match &record.status_reason {
        Some(reason) => format!("{word}: {}", printable(&reason.message)),
        None => word.to_owned(),
    }
}
