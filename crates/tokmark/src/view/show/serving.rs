//! What a load point has instead of repetitions.

use tokmark_model::{
    Distribution, KeptShare, Nanos, Record, RecordKind, Repetitions, ReplicaSummary, RequestSample,
    Serving, ServingSummary, Workload,
};
use tokmark_stats::{is_level_met, itl_is_per_event, request_figures};

use super::super::load::asked::{client, manners, sizes};
use super::super::load::figures::{ABSENT, at, median_and_p99, plain_rate, replica_output, span};
use super::super::load::notes::{errors, service_levels, speculation};
use super::super::load::rows::Rows;
use super::super::load::{found_rate, server, speed_up};
use super::super::table::memory;
use super::super::words::{number, printable, thousands, time};
use super::{LISTED, machine_line};

/// Quantiles of the table of distributions.
const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999)];

/// Who was asked, and what.
pub(super) fn facts(record: &Record, serving: &Serving, line: &mut impl FnMut(&str, String)) {
    if record.kind != RecordKind::Measured {
        let tool = printable(format!("{} {}", record.tool.name, record.tool.version).trim());
        line("measured by", tool);
    }
    for (n, text) in server(&serving.server).lines().enumerate() {
        line(if n == 0 { "server" } else { "" }, text.trim().to_owned());
    }
    line("recipe", serving.recipe.as_deref().map_or_else(String::new, printable));
    let machine = match record.machine.fingerprint.is_empty() {
        true => "the server's, of which nothing is known here".to_owned(),
        false => machine_line(record),
    };
    line("machine", machine);
    let workload = &serving.workload;
    line("workload", sizes(workload));
    line("", manners(workload));
    line("extent", extent(record, workload));
    line("service levels", service_levels(&workload.service_levels));
}

/// What a flag of a load point means.
pub(super) fn flag(flag: &str) -> String {
    match flag {
        "remote_server" => "the server runs on another machine".to_owned(),
        other => printable(&other.replace('_', " ")),
    }
}

fn extent(record: &Record, workload: &Workload) -> String {
    let mut parts = Vec::new();
    match &record.repetitions {
        Some(Repetitions::Fixed { n }) => parts.push(format!("{} requests", count(u64::from(*n)))),
        Some(Repetitions::Adaptive { half_width, budget_ns, .. }) => {
            let (width, budget) = (half_width * 100.0, time(*budget_ns));
            parts.push(format!("until ±{width:.1} % or {budget}"));
        }
        None => {}
    }
    parts.extend(workload.duration_ns.map(|span| format!("due for {}", time(span))));
    if workload.n_warmup > 0 {
        parts.push(format!("after {} untimed", workload.n_warmup));
    }
    parts.extend(workload.timeout_ns.map(|limit| format!("each at most {}", time(limit))));
    parts.join(", ")
}

/// Figures of the whole point; those of its requests stand in [`tables`].
pub(super) fn figures(record: &Record, serving: &Serving, line: &mut impl FnMut(&str, String)) {
    if let Some(summary) = &serving.summary {
        counts(summary, line);
        rates(summary, line);
        load(serving, summary, line);
        beside(record, serving, summary, line);
    }
    let has_memory =
        record.memory.host_peak_bytes.is_some() || record.memory.device_peak_bytes.is_some();
    line("peak memory", if has_memory { memory(record) } else { String::new() });
    line("client", client(&serving.client));
}

fn counts(summary: &ServingSummary, line: &mut impl FnMut(&str, String)) {
    let mut parts =
        vec![format!("{} answered of {}", count(summary.n_ok), count(summary.n_requests))];
    if !summary.errors.is_empty() {
        parts.push(format!("failed: {}", errors(summary)));
    }
    if summary.n_cut > 0 {
        parts.push(format!("{} more cut at the end", count(summary.n_cut)));
    }
    if summary.n_retries > 0 {
        parts.push(format!("{} attempts refused", count(summary.n_retries)));
    }
    if summary.n_resent > 0 {
        parts.push(format!("{} sent anew", count(summary.n_resent)));
    }
    line("requests", parts.join(", "));
    let window = summary.window_end_ns.0.saturating_sub(summary.window_start_ns.0);
    if let (Some(mean), true) = (summary.mean_in_flight, window > 0) {
        let (window, most) = (time(Nanos(window)), count(summary.max_in_flight));
        let mean = number(mean);
        line("window", format!("{window}, {mean} in flight on average, {most} at most"));
    }
}

