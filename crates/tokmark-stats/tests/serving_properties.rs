//! What must hold for any requests.

#[path = "serving/point.rs"]
mod point;

use point::Point;
use proptest::prelude::*;
use tokmark_model::{Distribution, LatencyKind, Nanos, RequestError, ServingSummary};
use tokmark_stats::{Histogram, quantile_ranks, upper_bound_rank};

/// Sent, gaps before its text events, tokens.
type Drawn = (u64, Vec<u64>, u32);

fn requests() -> impl Strategy<Value = Vec<Drawn>> {
    let one = (0u64..5_000, prop::collection::vec(1u64..400, 1..8), 1u32..30);
    prop::collection::vec(one, 1..60).prop_map(|mut drawn| {
        drawn.sort();
        drawn
    })
}

fn point(drawn: &[Drawn], factor: u64) -> Point {
    let mut point = Point::open(10.0).with_level(LatencyKind::Ttft, 200 * factor);
    for (sent, gaps, n_tokens) in drawn {
        let events: Vec<u64> = gaps
            .iter()
            .scan(0, |at, gap| {
                *at += gap * factor;
                Some(*at)
            })
            .collect();
        point.answer(sent * factor, &events, *n_tokens);
    }
    point
}

/// The intervals allow for what neighbours and waves have in common, so that they are of the
/// order and of what else was under way.
fn values(spreads: Vec<Option<Distribution>>) -> Vec<Option<Distribution>> {
    let bare = |mut spread: Distribution| {
        for quantile in &mut spread.quantiles {
            (quantile.interval, quantile.upper_bound, quantile.no_interval) = (None, None, None);
        }
        spread
    };
    spreads.into_iter().map(|spread| spread.map(bare)).collect()
}

fn latencies(summary: &ServingSummary) -> Vec<Option<Distribution>> {
    let all = [
        &summary.ttft_ms,
        &summary.ttft_from_due_ms,
        &summary.ttfo_ms,
        &summary.itl_ms,
        &summary.tpot_ms,
        &summary.e2e_ms,
        &summary.e2e_from_due_ms,
        &summary.closed_ms,
    ];
    all.map(Clone::clone).into()
}

fn rates(summary: &ServingSummary) -> Vec<Option<Distribution>> {
    [&summary.decode_rate_tps, &summary.request_rate_tps, &summary.answer_rate_tps]
        .map(Clone::clone)
        .into()
}

fn is_close(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(1e-9)
}

/// Whether `other` is `one` with every value times `factor`. Quantiles are compared as they
/// are: a positive factor keeps their order.
fn is_scaled(one: &Option<Distribution>, other: &Option<Distribution>, factor: f64) -> bool {
    let (Some(one), Some(other)) = (one, other) else {
        return one.is_none() && other.is_none();
    };
    let values = |of: &Distribution| {
        let ends = of.quantiles.iter().flat_map(|q| {
            [Some(q.value), q.interval.map(|i| i.low), q.interval.map(|i| i.high), q.upper_bound]
        });
        let moments = [of.mean, of.min, of.max].map(Some);
        moments.into_iter().chain(ends).collect::<Vec<_>>()
    };
    one.n == other.n
        && values(one).into_iter().zip(values(other)).all(|pair| match pair {
            (Some(one), Some(other)) => is_close(one * factor, other),
            (one, other) => one == other,
        })
}

