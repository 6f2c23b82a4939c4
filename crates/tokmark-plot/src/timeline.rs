//! Requests over time, one row each.

use std::collections::BTreeMap;

use crate::axis::Axis;
use crate::drawing::{Drawing, Group, Pattern, Row, Rows, Span};
use crate::error::PlotError;
use crate::extent::Extent;
use crate::number::count;
use crate::plot::Plot;
use crate::table::{MOST_ROWS, Table};
use crate::text::clean;
use crate::thin::every_nth_and_special;
use crate::unit::{Unit, quantity};
use crate::wording::{counted, sentence};

/// Rows that are drawn.
const MOST_DRAWN: usize = 120;
/// Phases of a request's life with their styles; text is solid.
const PHASES: [(&str, usize); 4] =
    [("due, not sent", 4), ("sent, no text", 1), ("text", 0), ("last text to end", 2)];

/// When each request was due, sent, answered and ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// Title of the plot.
    pub title: String,
    /// One row each, in this order from top to bottom.
    pub requests: Vec<RequestSpan>,
    /// The axis shows at least this range, as the plot of a server's metrics beside it does.
    pub at_least_s: Option<(f64, f64)>,
}

/// Instants of one request, in seconds on one clock, usually from the start of the run. What
/// did not happen is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RequestSpan {
    /// Its name: `17`.
    pub label: String,
    /// When the schedule wanted it sent.
    pub due_s: Option<f64>,
    /// When it was sent.
    pub sent_s: Option<f64>,
    /// First event with generated text.
    pub first_text_s: Option<f64>,
    /// Last event with generated text.
    pub last_text_s: Option<f64>,
    /// End of the answer, or the instant of the error.
    pub end_s: Option<f64>,
    /// What went wrong: `http 429`.
    pub error: Option<String>,
}

