//! Figures and grades of a stranger's record: what is claimed counts only where it is worse.

#[path = "serving/point.rs"]
mod point;

use point::Point;
use tokmark_model::{
    ClientCheck, Design, EventLog, Experiment, Grade, GradeLetter, GradeReason, Looks, ModelFacts,
    Nanos, Question, Record, RecordKind, Repetition, RequestError, ServerFacts, Serving, Status,
    Test, Timestamp, Tool, Uuid, Variant, Visit, VisitRecords,
};
use tokmark_stats::{Unsound, recomputed};

fn blank(id: u128) -> Record {
    let tool = Tool { name: "tokmark".into(), version: "1".into() };
    let run = Uuid::from_u128(1);
    let begun = Timestamp::UNIX_EPOCH;
    Record { id: Uuid::from_u128(id), ..Record::new(run, RecordKind::Measured, begun, tool) }
}

/// A load point whose sender says that nothing speaks against it.
fn claimed(point: &Point, is_local: bool) -> Record {
    let serving = Serving {
        workload: point.workload.clone(),
        server: ServerFacts { dialect: "openai".into(), is_local, ..ServerFacts::default() },
        requests: point.requests.clone(),
        events: Some(EventLog::pack(point.times.iter().map(Vec::as_slice))),
        cold: None,
        summary: Some(point.summary()),
        found_rate: None,
        speed_ups: Vec::new(),
        client: ClientCheck {
            wakeup_p99_ns: Some(Nanos(50_000)),
            cpu_cores: Some(0.1),
            ..ClientCheck::default()
        },
        timeline: Vec::new(),
        recipe: None,
    };
    Record {
        serving: Some(Box::new(serving)),
        grade: Some(Grade { letter: GradeLetter::A, reasons: Vec::new() }),
        ..blank(2)
    }
}

fn letter(record: &Record) -> Option<GradeLetter> {
    recomputed(record, |_| None).unwrap().grade.map(|grade| grade.letter)
}

#[test]
fn a_load_point_is_graded_by_its_own_requests() {
    let good = Point::one_after_the_other(60);
    assert_eq!(letter(&claimed(&good, true)), Some(GradeLetter::A));
    // What happened elsewhere nobody knows.
    assert_eq!(letter(&claimed(&good, false)), Some(GradeLetter::B));
    let mut bad = Point::one_after_the_other(60);
    for request in bad.requests.iter_mut().step_by(3) {
        request.error = Some(RequestError::Timeout);
    }
    assert_eq!(letter(&claimed(&bad, true)), Some(GradeLetter::D));
}

#[test]
fn a_worse_grade_than_the_requests_give_stands() {
    let mut record = claimed(&Point::one_after_the_other(60), true);
    let text = "other processes used 0.8 cores".to_owned();
    let code = "other_processes".to_owned();
    let reason = GradeReason { letter: GradeLetter::F, code, text };
    record.grade = Some(Grade { letter: GradeLetter::F, reasons: vec![reason.clone()] });
    let made = recomputed(&record, |_| None).unwrap();
    assert_eq!(made.grade, record.grade);
    // The reasons decide, not the letter above them.
    record.grade = Some(Grade { letter: GradeLetter::A, reasons: vec![reason] });
    assert_eq!(letter(&record), Some(GradeLetter::F));
}

#[test]
fn records_of_kinds_without_a_grade_get_none() {
    let mut record = claimed(&Point::one_after_the_other(60), true);
    record.kind = RecordKind::Imported;
    assert_eq!(letter(&record), None);
}

fn model(hash: &str) -> ModelFacts {
    ModelFacts { name: "m".into(), sha256: Some(hash.into()), ..ModelFacts::default() }
}