fn rates(summary: &ServingSummary, line: &mut impl FnMut(&str, String)) {
    let of_system = [
        ("output rate", &summary.output_rate_tps, "tok/s"),
        ("total rate", &summary.total_rate_tps, "tok/s, prompts included"),
        ("system rate", &summary.request_rate_per_s, "requests/s"),
    ];
    for (name, rate, unit) in of_system {
        line(name, rate.map_or_else(String::new, |r| format!("{} {unit}", plain_rate(&r))));
    }
    let tokens = |n: f64| format!("{} tokens", number(n));
    line("a text event", summary.tokens_per_event.map_or_else(String::new, tokens));
}

/// Goodput and arrivals.
fn load(serving: &Serving, summary: &ServingSummary, line: &mut impl FnMut(&str, String)) {
    if let Some(goodput) = &summary.goodput {
        let percent = |share: f64| number(share * 100.0);
        line(
            "goodput",
            format!(
                "{} of {} requests, {} % ({} to {}), {} per s",
                count(goodput.n_good),
                count(goodput.n_judged),
                percent(goodput.share),
                percent(goodput.share_low),
                percent(goodput.share_high),
                plain_rate(&goodput.rate())
            ),
        );
    }
    let kept = |(name, kept): (&String, &KeptShare)| {
        let said = match is_level_met(kept) {
            Some(true) => "kept",
            Some(false) => "not kept",
            None => "not sure",
        };
        let percent = number(kept.share * 100.0);
        format!("{} by {percent} % of {}: {said}", printable(name), count(kept.n_judged))
    };
    let levels: Vec<String> = summary.levels.iter().map(kept).collect();
    line("levels at 99 %", levels.join(", "));
    line("search", serving.found_rate.as_ref().map_or_else(String::new, found_rate));
    for found in &serving.speed_ups {
        line("speed-up", speed_up(found));
    }
    let arrivals = &summary.arrivals;
    let cv = [("asked", arrivals.asked_cv), ("due", arrivals.due_cv), ("sent", arrivals.sent_cv)];
    let cv: Vec<String> =
        cv.into_iter().filter_map(|(name, cv)| Some(format!("{name} {:.2}", cv?))).collect();
    if !cv.is_empty() {
        line("gaps vary by", format!("{} (deviation / mean)", cv.join(", ")));
    }
    // Of a closed loop nothing is late.
    if arrivals.due_cv.is_some() || arrivals.n_late > 0 {
        let (n_late, n) = (count(arrivals.n_late), count(arrivals.n));
        let (p99, most) = (time(arrivals.late_p99_ns), time(arrivals.late_max_ns));
        line(
            "sent late",
            format!("{n_late} of {n} by over 1 ms; late by {p99} at p99, {most} at most"),
        );
    }
}

/// What the server did besides.
fn beside(
    record: &Record,
    serving: &Serving,
    summary: &ServingSummary,
    line: &mut impl FnMut(&str, String),
) {
    let percent = |share: f64| format!("{} % of the prompt tokens", number(share * 100.0));
    line("from the cache", summary.cached_share.map_or_else(String::new, percent));
    let cold = |ms: f64| format!("TTFT {}", span(ms));
    line("first request", summary.cold_ttft_ms.map_or_else(String::new, cold));
    let ratio = |ratio: f64| format!("{ratio:.3} of the decode rate that it reports");
    line("against server", summary.rate_vs_server.map_or_else(String::new, ratio));
    line("speculation", speculation(record).unwrap_or_default());
    for replica in &summary.replicas {
        line("replica", of_replica(replica, serving));
    }
    if let Some(file) = serving.requests_file() {
        line("all requests", printable(file));
    }
}

fn of_replica(replica: &ReplicaSummary, serving: &Serving) -> String {
    let url = serving.server.urls.get(replica.replica as usize);
    let url = url.map_or_else(|| replica.replica.to_string(), |url| printable(url));
    let ttft = replica.ttft_ms.as_ref().and_then(median_and_p99);
    format!(
        "{url}: {} requests, {} failed, {}{}",
        count(replica.n_requests),
        count(replica.n_errors),
        match replica_output(replica) {
            unknown if unknown == ABSENT => "unknown rate".to_owned(),
            known => format!("{known} tok/s"),
        },
        ttft.map_or_else(String::new, |ttft| format!(", TTFT {ttft}"))
    )
}

/// How the figures of the requests are spread, then the requests.
pub(super) fn tables(serving: &Serving) -> String {
    let spread = serving.summary.as_ref().and_then(distributions);
    let spread = spread.map_or_else(String::new, |rows| {
        rows.text().lines().fold("\n".to_owned(), |text, line| text + &format!("  {line}\n"))
    });
    spread + &requests(serving)
}

