use tokmark_command::load_commands as commands;
use tokmark_model::{Load, Nanos, Record, Repetitions};

use super::super::load::example::{self, chat_by_four, chat_by_one, remote_at_a_rate, two_recipes};

/// No record here has its requests in a file.
fn page(records: &[Record]) -> String {
    super::page(records, std::path::Path::new("/nowhere"))
}

/// The text of a page, a block a line; pictures and the tables of plots left out.
fn text(html: &str) -> String {
    let text = without(&without(html, "<svg", "</svg>"), "<details>", "</details>");
    let body = text.find("<body").map_or("", |at| &text[at..]);
    let mut plain = String::new();
    let mut in_tag = false;
    for character in body.chars() {
        match character {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                plain.push('\u{1f}');
            }
            c if !in_tag => plain.push(c),
            _ => {}
        }
    }
    let lines = plain.split('\n').map(|line| {
        let parts: Vec<&str> =
            line.split('\u{1f}').map(str::trim).filter(|part| !part.is_empty()).collect();
        parts.join(" | ")
    });
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// `text` without everything from `begin` to `end`.
fn without(text: &str, begin: &str, end: &str) -> String {
    let mut pieces = text.split(begin);
    let first = pieces.next().unwrap_or_default().to_owned();
    let rest = pieces.map(|piece| piece.split_once(end).map_or("", |(_, after)| after));
    rest.fold(first, |text, after| text + after)
}

#[test]
fn the_report_of_a_run_with_a_failed_and_a_skipped_point() {
    insta::assert_snapshot!(text(&page(&example::run())));
}

#[test]
fn the_report_of_two_recipes_lays_their_points_side_by_side() {
    let html = page(&two_recipes());
    for wanted in ["Recipes side by side", "TTFT against load: llama-server chat"] {
        assert!(html.contains(wanted), "{wanted}");
    }
    assert!(html.contains("Throughput against interactivity"));
}

#[test]
fn every_plot_has_its_table_and_its_sentence_and_none_is_refused() {
    let html = page(&example::run());
    let n_plots = html.matches("<svg").count();
    assert!(n_plots >= 10, "{n_plots}");
    assert_eq!(html.matches("<figure>").count(), n_plots);
    assert_eq!(html.matches("<summary>Table").count(), n_plots);
    for refusal in ["is no finite number", "comes before", "does not hold it", "can be told apart"]
    {
        assert!(!html.contains(refusal), "{refusal}");
    }
}

#[test]
fn a_report_fetches_nothing_and_runs_nothing() {
    let html = page(&example::run());
    for forbidden in ["<script", "<link", "src=", "@import"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    // Patterns of the pictures are named inside the page.
    assert!(html.match_indices("url(").all(|(at, _)| html[at..].starts_with("url(#")));
}

#[test]
fn what_a_server_wrote_is_text() {
    let mut record = chat_by_one();
    let serving = record.serving.as_mut().unwrap();
    serving.server.model = "<script>alert(1)</script>".to_owned();
    serving.workload.shape = "<b>x</b>".to_owned();
    let html = page(&[record]);
    assert!(!html.contains("<script>") && !html.contains("<b>"));
    assert!(html.contains("&lt;script&gt;"));
}

#[test]
fn a_run_without_points_is_a_page_too() {
    assert!(page(&[]).contains("Definitions"));
}

#[test]
fn loads_of_one_shape_are_one_command() {
    let mut by_four = chat_by_four();
    by_four.serving.as_mut().unwrap().server.urls.pop();
    by_four.serving.as_mut().unwrap().workload.service_levels.clear();
    let records = [chat_by_one(), by_four];
    assert_eq!(
        commands(&records),
        ["tokmark load http://127.0.0.1:8080 --shape chat --concurrency 1,4"]
    );
}

#[test]
fn shapes_at_the_same_loads_are_one_command() {
    let mut rag = chat_by_one();
    let workload = &mut rag.serving.as_mut().unwrap().workload;
    workload.shape = "rag".to_owned();
    (workload.n_prompt, workload.n_output) = (Some(850), Some(200));
    assert_eq!(
        commands(&[chat_by_one(), rag]),
        ["tokmark load http://127.0.0.1:8080 --shape chat,rag --concurrency 1"]
    );
}

#[test]
fn everything_unusual_is_said() {
    let mut record = chat_by_four();
    record.repetitions = Some(Repetitions::Adaptive {
        half_width: 0.07,
        budget_ns: Nanos(1_500_000_000),
        at_least: 1,
    });
    let serving = record.serving.as_mut().unwrap();
    let workload = &mut serving.workload;
    (workload.n_output, workload.turns, workload.seed) = (Some(64), 3, 7);
    (workload.stream, workload.reuse_connections) = (false, false);
    (workload.n_retries, workload.n_warmup) = (2, 0);
    workload.think = tokmark_model::Think::Off;
    workload.cache = tokmark_model::CacheMode::Share { share: 0.3 };
    workload.timeout_ns = Some(Nanos(30_000_000_000));
    assert_eq!(
        commands(&[record, remote_at_a_rate()]),
        [
            "tokmark load http://127.0.0.1:8080 http://127.0.0.1:8081 --shape chat --concurrency 4 \
             --max-tokens 64 --turns 3 --slo ttft=500ms,tpot=50ms --interval 7% --budget 1500ms \
             --warmup 0 --seed 7 --think off --cache share:30% --timeout 30s --retries 2 \
             --no-stream --no-reuse",
            "tokmark load https://models.example --model $'qwen3:4b\\033[31m' --shape rag --rate \
             2.5 --arrivals gamma:2 --prompt-tokens 36 --max-tokens 100 --temperature 0.7 --api chat",
        ]
    );
}

#[test]
fn a_trace_and_a_recipe_are_named_as_far_as_they_are_known() {
    let mut record: Record = two_recipes().remove(0);
    let workload = &mut record.serving.as_mut().unwrap().workload;
    workload.shape = "morning".to_owned();
    workload.arrival = Load::Replay { speed: 2.0 };
    workload.n_warmup = 0;
    workload.cache = tokmark_model::CacheMode::Own;
    assert_eq!(
        commands(std::slice::from_ref(&record)),
        ["tokmark load --recipe llama-server --trace FILE --speed 2"]
    );
    assert!(
        page(&[record]).contains(
            "FILE of morning is the shape or trace whose SHA-256 begins with 3f5a0c1d2e4b."
        )
    );
}
