//! `compare` and `ab`: verdicts, exit codes, refusals, interruption and resumption.

use tokmark_gguf::{TinyLlama, tiny_llama};
use tokmark_model::{Record, Standing, Verdict};

use crate::load::Stub;
use crate::support::{Home, Ran};

/// `ab` on the tiny model with the engine that follows a script.
pub fn ab(home: &Home, args: &[&str]) -> Ran {
    home.run(&ab_args(home, args))
}

pub fn ab_args(home: &Home, args: &[&str]) -> Vec<String> {
    let tiny = home.tiny().to_string_lossy().into_owned();
    let fixed = ["ab", "-m", &tiny, "--engine", "fake", "-p", "8", "-n", "4", "--pairs", "10"];
    fixed.iter().chain(args).map(|arg| (*arg).to_owned()).collect()
}

/// The experiment's record, and those of its visits in order.
pub fn kept(home: &Home) -> (Record, Vec<Record>) {
    let (mut experiments, mut visits): (Vec<Record>, Vec<Record>) =
        home.records_with(&["--visits"]).into_iter().partition(|r| r.experiment.is_some());
    assert_eq!(experiments.len(), 1, "one record an experiment");
    visits.retain(|record| record.visit.is_some());
    visits.sort_by_key(|record| (position(record), record.id));
    (experiments.remove(0), visits)
}

fn position(record: &Record) -> u32 {
    record.visit.as_ref().unwrap().position
}

pub fn second_model(home: &Home) -> String {
    let other = TinyLlama { n_ff: 96, ..TinyLlama::default() };
    home.write("other.gguf", &tiny_llama(&other)).to_string_lossy().into_owned()
}

