//! Tokens and requests through the measured window, and the rates they make.

use std::collections::BTreeMap;

use tokmark_model::{Interval, IntervalMethod, Nanos, NoInterval, RequestSample, SystemRate};

use super::requests::Requests;
use super::student_t::two_sided_quantile;
use super::window::Window;
use crate::dependence::correlation;
use crate::session::LEVEL;

/// Equal pieces into which the measured window is cut.
pub const WINDOW_PIECES: usize = 20;
/// Fewest requests, and fewest independent pieces, for an interval of a system rate.
pub const FEWEST_FOR_RATE: usize = 6;

/// A count in each piece of the window.
pub(super) type Pieces = [f64; WINDOW_PIECES];

/// What went through the measured window.
#[derive(Debug)]
pub(super) struct Flow {
    window: Window,
    output: Pieces,
    prompt: Pieces,
    ended: Pieces,
    /// Answered requests with text inside.
    n_inside: usize,
    n_ended: usize,
    output_known: bool,
    prompt_known: bool,
    replicas: BTreeMap<u32, Output>,
}

/// Output of one base URL.
#[derive(Debug, Clone, Copy, Default)]
struct Output {
    pieces: Pieces,
    n_inside: usize,
    n_unknown: usize,
}

impl Flow {
    /// Sums up all answered requests. One whose event times are not kept is spread evenly
    /// between its first and last text event.
    pub(super) fn through(window: Window, requests: &dyn Requests) -> Self {
        let mut flow = Flow::empty(window);
        requests.visit(&mut |request, times| {
            if request.is_ok() {
                let text = match times {
                    [] => flow.evenly_inside(request),
                    _ => flow.events_inside(request, times),
                };
                flow.add_request(request, text);
            }
        });
        flow
    }

    fn empty(window: Window) -> Self {
        Flow {
            window,
            output: [0.0; WINDOW_PIECES],
            prompt: [0.0; WINDOW_PIECES],
            ended: [0.0; WINDOW_PIECES],
            n_inside: 0,
            n_ended: 0,
            output_known: true,
            prompt_known: true,
            replicas: BTreeMap::new(),
        }
    }

    fn piece(&self, time: Nanos) -> Option<usize> {
        piece(self.window, time)
    }

    /// Share of a request's text events in each piece.
    fn events_inside(&self, request: &RequestSample, times: &[Nanos]) -> Pieces {
        let mut shares = [0.0; WINDOW_PIECES];
        for time in times {
            let time = Nanos(request.sent_ns.0.saturating_add(time.0));
            if let Some(piece) = self.piece(time) {
                shares[piece] += 1.0;
            }
        }
        shares.map(|n_events| n_events / times.len() as f64)
    }

    /// The same for text that came steadily between its first and last event.
    fn evenly_inside(&self, request: &RequestSample) -> Pieces {
        let mut shares = [0.0; WINDOW_PIECES];
        let (Some(first), Some(last)) = (request.first_text_ns, request.last_text_ns) else {
            return shares;
        };
        if first >= last {
            if let Some(piece) = self.piece(last) {
                shares[piece] = 1.0;
            }
            return shares;
        }
        let piece_ns = (self.window.end.0 - self.window.start.0) as f64 / WINDOW_PIECES as f64;
        let since_start = |time: Nanos| time.0 as f64 - self.window.start.0 as f64;
        let (first, last) = (since_start(first), since_start(last));
        for (piece, share) in shares.iter_mut().enumerate() {
            let from = first.max(piece as f64 * piece_ns);
            let to = last.min((piece + 1) as f64 * piece_ns);
            *share = (to - from).max(0.0) / (last - first);
        }
        shares
    }

    fn add_request(&mut self, request: &RequestSample, text: Pieces) {
        let share_inside: f64 = text.iter().sum();
        if share_inside > 0.0 {
            self.n_inside += 1;
            let replica = self.replicas.entry(request.replica).or_default();
            replica.n_inside += 1;
            match request.output_tokens {
                Some(count) => {
                    let sums = self.output.iter_mut().zip(&mut replica.pieces);
                    for ((sum, own), share) in sums.zip(text) {
                        *sum += share * f64::from(count.n);
                        *own += share * f64::from(count.n);
                    }
                }
                None => {
                    self.output_known = false;
                    replica.n_unknown += 1;
                }
            }
        }
        if let Some(piece) = request.first_text_ns.and_then(|time| self.piece(time)) {
            match request.prompt_tokens {
                Some(count) => self.prompt[piece] += f64::from(count.n),
                None => self.prompt_known = false,
            }
        }
        if let Some(piece) = self.piece(request.end_ns) {
            self.n_ended += 1;
            self.ended[piece] += 1.0;
        }
    }

    /// Output tokens per second; `None` where a request inside has no count.
    pub(super) fn output_rate(&self) -> Option<SystemRate> {
        self.output_known.then(|| rate(&self.output, self.window, self.n_inside))
    }

    /// Prompt and output tokens per second; `None` where a request inside lacks a count.
    pub(super) fn total_rate(&self) -> Option<SystemRate> {
        let mut total = self.output;
        for (sum, prompt) in total.iter_mut().zip(self.prompt) {
            *sum += prompt;
        }
        let known = self.output_known && self.prompt_known;
        known.then(|| rate(&total, self.window, self.n_inside))
    }

    /// Answered requests that ended, per second.
    pub(super) fn request_rate(&self) -> SystemRate {
        rate(&self.ended, self.window, self.n_ended)
    }

