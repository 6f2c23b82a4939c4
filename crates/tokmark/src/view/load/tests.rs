use tokmark_lab::Calibration;
use tokmark_model::FoundRate;
use tokmark_model::{EventLog, Record};

use super::example::{self, all_refused, chat_by_four, chat_by_one, remote_at_a_rate, two_recipes};
use super::*;

/// The lines of these records, where no folder has files of them.
fn lines_of(records: &[Record]) -> String {
    let mut bytes = Vec::new();
    request_lines(records, std::path::Path::new("no such folder"), &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_table_of_a_run_with_a_failed_and_a_skipped_point() {
    insta::assert_snapshot!(table(&example::run(), "tokmark.db", None));
}

#[test]
fn the_table_of_two_recipes_lays_their_points_side_by_side() {
    insta::assert_snapshot!(table(&two_recipes(), "tokmark.db", None));
}

#[test]
fn markdown_has_the_same_rows_and_remarks() {
    insta::assert_snapshot!(markdown(&example::run()));
}

#[test]
fn a_run_without_points_says_so() {
    assert_eq!(table(&[], "tokmark.db", None), "nothing was measured\n");
    assert_eq!(csv(&[]), "");
    assert_eq!(lines_of(&[]), "");
}

#[test]
fn a_finished_point_is_one_line() {
    let lines: Vec<String> = example::run().iter().chain(&two_recipes()[..1]).map(line).collect();
    assert!(lines.iter().all(|line| !line.contains('\n')));
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_server_is_told_with_its_evidence_and_without_control_characters() {
    let facts = |record: Record| record.serving.unwrap().server;
    let (local, remote) = (facts(chat_by_four()), facts(remote_at_a_rate()));
    insta::assert_snapshot!(format!("{}\n{}", server(&local), server(&remote)));
    assert_eq!(server(&ServerFacts::default()), "a server of unknown kind at an unknown address");
}

#[test]
fn a_calibration_names_the_load() {
    let found = Calibration { n: 1_200, ttft_mean: -12_000.0, ttft_p99: 310_000.0 };
    assert_eq!(
        calibration(&found, "chat x 16"),
        "this client adds -12.0 µs to a TTFT at chat x 16, p99 310 µs (1,200 requests to a server \
         of known times)"
    );
}

#[test]
fn comma_separated_rows_have_a_value_or_nothing_under_each_name() {
    let run = example::run();
    let text = csv(&run);
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    // The example's only comma inside a field is in the reason of the point that was refused.
    let rows: Vec<Vec<String>> = lines
        .map(|line| {
            line.replace("failed, most", "failed; most").split(',').map(str::to_owned).collect()
        })
        .collect();
    assert!(rows.iter().all(|row| row.len() == header.len()));
    let cell = |row: usize, name: &str| {
        rows[row][header.iter().position(|own| *own == name).unwrap()].clone()
    };
    assert_eq!(cell(0, "concurrency"), "1");
    assert_eq!(cell(0, "ttft_p50_ms"), "50");
    assert_eq!((cell(0, "ttft_p50_low_ms"), cell(0, "rate_per_s")), (String::new(), String::new()));
    assert_eq!(cell(1, "errors"), "http 429 x 1; timeout x 1");
    assert_eq!(cell(1, "ttft_p99_upper_bound_ms"), "132.77");
    assert_eq!((cell(2, "rate_per_s"), cell(2, "arrivals")), ("2.5".into(), "gamma:2".into()));
    assert_eq!((cell(3, "status"), cell(3, "n_failed")), ("failed".into(), "10".into()));
    assert_eq!((cell(4, "status"), cell(4, "n_requests")), ("skipped".into(), String::new()));
    let n_columns = header.len();
    let mut names = header;
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), n_columns);
}

#[test]
fn every_request_is_a_line_with_its_point() {
    let records = [chat_by_one(), all_refused()];
    let text = lines_of(&records);
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 18);
    assert_eq!(lines[0]["record_id"], records[0].id.to_string());
    assert_eq!((&lines[0]["point"], &lines[0]["n_text_events"]), (&"chat x 1".into(), &5.into()));
    assert_eq!(lines[8]["error"]["error"], "connect");
    assert!(lines.iter().all(|line| line.get("requests_file").is_none()));
}

#[test]
fn a_point_whose_requests_lie_in_a_file_names_it() {
    let mut record = chat_by_one();
    let serving = record.serving.as_mut().unwrap();
    serving.requests.clear();
    let file = Some("1.requests".to_owned());
    serving.events = Some(EventLog { file, n_events: 7, ..EventLog::default() });
    let line: serde_json::Value =
        serde_json::from_str(lines_of(std::slice::from_ref(&record)).trim()).unwrap();
    assert_eq!(line["requests_file"], "1.requests");
    assert!(table(&[record], "x", None).contains("they lie in 1.requests"));
}

#[test]
fn answers_in_one_piece_have_dashes_with_a_reason() {
    let mut record = chat_by_one();
    let serving = record.serving.as_mut().unwrap();
    serving.workload.stream = false;
    let summary = serving.summary.as_mut().unwrap();
    (summary.ttft_ms, summary.itl_ms, summary.tpot_ms) = (None, None, None);
    let text = table(&[record], "x", None);
    assert!(text.contains("answers came in one piece: no TTFT, ITL and TPOT"), "{text}");
}

#[test]
fn a_servers_words_and_reasoning_that_nobody_counted_are_told() {
    let (mut refused, mut reasoned) = (all_refused(), chat_by_one());
    let requests = &mut refused.serving.as_mut().unwrap().requests;
    requests[0].message = Some("model m not found".to_owned());
    let summary = reasoned.serving.as_mut().unwrap().summary.as_mut().unwrap();
    (summary.n_reasoned, summary.reasoning_tokens) = (3, None);
    let text = table(&[refused, reasoned], "x", None);
    assert!(text.contains("the server's words to connect: model m not found"), "{text}");
    assert!(text.contains("answers with reasoning whose tokens nobody counted: 3"), "{text}");
}

#[test]
fn what_a_server_wrote_cannot_steer_the_terminal() {
    let mut record = remote_at_a_rate();
    record.status_reason = Some(tokmark_model::StatusReason {
        message: "a\u{1b}[2Jb".to_owned(),
        ..Default::default()
    });
    record.status = tokmark_model::Status::Failed;
    let records = [record];
    let texts =
        [table(&records, "x\u{7}", None), markdown(&records), line(&records[0]), csv(&records)];
    // In a file for programs it stays as it was.
    assert!(texts[..3].iter().all(|text| !text.contains(['\u{1b}', '\u{7}'])));
}

#[test]
fn a_narrow_terminal_gets_two_tables() {
    let text = table(&example::run(), "tokmark.db", Some(110));
    let rows = text.lines().take_while(|line| !line.is_empty());
    assert!(rows.clone().all(|line| line.chars().count() <= 110), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("point ")).count(), 2, "{text}");
}

#[test]
fn a_search_says_what_random_gaps_made_of_its_rates() {
    let found = FoundRate {
        highest_met_per_s: Some(9.512),
        met_offered_per_s: Some(7.777),
        lowest_failed_per_s: Some(9.9),
        failed_offered_per_s: Some(9.6),
        met: None,
        failed: None,
        tolerance: 0.05,
        n_points: 7,
        is_over: true,
    };
    let said = super::found_rate(&found);
    assert!(
        said.contains(": 9.512 requests/s, offered 7.777; the next rate tried, 9.900, does"),
        "{said}"
    );
}
