//! Load points made by hand. Times in milliseconds.

#![allow(dead_code, reason = "each test file uses a part")]

use tokmark_model::{
    Arrivals, CountSource, LatencyKind, LengthControl, Load, Nanos, RequestError, RequestSample,
    ServiceLevel, ServingSummary, TokenCount, Workload,
};
use tokmark_stats::{Requests, RequestsWithEvents, ServingInput, summarize_serving};

pub fn ms(ms: u64) -> Nanos {
    Nanos(ms * 1_000_000)
}

pub fn tokens(n: u32) -> Option<TokenCount> {
    Some(TokenCount { n, source: CountSource::Usage })
}

pub fn workload(arrival: Load) -> Workload {
    Workload { length_control: LengthControl::IgnoreEos, ..Workload::new("chat", arrival) }
}

/// A load point under construction; `times[i]` belongs to `requests[i]`.
#[derive(Clone)]
pub struct Point {
    pub workload: Workload,
    pub requests: Vec<RequestSample>,
    pub times: Vec<Vec<Nanos>>,
    pub cold: Option<RequestSample>,
}

impl Point {
    pub fn closed(n: u32) -> Self {
        Point::of(Load::Concurrency { n })
    }

    pub fn open(per_s: f64) -> Self {
        Point::of(Load::Rate { per_s, arrivals: Arrivals::Constant })
    }

    pub fn of(arrival: Load) -> Self {
        Point { workload: workload(arrival), requests: vec![], times: vec![], cold: None }
    }

    pub fn with_level(mut self, kind: LatencyKind, limit_ms: u64) -> Self {
        self.workload.service_levels.push(ServiceLevel { kind, limit_ns: ms(limit_ms) });
        self
    }

    /// An answer of `n_tokens`, due when sent, whose text events come `events` after that; it
    /// ends with the last of them.
    pub fn answer(&mut self, sent: u64, events: &[u64], n_tokens: u32) -> &mut RequestSample {
        let at = |event: Option<&u64>| event.map(|event| ms(sent + event));
        self.times.push(events.iter().copied().map(ms).collect());
        self.requests.push(RequestSample {
            due_ns: ms(sent),
            sent_ns: ms(sent),
            first_text_ns: at(events.first()),
            first_answer_ns: at(events.first()),
            last_text_ns: at(events.last()),
            last_answer_ns: at(events.last()),
            end_ns: ms(sent + events.last().copied().unwrap_or(0)),
            n_text_events: events.len() as u32,
            output_tokens: tokens(n_tokens),
            ..RequestSample::default()
        });
        self.requests.last_mut().unwrap()
    }

    /// A request that ends without an answer.
    pub fn error(&mut self, sent: u64, end: u64, error: RequestError) -> &mut RequestSample {
        self.times.push(vec![]);
        self.requests.push(RequestSample {
            due_ns: ms(sent),
            sent_ns: ms(sent),
            end_ns: ms(end),
            error: Some(error),
            ..RequestSample::default()
        });
        self.requests.last_mut().unwrap()
    }

    /// Two slots, four answers. Both are in use from 10 ms on; the last refill is at 450 ms.
    pub fn two_slots() -> Self {
        let mut point = Point::closed(2);
        point.answer(0, &[100, 200, 300, 400], 4).end_ns = ms(450);
        point.answer(10, &[90, 190], 2).end_ns = ms(220);
        point.answer(221, &[100, 200, 300], 6).due_ns = ms(220);
        point.answer(450, &[50, 100, 150, 200], 4);
        point
    }

    /// `n` answers one after the other: TTFT 100 to 110 ms, 10 ms a token, 11 tokens.
    pub fn one_after_the_other(n: u64) -> Self {
        let mut dice = Dice(5);
        let mut point = Point::closed(1);
        let mut now = 0;
        for _ in 0..n {
            let first = 100 + (10.0 * dice.uniform()) as u64;
            let events: Vec<u64> = (0..11).map(|i| first + 10 * i).collect();
            point.answer(now, &events, 11).prompt_tokens = tokens(100);
            now += first + 100;
        }
        point
    }

    /// 640 answers of which 16 at a time share their TTFT, 100 to 160 ms, in `n` slots; it
    /// rises by `trend_ms` over all.
    pub fn waves(n: u32, trend_ms: u64) -> Self {
        let (mut dice, mut point, mut now) = (Dice(11), Point::closed(n), 0);
        for wave in 0..40u64 {
            let first = 100 + (60.0 * dice.uniform()) as u64 + trend_ms * wave / 40;
            for _ in 0..16 {
                point.answer(now, &[first, first + 100], 2);
            }
            now += first + 100;
        }
        point
    }

    pub fn input(&self) -> ServingInput<'_> {
        ServingInput { workload: &self.workload, requests: self, cold: self.cold.as_ref() }
    }

    pub fn summary(&self) -> ServingSummary {
        summarize_serving(&self.input()).unwrap()
    }
}

impl Requests for Point {
    fn visit(&self, each: &mut dyn FnMut(&RequestSample, &[Nanos])) {
        RequestsWithEvents { requests: &self.requests, times: &self.times }.visit(each);
    }
}

#[track_caller]
pub fn assert_close(ours: f64, expected: f64) {
    assert!((ours - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{ours} is not {expected}");
}

/// SplitMix64 (Steele, Lea and Flood 2014), uniform on (0, 1).
pub struct Dice(pub u64);

impl Dice {
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        ((z >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    pub fn exponential(&mut self) -> f64 {
        -self.uniform().ln()
    }
}
