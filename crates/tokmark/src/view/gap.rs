//! The result of `tokmark gap`.

use serde::Serialize;
use tokmark_lab::{Gap, GapPart, Span};
use tokmark_model::Record;

use super::words::short_id;

/// What the intervals hold.
const SPANS: &str = "\nIntervals are 95 % of medians measured one after the other: a difference \
                     whose interval holds 0 may be none, and what the machine did otherwise in \
                     between is in no interval.\n";

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
    let mut sum = |title: &str, from: Option<Span>, parts: &[GapPart], to: Option<Span>| {
        text += &format!("{title}\n{}", line("embedded engine", from, ""));
        for part in parts {
            text += &line(&format!("+ {}", part.name), part.span, &part.how);
        }
        text += &line("= through the server", to, "");
        text.push('\n');
    };
    let (prompt, ttft) = (gap.embedded_prompt, gap.server_ttft);
    sum("Time to first token, ms", prompt, &gap.first_token, ttft);
    let (token, tpot) = (gap.embedded_token, gap.server_tpot);
    sum("Each further token, ms", token, &gap.each_token, tpot);
    text += match gap.beside.is_empty() {
        true => "A second request at once: not known, no such point\n",
        false => "A second request at once, ms\n",
    };
    for part in &gap.beside {
        text += &line(&format!("+ {}", part.name), part.span, &part.how);
    }
    text += SPANS;
    let ids: Vec<String> = records.iter().map(|record| short_id(record.id)).collect();
    text += &format!("\nkept as {} in {place}\n", ids.join(", "));
    text
}

fn line(name: &str, span: Option<Span>, how: &str) -> String {
    let value = span.map_or_else(|| "not told".to_owned(), |span| format!("{:.3}", span.ms));
    let interval = span.and_then(|span| span.interval_ms);
    let interval =
        interval.map_or_else(String::new, |ends| format!("({:.3} to {:.3})", ends.low, ends.high));
    format!("  {name:<38}{value:>10} {interval:<22}  {how}").trim_end().to_owned() + "\n"
}
