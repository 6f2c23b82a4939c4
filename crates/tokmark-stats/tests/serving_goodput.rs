//! Goodput by hand: who is judged, and by what.

#[path = "serving/point.rs"]
mod point;

use point::{Point, assert_close, ms};
use tokmark_model::{LatencyKind, RequestError};

#[test]
fn goodput_needs_every_level() {
    let mut point = Point::two_slots()
        .with_level(LatencyKind::Ttft, 95)
        .with_level(LatencyKind::Tpot, 60)
        .with_level(LatencyKind::Tpot, 1_000);
    point.workload.service_levels.push(point.workload.service_levels[0]);
    // TTFT 100, 90, 100, 50; TPOT 100, 100, 40, 50: the last alone keeps both. The first was sent
    // before both slots were in use.
    let summary = point.summary();
    let goodput = summary.goodput.unwrap();
    assert_eq!((goodput.n_good, goodput.n_judged, goodput.n_unjudged), (1, 3, 0));
    assert_eq!(goodput.share, 1.0 / 3.0);
    // It ends after the window.
    assert_eq!(goodput.per_s, 0.0);
    assert!(goodput.share_low > 0.06 && goodput.share_high < 0.80, "{goodput:?}");
    let kept = summary.levels.iter().map(|(kind, kept)| (kind.as_str(), kept.n_kept));
    // Of the two levels of TPOT the stricter.
    assert_eq!(kept.collect::<Vec<_>>(), [("tpot", 2), ("ttft", 2)]);
}

#[test]
fn a_request_without_a_limited_time_is_unjudged_and_an_error_is_bad() {
    let mut point = Point::two_slots().with_level(LatencyKind::Tpot, 100);
    point.requests[1].n_text_events = 1;
    point.error(651, 660, RequestError::Timeout);
    let goodput = point.summary().goodput.unwrap();
    assert_eq!((goodput.n_good, goodput.n_judged, goodput.n_unjudged), (2, 3, 1));
    // The window now ends at 651 ms; of the good ones those at 450 and 521 and 650 ms ended.
    assert_close(goodput.per_s, 3.0 / 0.641);
}

#[test]
fn what_breaks_one_level_and_lacks_another_is_unjudged() {
    let levels = Point::two_slots().with_level(LatencyKind::Ttft, 95);
    let mut point = levels.with_level(LatencyKind::Tpot, 100);
    point.requests[2].n_text_events = 1;
    let goodput = point.summary().goodput.unwrap();
    assert_eq!((goodput.n_good, goodput.n_judged, goodput.n_unjudged), (2, 2, 1));
}

#[test]
fn a_closed_loop_judges_requests_after_its_window_too() {
    let mut point = Point::closed(2).with_level(LatencyKind::E2e, 100);
    for i in 0..20 {
        point.answer(50 * i, &[100], 1);
    }
    point.requests[16].error = Some(RequestError::Cut);
    let summary = point.summary();
    // Good ones ended from 100 to 750 ms of 50 to 800 ms; the last three came later.
    let goodput = summary.goodput.unwrap();
    assert_eq!((goodput.n_good, goodput.n_judged), (18, 18));
    assert_close(goodput.per_s, 14.0 / 0.75);
}

#[test]
fn a_cut_request_is_judged_only_by_what_it_had_already_exceeded() {
    let judged = |kind, limit_ms| {
        let mut point = Point::two_slots().with_level(kind, limit_ms);
        point.error(500, 900, RequestError::Cut);
        let goodput = point.summary().goodput.unwrap();
        (goodput.n_good, goodput.n_judged, goodput.n_unjudged)
    };
    // Under way for 400 ms without text.
    assert_eq!(judged(LatencyKind::Ttft, 399), (3, 4, 0));
    assert_eq!(judged(LatencyKind::Ttfo, 399), (3, 4, 0));
    assert_eq!(judged(LatencyKind::Ttft, 400), (3, 3, 0));
    assert_eq!(judged(LatencyKind::E2e, 399), (3, 4, 0));
    assert_eq!(judged(LatencyKind::Tpot, 1), (0, 3, 0));
}

