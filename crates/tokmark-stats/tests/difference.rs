//! Why two records differ, and how far they compare.

use proptest::prelude::*;
use serde_json::{Value, json};
use tokmark_model::{Nanos, Record, Uuid, Verdict};
use tokmark_stats::{
    Difference, Group, Level, NoVerdict, Weight, comparability, differences, explain, figures,
};

/// A test, a load point and an experiment in which no field is absent.
fn whole() -> Vec<Value> {
    serde_json::from_str(include_str!("difference/records.json")).unwrap()
}

fn record(value: &Value) -> Record {
    serde_json::from_value(value.clone()).unwrap()
}

/// The test, with another id.
fn test() -> Record {
    record(&whole()[0])
}

fn point() -> Record {
    record(&whole()[1])
}

/// The same measured again.
fn again(record: &Record) -> Record {
    Record { id: Uuid::from_u128(record.id.as_u128() + 100), ..record.clone() }
}

fn found(a: &Record, b: &Record) -> Vec<(String, Option<String>, Option<String>)> {
    differences(a, b).into_iter().map(|found| (found.field, found.a, found.b)).collect()
}

fn text(a: &str, b: &str, c: &str) -> (String, Option<String>, Option<String>) {
    let known = |text: &str| (text != "?").then(|| text.to_owned());
    (a.to_owned(), known(b), known(c))
}

fn experiment() -> Record {
    record(&whole()[2])
}

/// Names, times, what was measured, and what is compared from a threshold on.
const LEFT_OUT: [&str; 26] = [
    "/id",
    "/run_id",
    "/created_at",
    "/samples",
    "/summary",
    "/grade",
    "/warmup_ns",
    "/probe_baseline_ns",
    "/load",
    "/memory/host_peak_bytes",
    "/memory/host_file_bytes",
    "/memory/device_peak_bytes",
    "/speculation/n_",
    "/visit/position",
    "/experiment/visits",
    "/experiment/variants/0/process/verbose",
    "/experiment/variants/1/process/verbose",
    "/experiment/n_disturbed",
    "/experiment/contests",
    "/experiment/overall",
    "/serving/requests/0/",
    "/serving/summary",
    "/serving/client/wakeup",
    "/serving/client/cpu_cores",
    "/serving/client/peak_bytes",
    "/serving/client/calibration",
];

/// Paths of all leaves that must matter.
fn leaves(value: &Value, path: &str, into: &mut Vec<String>) {
    if LEFT_OUT.iter().any(|left_out| path.starts_with(left_out)) {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                leaves(field, &format!("{path}/{name}"), into);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                leaves(item, &format!("{path}/{n}"), into);
            }
        }
        _ => into.push(path.to_owned()),
    }
}

/// Words of the record's enumerations.
const WORDS: [&str; 21] = [
    "imported",
    "failed",
    "text",
    "battery",
    "cpu",
    "q8_0",
    "row",
    "on",
    "none",
    "mmap",
    "isolate",
    "completions",
    "off",
    "keep",
    "limit_only",
    "e2e",
    "poisson",
    "2026-11-23T00:00:00Z",
    "compare",
    "fixed",
    "tpot",
];

/// The record with this leaf changed; `None` where no other value is valid there.
fn changed(whole: &Value, path: &str) -> Option<Record> {
    let old = whole.pointer(path)?;
    let others: Vec<Value> = match old {
        Value::Bool(old) => vec![json!(!old)],
        Value::Number(old) => {
            vec![json!(old.as_f64()? + 1.0), json!(old.as_i64().unwrap_or(0) + 1)]
        }
        Value::String(old) => [format!("{old}x")]
            .into_iter()
            .chain(WORDS.map(str::to_owned))
            .filter(|word| word != old)
            .map(Value::String)
            .collect(),
        _ => Vec::new(),
    };
    let original = record(whole);
    others.into_iter().find_map(|other| {
        let mut changed = whole.clone();
        *changed.pointer_mut(path)? = other;
        let changed: Record = serde_json::from_value(changed).ok()?;
        (changed != original).then_some(changed)
    })
}

#[test]
fn a_change_of_any_leaf_is_a_difference() {
    for whole in whole() {
        let mut paths = Vec::new();
        leaves(&whole, "", &mut paths);
        assert!(paths.len() > 120, "{}", paths.len());
        let original = record(&whole);
        for path in paths {
            let Some(changed) = changed(&whole, &path) else {
                // The tag of an enumeration with fields changes with its fields only.
                let is_tag =
                    ["/rule", "/load", "/arrivals", "/cache"].iter().any(|tag| path.ends_with(tag));
                assert!(is_tag, "{path} has no other value");
                continue;
            };
            assert!(!differences(&original, &changed).is_empty(), "{path}");
        }
    }
}

