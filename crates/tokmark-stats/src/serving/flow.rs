//! Tokens and requests through the measured window, and the rates they make.

use std::collections::BTreeMap;

use tokmark_model::{Interval, IntervalMethod, Nanos, NoInterval, RequestSample, SystemRate};

use super::requests::Requests;
use super::student_t::two_sided_quantile;
use super::window::Window;
use crate::dependence::correlation;
use crate::session::LEVEL;

/// Equal pieces into which the measured window is cut: as many of [`WINDOW_PIECES`] as have a
/// wave of requests each.
pub const WINDOW_PIECES: [usize; 5] = [20, 15, 12, 10, 6];
/// Fewest waves of requests, and fewest independent pieces, for an interval of a system rate.
pub const FEWEST_FOR_RATE: usize = 6;
/// Pieces in which is counted: every number of [`WINDOW_PIECES`] divides it.
const FINE_PIECES: usize = 60;

/// A count in each piece of the window.
pub(super) type Pieces = [f64; FINE_PIECES];

/// None counted yet.
pub(super) const NO_PIECES: Pieces = [0.0; FINE_PIECES];

/// What went through the measured window.
#[derive(Debug)]
pub(super) struct Flow {
    window: Window,
    /// Requests under way at once.
    wave: usize,
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
#[derive(Debug, Clone, Copy)]
struct Output {
    pieces: Pieces,
    n_inside: usize,
    n_unknown: usize,
}

impl Default for Output {
    fn default() -> Self {
        Output { pieces: NO_PIECES, n_inside: 0, n_unknown: 0 }
    }
}

impl Flow {
    /// Sums up all answered requests. One whose event times are not kept is spread evenly
    /// between its first and last text event.
    /// `wave`: how many of them are under way at once.
    pub(super) fn through(window: Window, requests: &dyn Requests, wave: usize) -> Self {
        let mut flow = Flow::empty(window, wave);
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

    fn empty(window: Window, wave: usize) -> Self {
        Flow {
            window,
            wave,
            output: NO_PIECES,
            prompt: NO_PIECES,
            ended: NO_PIECES,
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
        let mut shares = NO_PIECES;
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
        let mut shares = NO_PIECES;
        let (Some(first), Some(last)) = (request.first_text_ns, request.last_text_ns) else {
            return shares;
        };
        if first >= last {
            if let Some(piece) = self.piece(last) {
                shares[piece] = 1.0;
            }
            return shares;
        }
        let piece_ns = (self.window.end.0 - self.window.start.0) as f64 / FINE_PIECES as f64;
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
        self.output_known.then(|| self.rate(&self.output, self.n_inside))
    }

    /// Prompt and output tokens per second; `None` where a request inside lacks a count.
    pub(super) fn total_rate(&self) -> Option<SystemRate> {
        let mut total = self.output;
        for (sum, prompt) in total.iter_mut().zip(self.prompt) {
            *sum += prompt;
        }
        let known = self.output_known && self.prompt_known;
        known.then(|| self.rate(&total, self.n_inside))
    }

    /// Answered requests that ended, per second.
    pub(super) fn request_rate(&self) -> SystemRate {
        self.rate(&self.ended, self.n_ended)
    }

    /// Output tokens per second of one base URL; `None` where a request inside has no count.
    pub(super) fn output_rate_of(&self, replica: u32) -> Option<SystemRate> {
        let own = self.replicas.get(&replica).copied().unwrap_or_default();
        (own.n_unknown == 0).then(|| self.rate(&own.pieces, own.n_inside))
    }

    fn rate(&self, pieces: &Pieces, n_requests: usize) -> SystemRate {
        // The requests of one base URL are a part of each wave.
        let n_waves = self.n_inside.max(self.n_ended) / self.wave;
        rate(pieces, self.window, n_requests, n_waves)
    }
}

/// Which piece of the window a time lies in; `None` outside of it.
pub(super) fn piece(window: Window, time: Nanos) -> Option<usize> {
    let pieces_per_ns = FINE_PIECES as f64 / (window.end.0 - window.start.0) as f64;
    let since_start = time.0.wrapping_sub(window.start.0) as f64;
    let piece = (since_start * pieces_per_ns) as usize;
    window.holds(time).then_some(piece.min(FINE_PIECES - 1))
}

/// The rate over the window with the interval of batch means: Student's t on the rates of its
/// pieces (Conway 1963, Schmeiser 1982). A piece is at least as long as a wave, `n_waves` of
/// which there are: requests that end in step would fill one shorter piece and leave the next
/// empty, which tells nothing of the rate. Where their lag-1 correlation is positive, significant
/// or not, they count as the smaller number of independent pieces that they are worth: in
/// twenty pieces a test finds too little, and requests that reach into the next piece do
/// correlate them.
pub(super) fn rate(
    pieces: &Pieces,
    window: Window,
    n_requests: usize,
    n_waves: usize,
) -> SystemRate {
    let per_s = pieces.iter().sum::<f64>() / window.length_s();
    let too_few = SystemRate { per_s, interval: None, no_interval: Some(NoInterval::TooFew) };
    let n_pieces = WINDOW_PIECES.into_iter().find(|n| *n <= n_waves);
    let Some(n_pieces) = n_pieces.filter(|_| n_requests >= FEWEST_FOR_RATE) else {
        return too_few;
    };
    let n = n_pieces as f64;
    let piece_s = window.length_s() / n;
    let rates = pieces.chunks_exact(FINE_PIECES / n_pieces);
    let rates: Vec<f64> = rates.map(|piece| piece.iter().sum::<f64>() / piece_s).collect();
    let squares: f64 = rates.iter().map(|rate| (rate - per_s).powi(2)).sum();
    let effective_n = correlation(&rates).map_or(n, |found| found.effective_n);
    if effective_n < FEWEST_FOR_RATE as f64 {
        return too_few;
    }
    let error = (squares / (n - 1.0) / effective_n).sqrt();
    let half_width = two_sided_quantile(effective_n - 1.0, LEVEL) * error;
    // Where requests end in step, half a wave more or fewer would have fitted into the window.
    let half_width = half_width.max(0.5 * per_s / n_waves as f64);
    let interval = Interval {
        low: (per_s - half_width).max(0.0),
        high: per_s + half_width,
        level: LEVEL,
        method: if effective_n < n {
            IntervalMethod::EffectiveSize
        } else {
            IntervalMethod::Blocks
        },
    };
    SystemRate { per_s, interval: Some(interval), no_interval: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn window(seconds: u64) -> Window {
        Window { start: Nanos(0), end: Nanos(seconds * SECOND) }
    }

    /// Twenty pieces.
    fn pieces(of: impl Fn(usize) -> f64) -> Pieces {
        std::array::from_fn(|i| of(i / 3) / 3.0)
    }

    #[test]
    fn the_interval_is_students_on_the_pieces() {
        let pieces = pieces(|i| if i % 2 == 0 { 11.0 } else { 9.0 });
        let found = rate(&pieces, window(20), 100, 100);
        let interval = found.interval.unwrap();
        // Deviation sqrt(20 / 19), t(19) = 2.093024.
        let half_width = 2.093_024 * (1.0f64 / 19.0).sqrt();
        assert_eq!(interval.method, IntervalMethod::Blocks);
        assert!((found.per_s - 10.0).abs() < 1e-12, "{found:?}");
        assert!((interval.high - 10.0 - half_width).abs() < 1e-6, "{interval:?}");
        assert!((10.0 - interval.low - half_width).abs() < 1e-6, "{interval:?}");
    }

    #[test]
    fn correlated_pieces_count_as_fewer() {
        let digits = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4];
        let found = rate(&pieces(|i| 10.0 + f64::from(digits[i])), window(20), 100, 100);
        let interval = found.interval.unwrap();
        // Lag 1 of 0.2364: worth 12.351. Deviation 2.70039, SciPy's t(11.351) = 2.19257.
        assert_eq!(interval.method, IntervalMethod::EffectiveSize);
        assert!((found.per_s - 14.85).abs() < 1e-12, "{found:?}");
        assert!((interval.high - 14.85 - 1.684_813_6).abs() < 1e-5, "{interval:?}");
        assert!((14.85 - interval.low - 1.684_813_6).abs() < 1e-5, "{interval:?}");
    }

    #[test]
    fn a_steady_rise_or_few_requests_or_waves_leave_no_interval() {
        let rise = pieces(|i| i as f64);
        let too_few = Some(NoInterval::TooFew);
        assert_eq!(rate(&rise, window(20), 100, 100).no_interval, too_few);
        let equal = pieces(|_| 4.0);
        assert_eq!(rate(&equal, window(20), 5, 6).no_interval, too_few);
        assert_eq!(rate(&equal, window(20), 100, 5).no_interval, too_few);
        let interval = rate(&equal, window(20), 6, 6).interval.unwrap();
        // Half of a sixth.
        assert!((interval.high - 4.0 * 13.0 / 12.0).abs() < 1e-12, "{interval:?}");
        assert!((interval.low - 4.0 * 11.0 / 12.0).abs() < 1e-12, "{interval:?}");
    }

    /// Eight requests end together every 6 s for 60 s: in pieces shorter than that the rate
    /// would seem to be 0 or many times what it is.
    #[test]
    fn requests_that_end_in_step_are_not_a_rate_that_jumps() {
        let window = window(60);
        let with_wave = |wave: usize| {
            let mut flow = Flow::empty(window, wave);
            for second in (0..60).step_by(6) {
                let end = Nanos(second * SECOND + SECOND / 2);
                for _ in 0..8 {
                    flow.n_ended += 1;
                    flow.ended[piece(window, end).unwrap()] += 1.0;
                }
            }
            flow.request_rate()
        };
        let width = |found: SystemRate| {
            let interval = found.interval.unwrap();
            assert!((found.per_s - 8.0 / 6.0).abs() < 1e-12);
            (interval.high - interval.low) / found.per_s
        };
        assert!((width(with_wave(8)) - 0.1).abs() < 1e-9);
        assert!(width(with_wave(1)) > 0.5);
    }

    #[test]
    fn text_without_event_times_is_spread_between_first_and_last() {
        let flow = Flow::empty(window(60), 1);
        let request = RequestSample {
            first_text_ns: Some(Nanos(SECOND / 2)),
            last_text_ns: Some(Nanos(5 * SECOND / 2)),
            ..RequestSample::default()
        };
        let shares = flow.evenly_inside(&request);
        assert_eq!(shares[..4], [0.25, 0.5, 0.25, 0.0]);
        let late =
            RequestSample { last_text_ns: Some(Nanos(119 * SECOND + SECOND / 2)), ..request };
        assert!((flow.evenly_inside(&late).iter().sum::<f64>() - 0.5).abs() < 1e-12);
        let at_once = RequestSample { first_text_ns: late.last_text_ns, ..late };
        assert_eq!(flow.evenly_inside(&at_once), NO_PIECES);
    }
}
