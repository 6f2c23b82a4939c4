//! Grades of load points: each threshold from both sides.

#[path = "serving/point.rs"]
mod point;

use point::{Point, ms, tokens};
use tokmark_model::{
    Arrivals, CacheMode, ClientCheck, CountSource, Grade, GradeLetter, LengthControl, Load, Nanos,
    RequestError, RequestSample, ServerTimes, ServingSummary, Status, Think, TokenCount,
    TokensPerSecond,
};
use tokmark_stats::{ServingGradeInput, grade_serving};

/// A quiet local point, to be disturbed by a test.
struct Run {
    point: Point,
    client: ClientCheck,
    is_local: bool,
    other_cores: Option<f64>,
    stolen_share: Option<f64>,
    asked: Option<f64>,
    status: Status,
    ceiling: Option<TokensPerSecond>,
}

impl Run {
    fn quiet(n: u64) -> Self {
        let point = Point::one_after_the_other(n);
        Run {
            point,
            client: ClientCheck {
                wakeup_p99_ns: Some(Nanos(50_000)),
                cpu_cores: Some(0.1),
                ..ClientCheck::default()
            },
            is_local: true,
            other_cores: Some(0.0),
            stolen_share: Some(0.0),
            asked: None,
            status: Status::Ok,
            ceiling: None,
        }
    }

    /// The same with each request changed.
    fn with(change: impl Fn(usize, &mut RequestSample)) -> Self {
        let mut run = Run::quiet(60);
        for (i, request) in run.point.requests.iter_mut().enumerate() {
            change(i, request);
        }
        run
    }

    fn graded_as(&self, summary: &ServingSummary) -> Grade {
        grade_serving(&ServingGradeInput {
            status: self.status,
            workload: &self.point.workload,
            requests: &self.point,
            summary,
            client: &self.client,
            is_local: self.is_local,
            other_cores: self.other_cores,
            stolen_share: self.stolen_share,
            asked_half_width: self.asked,
            abort_error_share: None,
            prefill_ceiling_tps: self.ceiling,
        })
    }

    fn graded(&self) -> Grade {
        self.graded_as(&self.point.summary())
    }

    fn codes(&self) -> Vec<(GradeLetter, String)> {
        self.graded().reasons.into_iter().map(|reason| (reason.letter, reason.code)).collect()
    }

    #[track_caller]
    fn assert_only(&self, letter: GradeLetter, code: &str) {
        assert_eq!(self.codes(), [(letter, code.to_owned())]);
        assert_eq!(self.graded().letter, letter);
    }

    #[track_caller]
    fn assert_clean(&self) {
        assert_eq!(self.codes(), []);
        assert_eq!(self.graded().letter, GradeLetter::A);
    }
}

#[test]
fn a_quiet_converged_point_is_an_a() {
    Run::quiet(60).assert_clean();
}

#[test]
fn a_client_that_could_distort_makes_an_f() {
    let mut run = Run::quiet(60);
    run.client.could_distort = true;
    run.client.reason = Some("it used 1.9 of 2 cores".to_owned());
    run.assert_only(GradeLetter::F, "client_limited");
    let text = &run.graded().reasons[0].text;
    assert_eq!(text, "invalid: the client could have made the figures: it used 1.9 of 2 cores");
}

#[test]
fn requests_without_an_end_leave_the_faster_part() {
    for (n, letter) in [(1, GradeLetter::B), (30, GradeLetter::D)] {
        let mut run = Run::quiet(60);
        for k in 0..n {
            run.point.error(k, 9_000, RequestError::Cut);
        }
        run.assert_only(letter, "cut_at_end");
        let text = &run.graded().reasons[0].text;
        assert_eq!(*text, format!("{n} requests had no end when the point was over"));
    }
}

#[test]
fn other_processes_touch_a_local_server() {
    for (cores, letter) in [(0.1, GradeLetter::E), (0.5, GradeLetter::E), (0.51, GradeLetter::F)] {
        let run = Run { other_cores: Some(cores), ..Run::quiet(60) };
        run.assert_only(letter, "other_processes");
    }
    Run { other_cores: Some(0.09), ..Run::quiet(60) }.assert_clean();
}

#[test]
fn time_that_the_hypervisor_took_touches_the_point() {
    for (share, letter) in [(0.02, GradeLetter::E), (0.10, GradeLetter::E), (0.11, GradeLetter::F)]
    {
        Run { stolen_share: Some(share), ..Run::quiet(60) }.assert_only(letter, "steal");
    }
    Run { stolen_share: Some(0.019), ..Run::quiet(60) }.assert_clean();
    Run { stolen_share: None, ..Run::quiet(60) }.assert_clean();
}

