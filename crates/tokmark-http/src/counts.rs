//! Which of a server's counts of tokens can be true.

use tokmark_model::{CountSource, Message, RequestSample, ServerTimes, TokenCount};
use tokmark_wire::Usage;

/// Tokens by which an answer may be longer than asked: some servers count the one that ends it.
const TOKENS_OVER: u32 = 1;
/// Words that one token may hold on average. A few vocabularies join short words.
const WORDS_PER_TOKEN: u64 = 2;
/// Prompt tokens beyond one for each byte sent, for what a server puts before every prompt.
const PROMPT_TOKENS_OVER: u64 = 1 << 16;

/// What the client saw of a request, against which counts are held.
pub(crate) struct Seen<'a> {
    /// Most tokens that were asked for.
    pub(crate) max_tokens: u32,
    /// Bytes of the whole request.
    pub(crate) n_request_bytes: usize,
    /// The answer, reasoning left out.
    pub(crate) answer: &'a Message,
    /// Streamed reasoning.
    pub(crate) reasoning: &'a str,
}

/// Fills the counts of `sample` from what the server says, as far as that can be true. What
/// can't is left out, to be counted by somebody else, and marked.
pub(crate) fn take_counts(
    sample: &mut RequestSample,
    usage: Option<Usage>,
    times: &ServerTimes,
    seen: &Seen<'_>,
) {
    let usage = usage.unwrap_or_default();
    let mut is_doubted = false;
    let mut believe = |n: Option<u32>, is_possible: bool| {
        is_doubted |= n.is_some() && !is_possible;
        n.filter(|_| is_possible)
    };
    let hidden = usage.reasoning_tokens.filter(|_| seen.reasoning.is_empty()).unwrap_or(0);
    let output = |n: Option<u32>| n.is_none_or(|n| seen.can_have_said(sample, n, hidden));
    let told = believe(usage.completion_tokens, output(usage.completion_tokens));
    let told = told.or_else(|| times.n_generated.filter(|n| output(Some(*n))));
    let prompt = usage.prompt_tokens;
    let prompt = believe(prompt, prompt.is_none_or(|n| seen.can_have_asked(n)));
    let fits = |part: Option<u32>, whole: Option<u32>| {
        part.zip(whole).is_none_or(|(part, whole)| part <= whole)
    };
    let reasoning = usage.reasoning_tokens.filter(|_| told.is_some());
    let reasoning = believe(reasoning, fits(reasoning, told));
    let cached = usage.cached_tokens;
    let cached = believe(cached, fits(cached, usage.prompt_tokens));
    let count = |n: u32| TokenCount { n, source: CountSource::Usage };
    sample.prompt_tokens = prompt.map(count);
    sample.output_tokens = told.map(count);
    sample.reasoning_tokens = reasoning.map(count);
    sample.cached_tokens = cached;
    sample.usage_doubted = is_doubted && sample.is_ok();
}

