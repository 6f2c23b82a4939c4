//! Tokens that the server did not count, counted when the point is over.
//!
//! The best source that has an answer counts: the tokenizer of the server or of the user, else
//! the words. Texts hold neither the marks of a chat template nor those between reasoning,
//! answer and tool calls, so that such a count is some tokens below what a server would say;
//! only a prompt whose server knows its template is whole.

use std::collections::HashMap;
use std::sync::Arc;

use tokmark_http::{Endpoint, FinishedLog, HttpError, ServerTokenizer, Uncounted};
use tokmark_model::{Api, CountSource, RequestSample, TokenCount};
use tokmark_run::Interrupt;
use tokmark_tokenizer::LocalTokenizer;

use super::LoadObserver;

/// Tokens of a word, where nothing better is known.
const TOKENS_PER_WORD: f64 = 1.3;
/// First events are short and repeat; counts of texts up to this length are remembered.
const MOST_REMEMBERED_BYTES: usize = 64;

/// Counts the tokens of texts.
pub(super) trait TokenCounter {
    /// What its counts are called in a record.
    fn source(&self) -> CountSource;

    /// Tokens of `text`; `None` where it can't tell.
    fn count_text(&mut self, text: &str) -> Option<u32>;

    /// Tokens of a prompt that was sent through `api`; by default those of its text, the chat
    /// template left out.
    fn count_prompt(&mut self, prompt: &Uncounted<'_>, api: Api) -> Option<u32> {
        self.count_text(&prompt.prompt_text(api))
    }
}

impl TokenCounter for ServerTokenizer {
    fn source(&self) -> CountSource {
        CountSource::Server
    }

    fn count_text(&mut self, text: &str) -> Option<u32> {
        ServerTokenizer::count_text(self, text)
    }

    fn count_prompt(&mut self, prompt: &Uncounted<'_>, api: Api) -> Option<u32> {
        ServerTokenizer::count_prompt(self, prompt, api)
    }
}

/// Knows no chat template: its prompts lack those tokens.
impl TokenCounter for Arc<LocalTokenizer> {
    fn source(&self) -> CountSource {
        CountSource::Local
    }

    fn count_text(&mut self, text: &str) -> Option<u32> {
        self.count(text)
    }
}

/// Words x 1.3, whatever the model; at least 1 unless the text is empty.
struct Words;

impl TokenCounter for Words {
    fn source(&self) -> CountSource {
        CountSource::Estimated
    }

    fn count_text(&mut self, text: &str) -> Option<u32> {
        let n_words = text.split_whitespace().count();
        let n = (n_words as f64 * TOKENS_PER_WORD).round() as u32;
        Some(n.max(u32::from(!text.is_empty())))
    }
}

/// Fills in what the server did not count of the requests in `log`: by `local` where the user
/// gave one, else by the server's tokenizer, else by the words. After a second Ctrl-C only the
/// words are counted.
///
/// # Errors
/// When no runtime can be started, or the log can't be read or written.
pub(super) fn count_tokens(
    log: &mut FinishedLog,
    endpoint: &Endpoint,
    local: Option<&Arc<LocalTokenizer>>,
    api: Api,
    interrupt: &Interrupt,
    observer: &mut dyn LoadObserver,
) -> Result<(), HttpError> {
    let can_tokenize = local.is_some() || endpoint.abilities().tokenizer.is_some();
    let n_uncounted = log.n_uncounted(can_tokenize);
    if n_uncounted == 0 {
        return Ok(());
    }
    observer.counting(n_uncounted);
    let tokenizer: Option<Box<dyn TokenCounter>> = match local {
        Some(local) => Some(Box::new(local.clone())),
        None => match ServerTokenizer::new(endpoint)? {
            Some(server) => Some(Box::new(server)),
            None => None,
        },
    };
    let mut count = Count { tokenizer, api, remembered: HashMap::new() };
    let counted = log.count(&mut |sample, texts| {
        if interrupt.is_idle_and_urgent() {
            count.tokenizer = None;
        }
        count.fill(sample, texts);
    });
    counted.map_err(|source| HttpError::System { what: "cannot count the tokens", source })
}

