//! The result of `tokmark gap`.

use serde::Serialize;
use tokmark_lab::{Gap, GapPart};
use tokmark_model::Record;

use super::words::short_id;

/// Gap and records as one JSON document.
#[derive(Serialize)]
pub(crate) struct Document<'a> {
    gap: &'a Gap,
    embedded: &'a [Record],
    served: &'a [Record],
}

pub(crate) fn document<'a>(
    gap: &'a Gap,
    embedded: &'a [Record],
    served: &'a [Record],
) -> Document<'a> {
    Document { gap, embedded, served }
}

/// Two sums, from the embedded engine to the server, line by line.
pub(crate) fn table(gap: &Gap, records: &[&Record], place: &str) -> String {
    let mut text = String::new();
    let mut sum = |title: &str, from: Option<f64>, parts: &[GapPart], to: Option<f64>| {
        text += &format!("{title}\n{}", line("embedded engine", from, ""));
        for part in parts {
            text += &line(&format!("+ {}", part.name), part.ms, &part.how);
        }
        text += &line("= through the server", to, "");
        text.push('\n');
    };
    let (prompt, ttft) = (gap.embedded_prompt_ms, gap.server_ttft_ms);
    sum("Time to first token, ms", prompt, &gap.first_token, ttft);
    let (token, tpot) = (gap.embedded_token_ms, gap.server_tpot_ms);
    sum("Each further token, ms", token, &gap.each_token, tpot);
    text += match gap.beside.is_empty() {
        true => "A second request at once: not known, no such point\n",
        false => "A second request at once, ms\n",
    };
    for part in &gap.beside {
        text += &line(&format!("+ {}", part.name), part.ms, &part.how);
    }
    let ids: Vec<String> = records.iter().map(|record| short_id(record.id)).collect();
    text += &format!("\nkept as {} in {place}\n", ids.join(", "));
    text
}

fn line(name: &str, ms: Option<f64>, how: &str) -> String {
    let value = ms.map_or_else(|| "not told".to_owned(), |ms| format!("{ms:.3}"));
    format!("  {name:<38}{value:>10}  {how}").trim_end().to_owned() + "\n"
}
