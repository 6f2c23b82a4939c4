//! Load points by hand: the window, the rates, and what is counted how. Most are
//! `Point::two_slots`.

#[path = "serving/point.rs"]
mod point;

use point::{Dice, Point, assert_close, ms, tokens};
use tokmark_model::{
    LatencyKind, Load, Nanos, NoInterval, RequestError, RequestSample, ServerTimes,
};
use tokmark_stats::{Requests, ServingInput, itl_is_per_event, summarize_serving};

#[test]
fn a_closed_loop_is_measured_from_all_slots_used_to_the_last_refill() {
    let summary = Point::two_slots().summary();
    assert_eq!((summary.window_start_ns, summary.window_end_ns), (ms(10), ms(450)));
    assert_eq!(summary.max_in_flight, 2);
    // 440 + 210 + 229 of 440 ms.
    assert_close(summary.mean_in_flight.unwrap(), 879.0 / 440.0);
}

#[test]
fn a_request_across_the_edge_gives_the_share_of_its_events_inside() {
    let summary = Point::two_slots().summary();
    // 4 + 2 + 6 x 2/3 tokens in 0.44 s; the last request is outside.
    assert_close(summary.output_rate_tps.unwrap().per_s, 10.0 / 0.44);
    // Ended inside: the second alone. The first ends with the window.
    assert_close(summary.request_rate_per_s.unwrap().per_s, 1.0 / 0.44);
    assert_eq!(summary.output_rate_tps.unwrap().no_interval, Some(NoInterval::TooFew));
}

#[test]
fn prompts_count_at_their_first_text_event() {
    let mut point = Point::two_slots();
    for (request, n) in point.requests.iter_mut().zip([100, 50, 30, 70]) {
        request.prompt_tokens = tokens(n);
    }
    let summary = point.summary();
    // The last request's first event comes after the window.
    assert_close(summary.total_rate_tps.unwrap().per_s, 190.0 / 0.44);
    point.requests[0].prompt_tokens = None;
    assert_eq!(point.summary().total_rate_tps, None);
    point.requests[3].output_tokens = None;
    assert!(point.summary().output_rate_tps.is_some());
    point.requests[1].output_tokens = None;
    assert_eq!(point.summary().output_rate_tps, None);
}

#[test]
fn a_loop_that_never_refilled_a_slot_has_latencies_and_no_rates() {
    let mut point = Point::two_slots();
    point.requests.truncate(2);
    point.times.truncate(2);
    let summary = point.summary();
    assert_eq!(summary.window_start_ns, summary.window_end_ns);
    assert_eq!((summary.output_rate_tps, summary.mean_in_flight), (None, None));
    assert_eq!(summary.ttft_ms.unwrap().n, 2);
}

#[test]
fn latencies_are_distributions_over_the_answers() {
    let summary = Point::two_slots().summary();
    // 100, 90, 100, 50.
    let ttft = summary.ttft_ms.unwrap();
    assert_eq!((ttft.n, ttft.mean, ttft.min, ttft.max), (4, 85.0, 50.0, 100.0));
    assert_eq!((ttft.median(), ttft.from_histogram), (Some(95.0), false));
    assert_close(ttft.stddev, (1_700.0f64 / 3.0).sqrt());
    let p90 = ttft.quantile(0.9).unwrap();
    assert_eq!((p90.value, p90.interval, p90.upper_bound), (100.0, None, None));
    assert_eq!(p90.no_interval, Some(NoInterval::TooFew));
    // 400, 190, 300, 200.
    assert_eq!(summary.e2e_ms.unwrap().median(), Some(250.0));
    assert_eq!(summary.closed_ms.unwrap().max, 450.0);
    // 300/3, 100/1, 200/5, 150/3.
    let tpot = summary.tpot_ms.unwrap();
    assert_eq!((tpot.min, tpot.median(), tpot.max), (40.0, Some(75.0), 100.0));
    assert_close(summary.decode_rate_tps.unwrap().max, 25.0);
    // 4/0.4, 2/0.19, 6/0.3, 4/0.2.
    assert_eq!(summary.request_rate_tps.unwrap().max, 20.0);
    assert_eq!(summary.output_tokens.unwrap().median(), Some(4.0));
    assert_eq!((summary.ttft_from_due_ms, summary.e2e_from_due_ms), (None, None));
}