#[test]
fn a_slower_second_variant_ends_with_1() {
    let home = Home::new();
    let ran = ab(&home, &["--b", "env TOKMARK_FAKE_PACE=110"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("B is slower than A (10 pairs)."), "{ran:?}");
    let (record, visits) = kept(&home);
    let experiment = record.experiment.unwrap();
    assert_eq!(experiment.overall, Some(Verdict::Slower));
    let ratio = experiment.contests[0].pairings[0].comparison.ratio;
    assert!((ratio - 1.0 / 1.1).abs() < 1e-6, "{ratio}");
    assert_eq!(experiment.variants[1].process.env["TOKMARK_FAKE_PACE"], "110");
    assert!(visits.iter().all(|visit| visit.run_id == record.run_id));
    // The delay of planted visits is in their samples and in no figure.
    let delayed = visits.iter().find(|v| v.visit.as_ref().unwrap().delayed).unwrap();
    let plain = visits.iter().find(|v| {
        let visit = v.visit.as_ref().unwrap();
        visit.variant == 0 && !visit.delayed && v.test == delayed.test
    });
    let times = |record: &Record| record.samples[0].duration_ns.get() as f64;
    assert!((times(delayed) / times(plain.unwrap()) - 1.03).abs() < 1e-6);
    let power = experiment.contests[0].power.unwrap();
    assert_eq!((power.n_found, power.share), (power.n_tries, 0.03));
}

#[test]
fn anyone_can_recompute_an_experiment_from_its_records() {
    let home = Home::new();
    ab(&home, &["--b", "env TOKMARK_FAKE_PACE=104"]);
    let (record, visits) = kept(&home);
    let experiment = record.experiment.unwrap();
    let of = |id| visits.iter().find(|record| record.id == id).unwrap();
    let times: Vec<tokmark_stats::VisitTimes> = experiment
        .visits
        .iter()
        .map(|visit| tokmark_stats::VisitTimes {
            visit: visit.visit.clone(),
            times: tokmark_stats::visit_times(
                &visit.records.iter().map(|id| of(*id).clone()).collect::<Vec<_>>(),
                &experiment.design.tests,
            ),
        })
        .collect();
    let again = tokmark_stats::judge_experiment(&experiment.design, &[true, true], &times);
    assert_eq!(again, experiment.contests);
}

#[test]
fn two_equal_variants_are_the_same_and_end_with_0() {
    let home = Home::new();
    let ran = ab(&home, &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("differ in nothing"), "{ran:?}");
    assert!(ran.stdout.contains("the same within 2 %"), "{ran:?}");
}

#[test]
fn lists_leave_visits_out_unless_they_are_asked_for() {
    let home = Home::new();
    ab(&home, &[]);
    let listed = home.run(&["history", "-o", "csv"]);
    assert_eq!(listed.stdout.lines().count(), 2, "{listed:?}");
    let (record, visits) = kept(&home);
    let run = record.run_id.to_string();
    let of_run = home.run(&["history", "-o", "csv", "--run", &run]);
    assert_eq!(of_run.stdout.lines().count(), 2 + visits.len());
    let shown = home.run(&["show", "last"]);
    assert!(shown.stdout.contains("the same within 2 %"), "{shown:?}");
}

#[test]
fn a_comment_for_a_pull_request_names_verdict_variants_and_command() {
    let home = Home::new();
    let ran = ab(&home, &["--b", "env TOKMARK_FAKE_PACE=90 -t 2", "-o", "md"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for text in ["### B is faster than A", "| pp8 |", "TOKMARK_FAKE_PACE=90", "tokmark ab -m tiny"]
    {
        assert!(ran.stdout.contains(text), "{text}: {ran:?}");
    }
    assert!(!ran.stdout.contains(&home.path("").to_string_lossy().into_owned()), "{ran:?}");
}

#[test]
fn what_is_no_pair_of_variants_is_refused() {
    let home = Home::new();
    for (args, said) in [
        (&["--a", "env GGML_NO_BAKTRACE=1"][..], "is it GGML_NO_BACKTRACE?"),
        (&["--a", "env GGML_ASSERT=1"], "the engine reads no variable GGML_ASSERT"),
        (&["--a", "env X"], "'X' has no value"),
        (&["--a", "-t 1,2"], "give each setting one value"),
        (&["--b", "-p 3"], "holds for both variants"),
        (&["-o", "csv"], "give table, md or json"),
        (&["--b", "-m /nowhere/none.gguf"], "none.gguf"),
        (&["--resume", "last"], "no experiments in"),
        (&["--delay", "5"], "ab has no use for --delay"),
        (&["--a", "-rpc h:1"], "--rpc"),
        (&["-mmp", "0"], "unknown flag"),
        (&["--html", "/nowhere/r.html"], "cannot write"),
    ] {
        let ran = ab(&home, args);
        assert_eq!(ran.code, Some(2), "{args:?} {ran:?}");
        assert!(ran.stderr.contains(said), "{said}: {ran:?}");
    }
    let warned = ab(&home, &["--a", "env NO_SUCH_VARIABLE=1"]);
    assert!(warned.stderr.contains("nothing in this program reads"), "{warned:?}");
}

#[test]
fn a_secret_in_an_environment_is_not_kept() {
    let home = Home::new();
    let ran = ab(&home, &["--a", "env OPENAI_API_KEY=hush", "-o", "json"]);
    let (record, visits) = kept(&home);
    let kept = serde_json::to_string(&(record, visits)).unwrap();
    for text in [&kept, &ran.stdout, &ran.stderr] {
        assert!(!text.contains("hush"), "{text}");
    }
}

#[test]
fn settings_of_the_process_make_two_variants() {
    let home = Home::new();
    let ran = ab(&home, &["--b", "--prio -1"]);
    assert!(!ran.stderr.contains("differ in nothing"), "{ran:?}");
    assert!(ran.stdout.contains("B: tiny F32 t2 --prio -1"), "{ran:?}");
    let (record, _) = kept(&home);
    assert_eq!(record.experiment.unwrap().variants[1].process.prio, -1);
}

#[test]
fn a_server_in_the_row_is_named_with_its_model_and_its_key() {
    let home = Home::new();
    let tiny = home.tiny().to_string_lossy().into_owned();
    let stub = Stub::start(&home, &[]);
    let other = format!("{}#other", stub.url);
    let key = [("STUB_KEY", "sk-123".into())];
    let with_key = |endpoint: &str| {
        let args = ["compare", &tiny, "--endpoint", endpoint, "--engine", "fake"];
        home.run_with(&[&args[..], &["--api-key-env", "STUB_KEY"]].concat(), &key)
    };
    let ran = with_key(&other);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("--endpoint URL#MODEL"), "{ran:?}");
    assert!(ran.stderr.contains("no model other; it has stub"), "{ran:?}");
    let args =
        ["compare", &tiny, "--endpoint", &stub.url, "--endpoint", &format!("{}#stub", stub.url)];
    let ran = home.run_with(&[&args[..], &["--api-key-env", "STUB_KEY"]].concat(), &key);
    assert!(ran.stderr.contains("are the same; tokmark ab"), "{ran:?}");
    let unset = ["--api-key-env", "NO_SUCH_KEY"];
    let ran = home.run(&[&args[..4], &unset].concat());
    assert!(ran.stderr.contains("the environment has no NO_SUCH_KEY"), "{ran:?}");
    assert!(!ran.stderr.contains("sk-123"));
}

#[test]
fn a_server_stands_beside_models_and_what_is_comparable_is_said() {
    let home = Home::new();
    let tiny = home.tiny().to_string_lossy().into_owned();
    let stub = Stub::start(&home, &[]);
    let named = format!("{}#stub", stub.url);
    let args = ["compare", &tiny, "--endpoint", &named, "--engine", "fake"];
    let lengths = ["--context", "256", "--generate", "32", "--repetitions", "3"];
    let ran = home.run(&[&args[..], &lengths].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("An endpoint is timed from outside"), "{ran:?}");
    let (record, visits) = kept(&home);
    let experiment = record.experiment.unwrap();
    let served: Vec<&Record> = visits.iter().filter(|visit| visit.serving.is_some()).collect();
    assert_eq!(served.len(), 6, "one load point a visit");
    assert!(experiment.contests.iter().all(|contest| contest.rates[1].is_some()));
    // The rate of the prompt is that of the tokens that the server counted, template and all.
    for visit in served {
        let summary = visit.serving.as_ref().unwrap().summary.as_ref().unwrap();
        let median =
            |found: &Option<tokmark_model::Distribution>| found.as_ref().unwrap().median().unwrap();
        let (counted, ttft) = (median(&summary.prompt_tokens), median(&summary.ttft_ms));
        assert_ne!(counted, 256.0, "or this shows nothing");
        let time = tokmark_stats::visit_time(visit, &tokmark_model::Test::pp(256)).unwrap();
        let rate = 256e9 / time.get() as f64;
        assert!((rate / (1e3 * counted / ttft) - 1.0).abs() < 1e-6, "{rate} {counted} {ttft}");
    }
}

#[cfg(unix)]
#[test]
fn arguments_that_are_no_text_end_nothing() {
    use std::os::unix::ffi::OsStrExt;
    let home = Home::new();
    let mut args: Vec<std::ffi::OsString> =
        ab_args(&home, &["--html"]).into_iter().map(Into::into).collect();
    args.push(std::ffi::OsStr::from_bytes(b"r\xff.html").to_owned());
    let ran = home.run(&args);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn compare_takes_two_to_four_different_models() {
    let home = Home::new();
    let tiny = home.tiny().to_string_lossy().into_owned();
    let one = home.run(&["compare", &tiny]);
    assert_eq!(one.code, Some(2), "{one:?}");
    assert!(one.stderr.contains("tokmark ab compares settings of one"), "{one:?}");
    let five = home.run(&["compare", &tiny, &tiny, &tiny, &tiny, &tiny]);
    assert!(five.stderr.contains("5 models; compare takes 2 to 4"), "{five:?}");
    let twins = home.run(&["compare", &tiny, &tiny, "--engine", "fake"]);
    assert_eq!(twins.code, Some(2), "{twins:?}");
    assert!(twins.stderr.contains("are the same; tokmark ab"), "{twins:?}");
    let wrong = home.run(&["compare", &tiny, &tiny, "--repetitions", "6"]);
    assert!(wrong.stderr.contains("give 1 to 5, or adaptive"), "{wrong:?}");
}

#[test]
fn models_that_are_alike_are_tied_and_all_is_one_page() {
    let home = Home::new();
    let (tiny, other) = (home.tiny().to_string_lossy().into_owned(), second_model(&home));
    let html = home.path("report.html").to_string_lossy().into_owned();
    let ran = home.run(&["compare", &tiny, &other, "--engine", "fake", "--html", &html]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("quantization"), "the specification comes first: {ran:?}");
    let (record, _) = kept(&home);
    let experiment = record.experiment.unwrap();
    assert_eq!(experiment.contests.len(), 2);
    for contest in &experiment.contests {
        assert_eq!(contest.standings, [Standing::Tied, Standing::Tied]);
    }
    let page = std::fs::read_to_string(html).unwrap();
    assert!(page.contains("<svg") && page.contains("Specifications"), "{page}");
}

#[test]
fn a_few_repetitions_are_too_few_for_a_verdict_and_it_says_so() {
    let home = Home::new();
    let (tiny, other) = (home.tiny().to_string_lossy().into_owned(), second_model(&home));
    let ran = home.run(&["compare", &tiny, &other, "--engine", "fake", "--repetitions", "2"]);
    assert!(ran.stderr.contains("warning: 4 rounds can't end with faster or slower"), "{ran:?}");
    assert!(ran.stderr.contains("give --repetitions 4 or adaptive"), "{ran:?}");
    assert!(ran.stdout.contains("Too few pairs"), "{ran:?}");
    assert_eq!(kept(&home).1.len(), 2 * 2 * 2 * 2, "models, there and back, tests, repetitions");
}

#[test]
fn a_model_that_cannot_be_loaded_gets_a_row_and_the_other_finishes() {
    let home = Home::new();
    let tiny = home.tiny().to_string_lossy().into_owned();
    // A whole file that the engine refuses: it names an architecture that there is none of.
    let mut bytes = tiny_llama(&TinyLlama::default());
    let key = bytes.windows(20).position(|window| window == b"general.architecture").unwrap();
    let name = key + bytes[key..].windows(5).position(|window| window == b"llama").unwrap();
    bytes[name..name + 5].copy_from_slice(b"llamx");
    let broken = home.write("broken.gguf", &bytes).to_string_lossy().into_owned();
    let args = ["compare", &tiny, &broken, "--context", "256", "--generate", "32"];
    let ran = home.run(&[&args[..], &["--repetitions", "3"]].concat());
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stdout.contains("broken was left out"), "{ran:?}");
    let (record, _) = kept(&home);
    let experiment = record.experiment.unwrap();
    assert!(experiment.contests[0].rates[0].is_some());
    assert_eq!(experiment.contests[0].standings, [Standing::Alone, Standing::Absent]);
}

#[test]
fn without_a_model_the_default_one_is_asked_for() {
    let home = Home::new();
    for args in [&["ab", "--b", "-t 2", "--offline"][..], &["ab", "--a", "-t 1", "--offline"]] {
        let ran = home.run(args);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.stderr.contains("cannot get the default model"), "{ran:?}");
    }
}

#[test]
fn without_a_model_the_default_one_is_measured() {
    let home = Home::new();
    let added = home.run(&["models", "add", &*crate::support::real_model().to_string_lossy()]);
    assert_eq!(added.code, Some(0), "{added:?}");
    let ran = home.run(&[
        "ab",
        "--b",
        "-t 2",
        "--engine",
        "fake",
        "-p",
        "8",
        "-n",
        "4",
        "--pairs",
        "7",
        "--offline",
    ]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(kept(&home).0.model.name.contains("SmolLM2"), "{ran:?}");
}

#[test]
fn neither_store_nor_token_nor_password_is_kept() {
    let home = Home::new();
    let db = home.path("hush.db").to_string_lossy().into_owned();
    let html = home.path("r.html").to_string_lossy().into_owned();
    let env = "env HTTP_PROXY=http://me:hush@h/ OPENAI_API_KEY=hush";
    let args = ["-hft", "hf_hush", "--db", &db, "--html", &html, "--a", env, "-o", "md"];
    let ran = ab(&home, &args);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let exported = home.run(&["export", "--visits", "--db", &db]).stdout;
    let page = std::fs::read_to_string(html).unwrap();
    for text in [&exported, &page, &ran.stdout, &ran.stderr] {
        assert!(!text.contains("hush"), "{text}");
    }
    let stub = Stub::start(&home, &[]);
    let tiny = home.tiny().to_string_lossy().into_owned();
    let address = format!("{}/?key=hush", stub.url.replace("http://", "http://me:hush@"));
    let fixed = ["compare", &tiny, "--endpoint", &address, "--engine", "fake", "--context", "256"];
    let more = ["--generate", "32", "--repetitions", "1", "-o", "md"];
    let ran = home.run(&[&fixed[..], &more].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let exported = home.run(&["export", "--visits"]).stdout;
    for text in [&exported, &ran.stdout, &ran.stderr] {
        assert!(!text.contains("hush"), "{text}");
    }
}

#[test]
fn load_time_memory_and_file_size_stand_beside_the_rates() {
    let home = Home::new();
    let (tiny, other) = (home.tiny().to_string_lossy().into_owned(), second_model(&home));
    let ran = home.run(&["compare", &tiny, &other, "--engine", "fake", "--repetitions", "4"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for row in ["load time ms", "file size MiB", "beside the best"] {
        assert!(ran.stdout.contains(row), "{row}: {ran:?}");
    }
    let (record, _) = kept(&home);
    assert!(!record.experiment.unwrap().resources.is_empty());
}

#[test]
fn the_table_of_the_engines_variables_is_of_this_engine() {
    let table = include_str!("../../src/experiment/engine_variables.txt");
    let program = std::fs::read(env!("CARGO_BIN_EXE_tokmark")).unwrap();
    let names: Vec<String> = table
        .lines()
        .filter_map(|line| Some(format!("LLAMA_{}", line.strip_prefix("LLAMA ")?)))
        .collect();
    assert!(names.len() > 5, "{names:?}");
    // Those of every build: one that is not there was taken from another version.
    for name in names {
        assert!(memchr::memmem::find(&program, name.as_bytes()).is_some(), "{name}");
    }
}

#[test]
fn two_experiments_have_their_figures_side_by_side() {
    let home = Home::new();
    for _ in 0..2 {
        ab(&home, &["--b", "env TOKMARK_FAKE_PACE=104", "--no-power"]);
    }
    let ran = home.run(&["diff", "last~1", "last"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for row in ["pp8, B over A", "pp8, A", "tg4, B"] {
        assert!(ran.stdout.contains(row), "{row}: {ran:?}");
    }
}