#[test]
fn a_leaf_that_is_missing_on_one_side_is_a_difference() {
    for whole in whole() {
        let mut paths = Vec::new();
        leaves(&whole, "", &mut paths);
        let original = record(&whole);
        for path in paths {
            let (parent, name) = path.rsplit_once('/').unwrap();
            let mut without = whole.clone();
            let Some(Value::Object(fields)) = without.pointer_mut(parent) else { continue };
            fields.remove(name);
            let Ok(without) = serde_json::from_value::<Record>(without) else { continue };
            // A missing default is the value that it stands for.
            if without != original {
                assert!(!differences(&original, &without).is_empty(), "{path}");
            }
        }
    }
}

fn swapped(found: Vec<Difference>) -> Vec<Difference> {
    let swap = |one: Difference| Difference { a: one.b.clone(), b: one.a.clone(), ..one };
    found.into_iter().map(swap).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn swapped_records_differ_in_the_same(which in 0..3usize, picks in prop::collection::vec(0..10_000usize, 1..6)) {
        let whole = &whole()[which];
        let mut paths = Vec::new();
        leaves(whole, "", &mut paths);
        let mut value = whole.clone();
        for pick in picks {
            if let Some(changed) = changed(&value, &paths[pick % paths.len()]) {
                value = serde_json::to_value(changed).unwrap();
            }
        }
        let (a, b) = (record(whole), record(&value));
        prop_assert_eq!(differences(&a, &b), swapped(differences(&b, &a)));
        prop_assert_eq!(comparability(&a, &b).level, comparability(&b, &a).level);
        prop_assert!(differences(&b, &b).is_empty());
    }
}

#[test]
fn a_record_differs_in_nothing_from_itself() {
    for record in [test(), point()] {
        let found = explain(&record, &record);
        assert!(found.differences.is_empty());
        assert_eq!(found.comparability.level, Level::SameHardwareAndStack);
        assert!(found.comparability.needed.is_empty());
    }
}

#[test]
fn the_most_telling_difference_comes_first() {
    let a = test();
    let mut b = again(&a);
    b.tool.version = "9".to_owned();
    b.machine.os.kernel = Some("7.0".to_owned());
    b.params.n_threads = 1;
    b.model.source = Some("cache:other".to_owned());
    b.engine.version = "0.7.0".to_owned();
    let fields: Vec<String> = differences(&a, &b).into_iter().map(|found| found.field).collect();
    assert_eq!(fields, ["version", "n_threads", "kernel", "source", "tool version"]);
    let first = &differences(&a, &b)[0];
    assert_eq!((first.group, first.weight), (Group::Engine, Weight::Decides));
}

#[test]
fn unknown_equals_nothing_that_is_known() {
    let a = test();
    let mut b = again(&a);
    b.engine.commit = None;
    b.machine.fingerprint.clear();
    b.machine.cpu.isa.clear();
    let fingerprint = a.machine.fingerprint.clone();
    assert_eq!(
        found(&a, &b),
        [
            text("fingerprint", &fingerprint, "?"),
            text("commit", "abc123", "?"),
            text("instruction sets", "avx2, fma", "?"),
        ]
    );
}

#[test]
fn lists_tell_what_one_has_beyond_the_other() {
    let a = test();
    let mut b = again(&a);
    b.machine.cpu.isa.push("amx_int8".to_owned());
    assert_eq!(found(&a, &b), [text("instruction sets", "no more", "also amx_int8")]);
}

#[test]
fn sizes_that_look_equal_are_told_exactly() {
    let a = test();
    let mut b = again(&a);
    b.model.file_size_bytes.0 += 1;
    assert_eq!(found(&a, &b), [text("file size", "98362432 bytes", "98362433 bytes")]);
}