impl Seen<'_> {
    /// Whether `n` tokens, of which `hidden` were not streamed, can be those of the answer.
    ///
    /// Too few: none beside text, or far fewer than words. Too many: more than were asked for,
    /// unless the events alone are more, so that the server does not hold to that.
    fn can_have_said(&self, sample: &RequestSample, n: u32, hidden: u32) -> bool {
        let Some(streamed) = n.checked_sub(hidden) else { return false };
        if sample.n_text_events == 0 {
            return true;
        }
        let is_too_few =
            streamed == 0 || u64::from(streamed) * WORDS_PER_TOKEN < self.n_answer_words();
        let most = self.max_tokens.saturating_add(TOKENS_OVER);
        let is_too_many = if sample.n_text_events > most {
            u64::from(streamed) > self.n_answer_bytes() + PROMPT_TOKENS_OVER
        } else {
            streamed > most
        };
        !is_too_few && !is_too_many
    }

    fn can_have_asked(&self, n: u32) -> bool {
        n > 0 && u64::from(n) <= self.n_request_bytes as u64 + PROMPT_TOKENS_OVER
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let calls = self.answer.tool_calls.iter();
        let calls = calls.flat_map(|call| [call.name.as_str(), call.arguments.as_str()]);
        [self.reasoning, self.answer.content.as_str()].into_iter().chain(calls)
    }

    fn n_answer_words(&self) -> u64 {
        self.texts().map(|text| text.split_whitespace().count() as u64).sum()
    }

    fn n_answer_bytes(&self) -> u64 {
        self.texts().map(|text| text.len() as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use tokmark_model::Role;

    use super::*;

    /// An answer of 12 words in 12 events to a request of 400 bytes for 12 tokens.
    fn taken(usage: Usage) -> RequestSample {
        let mut sample = RequestSample { n_text_events: 12, ..RequestSample::default() };
        let answer = Message::text(Role::Assistant, "word ".repeat(12));
        let seen = Seen { max_tokens: 12, n_request_bytes: 400, answer: &answer, reasoning: "" };
        take_counts(&mut sample, Some(usage), &ServerTimes::default(), &seen);
        sample
    }

    fn of(n: u32) -> Usage {
        Usage { prompt_tokens: Some(30), completion_tokens: Some(n), ..Usage::default() }
    }

    #[test]
    fn counts_that_can_be_true_are_taken() {
        for n in [6, 12, 13] {
            let sample = taken(of(n));
            assert_eq!(sample.output_tokens.map(|count| count.n), Some(n));
            assert!(!sample.usage_doubted);
        }
        let hidden = taken(Usage { reasoning_tokens: Some(500), ..of(512) });
        assert_eq!((hidden.output_tokens.unwrap().n, hidden.usage_doubted), (512, false));
        let untold = taken(Usage::default());
        assert_eq!((untold.output_tokens, untold.usage_doubted), (None, false));
    }

    #[test]
    fn counts_that_cannot_be_true_are_left_to_others() {
        for n in [0, 1, 5, 14, 31, 4_000_000_000] {
            let sample = taken(of(n));
            assert_eq!((sample.output_tokens, sample.usage_doubted), (None, true), "{n}");
            assert_eq!(sample.prompt_tokens.map(|count| count.n), Some(30));
        }
        for n in [0, 1 << 17] {
            let sample = taken(Usage { prompt_tokens: Some(n), ..of(12) });
            assert_eq!((sample.prompt_tokens, sample.usage_doubted), (None, true), "{n}");
        }
        let sample = taken(Usage { cached_tokens: Some(31), ..of(12) });
        assert_eq!((sample.cached_tokens, sample.usage_doubted), (None, true));
    }

    #[test]
    fn a_server_that_ignores_the_limit_is_believed_as_far_as_its_events_go() {
        let mut sample = RequestSample { n_text_events: 40, ..RequestSample::default() };
        let answer = Message::text(Role::Assistant, "word ".repeat(40));
        let seen = Seen { max_tokens: 12, n_request_bytes: 400, answer: &answer, reasoning: "" };
        take_counts(&mut sample, Some(of(41)), &ServerTimes::default(), &seen);
        assert_eq!(sample.output_tokens.unwrap().n, 41);
        take_counts(&mut sample, Some(of(u32::MAX)), &ServerTimes::default(), &seen);
        assert_eq!((sample.output_tokens, sample.usage_doubted), (None, true));
    }

    #[test]
    fn the_servers_other_count_stands_in_where_it_can_be_true() {
        let mut sample = RequestSample { n_text_events: 12, ..RequestSample::default() };
        let answer = Message::text(Role::Assistant, "word ".repeat(12));
        let seen = Seen { max_tokens: 12, n_request_bytes: 400, answer: &answer, reasoning: "" };
        let times = ServerTimes { n_generated: Some(12), ..ServerTimes::default() };
        take_counts(&mut sample, Some(of(0)), &times, &seen);
        assert_eq!((sample.output_tokens.unwrap().n, sample.usage_doubted), (12, true));
    }
}
