use std::time::Duration;

use tokmark_model::{
    Bytes, Design, EngineParams, Experiment, Looks, ModelFacts, Nanos, Question, Record, Test,
    Uuid, Variant, Verdict, Visit, VisitRecords,
};
use tokmark_stats::{
    STATISTICS_VERSION, VisitResources, VisitTimes, judge_experiment, judge_resources, overall,
};

use super::{length, markdown, page, table};
use crate::view::specification;
use crate::view::tests::records;

/// Variants whose visits take so many ms for each of two tests, with a small seeded wobble.
fn experiment(question: Question, ms: &[[f64; 2]], planted: Option<f64>) -> Record {
    let tests = vec![Test::pp(512), Test::tg(128).at_depth(512)];
    let design = Design {
        tests,
        n_repetitions: 3,
        n_rounds: 28,
        seed: 42,
        looks: Looks::Sequential { max_pairs: 28 },
        same_within: 0.02,
        planted_delay: planted,
    };
    let mut state = 7u64;
    let mut wobble = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        1.0 + 0.004 * ((state >> 40) as f64 / (1u64 << 24) as f64 - 0.5)
    };
    let n_variants = ms.len();
    let times: Vec<VisitTimes> = tokmark_run::VisitOrder::new(n_variants, 42, planted.is_some())
        .take(28 * n_variants)
        .map(|visit: Visit| {
            let slower = if visit.delayed { 1.0 + planted.unwrap_or(0.0) } else { 1.0 };
            let of = |ms: f64, wobble: f64| Some(Nanos((1e6 * ms * slower * wobble) as u64));
            let [prompt, generation] = ms[visit.variant as usize];
            VisitTimes { visit, times: vec![of(prompt, wobble()), of(generation, wobble())] }
        })
        .collect();
    let contests = judge_experiment(&design, &vec![true; n_variants], &times);
    let taken: Vec<VisitResources> = times
        .iter()
        .map(|VisitTimes { visit, .. }| {
            let n = u64::from(visit.variant);
            let load = Nanos(1_000_000 * (300 + 40 * n) + 1_000 * u64::from(visit.position % 7));
            let peak = Bytes((120 << 20) + (n / 2) * (60 << 20));
            VisitResources { visit: visit.clone(), load: Some(load), peak: Some(peak) }
        })
        .collect();
    let resources = judge_resources(&design, &vec![true; n_variants], &taken);
    let visits = times
        .iter()
        .map(|VisitTimes { visit, .. }| {
            let id = |test: u128| Uuid::from_u128((1 + u128::from(visit.position)) << 80 | test);
            VisitRecords { visit: visit.clone(), records: vec![id(0), id(1)] }
        })
        .collect();
    let like = records().remove(0);
    let variants = (0..n_variants)
        .map(|n| Variant {
            name: match question {
                Question::Ab => ["A", "B"][n].to_owned(),
                Question::Compare => format!("model-{n}"),
            },
            model: ModelFacts {
                license: Some("apache-2.0".to_owned()),
                n_params: Some(134_515_008 << n),
                file_size_bytes: Bytes(like.model.file_size_bytes.get() << n),
                ..like.model.clone()
            },
            params: EngineParams {
                n_threads: if question == Question::Ab { 1 + n as u32 } else { 2 },
                ..EngineParams::default()
            },
            ..Variant::default()
        })
        .collect();
    let made = Experiment {
        question,
        variants,
        design,
        visits,
        n_disturbed: 0,
        overall: (question == Question::Ab).then(|| overall(&contests)),
        contests,
        resources,
        statistics_version: STATISTICS_VERSION,
        arguments: match question {
            Question::Ab => ["ab", "-m", "model.gguf", "--a", "-t 1", "--b", "-t 2"].as_slice(),
            Question::Compare => &["compare", "model-0.gguf", "model-1.gguf", "model-2.gguf"],
        }
        .iter()
        .map(|word| (*word).to_owned())
        .collect(),
    };
    Record { experiment: Some(Box::new(made)), ..like }
}