#[test]
fn what_could_not_be_read_caps_the_grade() {
    let run = Run { other_cores: None, ..Run::quiet(60) };
    run.assert_only(GradeLetter::C, "sensor_unknown");
    assert_eq!(run.graded().reasons[0].text, "not readable here: other processes");
    let run = Run { client: ClientCheck::default(), ..Run::quiet(60) };
    run.assert_only(GradeLetter::C, "sensor_unknown");
    let remote = Run { is_local: false, other_cores: None, ..Run::quiet(60) };
    remote.assert_only(GradeLetter::B, "remote_server");
}

const FIVE: &str = "5 answered requests, too few waves of them for an interval of the median TTFT";

#[test]
fn few_requests_are_a_c() {
    Run::quiet(5).assert_only(GradeLetter::C, "too_few");
    Run::quiet(1).assert_only(GradeLetter::C, "too_few");
    assert_eq!(Run::quiet(1).graded().reasons[0].text, "1 answered request, no measured window");
    assert_eq!(Run::quiet(5).graded().reasons[0].text, FIVE);
}

#[test]
fn a_point_wider_than_asked_is_a_c() {
    let run = Run { asked: Some(0.000_1), ..Run::quiet(60) };
    run.assert_only(GradeLetter::C, "not_converged");
    assert!(run.graded().reasons[0].text.ends_with("asked ±0.0 %"), "{:?}", run.graded());
    Run { asked: Some(0.05), ..Run::quiet(60) }.assert_clean();
}

#[test]
fn an_end_before_time_is_a_c() {
    let run = Run { status: Status::Interrupted, ..Run::quiet(60) };
    run.assert_only(GradeLetter::C, "ended_early");
    assert_eq!(run.graded().reasons[0].text, "the point ended early by the user");
}

/// TTFT that rises evenly by `rise_ms` over 60 requests.
fn drifting(rise_ms: u64) -> Run {
    Run::with(|i, request| {
        request.first_text_ns.as_mut().unwrap().0 += ms(rise_ms * i as u64).0 / 60;
        request.last_text_ns.as_mut().unwrap().0 += ms(rise_ms * i as u64).0 / 60;
    })
}

#[test]
fn a_latency_that_rises_over_the_point_is_a_d() {
    let found = drifting(40).graded();
    assert_eq!(found.letter, GradeLetter::D);
    let text = &found.reasons[0].text;
    assert!(text.starts_with("the time to first token rose by 3"), "{text}");
}

#[test]
fn later_turns_of_a_conversation_are_no_drift() {
    let growing = |turns: bool| {
        let mut run = Run::with(|i, request| {
            let turn = i as u64 / 15;
            request.turn = if turns { turn as u32 } else { 0 };
            request.first_text_ns.as_mut().unwrap().0 += ms(60 * turn).0;
            request.last_text_ns.as_mut().unwrap().0 += ms(60 * turn).0;
        });
        run.asked = Some(1e9);
        run.codes().iter().any(|(_, code)| code == "drifting")
    };
    assert!(growing(false) && !growing(true));
}

fn waves(trend_ms: u64) -> Run {
    Run { point: Point::waves(16, trend_ms), asked: Some(1e9), ..Run::quiet(0) }
}

#[test]
fn requests_that_share_a_batch_are_no_drift_and_no_correlation() {
    waves(0).assert_clean();
    // Too little for 40 waves, enough for 640 requests that each counted.
    waves(20).assert_clean();
    let found = waves(120).codes();
    assert_eq!(found, [(GradeLetter::D, "drifting".to_owned())]);
}

#[test]
fn requests_that_go_alone_must_not_depend_on_each_other() {
    let slow_and_fast = Run::with(|i, request| {
        let more = if i / 6 % 2 == 0 { ms(20).0 } else { 0 };
        request.first_text_ns.as_mut().unwrap().0 += more;
        request.last_text_ns.as_mut().unwrap().0 += more;
    });
    let codes = Run { asked: Some(1e9), ..slow_and_fast }.codes();
    assert_eq!(codes, [(GradeLetter::D, "correlated".to_owned())]);
}