#[test]
fn a_cut_request_whose_text_had_come_in_time_breaks_no_level_of_ttft() {
    let met = |first: Option<u64>| {
        let mut point = Point::two_slots().with_level(LatencyKind::Ttft, 300);
        let cut = point.error(500, 60_500, RequestError::Cut);
        cut.first_text_ns = first.map(|first| ms(500 + first));
        let summary = point.summary();
        (summary.goodput.unwrap().n_judged, summary.levels["ttft"].share == 1.0)
    };
    assert_eq!(met(Some(51)), (3, true));
    assert_eq!(met(Some(301)), (4, false));
    assert_eq!(met(None), (4, false));
}

#[test]
fn requests_that_hang_are_judged_though_the_window_ends_before_them() {
    let n_broken = |n_hung: u64| {
        let mut point = Point::open(10.0).with_level(LatencyKind::Ttft, 300);
        for i in 0..100 {
            point.answer(100 * i, &[50, 60], 2);
        }
        for i in 0..n_hung {
            point.error(7_000 + 10 * i, 20_000, RequestError::Cut);
        }
        let goodput = point.summary().goodput.unwrap();
        goodput.n_judged - goodput.n_good
    };
    assert_eq!([n_broken(0), n_broken(1), n_broken(5)], [0, 1, 5]);
}

#[test]
fn a_level_of_gaps_judges_the_median_gap_of_a_request() {
    let mut point = Point::closed(1).with_level(LatencyKind::Itl, 20);
    point.answer(0, &[10, 20, 30, 90], 4);
    point.answer(100, &[10, 40, 70], 3);
    point.answer(200, &[10], 1);
    let summary = point.summary();
    let goodput = summary.goodput.unwrap();
    assert_eq!((goodput.n_good, goodput.n_judged, goodput.n_unjudged), (1, 2, 1));
    assert_eq!(summary.levels["itl"].n_kept, 1);
}

#[test]
fn errors_keep_no_level() {
    let run = |n_slow: u64, n_errors: u64| {
        let mut point = Point::closed(1).with_level(LatencyKind::Ttft, 50);
        for i in 0..200 - n_slow - n_errors {
            point.answer(100 * i, &[50, 60], 2);
        }
        for i in 200 - n_slow - n_errors..200 - n_errors {
            point.answer(100 * i, &[51, 60], 2);
        }
        for i in 200 - n_errors..200 {
            point.error(100 * i, 100 * i + 1, RequestError::Connect);
        }
        point.summary().levels["ttft"].n_kept
    };
    assert_eq!([run(0, 0), run(2, 0), run(1, 1), run(0, 2)], [200, 198, 198, 198]);
    assert_eq!([run(3, 0), run(2, 1), run(0, 3)], [197; 3]);
}

#[test]
fn without_levels_or_anything_to_judge_there_is_no_goodput() {
    assert_eq!(Point::two_slots().summary().goodput, None);
    let mut point = Point::two_slots().with_level(LatencyKind::Tpot, 100);
    for request in &mut point.requests {
        request.n_text_events = 1;
    }
    let summary = point.summary();
    assert!(summary.goodput.is_none() && summary.levels.is_empty());
}

/// The second attempt answers at once, after two seconds of refusals.
#[test]
fn levels_are_judged_from_the_first_attempt() {
    let mut point = Point::closed(1).with_level(LatencyKind::Ttft, 500);
    for i in 0..20 {
        let sent = 3_000 * i + 2_000;
        let request = point.answer(sent, &[100, 200], 2);
        (request.due_ns, request.n_retries) = (ms(sent - 2_000), 1);
        if i % 2 == 0 {
            request.first_sent_ns = Some(ms(sent - 2_000));
        }
    }
    let summary = point.summary();
    assert_eq!(summary.ttft_ms.as_ref().unwrap().max, 100.0);
    let goodput = summary.goodput.unwrap();
    // The first was sent before the window.
    assert_eq!((goodput.n_good, goodput.n_judged), (10, 19));
    assert_eq!(summary.levels["ttft"].n_kept, 10);
}