#[test]
fn noise_counts_from_the_thresholds_of_the_guard_on() {
    let a = test();
    let mut b = again(&a);
    let change = |record: &mut Record, cores: f64| {
        for sample in &mut record.samples {
            sample.noise.as_mut().unwrap().other_cores = Some(cores);
        }
    };
    change(&mut b, 0.05);
    assert!(differences(&a, &b).is_empty());
    change(&mut b, 1.4);
    let differing = differences(&a, &b);
    assert_eq!((differing.len(), differing[0].field.as_str()), (1, "cores used by others"));
    assert_eq!(differing[0].b.as_deref(), Some("1.40"));
    for sample in &mut b.samples {
        sample.noise.as_mut().unwrap().other_cores = None;
    }
    assert_eq!(differences(&a, &b)[0].b, None, "unknown is no 0");
}

#[test]
fn a_slower_probe_and_heat_are_told() {
    let a = test();
    let mut b = again(&a);
    for sample in &mut b.samples {
        sample.probe_ns = sample.probe_ns.map(|time| Nanos(time.0 * 6 / 5));
    }
    b.samples[3].noise.as_mut().unwrap().thermal_throttles = Some(2);
    let fields: Vec<String> = differences(&a, &b).into_iter().map(|found| found.field).collect();
    assert_eq!(fields, ["probe", "thermal throttles"]);
    b.machine.fingerprint = "another".to_owned();
    let noise = |found: &Difference| found.group == Group::Noise;
    let n = differences(&a, &b).iter().filter(|found| noise(found)).count();
    assert_eq!(n, 1, "another machine's probe is no noise");
}

#[test]
fn levels_fall_with_what_differs() {
    let a = test();
    let level = |change: fn(&mut Record)| {
        let mut b = again(&a);
        change(&mut b);
        let found = comparability(&a, &b);
        let fields: Vec<String> = found.needed.into_iter().map(|need| need.field).collect();
        (found.level, fields.join(" "))
    };
    use Level::{SameHardwareAndStack, SameStack, WorkloadOnly};
    assert_eq!(level(|b| b.tool.version.clear()), (SameHardwareAndStack, String::new()));
    assert_eq!(level(|b| b.params.n_threads = 7), (WorkloadOnly, "n_threads".to_owned()));
    assert_eq!(level(|b| b.machine.os.kernel = None), (SameStack, "kernel".to_owned()));
    assert_eq!(level(|b| b.engine.version = "2".into()), (WorkloadOnly, "version".to_owned()));
    assert_eq!(level(|b| b.model.sha256 = None), (WorkloadOnly, "hash".to_owned()));
    assert_eq!(level(|b| b.params.n_batch = 1), (WorkloadOnly, "n_batch".to_owned()));
    assert_eq!(level(|b| b.test.n_depth = 1), (Level::None, "test".to_owned()));
    let kinds = level(|b| b.kind = tokmark_model::RecordKind::Published);
    assert_eq!(kinds, (Level::None, "kind".to_owned()));
}

#[test]
fn where_the_work_is_placed_is_a_setting_of_one_machine_and_hardware_of_two() {
    let a = test();
    let changes: [fn(&mut Record); 6] = [
        |b| b.params.n_threads = 7,
        |b| b.params.devices.push("other".to_owned()),
        |b| b.params.main_gpu += 1,
        |b| b.params.tensor_split.push(0.25),
        |b| b.params.cpu_mask.push('f'),
        |b| b.tensor_parallel = Some(9),
    ];
    for change in changes {
        let mut b = again(&a);
        change(&mut b);
        let found = comparability(&a, &b);
        assert_eq!((found.level, found.needed.len()), (Level::WorkloadOnly, 1), "{found:?}");
        b.machine.fingerprint = "another".to_owned();
        let found = comparability(&a, &b);
        assert_eq!((found.level, found.needed.len()), (Level::SameStack, 2), "{found:?}");
    }
}

#[test]
fn what_both_leave_unknown_is_not_equal() {
    let mut a = test();
    a.machine.fingerprint.clear();
    let found = comparability(&a, &again(&a));
    assert_eq!((found.level, found.needed.len()), (Level::SameStack, 1));
    assert_eq!((&found.needed[0].a, &found.needed[0].b), (&None, &None));
    assert!(differences(&a, &again(&a)).is_empty());
}

#[test]
fn a_load_point_without_a_hash_is_told_by_its_served_name() {
    let mut a = point();
    a.model.sha256 = None;
    let mut b = again(&a);
    assert_eq!(comparability(&a, &b).level, Level::SameHardwareAndStack);
    b.serving.as_mut().unwrap().server.model = "other".to_owned();
    assert_eq!(comparability(&a, &b).needed[0].field, "served as");
    b.serving = None;
    assert_eq!(comparability(&a, &b).level, Level::None, "a test is no load point");
}