#[test]
fn gaps_are_between_text_events_of_one_request() {
    let summary = Point::two_slots().summary();
    // 100 x 3, 100, 100 x 2, 50 x 3.
    let itl = summary.itl_ms.unwrap();
    assert_eq!((itl.n, itl.min, itl.median(), itl.max), (9, 50.0, Some(100.0), 100.0));
    // 16 tokens in 13 events.
    assert_close(summary.tokens_per_event.unwrap(), 16.0 / 13.0);
}

#[test]
fn several_tokens_an_event_make_gaps_per_event() {
    let mut point = Point::closed(1);
    point.answer(0, &[10, 20, 30, 40], 16).first_event_tokens = Some(4);
    assert!(itl_is_per_event(&point.summary()));
    point.requests[0].output_tokens = tokens(4);
    assert!(!itl_is_per_event(&point.summary()));
    // Twelve tokens of reasoning never came as events.
    point.requests[0].output_tokens = tokens(16);
    point.requests[0].hidden_reasoning = true;
    point.requests[0].reasoning_tokens = tokens(12);
    let summary = point.summary();
    assert_eq!((summary.tokens_per_event, summary.n_hidden_reasoning), (Some(1.0), 1));
}

#[test]
fn gaps_get_the_interval_of_their_requests_not_of_their_events() {
    let mut point = Point::closed(1);
    for i in 0..5 {
        point.answer(i * 1_000, &[10, 20, 31, 43, 56, 70, 85], 7);
    }
    let five = point.summary().itl_ms.unwrap();
    assert_eq!((five.n, five.quantiles[0].interval), (30, None));
    point.answer(5_000, &[10, 20, 31, 43, 56, 70, 85], 7);
    let six = point.summary().itl_ms.unwrap().quantiles[0].interval.unwrap();
    assert_eq!((six.low, six.high), (10.0, 15.0));
}

/// Ten requests due every 100 ms, sent 0 to 9 ms late, answered in 250 ms.
fn ten_a_second() -> Point {
    let mut point = Point::open(10.0);
    for i in 0..10 {
        let request = point.answer(100 * i + i, &[50, 250], 2);
        request.due_ns = ms(100 * i);
    }
    point
}

#[test]
fn an_open_loop_counts_from_due_as_well() {
    let summary = ten_a_second().summary();
    assert_eq!(summary.ttft_ms.unwrap().median(), Some(50.0));
    assert_eq!(summary.ttft_from_due_ms.unwrap().median(), Some(54.5));
    assert_eq!(summary.e2e_from_due_ms.unwrap().max, 259.0);
}

#[test]
fn an_open_loop_is_measured_from_its_first_answers_to_its_last_due_time() {
    let summary = ten_a_second().summary();
    // The slowest of the first ten ended 259 ms after it was due.
    assert_eq!((summary.window_start_ns, summary.window_end_ns), (ms(259), ms(900)));
    // First events at 353, ... 858 ms; last ones at 351, ... 856 ms.
    assert_close(summary.output_rate_tps.unwrap().per_s, 12.0 / 0.641);
    assert_close(summary.request_rate_per_s.unwrap().per_s, 6.0 / 0.641);
}

/// `n` requests at a constant 2/s, answered after `e2e` ms.
fn two_a_second(n: u64, e2e: impl Fn(u64) -> u64) -> Point {
    let mut point = Point::open(2.0).with_level(LatencyKind::Ttft, 600_000);
    for i in 0..n {
        point.answer(500 * i, &[e2e(i) / 2, e2e(i)], 10);
    }
    point
}

#[test]
fn as_much_runs_out_of_an_open_loop_as_runs_into_it() {
    let summary = two_a_second(21, |_| 5_000).summary();
    assert_eq!((summary.window_start_ns, summary.window_end_ns), (ms(5_000), ms(10_000)));
    assert_close(summary.request_rate_per_s.unwrap().per_s, 2.0);
    assert_close(summary.goodput.unwrap().per_s, 2.0);
    // Those of the run-in found an emptier server.
    assert_eq!(summary.goodput.unwrap().n_judged, 11);
    // At 5 s ten requests of 5 s are under way.
    assert_close(summary.mean_in_flight.unwrap(), 10.0);
    assert_close(summary.output_rate_tps.unwrap().per_s, 20.0);
    // 4.5 s of requests of 5 s.
    assert_eq!(two_a_second(20, |_| 5_000).summary().request_rate_per_s, None);
    let longer = two_a_second(200, |_| 5_000).summary();
    assert_close(longer.request_rate_per_s.unwrap().per_s, 2.0);
    assert!(longer.output_rate_tps.unwrap().interval.is_some(), "{longer:?}");
}