/// The counts of one point.
struct Count {
    /// What really counts, where there is anything.
    tokenizer: Option<Box<dyn TokenCounter>>,
    api: Api,
    /// Counts of short texts.
    remembered: HashMap<String, Option<u32>>,
}

/// Output with the reasoning in it.
struct Output {
    all: TokenCount,
    reasoning: TokenCount,
}

impl Count {
    fn fill(&mut self, sample: &mut RequestSample, texts: &Uncounted<'_>) {
        if sample.prompt_tokens.is_none() {
            sample.prompt_tokens = self.prompt(texts);
        }
        if sample.output_tokens.is_none() {
            if let Some(Output { mut all, reasoning }) = self.output(texts) {
                if !texts.reasoning.is_empty() {
                    sample.reasoning_tokens.get_or_insert(reasoning);
                }
                // What was not streamed is in no text.
                let hidden = sample.reasoning_tokens.filter(|_| sample.hidden_reasoning);
                all.n = all.n.saturating_add(hidden.map_or(0, |count| count.n));
                sample.output_tokens = Some(all);
            }
        } else if sample.reasoning_tokens.is_none() && !texts.reasoning.is_empty() {
            // Words are no measure of a part of what the server counted in tokens.
            sample.reasoning_tokens = self.tokenized(&texts.reasoning);
        }
        if sample.first_event_tokens.is_none() && !texts.first_event.is_empty() {
            let count = self.first_event(&texts.first_event);
            sample.first_event_tokens = count.filter(|n| *n > 0);
        }
    }

    fn prompt(&mut self, texts: &Uncounted<'_>) -> Option<TokenCount> {
        let api = self.api;
        self.best(&mut |counter| {
            let n = counter.count_prompt(texts, api)?;
            Some(TokenCount { n, source: counter.source() })
        })
    }

    /// All of it by one source: a sum of two would be neither.
    fn output(&mut self, texts: &Uncounted<'_>) -> Option<Output> {
        let calls = texts.calls_text();
        self.best(&mut |counter| {
            let mut count = |text: &str| match text {
                "" => Some(0),
                text => counter.count_text(text),
            };
            let reasoning = count(&texts.reasoning)?;
            let n = reasoning.checked_add(count(&texts.answer)?)?.checked_add(count(&calls)?)?;
            let source = counter.source();
            // No server gives more than it was asked for; words may.
            let most = texts.max_tokens.filter(|_| source == CountSource::Estimated);
            let most = most.unwrap_or(u32::MAX);
            let own = |n: u32| TokenCount { n: n.min(most), source };
            let (all, reasoning) = (own(n), own(reasoning));
            Some(Output { all, reasoning })
        })
    }

    fn tokenized(&mut self, text: &str) -> Option<TokenCount> {
        let counter = self.tokenizer.as_mut()?;
        Some(TokenCount { n: counter.count_text(text)?, source: counter.source() })
    }

    /// By a tokenizer or not at all: without a count one token is assumed.
    fn first_event(&mut self, text: &str) -> Option<u32> {
        if text.len() > MOST_REMEMBERED_BYTES {
            return self.tokenized(text).map(|count| count.n);
        }
        if let Some(known) = self.remembered.get(text) {
            return *known;
        }
        let n = self.tokenized(text).map(|count| count.n);
        self.remembered.insert(text.to_owned(), n);
        n
    }

    /// What the first source that has an answer says.
    fn best<T>(&mut self, ask: &mut dyn FnMut(&mut dyn TokenCounter) -> Option<T>) -> Option<T> {
        let real = self.tokenizer.as_mut().and_then(|tokenizer| ask(tokenizer.as_mut()));
        real.or_else(|| ask(&mut Words))
    }
}

#[cfg(test)]
mod tests;
