//! When a load point has enough requests.

#[path = "serving/point.rs"]
mod point;

use point::Point;
use tokmark_model::Load;
use tokmark_stats::{next_serving_look, serving_precision};

#[test]
fn precision_grows_with_the_requests_and_shrinks_with_the_spread() {
    let width = |n| {
        let point = Point::one_after_the_other(n);
        serving_precision(&point.workload, &point)
    };
    assert_eq!(width(5).half_width, None);
    assert!(!width(5).converged(1e9));
    let (few, many) = (width(7), width(160));
    assert!(few.half_width > many.half_width, "{few:?} {many:?}");
    assert!(many.converged(0.02) && !few.converged(0.01), "{few:?} {many:?}");
    assert_eq!(many.half_width, many.ttft.into_iter().chain(many.request_rate).reduce(f64::max));
}

#[test]
fn the_first_token_of_an_answer_in_one_piece_is_not_waited_for() {
    let mut point = Point::one_after_the_other(60);
    point.workload.stream = false;
    let found = serving_precision(&point.workload, &point);
    assert_eq!((found.ttft, found.half_width), (None, found.request_rate));
    assert!(found.request_rate.is_some());
}

#[test]
fn a_wave_counts_as_one_repetition() {
    let point = Point::waves(16, 0);
    let at = |n: usize| serving_precision(&point.workload, &&point.requests[..n]).half_width;
    assert_eq!(at(16 * 6 - 1), None);
    assert!(at(16 * 6).is_some());
    let alone = point::workload(Load::Concurrency { n: 1 });
    assert!(serving_precision(&alone, &&point.requests[..6]).half_width.is_some());
    // In an open loop the mean under way, 16 here, is a wave.
    let open = Point::open(10.0).workload;
    let as_open = serving_precision(&open, &point);
    assert_eq!(as_open, serving_precision(&point.workload, &point));
}

#[test]
fn looks_count_waves() {
    let looks = |load: &Load, n: usize| {
        let mut at = 0;
        let mut looks = vec![];
        for _ in 0..n {
            at = next_serving_look(load, at);
            looks.push(at);
        }
        looks
    };
    assert_eq!(looks(&Load::Concurrency { n: 1 }, 5), [7, 10, 14, 20, 28]);
    assert_eq!(looks(&Load::Concurrency { n: 16 }, 3), [112, 160, 224]);
    assert_eq!(looks(&Load::Replay { speed: 1.0 }, 2), [7, 10]);
    assert_eq!(next_serving_look(&Load::Concurrency { n: 16 }, 111), 112);
    assert_eq!(next_serving_look(&Load::Concurrency { n: 2 }, u64::MAX), u64::MAX);
}