#[test]
fn a_replay_has_no_trend_of_its_own() {
    let mut run = drifting(40);
    run.point.workload.arrival = Load::Replay { speed: 1.0 };
    run.asked = Some(1e9);
    run.assert_clean();
}

#[test]
fn errors_are_a_b_below_the_abort_share_and_a_d_from_it_on() {
    let failed = |n: usize| {
        let mut run = Run { asked: Some(1e9), ..Run::quiet(100) };
        for request in run.point.requests.iter_mut().take(n) {
            request.error = Some(RequestError::Timeout);
        }
        run
    };
    failed(4).assert_only(GradeLetter::B, "errors");
    failed(5).assert_only(GradeLetter::D, "errors");
    assert_eq!(failed(4).graded().reasons[0].text, "4 of 100 requests failed (timeout x 4)");
}

#[test]
fn attempts_that_were_refused_are_a_b() {
    let run = Run::with(|i, request| request.n_retries = u32::from(i == 3));
    run.assert_only(GradeLetter::B, "retries");
    assert_eq!(run.graded().reasons[0].text, "the server refused 1 attempt");
}

#[test]
fn late_arrivals_matter_beside_the_time_to_first_token() {
    let late = |late_us: u64| {
        let mut run = Run::with(|_, request| {
            request.due_ns = Nanos(request.sent_ns.0.saturating_sub(late_us * 1_000));
        });
        run.point.requests[0].sent_ns = run.point.requests[0].due_ns;
        run.point.workload.arrival = Load::Rate { per_s: 4.9, arrivals: Arrivals::Poisson };
        run
    };
    late(1_000).assert_clean();
    late(1_001).assert_only(GradeLetter::B, "late_arrivals");
    // 5 % of 105 ms.
    late(5_000).assert_only(GradeLetter::B, "late_arrivals");
    late(6_000).assert_only(GradeLetter::D, "late_arrivals");
    // A connection that was opened meanwhile is not the client's lateness, and in a closed loop
    // the next request is due when it is sent.
    let mut connecting = late(6_000);
    for request in &mut connecting.point.requests {
        request.connect_ns = Some(Nanos(5_500_000));
    }
    connecting.assert_clean();
    let mut closed = late(6_000);
    closed.point.workload.arrival = Load::Concurrency { n: 1 };
    closed.assert_clean();
}

#[test]
fn arrivals_others_than_asked_are_a_d() {
    let mut run = Run { asked: Some(1e9), ..Run::quiet(0) };
    run.point = Point::open(10.0);
    for i in 0..60u64 {
        run.point.answer(100 * i, &[50, 60], 2);
    }
    run.assert_clean();
    for request in run.point.requests.iter_mut().skip(1).step_by(2) {
        request.sent_ns.0 += ms(12).0;
        request.first_text_ns.as_mut().unwrap().0 += ms(12).0;
        request.last_text_ns.as_mut().unwrap().0 += ms(12).0;
    }
    let codes = run.codes();
    assert!(codes.contains(&(GradeLetter::D, "arrivals_distorted".to_owned())), "{codes:?}");
}

#[test]
fn slots_that_were_not_in_use_are_a_d() {
    let held = |pause_ms: u64| {
        let mut run = Run { asked: Some(1e9), ..Run::quiet(0) };
        for i in 0..60 {
            run.point.answer((100 + pause_ms) * i, &[50, 100], 2);
        }
        run
    };
    held(5).assert_clean();
    held(6).assert_only(GradeLetter::D, "concurrency_not_held");
}

#[test]
fn prompts_from_the_cache_are_flagged_where_none_was_to_be_reused() {
    let cached = |n| Run::with(move |_, request| request.cached_tokens = Some(n));
    cached(5).assert_clean();
    cached(6).assert_only(GradeLetter::B, "cache_hit");
    cached(50).assert_only(GradeLetter::B, "cache_hit");
    cached(51).assert_only(GradeLetter::D, "cache_hit");
    let mut kept = cached(90);
    kept.point.workload.cache = CacheMode::Keep;
    kept.assert_clean();
}

#[test]
fn a_trace_may_hit_what_it_repeats_itself_and_a_later_turn_its_history() {
    let cached = |n| {
        let mut run = Run::with(move |_, request| request.cached_tokens = Some(n));
        run.point.workload.cache = CacheMode::Own;
        run.point.workload.repeated_share = Some(0.4);
        run
    };
    cached(45).assert_clean();
    cached(46).assert_only(GradeLetter::B, "cache_hit");
    cached(91).assert_only(GradeLetter::D, "cache_hit");
    let mut unknown = cached(91);
    unknown.point.workload.repeated_share = None;
    unknown.assert_clean();
    let turns = Run::with(|i, request| {
        request.turn = (i % 2) as u32;
        request.cached_tokens = Some(if request.turn == 1 { 90 } else { 0 });
    });
    turns.assert_clean();
}