/// What is measured anew with each build is no matter of a snapshot.
fn steady(text: &str) -> String {
    text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

/// A page without its plots, whose own tests show them.
fn without_plots(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(at) = rest.find("<svg") {
        text += &rest[..at];
        let end = rest[at..].find("</svg>").expect("an image ends");
        rest = &rest[at + end + "</svg>".len()..];
    }
    let text = text + rest;
    let style = text.find("<style>").zip(text.find("</style>"));
    let (from, to) = style.expect("a page has a style");
    format!("{}{}", &text[..from], &text[to..])
}

#[test]
fn two_variants_with_what_would_have_been_found() {
    let record = experiment(Question::Ab, &[[100.0, 50.0], [112.0, 50.1]], Some(0.03));
    insta::assert_snapshot!("ab", steady(&table(&record, "records.db")));
    insta::assert_snapshot!("ab_md", steady(&markdown(&record)));
    insta::assert_snapshot!("ab_page", steady(&without_plots(&page(&record))));
}

#[test]
fn three_models_of_which_two_are_tied() {
    let record =
        experiment(Question::Compare, &[[100.0, 50.0], [100.2, 60.0], [150.0, 50.2]], None);
    let variants = record.experiment.as_ref().unwrap().variants.clone();
    insta::assert_snapshot!("specifications", specification::of_variants(&variants));
    insta::assert_snapshot!("compare", steady(&table(&record, "records.db")));
    insta::assert_snapshot!("compare_md", steady(&markdown(&record)));
    insta::assert_snapshot!("compare_page", steady(&without_plots(&page(&record))));
}

#[test]
fn a_model_that_was_left_out_has_its_reason() {
    let mut record = experiment(Question::Compare, &[[100.0, 50.0], [100.2, 60.0]], None);
    let experiment = record.experiment.as_mut().unwrap();
    experiment.variants[1].failure = Some("cannot load".to_owned());
    experiment.n_disturbed = 9;
    let shown = table(&record, "records.db");
    assert!(shown.contains("model-1 was left out: cannot load"), "{shown}");
    assert!(shown.contains("visits have grade F"), "{shown}");
}

#[test]
fn same_undecided_and_withdrawn_are_told_apart() {
    let mut record =
        experiment(Question::Compare, &[[100.0, 50.0], [100.2, 50.1], [100.3, 50.2]], None);
    let made = record.experiment.as_mut().unwrap();
    for (n, pairing) in made.contests[0].pairings.iter_mut().enumerate() {
        pairing.comparison.verdict = if n == 0 { Verdict::Same } else { Verdict::Undecided };
        pairing.comparison.withdrawn = n == 1;
    }
    made.design.n_rounds = 400;
    let shown = markdown(&record);
    assert!(shown.contains("of 400 rounds, before every verdict was there"), "{shown}");
    for words in ["same within 2 %", "undecided: withdrawn by Holm"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(
        shown.contains(
            "model-1 is the same within 2 % as model-0, model-2 is not told from model-0"
        ),
        "{shown}"
    );
}

#[test]
fn too_few_rounds_are_told_before_and_after() {
    let mut record = experiment(Question::Compare, &[[100.0, 50.0], [150.0, 60.0]], None);
    let made = record.experiment.as_mut().unwrap();
    made.design.looks = Looks::Once;
    made.design.n_rounds = 6;
    let (round, budget) = (Duration::from_secs(2), Duration::from_secs(600));
    insta::assert_snapshot!(length(&made.design, 2, round, budget), @r"
    6 rounds of about 2 s, about 12 s; looked at once, at the end
    warning: 6 rounds can't end with faster or slower where 2 comparisons are decided together: that takes at least 7; give --repetitions 4 or adaptive
    ");
    assert!(table(&record, "records.db").contains("Too few pairs for any verdict"));
    let made = record.experiment.as_mut().unwrap();
    made.design.n_rounds = 8;
    insta::assert_snapshot!(length(&made.design, 2, round, budget), @"8 rounds of about 2 s, about 16 s; looked at once, at the end");
    assert!(!table(&record, "records.db").contains("Too few pairs"));
    let made = record.experiment.as_ref().unwrap();
    let adaptive = Design { looks: Looks::Sequential { max_pairs: 8 }, ..made.design.clone() };
    insta::assert_snapshot!(length(&adaptive, 2, round, budget), @"at most 8 rounds of about 2 s, at most about 16 s; ends when every verdict is there, or, as soon as there can be one, with the block in which the budget of 10 min is spent");
}

#[test]
fn what_a_servers_figures_hold_is_said() {
    let mut record = experiment(Question::Compare, &[[100.0, 50.0], [150.0, 60.0]], None);
    let variant = &mut record.experiment.as_mut().unwrap().variants[1];
    variant.endpoint = Some("http://127.0.0.1:8080".to_owned());
    variant.flags = ["prompt_tokens_estimated", "hidden_reasoning"].map(str::to_owned).to_vec();
    let shown = table(&record, "records.db");
    assert!(
        shown.contains("model-1: the prompt's tokens are an estimate, and so is pp."),
        "{shown}"
    );
    assert!(shown.contains("holds reasoning that was not streamed"), "{shown}");
}
