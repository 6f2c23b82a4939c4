use tokmark_model::{
    Design, EngineParams, Experiment, Looks, ModelFacts, Nanos, Question, Record, Test, Variant,
    Visit,
};
use tokmark_stats::{STATISTICS_VERSION, VisitTimes, judge_experiment, overall};

use super::{as_kept, markdown, page, table};
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
                ..like.model.clone()
            },
            params: EngineParams { n_threads: 1 + n as u32, ..EngineParams::default() },
            ..Variant::default()
        })
        .collect();
    let made = Experiment {
        question,
        variants,
        design,
        visits: Vec::new(),
        n_disturbed: 0,
        overall: (question == Question::Ab).then(|| overall(&contests)),
        contests,
        statistics_version: STATISTICS_VERSION,
        arguments: vec!["ab".to_owned(), "--b".to_owned(), "-t 2".to_owned()],
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
    assert!(shown.contains("were disturbed"), "{shown}");
}

#[test]
fn folders_are_cut_and_addresses_kept() {
    assert_eq!(as_kept("-m /home/a/m.gguf -t 2"), "-m m.gguf -t 2");
    assert_eq!(as_kept("hf:owner/repo:Q4_0"), "hf:owner/repo:Q4_0");
    assert_eq!(as_kept("http://host/v1"), "http://host/v1");
    assert_eq!(as_kept("--html=/home/a/r.html"), "--html=r.html");
}

#[test]
fn secrets_of_an_environment_are_taken_out() {
    let kept = as_kept("env HF_TOKEN='a b' GGML_X=1 -t 2");
    assert_eq!(kept, "env 'HF_TOKEN=(not kept)' GGML_X=1 -t 2");
    assert_eq!(as_kept("API_KEY=hush"), "API_KEY=(not kept)");
}
