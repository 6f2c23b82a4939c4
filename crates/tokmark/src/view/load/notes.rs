//! What a reader must know beside the figures of load points.

use tokmark_model::{
    CacheMode, CountSource, GradeLetter, LengthControl, Load, Record, ReplicaSummary,
    RequestSample, ServiceLevel, Serving, ServingSummary, Status, SystemRate,
};
use tokmark_stats::itl_is_per_event;

use super::figures::{TOO_FEW, is_marked, median_and_p99, span};
use super::rows::ending;
use super::{found_rate, software, speed_up, summary};
use crate::view::words::{counted, grade, number, printable, thousands, time};

/// Quantiles that the table marks where they have too few requests.
const SHOWN: [f64; 2] = [0.5, 0.99];

/// Points that a sentence names; with more of them the last are counted.
const MOST_NAMED: usize = 5;

/// `llama-server chat x 4`: the point, with the recipe where there is one.
pub(in crate::view) fn full_name(record: &Record) -> String {
    let recipe = record.serving.as_ref().and_then(|serving| serving.recipe.as_deref());
    printable(format!("{} {}", recipe.unwrap_or_default(), record.label()).trim())
}

/// Who was measured: a line for each server.
pub(in crate::view) fn subjects(records: &[Record]) -> Vec<String> {
    let mut lines = Vec::new();
    for serving in records.iter().filter_map(|record| record.serving.as_deref()) {
        let facts = &serving.server;
        if facts.urls.is_empty() && facts.model.is_empty() {
            // It was never reached.
            continue;
        }
        let recipe = serving.recipe.as_ref().map_or_else(String::new, |name| format!("{name}: "));
        let place = facts.urls.join(", ");
        let line =
            printable(&format!("{recipe}{} with {} at {place}", software(facts), facts.model));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// Points that did not end well, then the reasons of all grades, worst first.
pub(in crate::view) fn reasons(records: &[Record]) -> Vec<String> {
    let mut said = Said::default();
    for record in records.iter().filter(|record| record.status != Status::Ok) {
        said.add(None, record, ending(record));
    }
    for record in records {
        for reason in record.grade.iter().flat_map(|found| &found.reasons) {
            said.add(Some(reason.letter), record, printable(&reason.text));
        }
    }
    said.lines(records.len())
}

/// Everything else, in the order in which it matters to a reader.
pub(in crate::view) fn notes(records: &[Record]) -> Vec<String> {
    let mut said = Said::default();
    for about in [about_errors, about_absences, about_tokens, about_server, about_load] {
        for record in records {
            let Some(serving) = record.serving.as_deref() else { continue };
            for text in about(record, serving) {
                said.add(None, record, text);
            }
        }
    }
    let mut lines = said.lines(records.len());
    lines.extend(found(records));
    lines.extend(levels(records));
    if records.iter().filter_map(summary).any(has_too_few) {
        lines.push(format!(
            "{TOO_FEW} too few requests for a 95 % interval: all need 6 times what is under way at \
             once, p99 needs 368, its upper bound 299, more where neighbours are alike"
        ));
    }
    lines
}

/// Sentences with the points they hold for.
#[derive(Default)]
struct Said(Vec<(Option<GradeLetter>, String, Vec<String>)>);

impl Said {
    fn add(&mut self, letter: Option<GradeLetter>, record: &Record, text: String) {
        let name = full_name(record);
        let same = self.0.iter_mut().find(|(of, said, _)| *of == letter && *said == text);
        match same {
            Some((.., names)) if names.contains(&name) => {}
            Some((.., names)) => names.push(name),
            None => self.0.push((letter, text, vec![name])),
        }
    }

    /// Sentences without a letter first, then from the worst letter on.
    fn lines(mut self, n_points: usize) -> Vec<String> {
        self.0.sort_by_key(|(letter, ..)| {
            letter.map_or((0, None), |letter| (1, Some(std::cmp::Reverse(letter))))
        });
        let line = |(letter, text, names): (Option<GradeLetter>, String, Vec<String>)| {
            let names = match names.len() {
                n if n == n_points && n > 2 => "all points".to_owned(),
                n if n > MOST_NAMED => {
                    let named = names[..MOST_NAMED - 1].join(", ");
                    format!("{named} and {} more", n + 1 - MOST_NAMED)
                }
                _ => names.join(", "),
            };
            let letter = letter.map_or_else(String::new, |letter| format!(" {}", grade(letter)));
            format!("{names}{letter}: {text}")
        };
        self.0.into_iter().map(line).collect()
    }
}

/// Whether the grade already says it.
fn says(record: &Record, code: &str) -> bool {
    record.grade.iter().flat_map(|found| &found.reasons).any(|reason| reason.code == code)
}

fn has_too_few(summary: &ServingSummary) -> bool {
    let of_ttft = summary.ttft_ms.iter().any(|ttft| SHOWN.iter().any(|q| is_marked(ttft, *q)));
    let rates = [summary.output_rate_tps, summary.request_rate_per_s];
    let good = summary.goodput.filter(|found| found.n_judged > 0).map(|found| found.rate());
    let has_none = |rate: SystemRate| rate.no_interval.is_some();
    let of_replica =
        |own: &ReplicaSummary| own.output_rate_tps.is_some() && own.output_interval.is_none();
    of_ttft
        || rates.into_iter().chain([good]).flatten().any(has_none)
        || summary.replicas.iter().any(of_replica)
}

fn about_errors(record: &Record, serving: &Serving) -> Vec<String> {
    let Some(summary) = &serving.summary else { return Vec::new() };
    let mut texts = Vec::new();
    if !summary.errors.is_empty() && !says(record, "errors") {
        texts.push(format!("failed requests: {}", errors(summary)));
    }
    for request in &serving.requests {
        if let (Some(error), Some(message)) = (&request.error, &request.message) {
            let (error, message) = (printable(&error.label()), printable(message));
            texts.push(format!("the server's words to {error}: {message}"));
        }
    }
    if summary.n_retries > 0 && !says(record, "retries") {
        texts.push(format!("refused attempts that were tried again: {}", summary.n_retries));
    }
    if summary.n_resent > 0 && !says(record, "resent") {
        texts.push(format!("requests sent anew on another connection: {}", summary.n_resent));
    }
    if summary.n_cut > 0 {
        texts.push(format!("cut at the end, and so in no figure: {}", summary.n_cut));
    }
    texts
}

/// `http 429 x 3, timeout x 1`.
pub(in crate::view) fn errors(summary: &ServingSummary) -> String {
    let kinds = summary.errors.iter();
    let kinds: Vec<String> = kinds.map(|(kind, n)| format!("{} x {n}", printable(kind))).collect();
    kinds.join(", ")
}

/// Why a figure is missing.
fn about_absences(record: &Record, serving: &Serving) -> Vec<String> {
    let Some(summary) = &serving.summary else { return Vec::new() };
    let mut texts = Vec::new();
    let mut say = |text: &str| texts.push(text.to_owned());
    if summary.n_ok == 0 {
        say("no request was answered: no latency and no rate");
        return texts;
    }
    if !serving.workload.stream {
        say("answers came in one piece: no TTFT, ITL and TPOT");
    } else if summary.n_in_one_piece > 0 {
        if !says(record, "not_streamed") {
            let n = summary.n_in_one_piece;
            say(&format!(
                "answers in one piece although streams were asked for: {n}, without TTFT"
            ));
        }
    } else if summary.tpot_ms.is_none() {
        say("no TPOT: answers of one event, or tokens that nobody counted");
    }
    if summary.request_rate_per_s.is_none() {
        say("no measured window, and so no rates of the system");
    } else if summary.output_rate_tps.is_none() {
        say("no output rate: tokens that nobody counted");
    }
    if !serving.workload.service_levels.is_empty() {
        match summary.goodput {
            Some(goodput) if goodput.n_unjudged > 0 => say(&format!(
                "without a time that has a level, and so not judged for goodput: {}",
                goodput.n_unjudged
            )),
            Some(_) => {}
            None if summary.levels.is_empty() => {
                say("no goodput: no request could be judged");
            }
            // Said with the rates of the system.
            None => {}
        }
    }
    if record.grade.is_none() && itl_is_per_event(summary) {
        say("an event holds several tokens: ITL is per event");
    }
    texts
}

fn about_tokens(record: &Record, serving: &Serving) -> Vec<String> {
    let Some(summary) = &serving.summary else { return Vec::new() };
    let mut texts = Vec::new();
    if !says(record, "counts_estimated") && serving.requests.iter().any(is_estimated) {
        texts.push("token counts are estimated from words".to_owned());
    }
    if summary.n_hidden_reasoning > 0 && !says(record, "includes_hidden_reasoning") {
        let n = summary.n_hidden_reasoning;
        texts.push(format!("TTFTs that include reasoning which was not streamed: {n}"));
    }
    if let Some(reasoning) = &summary.reasoning_tokens {
        texts.push(format!(
            "answers with reasoning: {}, of {} tokens on average",
            thousands(&reasoning.n.to_string()),
            number(reasoning.mean)
        ));
    }
    let n_counted = summary.reasoning_tokens.as_ref().map_or(0, |reasoning| reasoning.n);
    if summary.n_reasoned > n_counted {
        let n = thousands(&(summary.n_reasoned - n_counted).to_string());
        texts.push(format!("answers with reasoning whose tokens nobody counted: {n}"));
    }
    let mean = summary.output_tokens.as_ref().map(|tokens| tokens.mean);
    let is_free = serving.workload.length_control == LengthControl::LimitOnly;
    if let (true, false, Some(asked), Some(mean)) =
        (is_free, says(record, "lengths_not_held"), serving.workload.n_output, mean)
    {
        texts.push(format!(
            "nothing holds output lengths at this server: {mean:.0} tokens (mean), asked were \
             {asked}"
        ));
    }
    texts
}

fn is_estimated(request: &RequestSample) -> bool {
    request.is_ok()
        && request.output_tokens.is_some_and(|count| count.source == CountSource::Estimated)
}

fn about_server(record: &Record, serving: &Serving) -> Vec<String> {
    let mut texts = Vec::new();
    let summary = serving.summary.as_ref();
    if record.flags.iter().any(|flag| flag == "warm_up_cut") {
        texts.push("the warm-up was ended at its limit: the first requests may be cold".to_owned());
    }
    if let Some(cold) = summary.and_then(|summary| summary.cold_ttft_ms) {
        texts.push(format!("first request after the server's start: TTFT {}", span(cold)));
    }
    let cached = summary.and_then(|summary| summary.cached_share).filter(|share| *share > 0.0);
    if let Some(share) = cached.filter(|_| !says(record, "cache_hit")) {
        let how = match serving.workload.cache {
            CacheMode::Bust if serving.workload.turns > 1 => {
                "unique conversations, whose later turns re-send their history as real ones do"
            }
            CacheMode::Bust => "unique prompts",
            CacheMode::Own => "what the prompts of this point repeat of each other",
            CacheMode::Share { .. } => "prompts with a shared beginning",
            CacheMode::Keep => "prompts that may repeat",
        };
        let share = number(share * 100.0);
        texts.push(format!("{share} % of the prompt tokens came from the server's cache ({how})"));
    }
    texts.extend(speculation(record));
    if let Some(file) = serving.requests_file() {
        texts.push(format!(
            "its requests are too many for the record; they lie in {}",
            printable(file)
        ));
    }
    texts
}

/// `740 of 1,234 drafted tokens were accepted (60 %)`.
pub(in crate::view) fn speculation(record: &Record) -> Option<String> {
    let found = record.speculation.as_ref().filter(|found| found.n_drafted > 0)?;
    let count = |n: u64| thousands(&n.to_string());
    Some(format!(
        "{} of {} drafted tokens were accepted ({:.0} %)",
        count(found.n_accepted),
        count(found.n_drafted),
        found.n_accepted as f64 / found.n_drafted as f64 * 100.0
    ))
}

/// What an open loop has besides: latencies from due.
fn about_load(_: &Record, serving: &Serving) -> Vec<String> {
    let Some(summary) = &serving.summary else { return Vec::new() };
    if matches!(serving.workload.arrival, Load::Concurrency { .. }) {
        return Vec::new();
    }
    let from_due = [("TTFT", &summary.ttft_from_due_ms), ("end to end", &summary.e2e_from_due_ms)];
    let parts: Vec<String> = from_due
        .into_iter()
        .filter_map(|(name, of)| Some(format!("{name} {}", median_and_p99(of.as_ref()?)?)))
        .collect();
    let late = match summary.arrivals.n_late {
        0 => String::new(),
        n => format!(
            "; {n} of {} requests were sent over 1 ms late, at most {}",
            summary.arrivals.n,
            time(summary.arrivals.late_max_ns)
        ),
    };
    let held = match summary.arrivals.n_held {
        0 => String::new(),
        n => format!(
            "; {} waited for the answer before beyond the time in the trace, at most {}",
            counted(n, "turn"),
            time(summary.arrivals.held_max_ns)
        ),
    };
    let late = late + &held;
    if parts.is_empty() {
        return Vec::new();
    }
    vec![format!("from due instead of sent: {}{late}", parts.join(", "))]
}

/// What was found by searches, and by points against each other.
fn found(records: &[Record]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (position, record) in records.iter().enumerate() {
        let Some(serving) = &record.serving else { continue };
        // Each point of a search knows what was found with it: its last one counts.
        let goes_on = records[position + 1..].iter().any(|later| {
            later.run_id == record.run_id
                && later
                    .serving
                    .as_ref()
                    .is_some_and(|own| own.found_rate.is_some() && own.recipe == serving.recipe)
        });
        lines.extend(serving.found_rate.filter(|_| !goes_on).map(|rate| found_rate(&rate)));
        lines.extend(serving.speed_ups.iter().map(speed_up));
    }
    lines
}

/// `goodput: requests with ttft up to 500 ms and tpot up to 50 ms`.
fn levels(records: &[Record]) -> Option<String> {
    let levels = records
        .iter()
        .filter_map(|record| record.serving.as_ref())
        .map(|serving| &serving.workload.service_levels)
        .find(|levels| !levels.is_empty())?;
    Some(format!("goodput: requests with {}", service_levels(levels)))
}

/// `ttft up to 500 ms and tpot up to 50.0 ms`.
pub(in crate::view) fn service_levels(levels: &[ServiceLevel]) -> String {
    let level =
        |level: &ServiceLevel| format!("{} up to {}", level.kind.word(), time(level.limit_ns));
    levels.iter().map(level).collect::<Vec<_>>().join(" and ")
}
