use std::cell::Cell;
use std::rc::Rc;

use tokmark_model::{Message, Role};

use super::*;

/// A token a byte; fails on what holds an `x`, and tells how often it was asked.
struct Bytes {
    n_asked: Rc<Cell<u32>>,
}

impl TokenCounter for Bytes {
    fn source(&self) -> CountSource {
        CountSource::Local
    }

    fn count_text(&mut self, text: &str) -> Option<u32> {
        self.n_asked.set(self.n_asked.get() + 1);
        (!text.contains('x')).then_some(text.len() as u32)
    }
}

fn count(tokenizer: Option<Box<dyn TokenCounter>>) -> Count {
    Count { tokenizer, api: Api::Chat, remembered: HashMap::new() }
}

fn bytes() -> (Count, Rc<Cell<u32>>) {
    let n_asked = Rc::new(Cell::new(0));
    (count(Some(Box::new(Bytes { n_asked: n_asked.clone() }))), n_asked)
}

fn texts() -> Uncounted<'static> {
    Uncounted {
        prompt: vec![Message::text(Role::User, "How are you?")].into(),
        reasoning: "I am".into(),
        answer: " fine".into(),
        first_event: "I".into(),
        ..Uncounted::default()
    }
}

fn filled(count: &mut Count, texts: &Uncounted<'_>) -> RequestSample {
    let mut sample = RequestSample::default();
    count.fill(&mut sample, texts);
    sample
}

fn of(n: u32, source: CountSource) -> Option<TokenCount> {
    Some(TokenCount { n, source })
}

#[test]
fn a_tokenizer_counts_all_that_the_server_did_not() {
    let sample = filled(&mut bytes().0, &texts());
    assert_eq!(sample.prompt_tokens, of(12, CountSource::Local));
    assert_eq!(sample.output_tokens, of(9, CountSource::Local));
    assert_eq!(sample.reasoning_tokens, of(4, CountSource::Local));
    assert_eq!(sample.first_event_tokens, Some(1));
}

#[test]
fn what_the_server_counted_stays_as_it_is() {
    let known = RequestSample {
        prompt_tokens: of(3, CountSource::Usage),
        output_tokens: of(5, CountSource::Usage),
        reasoning_tokens: of(2, CountSource::Usage),
        first_event_tokens: Some(2),
        ..RequestSample::default()
    };
    let mut sample = known.clone();
    bytes().0.fill(&mut sample, &texts());
    assert_eq!(sample, known);
}

#[test]
fn words_are_counted_where_nothing_else_counts_and_never_for_a_part() {
    let sample = filled(&mut count(None), &texts());
    assert_eq!(sample.prompt_tokens, of(4, CountSource::Estimated));
    // Two words and one, each x 1.3 and rounded.
    assert_eq!(sample.output_tokens, of(4, CountSource::Estimated));
    assert_eq!(sample.reasoning_tokens, of(3, CountSource::Estimated));
    assert_eq!(sample.first_event_tokens, None);
    let mut sample =
        RequestSample { output_tokens: of(9, CountSource::Usage), ..RequestSample::default() };
    count(None).fill(&mut sample, &texts());
    assert_eq!(sample.reasoning_tokens, None);
}

#[test]
fn an_output_has_one_source_for_all_its_parts() {
    let texts = Uncounted { answer: " fix it".into(), ..texts() };
    let sample = filled(&mut bytes().0, &texts);
    assert_eq!(sample.output_tokens, of(6, CountSource::Estimated));
    assert_eq!(sample.reasoning_tokens, of(3, CountSource::Estimated));
    assert_eq!(sample.prompt_tokens, of(12, CountSource::Local));
}

#[test]
fn reasoning_that_was_not_streamed_is_part_of_the_output() {
    let mut sample = RequestSample {
        reasoning_tokens: of(30, CountSource::Usage),
        hidden_reasoning: true,
        ..RequestSample::default()
    };
    bytes().0.fill(&mut sample, &Uncounted { reasoning: "".into(), ..texts() });
    assert_eq!(sample.output_tokens, of(35, CountSource::Local));
    assert_eq!(sample.reasoning_tokens, of(30, CountSource::Usage));
}

#[test]
fn the_same_first_event_is_counted_once() {
    let (mut count, n_asked) = bytes();
    let texts = Uncounted { first_event: " The".into(), ..Uncounted::default() };
    for _ in 0..3 {
        let mut sample = RequestSample {
            prompt_tokens: of(3, CountSource::Usage),
            output_tokens: of(5, CountSource::Usage),
            ..RequestSample::default()
        };
        count.fill(&mut sample, &texts);
        assert_eq!(sample.first_event_tokens, Some(4));
    }
    assert_eq!(n_asked.get(), 1);
}

#[test]
fn an_estimate_is_never_above_what_was_asked_for() {
    let long = Uncounted { answer: "one two three four five".into(), ..texts() };
    let of_words = |max_tokens| {
        let sample = filled(&mut count(None), &Uncounted { max_tokens, ..long.clone() });
        (sample.output_tokens.unwrap().n, sample.reasoning_tokens.unwrap().n)
    };
    assert_eq!((of_words(None), of_words(Some(8)), of_words(Some(2))), ((10, 3), (8, 3), (2, 2)));
    let counted = Uncounted { max_tokens: Some(2), ..long };
    assert_eq!(filled(&mut bytes().0, &counted).output_tokens, of(27, CountSource::Local));
}