proptest! {
    #[test]
    fn quantiles_are_ordered_and_bounded_and_intervals_hold_them(drawn in requests()) {
        let summary = point(&drawn, 1).summary();
        for spread in latencies(&summary).into_iter().chain(rates(&summary)).flatten() {
            prop_assert!(spread.quantiles.windows(2).all(|pair| pair[0].value <= pair[1].value));
            for quantile in &spread.quantiles {
                prop_assert!(spread.min <= quantile.value && quantile.value <= spread.max);
                if let Some(interval) = quantile.interval {
                    prop_assert!(interval.low <= quantile.value && quantile.value <= interval.high);
                    prop_assert!(spread.min <= interval.low && interval.high <= spread.max);
                }
                prop_assert!(quantile.upper_bound.is_none_or(|bound| bound >= quantile.value));
                let shown = [quantile.interval.is_some(), quantile.upper_bound.is_some(),
                    quantile.no_interval.is_some()];
                prop_assert_eq!(shown.into_iter().filter(|shown| *shown).count(), 1);
            }
        }
    }

    #[test]
    fn scaling_times_scales_latencies_and_divides_rates(drawn in requests()) {
        let (one, four) = (point(&drawn, 1).summary(), point(&drawn, 4).summary());
        for (one, four) in latencies(&one).iter().zip(&latencies(&four)) {
            prop_assert!(is_scaled(one, four, 4.0), "{one:?} {four:?}");
        }
        for (one, four) in rates(&one).iter().zip(&rates(&four)) {
            prop_assert!(is_scaled(one, four, 0.25), "{one:?} {four:?}");
        }
        for (one, four) in [
            (one.output_rate_tps, four.output_rate_tps),
            (one.request_rate_per_s, four.request_rate_per_s),
        ] {
            prop_assert_eq!(one.is_some(), four.is_some());
            if let (Some(one), Some(four)) = (one, four) {
                prop_assert!(is_close(one.per_s, 4.0 * four.per_s), "{one:?} {four:?}");
            }
        }
        prop_assert_eq!(one.goodput.map(|g| g.share), four.goodput.map(|g| g.share));
        prop_assert_eq!(one.max_in_flight, four.max_in_flight);
        prop_assert_eq!(one.arrivals.sent_cv.is_some(), four.arrivals.sent_cv.is_some());
    }

    #[test]
    fn the_order_of_requests_does_not_matter(drawn in requests(), turn in 0usize..60) {
        let point = point(&drawn, 1);
        let mut turned = point.clone();
        let by = turn % drawn.len();
        turned.requests.rotate_left(by);
        turned.times.rotate_left(by);
        let (one, other) = (point.summary(), turned.summary());
        prop_assert_eq!(values(latencies(&one)), values(latencies(&other)));
        prop_assert_eq!(values(rates(&one)), values(rates(&other)));
        // The interval of the share tells bursts by the order, which is that of the due times.
        let of_share = |summary: &ServingSummary| {
            summary.goodput.map(|found| (found.n_good, found.n_judged, found.n_unjudged, found.interval))
        };
        prop_assert_eq!(of_share(&one), of_share(&other));
        prop_assert_eq!(one.arrivals, other.arrivals);
        prop_assert_eq!(one.mean_in_flight, other.mean_in_flight);
        prop_assert_eq!(one.window_end_ns, other.window_end_ns);
        let rate = |summary: &ServingSummary| summary.output_rate_tps.map(|rate| rate.per_s);
        if let (Some(one), Some(other)) = (rate(&one), rate(&other)) {
            prop_assert!(is_close(one, other));
        }
    }

    #[test]
    fn errors_never_enter_a_latency(
        drawn in requests(), errors in prop::collection::vec((0usize..60, 0usize..5), 1..20),
    ) {
        let clean = point(&drawn, 1);
        let mut mixed = clean.clone();
        let kinds = [RequestError::Connect, RequestError::Timeout, RequestError::BrokenStream,
            RequestError::Status { code: 500 }, RequestError::Cut];
        for (position, kind) in &errors {
            let position = position % (mixed.requests.len() + 1);
            let mut wild = Point::closed(1);
            wild.answer(1, &[1, 100_000, 10_000_000], 1_000_000).error = Some(kinds[*kind].clone());
            mixed.requests.insert(position, wild.requests.remove(0));
            mixed.times.insert(position, wild.times.remove(0));
        }
        let (one, other) = (clean.summary(), mixed.summary());
        prop_assert_eq!(values(latencies(&one)), values(latencies(&other)));
        prop_assert_eq!(values(rates(&one)), values(rates(&other)));
        let tokens = |of: &ServingSummary| values(vec![of.output_tokens.clone()]);
        prop_assert_eq!(tokens(&one), tokens(&other));
        prop_assert_eq!(one.n_ok, other.n_ok);
        let counted = other.n_ok + other.errors.values().sum::<u64>();
        prop_assert_eq!(counted, other.n_requests);
        prop_assert_eq!(other.n_requests + other.n_cut, (drawn.len() + errors.len()) as u64);
    }

    #[test]
    fn tokens_in_the_window_are_those_of_the_events_in_it(drawn in requests()) {
        let point = point(&drawn, 1);
        let summary = point.summary();
        let window = (summary.window_start_ns, summary.window_end_ns);
        let inside = |at: Nanos| window.0 <= at && at < window.1;
        let tokens: f64 = point.requests.iter().zip(&point.times).map(|(request, times)| {
            let n = times.iter().filter(|t| inside(Nanos(request.sent_ns.0 + t.0))).count();
            f64::from(request.output_tokens.unwrap().n) * n as f64 / times.len() as f64
        }).sum();
        if let Some(rate) = summary.output_rate_tps {
            let seconds = (window.1.0 - window.0.0) as f64 * 1e-9;
            prop_assert!(is_close(tokens / seconds, rate.per_s), "{tokens} {rate:?}");
        } else {
            prop_assert_eq!(window.0, window.1);
        }
    }

    #[test]
    fn ranks_enclose_and_the_bound_is_within(n in 1u64..5_000, p in 0.01..0.999f64) {
        if let Some((low, high)) = quantile_ranks(n, p, 0.95) {
            prop_assert!(1 <= low && low < high && high <= n);
            let bound = upper_bound_rank(n, p, 0.95).unwrap();
            prop_assert!(bound <= high && bound as f64 >= n as f64 * p);
        }
    }

    #[test]
    fn a_histogram_has_three_digits_of_every_quantile(
        values in prop::collection::vec(1e-3..1e7f64, 1..200), p in 0.0..1.0f64,
    ) {
        let mut histogram = Histogram::new();
        for value in &values {
            histogram.record(*value);
        }
        let mut sorted = values;
        sorted.sort_by(f64::total_cmp);
        let exact = tokmark_stats::quantile(&sorted, p).unwrap();
        prop_assert!((histogram.quantile(p).unwrap() / exact - 1.0).abs() < 0.000_25);
    }
}