#[test]
fn an_open_loop_that_ends_before_its_first_answers_has_no_rates() {
    let summary = two_a_second(10, |_| 5_000).summary();
    assert_eq!(summary.window_start_ns, summary.window_end_ns);
    assert_eq!((summary.request_rate_per_s, summary.goodput), (None, None));
    assert_eq!(summary.levels["ttft"].share, 1.0, "levels need no window");
}

#[test]
fn beyond_its_capacity_an_open_loop_has_the_rate_of_the_server() {
    // One slot, 1 s a request, 2 a second: the i-th ends i + 1 s after the first was due.
    let summary = two_a_second(120, |i| 1_000 * (i + 1) - 500 * i).summary();
    // Half of the schedule, of which 99 % of the answers take longer.
    assert_eq!((summary.window_start_ns, summary.window_end_ns), (ms(29_750), ms(59_500)));
    let rate = summary.request_rate_per_s.unwrap().per_s;
    assert_close(rate, 30.0 / 29.75);
    assert!(summary.goodput.unwrap().per_s <= rate);
}

#[test]
fn a_request_that_was_refused_first_is_no_arrival_of_its_own_time() {
    let mut point = ten_a_second();
    let before = point.summary().arrivals;
    for request in point.requests.iter_mut().filter(|request| request.due_ns == ms(300)) {
        request.n_retries = 2;
        request.sent_ns.0 += ms(90).0;
    }
    let after = point.summary().arrivals;
    // Without it, one gap of 200 ms among eight.
    assert!(after.sent_cv.unwrap() < 0.4 && after.due_cv.unwrap() < 0.4, "{after:?}");
    assert_eq!((after.n, after.n_late), (before.n, before.n_late - 1));
    assert_eq!(after.offered_per_s, before.offered_per_s);
}

#[test]
fn late_arrivals_are_counted() {
    let arrivals = ten_a_second().summary().arrivals;
    assert_eq!((arrivals.n, arrivals.n_late, arrivals.late_max_ns), (10, 8, ms(9)));
    assert_eq!(arrivals.late_p99_ns, Nanos(8_910_000));
    assert_eq!((arrivals.asked_cv, arrivals.due_cv), (Some(0.0), Some(0.0)));
    // Each gap is 101 ms.
    assert_close(arrivals.sent_cv.unwrap(), 0.0);
    // Nor is a closed loop late: a slot is due when it is free.
    let closed = Point { workload: point::workload(Load::Concurrency { n: 1 }), ..ten_a_second() };
    assert_eq!(closed.summary().arrivals.n_late, 0);
    // What a connection took is the network's.
    let mut connecting = ten_a_second();
    connecting.requests[9].connect_ns = Some(ms(9));
    let summary = connecting.summary();
    assert_eq!((summary.arrivals.n_late, summary.arrivals.late_max_ns), (7, ms(8)));
    assert_eq!(summary.connect_ms.unwrap().max, 9.0);
    let mut refused = ten_a_second();
    refused.requests[9].n_retries = 2;
    let summary = refused.summary();
    assert_eq!((summary.arrivals.n_late, summary.arrivals.late_max_ns), (7, ms(8)));
    assert_eq!(summary.n_retries, 2);
}

#[test]
fn uneven_gaps_show_in_the_coefficient_of_variation() {
    let mut point = Point::open(10.0);
    for sent in [0, 50, 200, 250, 400] {
        point.answer(sent, &[10, 20], 2);
    }
    for (i, request) in point.requests.iter_mut().enumerate() {
        request.due_ns = ms(100 * i as u64);
    }
    // Gaps 50, 150, 50, 150: deviation 57.7 around 100.
    let arrivals = point.summary().arrivals;
    assert_close(arrivals.sent_cv.unwrap(), (10_000.0f64 / 3.0).sqrt() / 100.0);
    let closed = Point::two_slots().summary().arrivals;
    assert_eq!((closed.asked_cv, closed.due_cv, closed.sent_cv), (None, None, None));
    let replay = Point { workload: point::workload(Load::Replay { speed: 1.0 }), ..point };
    assert_eq!(replay.summary().arrivals.asked_cv, None);
    assert!(
        replay.summary().arrivals.sent_cv.is_some() && replay.summary().ttft_from_due_ms.is_some()
    );
}

