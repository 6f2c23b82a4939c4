//! Requests that kept the service levels.

use std::collections::BTreeMap;

use tokmark_model::{
    Goodput, KeptShare, LatencyKind, Load, Nanos, RequestError, RequestSample, ServiceLevel,
};

use super::ServingInput;
use super::flow::{self, NO_PIECES};
use super::level::LevelTally;
use super::precision::wave_length;
use super::request_figures::request_figures;
use super::window::{Window, judged_span};
use crate::normal::upper_quantile;
use crate::order::median;
use crate::session::LEVEL;

/// What one request says to one service level, or to all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Kept,
    Broken,
    Unjudged,
    /// Cut before it could say anything: counted nowhere.
    Cut,
}

/// What the requests say to the service levels.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// `None` without a window, and where no request could be judged.
    pub goodput: Option<Goodput>,
    /// By its word, each level that any request could be held to.
    pub levels: BTreeMap<String, KeptShare>,
}

/// Judges the requests of a closed loop that were sent since all its slots were in use, and of an
/// open one those that are due after its run-in and while all can be judged: also where they hang
/// and the window ends before them. A good request counts to the rate where it ends, as it does in
/// the rate of all requests: so goodput is never above that.
pub(super) fn judged(input: &ServingInput<'_>, window: Option<Window>) -> Judged {
    let levels = &input.workload.service_levels;
    if levels.is_empty() {
        return Judged::default();
    }
    let is_open = !matches!(input.workload.arrival, Load::Concurrency { .. });
    let start = window.map_or(Nanos(0), |window| window.start);
    let last = judged_span(input.workload, input.requests).map(|(_, last)| last);
    let is_asked = |request: &RequestSample| match is_open {
        true => start <= request.due_ns && last.is_none_or(|last| request.due_ns <= last),
        false => start <= request.first_sent(),
    };
    let wave = wave_length(input.workload, input.requests);
    let wants_itl = levels.iter().any(|level| level.kind == LatencyKind::Itl);
    let mut all = Tally::default();
    let mut of_level = vec![LevelTally::default(); levels.len()];
    let (mut n_inside, mut good_inside) = (0, NO_PIECES);
    input.requests.visit(&mut |request, times| {
        let median_ns = if wants_itl { median_gap_ns(times) } else { None };
        let verdicts = levels.iter().map(|level| judge(input, request, level, median_ns));
        let verdicts: Vec<Verdict> = verdicts.collect();
        let verdict = together(&verdicts, request);
        if is_asked(request) {
            for (tally, verdict) in of_level.iter_mut().zip(&verdicts) {
                if matches!(verdict, Verdict::Kept | Verdict::Broken) {
                    tally.add(*verdict == Verdict::Kept, wave as u64);
                }
            }
            all.add(verdict, wave as u64);
        }
        let inside = window.and_then(|window| flow::piece(window, request.end_ns));
        n_inside += usize::from(inside.is_some());
        if let Some(inside) = inside.filter(|_| verdict == Verdict::Kept) {
            good_inside[inside] += 1.0;
        }
    });
    let goodput =
        window.zip(wilson(all.n_kept, all.n_judged, all.bursts.weight())).zip(all.share());
    let goodput = goodput.map(|((window, (share_low, share_high)), share)| {
        let n_good_inside = good_inside.iter().sum::<f64>() as usize;
        let rate = flow::rate(&good_inside, window, n_good_inside, n_inside / wave);
        Goodput {
            n_good: all.n_kept,
            n_judged: all.n_judged,
            n_unjudged: all.n_unjudged,
            share,
            share_low,
            share_high,
            per_s: n_good_inside as f64 / window.length_s(),
            interval: rate.interval,
            no_interval: rate.no_interval,
        }
    });
    let mut kept = BTreeMap::new();
    for (level, tally) in levels.iter().zip(&of_level) {
        if let Some(found) = tally.share() {
            // Of two levels of one kind the stricter.
            let entry = kept.entry(level.kind.word().to_owned()).or_insert(found);
            if found.share < entry.share {
                *entry = found;
            }
        }
    }
    Judged { goodput, levels: kept }
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    bursts: LevelTally,
    n_kept: u64,
    n_judged: u64,
    n_unjudged: u64,
}

