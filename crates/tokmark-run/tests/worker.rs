//! The worker's loop on a fake clock: what is measured, and what is said about it.

use std::io::Cursor;

use tokmark_model::{EngineParams, Nanos, ProcessParams, Repetition, Test, TokenKind, TokenSource};
use tokmark_run::{
    Command, EngineError, FakeClock, FakeEngine, LoadRequest, Message, NoGuard, Script, Setup,
    serve,
};

fn setup(test: Test) -> Command {
    Command::Setup(Box::new(Setup {
        load: LoadRequest {
            path: "none".into(),
            params: EngineParams::default(),
            process: ProcessParams::default(),
        },
        test,
        tokens: TokenSource { kind: TokenKind::Random, seed: 1, sha256: None },
    }))
}

fn say(script: Script, commands: &[Command]) -> Vec<Message> {
    let mut input = Vec::new();
    for command in commands {
        serde_json::to_writer(&mut input, command).unwrap();
        input.push(b'\n');
    }
    let mut output = Vec::new();
    let clock = FakeClock::default();
    let engine = FakeEngine::new(clock.clone(), script);
    serve(engine, NoGuard, clock, Cursor::new(input), &mut output).unwrap();
    let lines = output.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn repetitions(messages: &[Message]) -> Vec<Repetition> {
    let found = messages.iter().filter_map(|message| match message {
        Message::Repeated(repetition) => Some((**repetition).clone()),
        _ => None,
    });
    found.collect()
}

#[test]
fn every_step_has_the_time_that_the_script_gave_it() {
    let steps: Vec<Nanos> = [5, 7, 11].map(Nanos).to_vec();
    let script = Script { prompt: Nanos(100), steps, fault: None };
    let test = Test { n_prompt: 4, n_gen: 3, n_depth: 0, n_parallel: 1 };
    let messages = say(script, &[setup(test), Command::Repeat { n: 2, probe: false, delay: 0.0 }]);
    for repetition in repetitions(&messages) {
        assert_eq!(repetition.prompt_ns, Some(Nanos(100)));
        assert_eq!(repetition.token_ns, [5, 7, 11].map(Nanos));
        assert_eq!(repetition.duration_ns, Nanos(123));
    }
    assert_eq!(repetitions(&messages)[1].start_ns, Nanos(123));
    assert_eq!(messages.last(), Some(&Message::BlockDone));
}

#[test]
fn warm_up_goes_on_until_three_repetitions_agree() {
    let steps: Vec<Nanos> = [300, 200, 100, 101, 102, 103].map(Nanos).to_vec();
    let script = Script { prompt: Nanos(1), steps, fault: None };
    let messages =
        say(script, &[setup(Test::tg(1)), Command::WarmUp { at_most_ns: Nanos(u64::MAX) }]);
    let Some(Message::WarmedUp { durations_ns }) = messages.last() else { panic!("{messages:?}") };
    assert_eq!(*durations_ns, [300, 200, 100, 101, 102].map(Nanos));
}

#[test]
fn warm_up_ends_when_its_time_is_spent_but_is_made_once() {
    let script = || Script { prompt: Nanos(1), steps: vec![Nanos(10), Nanos(20)], fault: None };
    let count = |at_most: u64| {
        let warm_up = Command::WarmUp { at_most_ns: Nanos(at_most) };
        match say(script(), &[setup(Test::tg(1)), warm_up]).last() {
            Some(Message::WarmedUp { durations_ns }) => durations_ns.len(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(count(0), 1);
    assert_eq!(count(30), 2);
    assert_eq!(count(31), 3);
}

#[test]
fn start_times_count_from_the_first_timed_repetition() {
    let script = Script { prompt: Nanos(1), steps: vec![Nanos(10)], fault: None };
    let messages = say(
        script,
        &[
            setup(Test::tg(1)),
            Command::WarmUp { at_most_ns: Nanos(0) },
            Command::Repeat { n: 3, probe: true, delay: 0.0 },
        ],
    );
    let starts: Vec<_> = repetitions(&messages).iter().map(|r| r.start_ns).collect();
    assert_eq!(starts, [0, 10, 20].map(Nanos));
}

#[test]
fn a_refusal_ends_the_command_and_not_the_worker() {
    let script: Script = "error@1".parse().unwrap();
    let repeat = Command::Repeat { n: 3, probe: false, delay: 0.0 };
    let messages = say(script, &[setup(Test::tg(1)), repeat.clone(), repeat]);
    let refused = Message::Refused(EngineError::failed("the script says: error"));
    assert_eq!(messages.iter().filter(|message| **message == refused).count(), 1);
    assert_eq!(repetitions(&messages).len(), 1 + 3);
}

#[test]
fn nothing_can_be_repeated_before_a_setup() {
    let messages = say(Script::default(), &[Command::Repeat { n: 1, probe: false, delay: 0.0 }]);
    assert!(matches!(messages.last(), Some(Message::Refused(_))), "{messages:?}");
}

#[test]
fn a_delay_makes_every_step_longer_by_its_share() {
    let script = Script { steps: vec![Nanos(1_000_000)], ..Script::default() };
    let test = Test::tg(4);
    let plain = Command::Repeat { n: 1, probe: false, delay: 0.0 };
    let delayed = Command::Repeat { n: 1, probe: false, delay: 0.03 };
    let messages = say(script, &[setup(test), plain, delayed]);
    let repetitions: Vec<_> = messages
        .iter()
        .filter_map(|message| match message {
            Message::Repeated(repetition) => Some(repetition),
            _ => None,
        })
        .collect();
    assert_eq!(repetitions[0].token_ns, [Nanos(1_000_000); 4]);
    assert_eq!(repetitions[1].token_ns, [Nanos(1_030_000); 4]);
    assert_eq!(repetitions[1].duration_ns, Nanos(4 * 1_030_000));
}
