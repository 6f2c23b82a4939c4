//! Experiments that were cut: what goes on, and what is refused.

use tokmark_model::{Record, Status, Test, Uuid, Visit};

use crate::experiments::{ab, ab_args, kept};
use crate::support::{Home, Ran, signal, wait_for};

#[test]
fn an_experiment_that_was_cut_goes_on_where_it_stopped() {
    let home = Home::new();
    let args = ab_args(&home, &["--b", "env TOKMARK_FAKE_PACE=104"]);
    for name in ["INT", "KILL"] {
        let whole = {
            let home = Home::new();
            let ran = ab(&home, &["--b", "env TOKMARK_FAKE_PACE=104"]);
            assert_eq!(ran.code, Some(1), "{ran:?}");
            kept(&home)
        };
        let home = Home::new();
        let args: Vec<String> =
            ab_args(&home, &[]).into_iter().chain(args[11..].to_vec()).collect();
        let mut running = home.start(&args);
        wait_for(|| (home.n_kept() > 9).then_some(()));
        signal(running.id(), name);
        let code = running.wait().unwrap().code();
        assert_eq!(code, if name == "INT" { Some(130) } else { None });
        let (cut, before) = kept(&home);
        assert_eq!(cut.status, Status::Interrupted);
        home.run(&["note", "last", "cut here"]);

        let other =
            home.run(&[&ab_args(&home, &[])[..], &["--resume".into(), "last".into()]].concat());
        assert!(other.stderr.contains("the variants differ"), "{other:?}");
        let ran = home.run(&[&args[..], &["--resume".into(), "last".into()]].concat());
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let (record, visits) = kept(&home);
        assert_eq!(record.run_id, cut.run_id);
        assert_eq!(record.notes[0].text, "cut here");
        let ids: Vec<_> = before.iter().filter(|r| r.status == Status::Ok).map(|r| r.id).collect();
        assert!(ids.iter().all(|id| visits.iter().any(|visit| visit.id == *id)));
        // A visit that was cut between its tests is made again: the experiment names what counts.
        let places = |record: &Record, kept: &[Record]| -> Vec<(Visit, Vec<Test>)> {
            let test = |id: &Uuid| kept.iter().find(|visit| visit.id == *id).unwrap().test;
            let visits = record.experiment.as_ref().unwrap().visits.iter();
            visits.map(|of| (of.visit.clone(), of.records.iter().map(test).collect())).collect()
        };
        assert_eq!(places(&record, &visits), places(&whole.0, &whole.1));
        let contests = |record: &Record| record.experiment.as_ref().unwrap().contests.clone();
        assert_eq!(contests(&record), contests(&whole.0));
        let finished = home.run(&[&args[..], &["--resume".into(), "last".into()]].concat());
        assert!(finished.stderr.contains("is finished"), "{finished:?}");
    }
}

/// `--resume last` of an experiment that was cut, with these arguments.
fn resumed(home: &Home, args: &[&str]) -> Ran {
    ab(home, &[args, &["--resume", "last"]].concat())
}

/// Ten visits of an `ab`, then cut.
fn cut(home: &Home, args: &[&str]) {
    let mut running = home.start(&ab_args(home, args));
    wait_for(|| (home.n_kept() > 9).then_some(()));
    signal(running.id(), "INT");
    assert_eq!(running.wait().unwrap().code(), Some(130));
}

#[test]
fn other_conditions_are_not_mixed_into_an_experiment() {
    let home = Home::new();
    cut(&home, &["--b", "env TOKMARK_FAKE_PACE=104"]);
    let same = ["--b", "env TOKMARK_FAKE_PACE=104"];
    // What is measured after it is not the last experiment.
    let tiny = home.tiny().to_string_lossy().into_owned();
    let after = home.run(&["bench", "-m", &tiny, "--engine", "fake", "-p", "8", "-n", "0"]);
    assert_eq!(after.code, Some(0), "{after:?}");
    for (more, said) in [
        (&["--tokens", "text"][..], "the kind of --tokens is text here and random in"),
        (&["--cold"], "the file (--cold) is cold here"),
        (&["--seed", "7"], "the seed, the tolerance"),
        (&["--tolerance", "4%"], "the seed, the tolerance"),
        (&["-r", "5"], "the seed, the tolerance"),
    ] {
        let ran = resumed(&home, &[&same[..], more].concat());
        assert_eq!(ran.code, Some(2), "{more:?} {ran:?}");
        assert!(ran.stderr.contains(said), "{said}: {ran:?}");
    }
    // The number of pairs stands in the arguments of every call here.
    let mut other = ab_args(&home, &[&same[..], &["--resume", "last"]].concat());
    let pairs = other.iter().position(|arg| arg == "--pairs").unwrap();
    other[pairs + 1] = "12".to_owned();
    let ran = home.run(&other);
    assert!(ran.stderr.contains("the rounds (--pairs, --repetitions) differ"), "{ran:?}");
    // Another machine, engine or version of the statistics.
    for (field, to, said) in [
        ("machine", "elsewhere", "the machine is"),
        ("kernel", "0.0.1", "the kernel is"),
        ("engine", "9.9.9", "the engine of A is"),
        ("statistics", "1", "the version of the statistics is"),
    ] {
        let moved = Home::new();
        let mut records: Vec<Record> = home.records_with(&["--visits"]);
        for record in &mut records {
            match field {
                "machine" => record.machine.fingerprint = to.to_owned(),
                "kernel" => record.machine.os.kernel = Some(to.to_owned()),
                "engine" => record.engine.version = to.to_owned(),
                _ => {
                    if let Some(experiment) = &mut record.experiment {
                        experiment.statistics_version = 1;
                    }
                }
            }
        }
        moved.write("moved.json", serde_json::to_string(&records).unwrap().as_bytes());
        let imported = moved.run(&["import", "moved.json"]);
        assert_eq!(imported.code, Some(0), "{imported:?}");
        let ran = resumed(&moved, &same);
        assert_eq!(ran.code, Some(2), "{field}: {ran:?}");
        assert!(ran.stderr.contains(said), "{said}: {ran:?}");
    }
}

