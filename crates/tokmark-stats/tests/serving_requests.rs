//! The figures of single requests, by hand.

#[path = "serving/point.rs"]
mod point;

use point::{Point, ms, tokens};
use tokmark_model::{Nanos, RequestError, RequestSample, ServerTimes};
use tokmark_stats::{RequestFigures, request_figures};

fn figures(change: impl Fn(&mut RequestSample)) -> RequestFigures {
    let mut point = Point::closed(1);
    let request = point.answer(1_000, &[100, 150, 300, 500], 9);
    change(request);
    request_figures(request, true).unwrap()
}

#[test]
fn latencies_count_from_sent_and_from_due() {
    let found = figures(|request| {
        request.due_ns = ms(940);
        request.end_ns = ms(1_800);
    });
    assert_eq!((found.ttft, found.ttft_from_due), (Some(ms(100)), Some(ms(160))));
    assert_eq!((found.e2e, found.e2e_from_due), (Some(ms(500)), Some(ms(560))));
    // A trailer 300 ms late is no slow token.
    assert_eq!((found.closed, found.ttfo), (ms(800), Some(ms(100))));
}

#[test]
fn tpot_is_the_span_over_the_tokens_after_the_first_event() {
    // 400 ms for 9 - 1 tokens, one assumed in the first event.
    assert_eq!(figures(|_| {}).tpot_ns, Some(50e6));
    // The first event held five: four followed.
    assert_eq!(figures(|request| request.first_event_tokens = Some(5)).tpot_ns, Some(100e6));
    assert_eq!(figures(|_| {}).decode_rate.unwrap().get(), 20.0);
}

#[test]
fn reasoning_that_was_not_streamed_is_taken_off_before_tpot() {
    let hidden = |request: &mut RequestSample| {
        request.hidden_reasoning = true;
        request.reasoning_tokens = tokens(4);
    };
    let found = figures(hidden);
    assert_eq!((found.streamed_tokens, found.tpot_ns), (Some(5), Some(100e6)));
    assert_eq!(found.queue, None);
    let uncounted = figures(|request| request.hidden_reasoning = true);
    assert_eq!((uncounted.tpot_ns, uncounted.answer_rate), (None, None));
}

#[test]
fn tpot_is_absent_where_it_cannot_be_known() {
    for change in [
        |request: &mut RequestSample| request.n_text_events = 1,
        |request: &mut RequestSample| request.output_tokens = tokens(1),
        |request: &mut RequestSample| request.output_tokens = None,
        |request: &mut RequestSample| request.first_event_tokens = Some(9),
        |request: &mut RequestSample| request.first_event_tokens = Some(12),
    ] {
        assert_eq!(figures(change).tpot_ns, None);
    }
}

#[test]
fn text_that_came_all_at_once_has_no_decode_rate() {
    let found = figures(|request| request.last_text_ns = request.first_text_ns);
    assert_eq!((found.tpot_ns, found.decode_rate), (Some(0.0), None));
}

#[test]
fn reasoning_and_answer_have_rates_of_their_own() {
    let streamed = |request: &mut RequestSample| {
        request.first_answer_ns = Some(ms(1_300));
        request.last_answer_ns = Some(ms(1_500));
        request.reasoning_tokens = tokens(6);
    };
    let found = figures(streamed);
    assert_eq!((found.ttft, found.ttfo), (Some(ms(100)), Some(ms(300))));
    // All 9 tokens within 500 ms; 3 of them answer.
    assert_eq!(found.request_rate.unwrap().get(), 18.0);
    assert_eq!(found.answer_rate.unwrap().get(), 6.0);
    // Streamed reasoning is generated text like any other.
    assert_eq!(found.tpot_ns, Some(50e6));
}

#[test]
fn an_answer_rate_needs_an_answer_and_its_count() {
    let uncounted = |request: &mut RequestSample| request.first_answer_ns = Some(ms(1_300));
    assert_eq!(figures(uncounted).answer_rate, None);
    let none = |request: &mut RequestSample| {
        (request.first_answer_ns, request.last_answer_ns) = (None, None);
    };
    assert_eq!((figures(none).answer_rate, figures(none).ttfo), (None, None));
    let all = figures(|_| {}).answer_rate.unwrap();
    assert_eq!(all.get(), 18.0);
}

#[test]
fn the_queue_is_what_the_prompt_itself_did_not_take() {
    let server = |prompt_ns| {
        move |request: &mut RequestSample| {
            request.server =
                Some(ServerTimes { prompt_ns: Some(prompt_ns), ..ServerTimes::default() });
        }
    };
    assert_eq!(figures(server(ms(70))).queue, Some(ms(30)));
    assert_eq!(figures(server(ms(120))).queue, Some(Nanos(0)));
    assert_eq!(figures(|_| {}).queue, None);
}

#[test]
fn an_answer_in_one_piece_has_no_first_token() {
    let mut point = Point::closed(1);
    let request = point.answer(0, &[400], 8);
    let found = request_figures(request, false).unwrap();
    assert_eq!((found.ttft, found.ttfo, found.tpot_ns), (None, None, None));
    assert_eq!((found.e2e, found.request_rate.unwrap().get()), (Some(ms(400)), 20.0));
    let unasked = RequestSample { in_one_piece: true, ..request.clone() };
    assert_eq!(request_figures(&unasked, true), Some(found));
    let summary = Point { requests: vec![unasked], ..point }.summary();
    assert_eq!((summary.ttft_ms, summary.tokens_per_event), (None, None));
    assert_eq!((summary.n_in_one_piece, summary.e2e_ms.unwrap().n), (1, 1));
}

#[test]
fn an_errored_request_has_no_figures() {
    let mut point = Point::closed(1);
    let request = point.answer(0, &[10, 20], 2);
    request.error = Some(RequestError::BrokenStream);
    assert_eq!(request_figures(request, true), None);
}