#[test]
fn errors_are_counted_by_kind_and_cut_requests_apart() {
    let mut point = Point::two_slots();
    let before = point.summary();
    point.error(460, 470, RequestError::Status { code: 429 }).n_retries = 3;
    point.error(471, 480, RequestError::Status { code: 429 });
    point.error(481, 9_000, RequestError::Timeout);
    point.error(481, 9_000, RequestError::Cut);
    let after = point.summary();
    assert_eq!((after.n_requests, after.n_ok, after.n_cut, after.n_retries), (7, 4, 1, 3));
    let kinds: Vec<_> = after.errors.iter().map(|(kind, n)| (kind.as_str(), *n)).collect();
    assert_eq!(kinds, [("http 429", 2), ("timeout", 1)]);
    assert_eq!((after.ttft_ms, after.closed_ms), (before.ttft_ms, before.closed_ms));
    // At 481 ms: the last two answers, the request that timed out, the one that was cut.
    assert_eq!(after.max_in_flight, 4);
}

#[test]
fn the_window_ends_before_requests_that_were_cut() {
    let mut point = Point::closed(2);
    for i in 0..20 {
        point.answer(50 * i, &[100], 1);
    }
    assert_eq!(point.summary().window_end_ns, ms(950));
    point.requests[16].error = Some(RequestError::Cut);
    assert_eq!(point.summary().window_end_ns, ms(800));
    // Two slots, the second of which hung from early on: shortening would leave nothing.
    let mut hung = Point::closed(2);
    for i in 0..10 {
        hung.answer(100 * i, &[100], 1);
    }
    hung.error(10, 1_500, RequestError::Cut);
    let summary = hung.summary();
    assert_eq!((summary.window_start_ns, summary.window_end_ns), (ms(10), ms(900)));
}

#[test]
fn an_open_loop_that_was_cut_ends_a_service_level_before_the_cut() {
    let mut point = ten_a_second().with_level(LatencyKind::E2e, 300);
    assert_eq!(point.summary().window_end_ns, ms(900));
    point.error(1_000, 1_050, RequestError::Cut);
    let summary = point.summary();
    assert_eq!(summary.window_end_ns, ms(750));
    // Due from 300 to 700 ms: before lies the run-in.
    assert_eq!(summary.goodput.unwrap().n_judged, 5);
}

#[test]
fn the_server_is_compared_where_it_tells_its_own_times() {
    let mut point = Point::two_slots();
    for (request, generation) in point.requests.iter_mut().zip([300, 160, 240]) {
        request.server = Some(ServerTimes {
            prompt_ns: Some(ms(80)),
            n_generated: Some(4),
            generation_ns: Some(ms(generation)),
            ..ServerTimes::default()
        });
    }
    let summary = point.summary();
    // The server's time is from its first token to its last, 3 steps for 4 tokens. Ours 10, 10,
    // 25; theirs 10, 18.75, 12.5 tok/s: ratios 1, 0.53, 2.
    assert_close(summary.rate_vs_server.unwrap(), 1.0);
    // TTFT 100, 90, 100 less 80.
    let queue = summary.queue_ms.unwrap();
    assert_eq!((queue.n, queue.min, queue.max), (3, 10.0, 20.0));
}

#[test]
fn the_cached_share_is_over_the_answers_that_tell_it() {
    let mut point = Point::two_slots();
    assert_eq!(point.summary().cached_share, None);
    for (request, n) in point.requests.iter_mut().zip([100, 300, 500, 500]) {
        request.prompt_tokens = tokens(n);
    }
    point.requests[0].cached_tokens = Some(80);
    point.requests[1].cached_tokens = Some(0);
    assert_eq!(point.summary().cached_share, Some(0.2));
}

#[test]
fn replicas_get_figures_of_their_own() {
    let mut point = Point::two_slots();
    assert!(point.summary().replicas.is_empty());
    point.requests[1].replica = 1;
    point.requests[3].replica = 1;
    point.error(451, 452, RequestError::Connect).replica = 1;
    let summary = point.summary();
    let [first, second] = &summary.replicas[..] else { panic!("{:?}", summary.replicas) };
    assert_eq!((first.replica, first.n_requests, first.n_errors), (0, 2, 0));
    assert_eq!((second.replica, second.n_requests, second.n_errors), (1, 3, 1));
    // The window ends at 451 ms: 4 + 6 x 2/3 tokens and 2 tokens in 441 ms.
    assert_close(first.output_rate_tps.unwrap(), 8.0 / 0.441);
    assert_close(second.output_rate_tps.unwrap(), 2.0 / 0.441);
    assert_eq!((first.output_interval, second.output_interval), (None, None));
    assert_eq!(first.ttft_ms.as_ref().unwrap().median(), Some(100.0));
    assert_eq!(second.tpot_ms.as_ref().unwrap().median(), Some(75.0));
    // An answer of unknown length is not one without tokens.
    point.requests[0].output_tokens = None;
    let summary = point.summary();
    assert_eq!((summary.output_rate_tps, summary.replicas[0].output_rate_tps), (None, None));
    assert_close(summary.replicas[1].output_rate_tps.unwrap(), 2.0 / 0.441);
}

