//! What compared models are.

use tokmark_model::{ModelFacts, Variant};

use super::table;
use super::words::{number, printable, thousands};

/// What is said of a model, after its name.
pub(crate) const FIELDS: [&str; 6] =
    ["file size", "format", "quantization", "parameters", "context length", "licence"];

/// Each of [`FIELDS`] of a model file; `None` where the file does not say.
pub(crate) fn of(facts: &ModelFacts) -> [Option<String>; 6] {
    [
        Some(facts.file_size_bytes.to_string()),
        Some(format(facts)),
        quantization(facts),
        facts.n_params.map(parameters),
        facts.context_length.map(|n| thousands(&n.to_string())),
        facts.license.as_deref().map(printable),
    ]
}

/// The table of the variants' models.
pub(crate) fn of_variants(variants: &[Variant]) -> String {
    table::of(&header(), &[1, 4, 5], variants.iter().map(row))
}

/// Names of the cells of [`row`].
pub(crate) fn header() -> Vec<&'static str> {
    std::iter::once("model").chain(FIELDS).collect()
}

/// Name and specification of a variant's model; of an endpoint only that it is one.
pub(crate) fn row(variant: &Variant) -> Vec<String> {
    let said = match variant.endpoint {
        None => of(&variant.model),
        Some(_) => [None, Some("endpoint".to_owned()), None, None, None, None],
    };
    let cells = said.map(|cell| cell.unwrap_or_else(|| "-".to_owned()));
    std::iter::once(printable(&variant.name)).chain(cells).collect()
}

fn format(facts: &ModelFacts) -> String {
    match facts.n_files {
        Some(n) if n > 1 => format!("GGUF, {n} files"),
        _ => "GGUF".to_owned(),
    }
}

/// What the tensors are, and what the publisher calls that where it is something else.
fn quantization(facts: &ModelFacts) -> Option<String> {
    match (&facts.quantization, &facts.label) {
        (Some(counted), Some(label)) if !counted.eq_ignore_ascii_case(label) => {
            Some(printable(&format!("{counted} ({label})")))
        }
        (counted, label) => counted.as_ref().or(label.as_ref()).map(|text| printable(text)),
    }
}

/// `135 M`, `1.54 B`.
fn parameters(n: u64) -> String {
    match n as f64 {
        n if n < 999.5e3 => format!("{} k", number(n / 1e3)),
        n if n < 999.5e6 => format!("{} M", number(n / 1e6)),
        n => format!("{} B", number(n / 1e9)),
    }
}
