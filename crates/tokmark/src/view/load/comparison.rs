//! Tables beside the points: recipes side by side, replicas apart.

use tokmark_model::{Record, ReplicaSummary, ServingSummary};

use super::figures::{ABSENT, at, bare, plain_rate, replica_output};
use super::notes::full_name;
use super::rows::{Rows, two};
use super::summary;
use crate::view::words::{grade_of, printable, thousands};

/// A figure by which servers are compared.
type Figure = (&'static str, fn(&ServingSummary) -> String);

const COMPARED: [Figure; 6] = [
    ("TTFT p50, ms", |summary| at(summary.ttft_ms.as_ref(), 0.5)),
    ("TTFT p99, ms", |summary| at(summary.ttft_ms.as_ref(), 0.99)),
    ("TPOT p50, ms", |summary| at(summary.tpot_ms.as_ref(), 0.5)),
    ("a request p50, tok/s", |summary| bare(summary.request_rate_tps.as_ref(), 0.5)),
    ("output, tok/s", |summary| {
        summary.output_rate_tps.as_ref().map_or_else(|| ABSENT.to_owned(), plain_rate)
    }),
    ("requests per s", |summary| {
        summary.request_rate_per_s.as_ref().map_or_else(|| ABSENT.to_owned(), plain_rate)
    }),
];

/// Those that have something to show.
pub(in crate::view) fn tables(records: &[Record]) -> Vec<Rows> {
    recipes(records).into_iter().chain(records.iter().filter_map(replicas)).collect()
}

/// The same points of several recipes side by side; `None` with fewer than two.
fn recipes(records: &[Record]) -> Option<Rows> {
    let recipe = |record: &Record| record.serving.as_ref()?.recipe.clone();
    let names = distinct(records.iter().filter_map(recipe));
    if names.len() < 2 {
        return None;
    }
    let labels = distinct(records.iter().filter(|r| recipe(r).is_some()).map(Record::label));
    let mut cells = Vec::new();
    for label in &labels {
        let of = |name: &String| {
            records.iter().find(|r| recipe(r).as_ref() == Some(name) && r.label() == *label)
        };
        let row = |title: &str, cell: &dyn Fn(&Record) -> String| {
            let first = [printable(label), title.to_owned()];
            let rest = names.iter().map(|name| of(name).map_or_else(|| ABSENT.to_owned(), cell));
            first.into_iter().chain(rest).collect::<Vec<String>>()
        };
        for (title, figure) in COMPARED {
            cells.push(row(title, &|r| summary(r).map_or_else(|| ABSENT.to_owned(), figure)));
        }
        cells.push(row("grade", &|record| grade_of(record).to_owned()));
    }
    let own = ["point", "figure"].map(str::to_owned).into_iter();
    let header = own.chain(names.iter().map(|name| printable(name)));
    Some(Rows {
        caption: "Recipes side by side".to_owned(),
        header: header.map(|title| (title, String::new())).collect(),
        cells,
    })
}

/// Each base URL of a point that has several.
fn replicas(record: &Record) -> Option<Rows> {
    let summary = summary(record).filter(|summary| summary.replicas.len() > 1)?;
    let urls = &record.serving.as_ref()?.server.urls;
    let row = |replica: &ReplicaSummary| {
        let url = urls.get(replica.replica as usize).map(|url| printable(url));
        let dash = || ABSENT.to_owned();
        let n_ok = replica.n_requests.saturating_sub(replica.n_errors);
        vec![
            url.unwrap_or_else(|| replica.replica.to_string()),
            format!("{} / {}", count(n_ok), count(replica.n_errors)),
            replica.ttft_ms.as_ref().map_or_else(dash, two),
            bare(replica.tpot_ms.as_ref(), 0.5),
            replica_output(replica),
        ]
    };
    let header = [
        ("replica", ""),
        ("requests", "ok / failed"),
        ("TTFT p50 / p99", "ms"),
        ("TPOT p50", "ms"),
        ("output", "tok/s"),
    ];
    Some(Rows {
        caption: format!("Replicas of {}", full_name(record)),
        header: header.map(|(title, unit)| (title.to_owned(), unit.to_owned())).into(),
        cells: summary.replicas.iter().map(row).collect(),
    })
}

fn count(n: u64) -> String {
    thousands(&n.to_string())
}

/// Each once, in the order of their first appearance.
fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}
