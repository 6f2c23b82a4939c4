use proptest::prelude::*;

use super::*;

fn of(words: &str) -> Behaviour {
    let mut behaviour = Behaviour::default();
    behaviour.apply(words).unwrap();
    behaviour
}

#[test]
fn words_change_what_they_name_and_nothing_else() {
    let behaviour = of("mode=crlf; ttft_ms=0.25, ITL-MS:5 events=8 no-usage busy:3/0");
    let expected = Behaviour {
        crlf: true,
        ttft: Duration::from_micros(250),
        itl: Duration::from_millis(5),
        n_events: 8,
        usage: UsageReport::Never,
        fault: Some(Fault::Busy { n_refused: 3, retry_after_s: 0 }),
        ..Behaviour::default()
    };
    assert_eq!(behaviour, expected);
}

#[test]
fn a_word_without_a_value_takes_its_default() {
    assert_eq!(of("late-finish").finish_delay, Duration::from_millis(200));
    assert_eq!(of("long-line").fault, Some(Fault::LongLine { n_bytes: 10_000_000 }));
    assert_eq!(of("slow").itl, Duration::from_secs(60));
    let reasoning = Reasoning { n_events: 16, form: ReasoningForm::SplitThinkTags };
    assert_eq!(of("split-think-tags").reasoning, Some(reasoning));
}

#[test]
fn a_word_that_does_not_fit_is_an_error_and_changes_nothing() {
    let words = [
        ("crlf bogus", "bogus", "no such mode"),
        ("crlf=1", "crlf=1", "takes no value"),
        ("ttft-ms", "ttft-ms", "needs a value"),
        ("events=0", "events=0", "from 1 to 1000000"),
        ("itl-ms=-3", "itl-ms=-3", "milliseconds"),
        ("itl-ms=1.2345678", "itl-ms=1.2345678", "milliseconds"),
        ("itl-ms=99999999999", "itl-ms=99999999999", "milliseconds"),
        ("status=200", "status=200", "from 400 to 599"),
        ("busy=1/x", "busy=1/x", "whole number"),
    ];
    for (words, at_fault, why) in words {
        let mut behaviour = Behaviour::default();
        let message = behaviour.apply(words).unwrap_err().to_string();
        assert!(message.contains(at_fault) && message.contains(why), "{message}");
        assert_eq!(behaviour, Behaviour::default(), "{words}");
    }
}

#[test]
fn every_name_is_told_once_and_its_default_value_is_good() {
    for (position, mode) in MODES.iter().enumerate() {
        assert!(MODES[..position].iter().all(|other| other.name != mode.name), "{}", mode.name);
        if let Some(default) = mode.default {
            let mut behaviour = Behaviour::default();
            (mode.set)(&mut behaviour, default).unwrap();
        }
    }
}

proptest! {
    #[test]
    fn a_behaviour_in_words_gives_the_same_behaviour(
        chosen in prop::collection::vec((0..MODES.len(), 1u32..600), 0..12)
    ) {
        let mut behaviour = Behaviour::default();
        for (position, number) in chosen {
            let mode = &MODES[position];
            let value = if mode.default == Some("") { String::new() } else { number.to_string() };
            let _ = (mode.set)(&mut behaviour, &value);
        }
        prop_assert_eq!(of(&behaviour.to_string()), behaviour);
    }

    #[test]
    fn any_words_are_taken_or_refused(words in ".{0,60}") {
        let _ = Behaviour::default().apply(&words);
    }

    #[test]
    fn times_come_back_to_the_nanosecond(nanoseconds in 0u64..80_000_000_000_000) {
        let time = Duration::from_nanos(nanoseconds);
        prop_assert_eq!(of(&format!("itl-ms={}", shown_milliseconds(time))).itl, time);
    }
}