impl RequestSpan {
    fn instants(&self) -> [(&'static str, Option<f64>); 5] {
        [
            ("due", self.due_s),
            ("sent", self.sent_s),
            ("first text", self.first_text_s),
            ("last text", self.last_text_s),
            ("end", self.end_s),
        ]
    }

    fn known(&self) -> impl Iterator<Item = f64> + use<> {
        self.instants().into_iter().filter_map(|(_, instant)| instant)
    }
}

impl Timeline {
    /// The finished plot.
    ///
    /// # Errors
    ///
    /// An instant that is no finite number; sent, first text, last text and end in the wrong
    /// order. (A request may be sent before it was due.)
    pub fn plot(&self) -> Result<Plot, PlotError> {
        let axis = Axis { at_least: self.at_least_s, ..Axis::linear("Time", Unit::Seconds) };
        let axis = axis.cleaned()?;
        let requests =
            self.requests.iter().map(|r| checked(r, &axis)).collect::<Result<Vec<_>, _>>()?;
        let title = clean(&self.title);
        let instants = || requests.iter().flat_map(RequestSpan::known);
        if instants().next().is_none() {
            return Ok(Plot::empty(&title, "no requests were given"));
        }
        let x = Extent::of(&axis, instants());
        let kept = kept(&requests, MOST_DRAWN);
        let mut notes = Vec::new();
        if kept.len() < requests.len() {
            let of_errors = |indexes: &[usize]| {
                indexes.iter().filter(|&&n| requests[n].error.is_some()).count()
            };
            let all: Vec<usize> = (0..requests.len()).collect();
            notes.push(format!(
                "{} of {} requests drawn, among them {} of {}",
                count(kept.len()),
                count(requests.len()),
                count(of_errors(&kept)),
                counted(of_errors(&all), "error", "errors"),
            ));
        }
        let groups: Vec<Group> = kept.iter().map(|&n| group(&requests[n])).collect();
        let has_errors = requests.iter().any(|request| request.error.is_some());
        let drawing = Drawing::Rows(Rows {
            x,
            groups,
            patterns: PHASES
                .map(|(label, style)| Pattern { label: label.to_owned(), style })
                .into(),
            cross: has_errors.then(|| "error".to_owned()),
        });
        let (sentence, table) = (told(&requests), tabled(&title, &requests, &axis));
        Ok(Plot { title, sentence, table, drawing, notes })
    }
}

fn checked(request: &RequestSpan, axis: &Axis) -> Result<RequestSpan, PlotError> {
    let label = clean(&request.label);
    let mut before: Option<(&'static str, f64)> = None;
    for (name, instant) in request.instants() {
        let Some(instant) = instant else { continue };
        axis.check(&format!("{name} of request {label}"), instant)?;
        match before {
            Some((earlier, at)) if instant < at => {
                return Err(PlotError::OutOfOrder { request: label, earlier, later: name });
            }
            _ if name == "due" => {}
            _ => before = Some((name, instant)),
        }
    }
    let error = request.error.as_deref().map(clean);
    Ok(RequestSpan { label, error, ..request.clone() })
}

/// Positions of the requests that are shown; those with an error come first.
fn kept(requests: &[RequestSpan], most: usize) -> Vec<usize> {
    every_nth_and_special(requests.len(), most, |n| requests[n].error.is_some())
}

fn group(request: &RequestSpan) -> Group {
    let text = request.first_text_s.zip(request.last_text_s.or(request.end_s));
    let after = request.last_text_s.zip(request.end_s);
    let waiting = request.sent_s.zip(request.first_text_s.or(request.end_s));
    let late = request.due_s.zip(request.sent_s).filter(|(due, sent)| due < sent);
    let phases = [late, waiting, text, after].into_iter().enumerate();
    let spans = phases
        .filter_map(|(pattern, ends)| ends.map(|(from, to)| Span { from, to, pattern }))
        .filter(|span| span.from < span.to)
        .collect();
    let last = request.known().fold(f64::NEG_INFINITY, f64::max);
    let cross = request.error.clone().filter(|_| last.is_finite()).map(|error| (last, error));
    let row = Row { spans, cross, ..Row::default() };
    Group { label: request.label.clone(), rows: vec![row] }
}

fn tabled(title: &str, requests: &[RequestSpan], axis: &Axis) -> Table {
    let all = || requests.iter().flat_map(RequestSpan::known);
    let (lo, hi) = all().fold((f64::MAX, f64::MIN), |(lo, hi), at| (lo.min(at), hi.max(at)));
    let shown = axis.unit.shown(lo.abs().max(hi.abs()).min(1.0));
    let titled = ["Due", "Sent", "First text", "Last text", "End"].map(|name| shown.titled(name));
    let header: Vec<String> =
        ["Request".to_owned()].into_iter().chain(titled).chain(["Outcome".to_owned()]).collect();
    let kept = kept(requests, MOST_ROWS);
    let row = |&n: &usize| -> Vec<String> {
        let request = &requests[n];
        let cell = |(_, instant): (&str, Option<f64>)| {
            instant.map_or("–".to_owned(), |at| shown.place(at, (hi - lo).min(1.0)))
        };
        let outcome = match (&request.error, request.end_s) {
            (Some(error), _) => error.as_str(),
            (None, Some(_)) => "ok",
            (None, None) => "under way",
        };
        let name = std::iter::once(request.label.clone());
        name.chain(request.instants().map(cell)).chain([outcome.to_owned()]).collect()
    };
    let table = Table::cleaned(title, &header, kept.iter().map(row).collect());
    if kept.len() == requests.len() {
        return table;
    }
    let (kept, all) = (count(kept.len()), count(requests.len()));
    table.with_note(format!("{kept} of {all} requests: at equal steps, and those with an error"))
}

fn told(requests: &[RequestSpan]) -> String {
    let instants = || requests.iter().flat_map(RequestSpan::known);
    let (lo, hi) = instants().fold((f64::MAX, f64::MIN), |(lo, hi), at| (lo.min(at), hi.max(at)));
    let seconds = |time: f64| quantity(time, &Unit::Seconds);
    let mut by_error: BTreeMap<&str, usize> = BTreeMap::new();
    for error in requests.iter().filter_map(|request| request.error.as_deref()) {
        *by_error.entry(error).or_default() += 1;
    }
    let n_errors: usize = by_error.values().sum();
    let mut errors: Vec<_> = by_error.into_iter().collect();
    errors.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let of_kind: Vec<_> =
        errors.iter().take(3).map(|(error, n)| format!("{} {error}", count(*n))).collect();
    let more = if errors.len() > 3 { ", ..." } else { "" };
    let mut parts = vec![match n_errors {
        0 => format!(
            "{} in {}, no errors",
            counted(requests.len(), "request", "requests"),
            seconds(hi - lo)
        ),
        n => format!(
            "{} in {}, {} with an error ({}{more})",
            counted(requests.len(), "request", "requests"),
            seconds(hi - lo),
            count(n),
            of_kind.join(", ")
        ),
    }];
    let waits = || {
        let wait = |request: &RequestSpan| Some(request.first_text_s? - request.sent_s?);
        requests.iter().filter_map(move |request| Some((request, wait(request)?)))
    };
    let shortest = waits().min_by(|a, b| a.1.total_cmp(&b.1));
    let longest = waits().max_by(|a, b| a.1.total_cmp(&b.1));
    if let (Some((_, shortest)), Some((request, longest))) = (shortest, longest) {
        parts.push(format!(
            "first text {} to {} after sending, the longest for request {}",
            seconds(shortest),
            seconds(longest),
            request.label
        ));
    }
    let late = |request: &RequestSpan| Some(request.sent_s? - request.due_s?);
    let latest = requests.iter().filter_map(late).filter(|late| *late > 0.0).reduce(f64::max);
    if let Some(latest) = latest {
        parts.push(format!("sent up to {} after due", seconds(latest)));
    }
    sentence(parts, "")
}
