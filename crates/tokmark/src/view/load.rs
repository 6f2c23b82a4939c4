//! Load points as people and programs read them.

pub(super) mod asked;
pub(super) mod comparison;
mod csv;
#[cfg(test)]
pub(super) mod example;
pub(super) mod figures;
pub(super) mod notes;
mod request_lines;
pub(crate) mod rows;
#[cfg(test)]
mod tests;

use tokmark_lab::Calibration;
use tokmark_model::{
    Comparison, FoundRate, KeptShare, Nanos, Record, RequestError, ServerFacts, ServingSummary,
    SpeedUp,
};
use tokmark_plot::Table;
use tokmark_stats::{OFFERED_TOUCHED, fewest_to_meet, is_level_met};

use super::words::{grade, number, printable, thousands, time};
use figures::median_and_p99;

pub(crate) use csv::csv;
pub(crate) use request_lines::request_lines;

/// Dialects that were written from documentation, see `tokmark-wire`.
const NOT_VERIFIED: [&str; 5] = ["ollama", "sglang", "lmstudio", "lemonade", "openrouter"];

/// `http 404 (model m not found)`.
pub(crate) fn failure(error: &RequestError, message: Option<&str>) -> String {
    let words = message.map_or_else(String::new, |message| format!(" ({})", printable(message)));
    error.label() + &words
}

/// What a server is, and how that was told.
pub(crate) fn server(facts: &ServerFacts) -> String {
    let mut text = format!("{} at {}", software(facts), places(facts));
    if !facts.model.is_empty() {
        text += &format!(": {}", printable(&facts.model));
    }
    if facts.models.len() > 1 {
        text += &format!(" (of {} models)", facts.models.len());
    }
    let slots = |n| format!("{n} slot{}", if n == 1 { "" } else { "s" });
    let mut parts: Vec<String> = facts.n_slots.map(slots).into_iter().collect();
    parts.extend(facts.n_ctx.map(|n| format!("context {}", thousands(&n.to_string()))));
    parts.extend(facts.model_bytes.map(|bytes| format!("{bytes} in memory")));
    parts.extend(facts.gpu_share_percent.map(|share| format!("{share:.0} % on GPUs")));
    for part in parts {
        text += &format!(", {part}");
    }
    if !facts.evidence.is_empty() {
        text += &format!("\n  told by: {}", printable(&facts.evidence));
    }
    if NOT_VERIFIED.contains(&facts.dialect.as_str()) {
        text += "; this dialect is written from documentation, --check-dialect verifies it";
    }
    text
}

/// `llama.cpp b11434`.
pub(super) fn software(facts: &ServerFacts) -> String {
    let version = facts.version.as_deref().unwrap_or_default();
    match format!("{} {version}", facts.dialect).trim() {
        "" => "a server of unknown kind".to_owned(),
        name => printable(name),
    }
}

fn places(facts: &ServerFacts) -> String {
    match facts.urls.as_slice() {
        [] => "an unknown address".to_owned(),
        [one] => printable(one),
        [first, rest @ ..] => format!("{} and {} more", printable(first), rest.len()),
    }
}

/// A finished point on one line.
pub(crate) fn line(record: &Record) -> String {
    let name = notes::full_name(record);
    let Some(summary) = summary(record) else { return format!("{name}: {}", rows::ending(record)) };
    let mut parts = vec![format!("{} requests", thousands(&summary.n_requests.to_string()))];
    match summary.errors.values().sum::<u64>() {
        0 => {}
        n => parts.push(format!("{} failed", thousands(&n.to_string()))),
    }
    let latencies = [("TTFT", &summary.ttft_ms), ("ITL", &summary.itl_ms)];
    parts.extend(latencies.into_iter().filter_map(|(name, latency)| {
        Some(format!("{name} {}", median_and_p99(latency.as_ref()?)?))
    }));
    parts.extend(summary.output_rate_tps.map(|rate| format!("{} tok/s", number(rate.per_s))));
    parts.extend(
        summary.request_rate_per_s.map(|rate| format!("{} requests/s", number(rate.per_s))),
    );
    parts.extend(record.grade.as_ref().map(|found| format!("grade {}", grade(found.letter))));
    if record.status != tokmark_model::Status::Ok {
        parts.push(rows::ending(record));
    }
    format!("{name}: {}", parts.join(", "))
}

/// What the client adds to a time to first token at the load of `label`.
pub(crate) fn calibration(found: &Calibration, label: &str) -> String {
    let span = |ns: f64| {
        let sign = if ns < 0.0 { "-" } else { "" };
        format!("{sign}{}", time(Nanos(ns.abs() as u64)))
    };
    format!(
        "this client adds {} to a TTFT at {}, p99 {} ({} requests to a server of known times)",
        span(found.ttft_mean),
        printable(label),
        span(found.ttft_p99),
        thousands(&found.n.to_string())
    )
}

