//! What every local engine must do, as one suite: called by the tests of each engine.

use tokmark_model::{EngineParams, Test, TokenKind, TokenSource};

use crate::{Event, LoadRequest, LocalEngine, Sink, make_work};

/// Remembers events without looking at a clock.
#[derive(Debug, Default)]
struct Events(Vec<Event>);

impl Sink for Events {
    fn event(&mut self, event: Event) {
        self.0.push(event);
    }
}

/// Every kind of test, small.
const TESTS: [Test; 7] = [
    Test { n_prompt: 8, n_gen: 0, n_depth: 0, n_parallel: 1 },
    Test { n_prompt: 0, n_gen: 3, n_depth: 0, n_parallel: 1 },
    Test { n_prompt: 5, n_gen: 2, n_depth: 0, n_parallel: 1 },
    Test { n_prompt: 4, n_gen: 0, n_depth: 16, n_parallel: 1 },
    Test { n_prompt: 0, n_gen: 2, n_depth: 16, n_parallel: 1 },
    Test { n_prompt: 0, n_gen: 3, n_depth: 0, n_parallel: 2 },
    Test { n_prompt: 6, n_gen: 2, n_depth: 16, n_parallel: 3 },
];

/// Checks `engine` on the model of `request`.
///
/// # Panics
/// When the engine does not do what the trait says; the message names what.
pub fn check(engine: &mut impl LocalEngine, request: &LoadRequest) {
    let facts = engine.facts();
    assert!(!facts.name.is_empty() && !facts.backends.is_empty(), "an engine names itself");
    assert!(engine.load(request).expect("the model loads"), "the first load is a fresh one");
    for test in TESTS {
        for kind in [TokenKind::Random, TokenKind::Text] {
            check_test(engine, &request.params, test, kind);
        }
    }
    engine.close_context();
    let other = LoadRequest {
        params: EngineParams { n_batch: 8, n_ubatch: 4, ..request.params.clone() },
        ..request.clone()
    };
    engine.load(&other).expect("settings of the context alone don't refuse the model");
    // A prompt longer than the batch is decoded in several calls.
    let long = Test { n_prompt: 21, n_gen: 1, n_depth: 11, n_parallel: 1 };
    check_test(engine, &other.params, long, TokenKind::Random);
}

fn check_test(engine: &mut impl LocalEngine, params: &EngineParams, test: Test, kind: TokenKind) {
    let label = test.label();
    let opened = engine.open_context(&test, params);
    let loaded = opened.unwrap_or_else(|error| panic!("{label}: no context: {error}"));
    assert!(!loaded.description.is_empty(), "{label}: the model is described");
    let source = TokenSource { kind, seed: 5, sha256: None };
    let (work, source) =
        make_work(engine, test, &source).unwrap_or_else(|error| panic!("{label}: {error}"));
    assert!(source.sha256.is_some(), "{label}: tokens are hashed");
    for round in 0..3 {
        engine.prepare(&work).unwrap_or_else(|error| panic!("{label}: prepare: {error}"));
        let mut events = Events::default();
        engine
            .run(&work, &mut events)
            .unwrap_or_else(|error| panic!("{label}: run {round}: {error}"));
        let mut expected = Vec::new();
        if test.n_prompt > 0 {
            expected.push(Event::PromptDone);
        }
        expected.extend((0..test.n_gen).map(|_| Event::Step));
        expected.push(Event::End);
        assert_eq!(events.0, expected, "{label}: events of run {round}");
        if round == 1 {
            engine.settle().unwrap_or_else(|error| panic!("{label}: settle: {error}"));
        }
    }
}