/// An experiment of one visit to its second variant.
fn experiment(visit: &Visit) -> Record {
    let variant = |hash: &str| Variant { model: model(hash), ..Variant::default() };
    let design = Design {
        tests: vec![Test::tg(8)],
        n_repetitions: 1,
        n_rounds: 1,
        seed: 1,
        looks: Looks::Once,
        same_within: 0.01,
        planted_delay: None,
    };
    let experiment = Experiment {
        question: Question::Ab,
        variants: vec![variant("a"), variant("b")],
        design,
        visits: vec![VisitRecords { visit: visit.clone(), records: vec![Uuid::from_u128(7)] }],
        n_disturbed: 9,
        contests: Vec::new(),
        resources: Vec::new(),
        overall: None,
        statistics_version: 0,
        arguments: Vec::new(),
    };
    let grade = Some(Grade { letter: GradeLetter::A, reasons: Vec::new() });
    Record {
        status: Status::Interrupted,
        experiment: Some(Box::new(experiment)),
        grade,
        ..blank(3)
    }
}

/// One visit with these records, whose design has these tests: what its figures come to.
fn contests(tests: Vec<Test>, records: &[Record]) -> Vec<tokmark_model::Contest> {
    let visit = Visit { variant: 1, position: 0, planted: false, delayed: false };
    let mut whole = experiment(&visit);
    let own = whole.experiment.as_mut().unwrap();
    own.design.tests = tests;
    own.visits[0].records = records.iter().map(|record| record.id).collect();
    let of_visit = |id| {
        let found = records.iter().find(|record| record.id == id)?.clone();
        Some(Record { model: model("b"), visit: Some(visit.clone()), ..found })
    };
    recomputed(&whole, of_visit).unwrap().experiment.unwrap().contests
}

#[test]
fn the_one_load_point_of_a_visit_stands_for_every_test() {
    let point = claimed(&Point::one_after_the_other(60), true);
    let found = contests(vec![Test::pp(64), Test::tg(8)], &[point]);
    let rates: Vec<bool> = found.iter().map(|contest| contest.rates[1].is_some()).collect();
    assert_eq!(rates, [true, true], "{found:?}");
}

#[test]
fn a_test_that_stands_there_twice_has_its_own_record_each_time() {
    let test = |id: u128, duration: u64| Record {
        test: Test::tg(8),
        samples: vec![Repetition { duration_ns: Nanos(duration), ..Repetition::default() }],
        ..blank(id)
    };
    let found = contests(vec![Test::tg(8); 2], &[test(7, 1_000_000), test(8, 2_000_000)]);
    let rate = |n: usize| found[n].rates[1].as_ref().unwrap().rate_tps.get();
    assert!((rate(0) / rate(1) - 2.0).abs() < 1e-9, "{found:?}");
}

#[test]
fn a_visit_is_one_to_the_variant_that_the_experiment_names() {
    let visit = Visit { variant: 1, position: 0, planted: false, delayed: false };
    let record = experiment(&visit);
    let own =
        Record { test: Test::tg(8), model: model("b"), visit: Some(visit.clone()), ..blank(7) };
    let made = recomputed(&record, |_| Some(own.clone())).unwrap();
    assert_eq!(made.grade, None);
    assert_eq!(made.experiment.unwrap().n_disturbed, 0);
    let other = Record { model: model("a"), ..own.clone() };
    let unknown = Record { model: ModelFacts::default(), ..own.clone() };
    let itself = Record { experiment: record.experiment.clone(), ..own };
    for wrong in [other, unknown, itself] {
        let found = recomputed(&record, |_| Some(wrong.clone()));
        assert!(matches!(found, Err(Unsound::Impossible { .. })), "{found:?}");
    }
}

#[test]
fn steps_that_took_longer_than_their_repetition_are_refused() {
    let with = |prompt_ns: u64, steps: &[u64]| Record {
        test: Test { n_prompt: 8, ..Test::tg(3) },
        samples: vec![Repetition {
            duration_ns: Nanos(1_000),
            prompt_ns: Some(Nanos(prompt_ns)),
            token_ns: steps.iter().copied().map(Nanos).collect(),
            ..Repetition::default()
        }],
        ..blank(7)
    };
    assert!(recomputed(&with(400, &[200, 200, 200]), |_| None).is_ok());
    for (prompt, steps) in
        [(401, &[200, 200, 200][..]), (1_001, &[]), (0, &[u64::MAX, 9]), (0, &[1, 1, 1, 1])]
    {
        let found = recomputed(&with(prompt, steps), |_| None);
        assert!(matches!(found, Err(Unsound::Impossible { .. })), "{found:?}");
    }
}
