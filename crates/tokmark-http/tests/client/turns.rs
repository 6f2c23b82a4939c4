//! Conversations in an open loop: how many requests there are, and when they are due.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokmark_http::{Finished, Flow, Progress, TargetOptions, Watcher, drive};
use tokmark_model::{Arrivals, CacheMode, Load, Nanos};
use tokmark_run::{Extent, Schedule};
use tokmark_stub::Dialect;
use tokmark_workload::{PromptSource, SourceOptions, Trace};

use crate::support::{Keep, endpoint, requests, stub, workload};

/// The turns of each conversation are there from the first on, each once.
fn assert_turns_follow(all: &[Finished]) {
    let mut turns: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for finished in all {
        turns.entry(finished.sample.session).or_default().push(finished.sample.turn);
    }
    for own in turns.values_mut() {
        own.sort_unstable();
        assert!(own.iter().copied().eq(0..own.len() as u32), "{own:?}");
    }
}

#[test]
fn a_rate_and_a_number_are_those_of_requests_whatever_their_turn() {
    let stub = stub(Dialect::OpenAi, "");
    let endpoint = endpoint(&stub.url(), TargetOptions::default());
    let load = Load::Rate { per_s: 20.0, arrivals: Arrivals::Constant };
    let all = requests(&endpoint, &workload(load), 14, 3);
    assert_eq!(all.len(), 14);
    let mut due: Vec<u64> = all.iter().map(|finished| finished.sample.due_ns.0).collect();
    due.sort_unstable();
    assert!(due.iter().copied().eq((0..14).map(|n| n * 50_000_000)), "{due:?}");
    assert_turns_follow(&all);
}

#[test]
fn a_replay_makes_as_many_requests_as_were_asked_for() {
    let stub = stub(Dialect::OpenAi, "");
    let endpoint = endpoint(&stub.url(), TargetOptions::default());
    let lines = [
        r#"{"offset_ms": 0, "session": "a", "prompt": "One.", "output_tokens": 4}"#,
        r#"{"offset_ms": 20, "session": "a", "prompt": "Two.", "output_tokens": 4}"#,
        r#"{"offset_ms": 40, "session": "a", "prompt": "Three.", "output_tokens": 4}"#,
        r#"{"offset_ms": 60, "session": "b", "prompt": "Four.", "output_tokens": 4}"#,
    ];
    let trace = Trace::read(lines.join("\n").as_bytes(), None).unwrap();
    let options = SourceOptions { cache: CacheMode::Keep, ..SourceOptions::default() };
    let source = Arc::new(PromptSource::from_trace(trace, options).unwrap());
    for (asked, n) in [(Some(2), 2), (None, 4)] {
        let workload = workload(Load::Replay { speed: 1.0 });
        let due = vec![Nanos(0), Nanos(60_000_000)];
        let extent = Extent { n_requests: asked, duration: None };
        let schedule = Schedule::replay(due, 1.0, extent).unwrap();
        let mut keep = Keep::default();
        drive(&endpoint, &source, &workload, schedule, 0, &mut keep).unwrap();
        assert_eq!(keep.finished.len(), n);
        assert_turns_follow(&keep.finished);
        // However late the answer before a turn is, the turn was due when the trace has it.
        let mut ends = 0;
        for (finished, recorded) in keep.finished.iter().take(2).zip([0, 20_000_000]) {
            let sample = &finished.sample;
            assert_eq!((sample.session, sample.due_ns.0), (0, recorded));
            let held = sample.held_ns.map_or(0, |held| held.0);
            assert!(sample.due_ns.0 + held >= ends && sample.sent_ns.0 >= ends, "{sample:?}");
            assert_eq!(held > 0, ends > recorded, "{sample:?}");
            ends = sample.end_ns.0;
        }
    }
}

/// Has enough once a request is over.
struct Enough {
    n_over: u64,
    flow: Flow,
}

impl Watcher for Enough {
    fn over(&mut self, _: &Finished) {
        self.n_over += 1;
    }

    fn tick(&mut self, _: &Progress) -> Flow {
        if self.n_over > 0 { self.flow } else { Flow::Go }
    }
}

#[test]
fn a_replay_whose_next_turn_is_due_in_an_hour_ends_when_it_is_told_to() {
    let stub = stub(Dialect::OpenAi, "");
    let endpoint = endpoint(&stub.url(), TargetOptions::default());
    let lines = [
        r#"{"offset_s": 0, "session": "a", "prompt": "One.", "output_tokens": 4}"#,
        r#"{"offset_s": 3600, "session": "a", "prompt": "Two.", "output_tokens": 4}"#,
    ];
    let trace = Trace::read(lines.join("\n").as_bytes(), None).unwrap();
    let source = Arc::new(PromptSource::from_trace(trace, SourceOptions::default()).unwrap());
    let shortly = Some(std::time::Duration::from_millis(200));
    for (flow, duration) in [(Flow::Finish, None), (Flow::Cut, None), (Flow::Go, shortly)] {
        let workload = workload(Load::Replay { speed: 1.0 });
        let extent = Extent { n_requests: None, duration };
        let schedule = Schedule::replay(vec![Nanos(0)], 1.0, extent).unwrap();
        let mut enough = Enough { n_over: 0, flow };
        let driven = drive(&endpoint, &source, &workload, schedule, 0, &mut enough).unwrap();
        assert_eq!(driven.log.n_requests(), 1, "{flow:?}");
    }
}