    /// Output tokens per second of one base URL; `None` where a request inside has no count.
    pub(super) fn output_rate_of(&self, replica: u32) -> Option<SystemRate> {
        let own = self.replicas.get(&replica).copied().unwrap_or_default();
        (own.n_unknown == 0).then(|| rate(&own.pieces, self.window, own.n_inside))
    }
}

/// Which piece of the window a time lies in; `None` outside of it.
pub(super) fn piece(window: Window, time: Nanos) -> Option<usize> {
    let pieces_per_ns = WINDOW_PIECES as f64 / (window.end.0 - window.start.0) as f64;
    let since_start = time.0.wrapping_sub(window.start.0) as f64;
    let piece = (since_start * pieces_per_ns) as usize;
    window.holds(time).then_some(piece.min(WINDOW_PIECES - 1))
}

/// The rate over the window with the interval of batch means: Student's t on the rates of the
/// pieces (Conway 1963, Schmeiser 1982). Where their lag-1 correlation is positive, significant
/// or not, they count as the smaller number of independent pieces that they are worth: in
/// twenty pieces a test finds too little, and requests that reach into the next piece do
/// correlate them.
pub(super) fn rate(pieces: &Pieces, window: Window, n_requests: usize) -> SystemRate {
    let piece_s = window.length_s() / WINDOW_PIECES as f64;
    let rates = pieces.map(|sum| sum / piece_s);
    let n = WINDOW_PIECES as f64;
    let mean = rates.iter().sum::<f64>() / n;
    let squares: f64 = rates.iter().map(|rate| (rate - mean).powi(2)).sum();
    let effective_n = correlation(&rates).map_or(n, |found| found.effective_n);
    let is_few = n_requests < FEWEST_FOR_RATE || effective_n < FEWEST_FOR_RATE as f64;
    if is_few {
        return SystemRate { per_s: mean, interval: None, no_interval: Some(NoInterval::TooFew) };
    }
    let error = (squares / (n - 1.0) / effective_n).sqrt();
    let half_width = two_sided_quantile(effective_n - 1.0, LEVEL) * error;
    let interval = Interval {
        low: (mean - half_width).max(0.0),
        high: mean + half_width,
        level: LEVEL,
        method: if effective_n < n {
            IntervalMethod::EffectiveSize
        } else {
            IntervalMethod::Blocks
        },
    };
    SystemRate { per_s: mean, interval: Some(interval), no_interval: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn window(seconds: u64) -> Window {
        Window { start: Nanos(0), end: Nanos(seconds * SECOND) }
    }

    #[test]
    fn the_interval_is_students_on_the_pieces() {
        let mut pieces = [10.0; WINDOW_PIECES];
        for (i, piece) in pieces.iter_mut().enumerate() {
            *piece += if i % 2 == 0 { 1.0 } else { -1.0 };
        }
        let found = rate(&pieces, window(20), 100);
        let interval = found.interval.unwrap();
        // Deviation sqrt(20 / 19), t(19) = 2.093024.
        let half_width = 2.093_024 * (1.0f64 / 19.0).sqrt();
        assert_eq!((found.per_s, interval.method), (10.0, IntervalMethod::Blocks));
        assert!((interval.high - 10.0 - half_width).abs() < 1e-6, "{interval:?}");
        assert!((10.0 - interval.low - half_width).abs() < 1e-6, "{interval:?}");
    }

    #[test]
    fn correlated_pieces_count_as_fewer() {
        let digits = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4];
        let found = rate(&digits.map(|digit| 10.0 + f64::from(digit)), window(20), 100);
        let interval = found.interval.unwrap();
        // Lag 1 of 0.2364: worth 12.351. Deviation 2.70039, SciPy's t(11.351) = 2.19257.
        assert_eq!((found.per_s, interval.method), (14.85, IntervalMethod::EffectiveSize));
        assert!((interval.high - 14.85 - 1.684_813_6).abs() < 1e-5, "{interval:?}");
        assert!((14.85 - interval.low - 1.684_813_6).abs() < 1e-5, "{interval:?}");
    }

    #[test]
    fn a_steady_rise_or_few_requests_leave_no_interval() {
        let rise: Pieces = std::array::from_fn(|i| i as f64);
        assert_eq!(rate(&rise, window(20), 100).no_interval, Some(NoInterval::TooFew));
        let equal = [4.0; WINDOW_PIECES];
        assert_eq!(rate(&equal, window(20), 5).no_interval, Some(NoInterval::TooFew));
        let interval = rate(&equal, window(20), 6).interval.unwrap();
        assert_eq!((interval.low, interval.high), (4.0, 4.0));
    }

    #[test]
    fn text_without_event_times_is_spread_between_first_and_last() {
        let flow = Flow::empty(window(20));
        let request = RequestSample {
            first_text_ns: Some(Nanos(SECOND / 2)),
            last_text_ns: Some(Nanos(5 * SECOND / 2)),
            ..RequestSample::default()
        };
        let shares = flow.evenly_inside(&request);
        assert_eq!(shares[..4], [0.25, 0.5, 0.25, 0.0]);
        let late = RequestSample { last_text_ns: Some(Nanos(39 * SECOND + SECOND / 2)), ..request };
        assert!((flow.evenly_inside(&late).iter().sum::<f64>() - 0.5).abs() < 1e-12);
        let at_once = RequestSample { first_text_ns: late.last_text_ns, ..late };
        assert_eq!(flow.evenly_inside(&at_once), [0.0; WINDOW_PIECES]);
    }
}