impl Tally {
    fn add(&mut self, verdict: Verdict, wave: u64) {
        if matches!(verdict, Verdict::Kept | Verdict::Broken) {
            self.bursts.add(verdict == Verdict::Kept, wave);
        }
        self.n_kept += u64::from(verdict == Verdict::Kept);
        self.n_judged += u64::from(matches!(verdict, Verdict::Kept | Verdict::Broken));
        self.n_unjudged += u64::from(verdict == Verdict::Unjudged);
    }

    fn share(&self) -> Option<f64> {
        (self.n_judged > 0).then(|| self.n_kept as f64 / self.n_judged as f64)
    }
}

/// An error breaks every level. A request that was cut breaks those that it had already
/// exceeded and says nothing to the others.
fn judge(
    input: &ServingInput<'_>,
    request: &RequestSample,
    level: &ServiceLevel,
    itl_median_ns: Option<f64>,
) -> Verdict {
    let limit = level.limit_ns.0 as f64;
    if request.error == Some(RequestError::Cut) {
        let exceeded = exceeded_when_cut(request, level.kind, input.workload.stream)
            .is_some_and(|time| time > level.limit_ns);
        return if exceeded { Verdict::Broken } else { Verdict::Cut };
    }
    let Some(figures) = request_figures(request, input.workload.stream) else {
        return Verdict::Broken;
    };
    let time = match level.kind {
        LatencyKind::Itl => itl_median_ns.filter(|_| input.workload.stream),
        kind => figures.limited_ns(kind),
    };
    match time {
        None => Verdict::Unjudged,
        Some(time) if time <= limit => Verdict::Kept,
        Some(_) => Verdict::Broken,
    }
}

/// The least that a time of a cut request would have become.
fn exceeded_when_cut(request: &RequestSample, kind: LatencyKind, stream: bool) -> Option<Nanos> {
    let until = |event: Option<Nanos>| {
        Some(Nanos(event.unwrap_or(request.end_ns).0.saturating_sub(request.first_sent().0)))
    };
    match kind {
        LatencyKind::Ttft if stream => until(request.first_text_ns),
        LatencyKind::Ttfo if stream => until(request.first_answer_ns),
        LatencyKind::E2e => until(None),
        LatencyKind::Ttft | LatencyKind::Ttfo | LatencyKind::Tpot | LatencyKind::Itl => None,
    }
}

/// Of all levels together: good keeps every one; a request without one of the limited times
/// is unjudged, whatever the others say.
fn together(verdicts: &[Verdict], request: &RequestSample) -> Verdict {
    let any = |verdict| verdicts.contains(&verdict);
    if request.error == Some(RequestError::Cut) {
        return if any(Verdict::Broken) { Verdict::Broken } else { Verdict::Cut };
    }
    if any(Verdict::Unjudged) {
        Verdict::Unjudged
    } else if any(Verdict::Broken) {
        Verdict::Broken
    } else {
        Verdict::Kept
    }
}

/// Median gap between the text events of a request.
fn median_gap_ns(times: &[Nanos]) -> Option<f64> {
    let gaps = times.windows(2).map(|pair| pair[1].0.saturating_sub(pair[0].0) as f64);
    median(&gaps.collect::<Vec<_>>())
}

/// Wilson's score interval of a share (1927), where `weight` trials are worth one. `None` without
/// trials.
fn wilson(n_kept: u64, n_judged: u64, weight: f64) -> Option<(f64, f64)> {
    if n_judged == 0 {
        return None;
    }
    let share = n_kept as f64 / n_judged as f64;
    let (n, z) = (n_judged as f64 / weight, upper_quantile(0.5 * (1.0 - LEVEL)));
    let shrink = 1.0 + z * z / n;
    let centre = (share + z * z / (2.0 * n)) / shrink;
    let half_width = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt() / shrink;
    Some(((centre - half_width).max(0.0), (centre + half_width).min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilsons_interval_is_the_published_one() {
        // Newcombe 1998, table I: 81 of 263 and 15 of 148.
        for (kept, judged, low, high) in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)] {
            let found = wilson(kept, judged, 1.0).unwrap();
            assert!((found.0 - low).abs() < 5e-5 && (found.1 - high).abs() < 5e-5, "{found:?}");
        }
        assert_eq!(wilson(0, 20, 1.0).unwrap().0, 0.0);
        assert_eq!(wilson(20, 20, 1.0).unwrap().1, 1.0);
        assert_eq!(wilson(0, 0, 1.0), None);
        assert_eq!(wilson(60, 80, 4.0), wilson(15, 20, 1.0));
    }
}