#[test]
fn every_request_of_one_base_url_and_good_gives_the_rates_of_all() {
    let mut point = two_a_second(200, |i| 400 + 37 * (i % 7));
    let whole = point.summary();
    let (good, all) = (whole.goodput.unwrap(), whole.request_rate_per_s.unwrap());
    assert!(all.interval.is_some(), "{all:?}");
    assert_eq!(good.rate().interval, all.interval);
    assert_close(good.per_s, all.per_s);
    for request in point.requests.iter_mut().skip(1) {
        request.replica = 1;
    }
    let [_, second] = &point.summary().replicas[..] else { panic!("two base URLs") };
    let (own, all) = (second.output_interval.unwrap(), whole.output_rate_tps.unwrap());
    // But for the first request, which ends before the window or as it begins.
    let all = all.interval.unwrap();
    assert!((own.low / all.low - 1.0).abs() < 0.02, "{own:?} {all:?}");
    assert!((own.high / all.high - 1.0).abs() < 0.02, "{own:?} {all:?}");
}

#[test]
fn the_first_request_after_a_start_is_told_apart() {
    let mut point = Point::two_slots();
    point.cold = Some(Point::two_slots().requests[1].clone());
    assert_eq!(point.summary().cold_ttft_ms, Some(90.0));
    point.cold.as_mut().unwrap().error = Some(RequestError::Timeout);
    assert_eq!(point.summary().cold_ttft_ms, None);
}

#[test]
fn where_nothing_was_answered_there_is_no_rate_of_0() {
    let mut point = Point::closed(1);
    for n in 0..10 {
        point.error(n * 100, n * 100 + 50, RequestError::Timeout);
    }
    let summary = point.summary();
    assert_eq!((summary.n_requests, summary.n_ok), (10, 0));
    assert!(summary.window_end_ns > summary.window_start_ns, "it has a window: {summary:?}");
    assert_eq!((summary.output_rate_tps, summary.total_rate_tps), (None, None));
    assert_eq!(summary.request_rate_per_s, None);
}

#[test]
fn without_requests_there_is_no_summary() {
    assert_eq!(summarize_serving(&Point::closed(1).input()), None);
}

#[test]
fn without_event_times_text_counts_as_having_come_evenly() {
    let mut point = Point::two_slots();
    point.times.clear();
    let summary = point.summary();
    assert_eq!(summary.itl_ms, None);
    // The third: 129 of 200 ms between its first and last event lie inside.
    assert_close(summary.output_rate_tps.unwrap().per_s, (6.0 + 6.0 * 129.0 / 200.0) / 0.44);
}

#[test]
fn a_million_gaps_are_read_anew_and_kept_in_a_histogram() {
    let (n_requests, n_events) = (1_001u64, 1_001u64);
    let mut point = Point::closed(1);
    for i in 0..n_requests {
        point.answer(20_000 * i, &[10, 10 + 10 * (n_events - 1)], n_events as u32);
    }
    let input = ServingInput { requests: &Jittered { point: &point, n_events }, ..point.input() };
    let itl = summarize_serving(&input).unwrap().itl_ms.unwrap();
    assert_eq!((itl.n, itl.from_histogram), (1_001_000, true));
    // Differences of two uniform jitters: triangular on 9 to 11 ms.
    assert!((itl.median().unwrap() - 10.0).abs() < 0.01, "{itl:?}");
    let expected = 11.0 - 0.2f64.sqrt();
    assert!((itl.quantile(0.9).unwrap().value - expected).abs() < 0.01, "{itl:?}");
}

/// The requests of a point with event times that are made anew on each visit.
struct Jittered<'a> {
    point: &'a Point,
    n_events: u64,
}

impl Requests for Jittered<'_> {
    fn visit(&self, each: &mut dyn FnMut(&RequestSample, &[Nanos])) {
        let mut dice = Dice(3);
        for request in &self.point.requests {
            let mut jitter = |i| Nanos(10_000_000 * (i + 1) + (dice.uniform() * 1e6) as u64);
            let times: Vec<Nanos> = (0..self.n_events).map(&mut jitter).collect();
            each(request, &times);
        }
    }
}