#[test]
fn an_experiment_that_another_program_measures_is_refused() {
    let home = Home::new();
    let args = ["--b", "env TOKMARK_FAKE_PACE=104"];
    cut(&home, &args);
    let run_id = kept(&home).0.run_id;
    let path = std::env::temp_dir().join(format!("tokmark-{run_id}.lock"));
    assert!(!path.exists(), "the one that was cut holds it still");
    let lock = std::fs::File::create(&path).unwrap();
    lock.lock().unwrap();
    let ran = resumed(&home, &args);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("another tokmark is measuring this experiment"), "{ran:?}");
    assert_eq!(kept(&home).0.status, Status::Interrupted);
    drop(lock);
    assert_eq!(resumed(&home, &args).code, Some(1));
    assert_eq!(kept(&home).0.status, Status::Ok);
    assert!(!path.exists());
}

/// One visit that fails, for want of memory say, does not cost the pairs before it.
#[test]
fn an_experiment_of_which_a_visit_failed_goes_on_from_there() {
    let home = Home::new();
    let args = ["--b", "env TOKMARK_FAKE_PACE=104"];
    cut(&home, &args);
    let mut records: Vec<Record> = home.records_with(&["--visits"]);
    let newest = |record: &&mut Record| (record.created_at, record.id);
    let visits = records.iter_mut().filter(|record| record.visit.is_some());
    let failed = visits.max_by_key(newest).unwrap();
    failed.status = Status::Failed;
    failed.samples.clear();
    (failed.summary, failed.grade) = (None, None);
    for record in records.iter_mut().filter(|record| record.experiment.is_some()) {
        record.status = Status::Failed;
    }
    let n_before = records.len();
    let moved = Home::new();
    moved.write("moved.json", serde_json::to_string(&records).unwrap().as_bytes());
    let imported = moved.run(&["import", "moved.json"]);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    let ran = resumed(&moved, &args);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let (record, visits) = kept(&moved);
    assert_eq!(record.status, Status::Ok);
    let n_failed = visits.iter().filter(|visit| visit.status == Status::Failed).count();
    assert_eq!(n_failed, 1);
    assert!(visits.len() >= n_before, "{}", visits.len());
}

#[test]
fn the_same_again_of_a_resumed_experiment_begins_anew() {
    let home = Home::new();
    let args = ["--b", "env TOKMARK_FAKE_PACE=104"];
    cut(&home, &args);
    let ran = resumed(&home, &args);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let (record, _) = kept(&home);
    let arguments = record.experiment.unwrap().arguments;
    assert!(!arguments.iter().any(|word| word.contains("resume")), "{arguments:?}");
}

#[test]
fn an_experiment_ends_with_its_budget() {
    let home = Home::new();
    // Too short for any round: as many are made as a verdict needs, and no more. The first look
    // with one would be at 20.
    let args = ["--b", "env TOKMARK_FAKE_PACE=104", "--budget", "1ms"];
    let mut args = ab_args(&home, &args);
    let pairs = args.iter().position(|arg| arg == "--pairs").unwrap();
    args[pairs + 1] = "100".to_owned();
    let ran = home.run(&args);
    assert!(ran.stderr.contains("with the block in which the budget of"), "{ran:?}");
    let (record, _) = kept(&home);
    assert_eq!(record.status, Status::Ok);
    let n_pairs = record.experiment.unwrap().contests[0].pairings[0].comparison.n_pairs;
    assert!((7..20).contains(&n_pairs), "{n_pairs} {ran:?}");
}

#[test]
fn to_resume_a_comparison_its_models_are_given_again() {
    let ran = Home::new().run(&["compare", "--resume", "last"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("give its models and other arguments again"), "{ran:?}");
}