fn distributions(summary: &ServingSummary) -> Option<Rows> {
    let ttfo = summary.ttfo_ms.as_ref().filter(|_| summary.ttfo_ms != summary.ttft_ms);
    let itl = if itl_is_per_event(summary) { "ITL per event, ms" } else { "ITL, ms" };
    let all = [
        ("TTFT, ms", summary.ttft_ms.as_ref()),
        ("TTFT from due, ms", summary.ttft_from_due_ms.as_ref()),
        ("connecting, ms", summary.connect_ms.as_ref()),
        ("TTFO, ms", ttfo),
        (itl, summary.itl_ms.as_ref()),
        ("TPOT, ms", summary.tpot_ms.as_ref()),
        ("end to end, ms", summary.e2e_ms.as_ref()),
        ("end to end from due, ms", summary.e2e_from_due_ms.as_ref()),
        ("closed, ms", summary.closed_ms.as_ref()),
        ("queue, ms", summary.queue_ms.as_ref()),
        ("decode rate, tok/s", summary.decode_rate_tps.as_ref()),
        ("request rate, tok/s", summary.request_rate_tps.as_ref()),
        ("answer rate, tok/s", summary.answer_rate_tps.as_ref()),
        ("prompt, tokens", summary.prompt_tokens.as_ref()),
        ("output, tokens", summary.output_tokens.as_ref()),
        ("reasoning, tokens", summary.reasoning_tokens.as_ref()),
    ];
    let row = |name: &str, of: &Distribution| {
        let first = [name.to_owned(), count(of.n), number(of.mean)].into_iter();
        let quantiles = QUANTILES.iter().map(|(_, q)| at(Some(of), *q));
        let ends = [number(of.min), number(of.max)];
        first.chain(quantiles).chain(ends).collect::<Vec<String>>()
    };
    let cells: Vec<Vec<String>> =
        all.into_iter().filter_map(|(name, of)| Some(row(name, of?))).collect();
    let header = ["of a request", "n", "mean"].into_iter();
    let header = header.chain(QUANTILES.map(|(word, _)| word)).chain(["least", "most"]);
    (!cells.is_empty()).then(|| Rows {
        caption: "Figures of the requests".to_owned(),
        header: header.map(|title| (title.to_owned(), String::new())).collect(),
        cells,
    })
}

/// The requests, the middle left out where there are many.
fn requests(serving: &Serving) -> String {
    let all = &serving.requests;
    if all.is_empty() {
        return String::new();
    }
    let mut text = "\n     n         due   sent late        TTFT        TPOT  end to end  tokens  \
                    outcome\n"
        .to_owned();
    for (n, request) in all.iter().enumerate() {
        if all.len() > LISTED && n == LISTED / 2 {
            let more = count((all.len() - LISTED) as u64);
            text += &format!("   ... {more} more: -o json has them\n");
        }
        if all.len() <= LISTED || n < LISTED / 2 || n >= all.len() - LISTED / 2 {
            text += &request_line(n, request, serving.workload.stream);
        }
    }
    text
}

fn request_line(n: usize, request: &RequestSample, stream: bool) -> String {
    let figures = request_figures(request, stream).unwrap_or_default();
    let dash = || ABSENT.to_owned();
    let shown = |of: Option<Nanos>| of.map_or_else(dash, time);
    let outcome = match (&request.error, &request.finish) {
        (Some(error), _) => error.label(),
        (None, Some(finish)) => printable(finish),
        (None, None) => "ok".to_owned(),
    };
    format!(
        "  {:>4}  {:>10}  {:>10}  {:>10}  {:>10}  {:>10}  {:>6}  {outcome}\n",
        n + 1,
        time(request.due_ns),
        time(Nanos(request.sent_ns.0.saturating_sub(request.due_ns.0))),
        shown(figures.ttft),
        figures.tpot_ns.map_or_else(dash, |ns| span(ns / 1e6)),
        shown(figures.e2e),
        request.output_tokens.map_or_else(dash, |tokens| tokens.n.to_string()),
    )
}

fn count(n: u64) -> String {
    thousands(&n.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::record;
    use crate::view::load::example;

    #[test]
    fn a_closed_loop_whole() {
        insta::assert_snapshot!(record(&example::chat_by_four()));
    }

    #[test]
    fn an_open_loop_at_a_remote_server_whole() {
        insta::assert_snapshot!(record(&example::remote_at_a_rate()));
    }

    #[test]
    fn a_point_without_an_answer_whole() {
        insta::assert_snapshot!(record(&example::all_refused()));
    }
}
