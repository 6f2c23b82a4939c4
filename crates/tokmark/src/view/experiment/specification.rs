//! What the compared models are.

use tokmark_model::{ModelFacts, Variant};

use crate::view::table;
use crate::view::words::{number, printable, thousands};

/// Columns of the specification, after the name.
pub(super) const COLUMNS: [&str; 6] =
    ["size", "format", "quantization", "parameters", "context", "licence"];

/// The specification table of the variants' models.
pub(crate) fn specifications(variants: &[Variant]) -> String {
    let header: Vec<&str> = std::iter::once("model").chain(COLUMNS).collect();
    table::of(&header, &[1, 4, 5], variants.iter().map(row))
}

/// Name and specification of a variant's model.
pub(super) fn row(variant: &Variant) -> Vec<String> {
    let mut cells = vec![printable(&variant.name)];
    cells.extend(specification(&variant.model, variant.endpoint.is_some()));
    cells
}

/// File size, format, quantization, parameters, context length and licence.
fn specification(model: &ModelFacts, is_endpoint: bool) -> [String; 6] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let format = match is_endpoint {
        true => "endpoint".to_owned(),
        false => "GGUF".to_owned(),
    };
    let size = (!is_endpoint).then(|| model.file_size_bytes.to_string());
    [
        or_dash(size),
        format,
        or_dash(model.label.clone().or_else(|| model.quantization.clone())),
        or_dash(model.n_params.map(parameters)),
        or_dash(model.context_length.map(|n| thousands(&n.to_string()))),
        or_dash(model.license.as_deref().map(printable)),
    ]
}

/// `135 M`, `7.24 B`.
fn parameters(n: u64) -> String {
    match n as f64 {
        n if n >= 1e9 => format!("{} B", number(n / 1e9)),
        n => format!("{} M", number(n / 1e6)),
    }
}
