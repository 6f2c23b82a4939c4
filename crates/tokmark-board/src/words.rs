//! Figures as texts. A page shows them as they are.

use tokmark_model::RecordKind;

/// Four digits that count, as many as an interval of 2 % can bear: `1263`, `412.3`, `53.83`.
pub(crate) fn measured(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 10.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// Rates that stand side by side: the digits of their source where these are all that there is,
/// with as many decimals as the longest of them has.
pub(crate) fn rates<const N: usize>(kind: RecordKind, values: [f64; N]) -> [String; N] {
    match kind {
        RecordKind::Published | RecordKind::ImportedSummary => {
            let decimals = |value: f64| {
                let digits = value.to_string();
                digits.split_once('.').map_or(0, |(_, decimals)| decimals.len())
            };
            let most = values.into_iter().map(decimals).max().unwrap_or(0);
            values.map(|value| format!("{value:.most$}"))
        }
        RecordKind::Measured | RecordKind::Imported => values.map(measured),
    }
}

/// A count with its word: `1 row`, `42 rows`.
pub(crate) fn counted(n: usize, one: &str, several: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n => format!("{n} {several}"),
    }
}

/// How a figure came to be, in a word for a table.
pub(crate) fn kind(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Measured => "measured",
        RecordKind::Imported => "imported",
        RecordKind::ImportedSummary => "imported without samples",
        RecordKind::Published => "published",
    }
}
