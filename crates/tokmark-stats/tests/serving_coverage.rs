//! Does the interval of the system rates hold the truth? By seeded simulation of closed loops
//! with exponential service times, whose true rate is known.

#[path = "serving/point.rs"]
mod point;

use point::{Dice, Point, tokens};
use tokmark_model::{Nanos, RequestSample, SystemRate};

/// In the time that a test may take; the table in `docs/statistics.md` is of the larger number.
const TRIALS: u32 = if cfg!(debug_assertions) { 200 } else { 1_000 };

/// What is drawn.
#[derive(Debug, Clone, Copy)]
struct Loop {
    slots: u32,
    n_requests: u32,
    /// Text events of a request, evenly over its service time.
    n_events: u32,
}

const TOKENS: u32 = 24;

/// `slots` requests under way, each taking 1 s on average.
fn simulate(what: Loop, dice: &mut Dice) -> Point {
    let mut point = Point::closed(what.slots);
    let mut free = vec![0.0f64; what.slots as usize];
    for _ in 0..what.n_requests {
        let slot = (0..free.len()).min_by(|a, b| free[*a].total_cmp(&free[*b])).unwrap();
        let (sent, service) = (free[slot], dice.exponential());
        free[slot] = sent + service;
        let nanos = |seconds: f64| Nanos((seconds * 1e9) as u64);
        let events: Vec<Nanos> = (1..=what.n_events)
            .map(|i| nanos(service * f64::from(i) / f64::from(what.n_events)))
            .collect();
        let sent_ns = nanos(sent);
        let at = |event: Option<&Nanos>| event.map(|event| Nanos(sent_ns.0 + event.0));
        point.requests.push(RequestSample {
            due_ns: sent_ns,
            sent_ns,
            first_text_ns: at(events.first()),
            last_text_ns: at(events.last()),
            end_ns: nanos(free[slot]),
            n_text_events: what.n_events,
            output_tokens: tokens(TOKENS),
            ..RequestSample::default()
        });
        point.times.push(events);
    }
    point
}

/// Of many trials, the shares that had an interval and, of these, that held the truth: of the
/// output rate and of the request rate.
#[derive(Debug, Default)]
struct Outcome {
    output_shown: f64,
    output_held: f64,
    requests_shown: f64,
    requests_held: f64,
}

fn outcome(what: Loop) -> Outcome {
    let mut dice = Dice(20_260_201);
    let true_rate = f64::from(what.slots);
    let (mut output, mut requests) = (Tally::default(), Tally::default());
    for _ in 0..TRIALS {
        let summary = simulate(what, &mut dice).summary();
        output.add(summary.output_rate_tps.unwrap(), true_rate * f64::from(TOKENS));
        requests.add(summary.request_rate_per_s.unwrap(), true_rate);
    }
    Outcome {
        output_shown: output.n_shown / f64::from(TRIALS),
        output_held: output.n_held / output.n_shown,
        requests_shown: requests.n_shown / f64::from(TRIALS),
        requests_held: requests.n_held / requests.n_shown,
    }
}

#[derive(Default)]
struct Tally {
    n_shown: f64,
    n_held: f64,
}

impl Tally {
    fn add(&mut self, rate: SystemRate, truth: f64) {
        if let Some(interval) = rate.interval {
            self.n_shown += 1.0;
            self.n_held += f64::from(interval.low <= truth && truth <= interval.high);
        }
    }
}

#[test]
fn batch_means_hold_the_rate_of_a_closed_loop() {
    for (slots, n_requests) in [(1, 100), (4, 200), (16, 400)] {
        for n_events in [1, 8] {
            let what = Loop { slots, n_requests, n_events };
            let found = outcome(what);
            assert!(
                found.output_held >= 0.90 && found.requests_held >= 0.90,
                "{what:?}: {found:?}"
            );
            let shown = found.output_shown.min(found.requests_shown);
            assert!(shown >= 0.85, "{what:?}: {found:?}");
        }
    }
}