#[test]
fn experiments_compare_where_their_variants_and_tests_are_equal() {
    let a = experiment();
    let mut b = again(&a);
    assert_eq!(comparability(&a, &b).level, Level::SameHardwareAndStack);
    assert!(figures(&a, &b).is_empty(), "an experiment's figures are its verdicts");
    b.experiment.as_mut().unwrap().variants[1].params.n_threads = 9;
    let found = comparability(&a, &b);
    assert_eq!((found.level, found.needed[0].field.as_str()), (Level::None, "variants"));
    assert_eq!(comparability(&a, &test()).needed[0].field, "workload");
}

#[test]
fn a_delayed_visit_did_other_work() {
    let a = test();
    let mut b = again(&a);
    b.visit.as_mut().unwrap().delayed = true;
    assert_eq!(comparability(&a, &b).level, Level::None);
    assert_eq!(found(&a, &b)[0].0, "delayed on purpose");
}

#[test]
fn figures_stand_side_by_side_with_a_verdict_where_there_are_intervals() {
    let a = test();
    let mut b = again(&a);
    let rate = &mut b.summary.as_mut().unwrap().rate;
    rate.rate_tps.0 *= 1.2;
    let interval = rate.interval.as_mut().unwrap();
    (interval.low, interval.high) = (interval.low * 1.2, interval.high * 1.2);
    let found = figures(&a, &b);
    assert_eq!(found[0].name, "rate");
    let comparison = found[0].comparison.unwrap();
    assert_eq!(comparison.verdict, Verdict::Faster);
    assert!((comparison.ratio - 1.2).abs() < 1e-12);
    let back = figures(&b, &a)[0].comparison.unwrap();
    assert_eq!(back.verdict, Verdict::Slower);
    assert!((back.interval.low * comparison.interval.high - 1.0).abs() < 1e-12);
    let names: Vec<&str> = found.iter().map(|figure| figure.name.as_str()).collect();
    assert!(names.contains(&"token p99") && names.contains(&"peak memory, host"), "{names:?}");
    assert!(found.iter().all(|figure| figure.comparison.is_some() != figure.no_verdict.is_some()));
    let memory = found.iter().find(|figure| figure.name == "load time").unwrap();
    assert_eq!(memory.no_verdict, Some(NoVerdict::OneValue));
}

#[test]
fn there_is_no_verdict_where_there_can_be_none() {
    let a = test();
    let reason = |change: fn(&mut Record)| {
        let mut b = again(&a);
        change(&mut b);
        figures(&a, &b).first().map(|figure| figure.no_verdict)
    };
    let of = |reason| Some(Some(reason));
    assert_eq!(reason(|_| ()), Some(None));
    let other = |b: &mut Record| b.summary.as_mut().unwrap().statistics_version = 0;
    assert_eq!(reason(other), of(NoVerdict::StatisticsVersions));
    let few = |b: &mut Record| b.summary.as_mut().unwrap().rate.interval = None;
    assert_eq!(reason(few), of(NoVerdict::NoInterval));
    assert_eq!(reason(|b| b.summary = None), of(NoVerdict::OneSideOnly));
    assert_eq!(reason(|b| b.test.n_gen = 7), None, "figures of other work are not shown");
    let mut published = a.clone();
    published.kind = tokmark_model::RecordKind::Published;
    let found = figures(&published, &again(&published));
    assert_eq!(found[0].no_verdict, Some(NoVerdict::NoSamples));
}

#[test]
fn two_records_without_figures_have_none() {
    let mut a = test();
    (a.summary, a.load, a.speculation) = (None, None, None);
    a.memory = Default::default();
    a.samples.clear();
    assert!(figures(&a, &again(&a)).is_empty());
}

#[test]
fn quantiles_get_a_verdict_and_shares_under_other_levels_none() {
    let a = point();
    let mut b = again(&a);
    let of = |found: &[tokmark_stats::Figure], name: &str| {
        found.iter().find(|figure| figure.name == name).unwrap().clone()
    };
    let found = figures(&a, &b);
    for name in ["TTFT p50", "output rate", "good requests"] {
        assert!(of(&found, name).comparison.is_some(), "{name}");
    }
    b.serving.as_mut().unwrap().workload.service_levels.clear();
    let found = figures(&a, &b);
    assert_eq!(of(&found, "good requests").no_verdict, Some(NoVerdict::ServiceLevels));
}