/// What a search for the highest rate found.
pub(crate) fn found_rate(found: &FoundRate) -> String {
    let unfinished = if found.is_over { "" } else { "; the search was not finished" };
    let met = kept(found.met.as_ref(), true);
    let failed = kept(found.failed.as_ref(), false);
    let is_sure = found.failed.is_none_or(|kept| is_level_met(&kept) == Some(false));
    let highest = found.highest_met_per_s.map(|rate| tried(rate, found.met_offered_per_s));
    let lowest = found.lowest_failed_per_s.map(|rate| tried(rate, found.failed_offered_per_s));
    let sentence = match (highest, lowest) {
        (Some((rate, made)), Some((next, next_made))) if found.is_over => format!(
            "highest rate that keeps the service levels: {rate} requests/s{made}{met}; the next \
             rate tried, {next}{next_made}, {}{failed}; {} points",
            if is_sure { "does not" } else { "seems not to" },
            found.n_points
        ),
        (Some((rate, made)), Some((next, next_made))) => format!(
            "the highest rate that keeps the service levels lies between {rate}{made}{met} and \
             {next} requests/s{next_made}{failed}"
        ),
        (Some((rate, made)), None) => {
            format!("every rate up to {rate} requests/s{made} kept the levels{met}")
        }
        (None, Some((rate, made))) => {
            format!("even {rate} requests/s{made} broke the levels{failed}")
        }
        (None, None) => "no rate was tried".to_owned(),
    };
    sentence + unfinished
}

/// A rate that was asked for, and what its random gaps made of it where that is another.
fn tried(rate: f64, offered: Option<f64>) -> (String, String) {
    let is_other = |offered: &f64| (offered / rate - 1.0).abs() > OFFERED_TOUCHED;
    let made = offered.filter(is_other).map(|offered| format!(", offered {offered:.3}"));
    // Of the lowest rates three places show nothing.
    let rate = if rate < 0.1 { format!("{rate:.4}") } else { format!("{rate:.3}") };
    (rate, made.unwrap_or_default())
}

/// ` (99.7 % of 610 requests, 99.1 to 99.9)`, and whether that is enough to be sure.
fn kept(kept: Option<&KeptShare>, is_met: bool) -> String {
    let Some(kept) = kept else { return String::new() };
    let percent = |share: f64| number(share * 100.0);
    let n = thousands(&kept.n_judged.to_string());
    let ends = format!("{} to {}", percent(kept.share_low), percent(kept.share_high));
    let sure = if is_level_met(kept) == Some(is_met) {
        String::new()
    } else if kept.n_kept == kept.n_judged {
        format!(": not sure, which takes {} requests", fewest_to_meet())
    } else {
        ": not sure".to_owned()
    };
    format!(" ({} % of {n} requests, {ends}{sure})", percent(kept.share))
}

/// What speculative decoding brings at a point.
pub(crate) fn speed_up(found: &SpeedUp) -> String {
    let Comparison { n_pairs, ratio, interval, .. } = &found.comparison;
    let ends = interval.map_or_else(
        || "too few for an interval".to_owned(),
        |ends| format!("{:.2} to {:.2}", ends.low, ends.high),
    );
    format!(
        "{}: speculation makes {} {ratio:.2} ({ends}) times as fast per token as {}, on the same \
         {n_pairs} prompts",
        printable(&found.label),
        printable(&found.with),
        printable(&found.without)
    )
}

/// The result for a terminal: a row a point, in two tables where one is wider than `width`
/// columns, then what speaks against the figures.
pub(crate) fn table(records: &[Record], place: &str, width: Option<usize>) -> String {
    if records.is_empty() {
        return "nothing was measured\n".to_owned();
    }
    let mut text = notes::subjects(records).into_iter().map(|line| line + "\n").collect::<String>();
    let whole = rows::points(records).text();
    let widest = whole.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    if width.is_none_or(|width| widest <= width) {
        text += &whole;
    } else {
        let [latencies, rates] = rows::latencies_and_rates(records);
        text += &format!("{}\n{}", latencies.text(), rates.text());
    }
    for more in comparison::tables(records) {
        text += &format!("\n{}:\n{}", more.caption, more.text());
    }
    let mut remarks = notes::reasons(records);
    remarks.extend(notes::notes(records));
    if !remarks.is_empty() {
        text += "\n";
    }
    for remark in remarks {
        text += &format!("{remark}\n");
    }
    text + &format!("kept in {}\n", printable(place))
}

/// The same in Markdown.
pub(crate) fn markdown(records: &[Record]) -> String {
    let mut text = String::new();
    let mut more = comparison::tables(records);
    more.insert(0, rows::points(records));
    let last = more.len() - 1;
    for (n, rows) in more.iter().enumerate() {
        let Some(mut table) = rows.table() else { continue };
        if n == last {
            table = noted(table, records);
        }
        if n > 0 {
            text += "\n";
        }
        text += &table.markdown();
    }
    text
}

fn noted(table: Table, records: &[Record]) -> Table {
    let all = [notes::subjects(records), notes::reasons(records), notes::notes(records)];
    all.into_iter().flatten().fold(table, Table::with_note)
}

/// The figures of a load point.
pub(crate) fn summary(record: &Record) -> Option<&ServingSummary> {
    record.serving.as_ref()?.summary.as_ref()
}