#[test]
fn prompts_above_the_ceiling_must_have_come_from_a_cache() {
    // 100 tokens in some 105 ms: 950 tok/s.
    let below = Run { ceiling: Some(TokensPerSecond(1_100.0)), ..Run::quiet(60) };
    below.assert_clean();
    let above = Run { ceiling: Some(TokensPerSecond(900.0)), ..Run::quiet(60) };
    above.assert_only(GradeLetter::D, "cache_hit_suspected");
}

#[test]
fn what_was_asked_of_the_answers_and_did_not_come_is_a_b() {
    let mut run = Run::quiet(60);
    run.point.workload.n_output = Some(12);
    run.assert_clean();
    run.point.workload.n_output = Some(64);
    run.point.workload.length_control = LengthControl::LimitOnly;
    run.assert_only(GradeLetter::B, "lengths_not_held");
    let mut run = Run::with(|i, request| request.reasoning_tokens = tokens(u32::from(i == 7)));
    run.assert_clean();
    run.point.workload.think = Think::Off;
    run.assert_only(GradeLetter::B, "reasoning_not_off");
}

#[test]
fn reasoning_that_nobody_counted_is_reasoning_all_the_same() {
    let mut run = Run::with(|i, request| request.has_reasoned = i % 2 == 0);
    run.assert_clean();
    run.point.workload.think = Think::Off;
    run.assert_only(GradeLetter::B, "reasoning_not_off");
    let text = &run.graded().reasons[0].text;
    assert_eq!(text, "30 answers reasoned although it was switched off");
}

#[test]
fn answers_in_one_piece_where_streams_were_asked_for_are_told() {
    let run = Run::with(|i, request| request.in_one_piece = i < 3);
    run.assert_only(GradeLetter::B, "not_streamed");
}

#[test]
fn estimated_counts_are_a_c() {
    let mut run = Run::with(|_, request| {
        request.output_tokens = Some(TokenCount { n: 11, source: CountSource::Estimated });
    });
    run.assert_only(GradeLetter::C, "counts_estimated");
    // Words are no measure of a length, nor of how many tokens an event holds.
    run.point.workload.n_output = Some(64);
    run.assert_only(GradeLetter::C, "counts_estimated");
    assert_eq!(run.point.summary().tokens_per_event, None);
}

#[test]
fn usage_that_cannot_be_right_is_a_b() {
    let run = Run::with(|i, request| request.usage_doubted = i == 5);
    run.assert_only(GradeLetter::B, "usage_doubted");
    assert_eq!(run.point.summary().n_usage_doubted, 1);
}

#[test]
fn a_server_that_counts_otherwise_is_flagged() {
    let theirs = |generation_ms| {
        Run::with(move |_, request| {
            request.server = Some(ServerTimes {
                n_generated: Some(11),
                generation_ns: Some(ms(generation_ms)),
                ..ServerTimes::default()
            });
        })
    };
    theirs(105).assert_clean();
    theirs(112).assert_only(GradeLetter::B, "server_disagrees");
}

#[test]
fn reasoning_before_the_first_token_and_gaps_of_events_are_told() {
    let run = Run::with(|_, request| {
        request.hidden_reasoning = true;
        request.output_tokens = tokens(31);
        request.reasoning_tokens = tokens(20);
    });
    run.assert_only(GradeLetter::B, "includes_hidden_reasoning");
    let run = Run::with(|_, request| request.output_tokens = tokens(44));
    run.assert_only(GradeLetter::B, "itl_per_event");
    assert_eq!(run.graded().reasons[0].text, "an event holds 4.0 tokens: gaps are per event");
}

#[test]
fn the_worst_reason_decides_and_all_are_listed() {
    let mut run = Run { other_cores: Some(0.2), status: Status::Interrupted, ..Run::quiet(60) };
    run.client.could_distort = true;
    let letters: Vec<_> = run.codes().into_iter().map(|(letter, _)| letter).collect();
    assert_eq!(letters, [GradeLetter::F, GradeLetter::E, GradeLetter::C]);
    assert_eq!(run.graded().letter, GradeLetter::F);
}
