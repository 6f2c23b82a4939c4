//! Prompts: real text of a wanted length, which the server's prefix cache does or does not
//! know, as asked.

use tokmark_model::{CacheMode, Message, ToolCall};

use crate::arguments::arguments;
use crate::body::{Body, Style, capitalized};
use crate::fit::{CountTokens, Counter, Draft, LengthBasis, append, fit};
use crate::random::{Purpose, Random, salted, scatter};
use crate::shape::Content;
use crate::vocabulary::VOCABULARY;

/// Prompts that [`CacheMode::Keep`] and [`CacheMode::Own`] go through in turn.
pub const N_KEPT_PROMPTS: u64 = 16;

/// A generated text and its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptText {
    /// The text.
    pub text: String,
    /// Its tokens, special tokens left out.
    pub n_tokens: usize,
    /// How they are known.
    pub basis: LengthBasis,
}

/// A single text of about `n_tokens` tokens: within 2 tokens or 2 % of it, the larger of the
/// two, from 16 tokens on. The same arguments and tokenizer give the same bytes everywhere.
///
/// `number` is the request's. What is unique about it follows `cache` as
/// [`PromptSource`](crate::PromptSource) describes.
pub fn write_text(
    content: Content,
    seed: u64,
    number: u64,
    n_tokens: u32,
    cache: CacheMode,
    tokenizer: Option<CountTokens>,
) -> PromptText {
    let n_shared = shared_tokens(cache, n_tokens);
    let key = text_key(cache, number);
    let opening = opening_for(seed, 0, number as u32, cache);
    let mut composer = Composer::new(seed, key, opening, n_shared, Counter::new(tokenizer));
    let text = composer.text(content.style(), n_tokens as usize);
    PromptText { text, n_tokens: composer.n_done, basis: composer.counter.basis() }
}

/// Four short words that no other number of this seed and nonce has: `Amber canyon pillow mint:`.
/// Another nonce gives other words to each number.
pub fn unique_opening(seed: u64, nonce: u32, number: u32) -> String {
    let words = scatter(salted(seed, nonce), number)
        .to_be_bytes()
        .map(|byte| VOCABULARY.openings[usize::from(byte)])
        .join(" ");
    format!("{}:", capitalized(&words))
}

/// What stands where the unique text of conversation `number` begins.
pub(crate) fn opening_for(seed: u64, nonce: u32, number: u32, cache: CacheMode) -> Option<String> {
    match cache {
        CacheMode::Bust | CacheMode::Share { .. } => Some(unique_opening(seed, nonce, number)),
        CacheMode::Own => Some(unique_opening(seed, nonce, 0)),
        CacheMode::Keep => None,
    }
}

/// Tokens at the beginning of a prompt of `n_prompt` that are the same for all requests.
pub(crate) fn shared_tokens(cache: CacheMode, n_prompt: u32) -> usize {
    match cache {
        CacheMode::Share { share } => (f64::from(n_prompt) * share).round() as usize,
        CacheMode::Bust | CacheMode::Own | CacheMode::Keep => 0,
    }
}

/// The number that decides the own text of request `number`: itself, or one of a few.
pub(crate) fn text_key(cache: CacheMode, number: u64) -> u64 {
    match cache {
        CacheMode::Own | CacheMode::Keep => number % N_KEPT_PROMPTS,
        CacheMode::Bust | CacheMode::Share { .. } => number,
    }
}

/// Writes the parts of one request from first to last.
pub(crate) struct Composer<'a> {
    pub(crate) counter: Counter<'a>,
    seed: u64,
    key: u64,
    /// Taken when the request's own text begins.
    opening: Option<String>,
    /// Tokens at the beginning that all requests share.
    n_shared: usize,
    /// Tokens written so far.
    pub(crate) n_done: usize,
    n_parts: u64,
}

impl<'a> Composer<'a> {
    /// `key` decides the request's own text; `opening` stands where that begins.
    pub(crate) fn new(
        seed: u64,
        key: u64,
        opening: Option<String>,
        n_shared: usize,
        counter: Counter<'a>,
    ) -> Self {
        Composer { counter, seed, key, opening, n_shared, n_done: 0, n_parts: 0 }
    }

    /// The next message, of about `n_tokens` tokens.
    pub(crate) fn text(&mut self, style: Style, n_tokens: usize) -> String {
        let shared = self.shared_part(n_tokens);
        let (text, n_written) = if shared >= n_tokens {
            let draft = self.draft(Purpose::CommonText, style);
            fit(draft, n_tokens, &self.counter)
        } else {
            let mut own = self.draft(Purpose::OwnText, style);
            if shared > 0 {
                let common = Draft { ask: String::new(), ..self.draft(Purpose::CommonText, style) };
                own.head = fit(common, shared, &self.counter).0;
            }
            if let Some(opening) = self.opening.take() {
                let lead = if own.head.ends_with("```") { "\n" } else { " " };
                append(&mut own.head, lead, &opening);
            }
            fit(own, n_tokens, &self.counter)
        };
        self.n_done += n_written;
        self.n_parts += 1;
        text
    }

    /// Tokens of a message of `n_tokens` that are shared. A message that is partly unique has
    /// room for its opening.
    fn shared_part(&self, n_tokens: usize) -> usize {
        let shared = self.n_shared.saturating_sub(self.n_done);
        if shared >= n_tokens {
            return n_tokens;
        }
        let opening = self.opening.as_ref().map_or(0, |text| self.counter.count(text));
        shared.min(n_tokens.saturating_sub(opening))
    }

    /// Arguments of a tool call in the history.
    pub(crate) fn call_arguments(&mut self, parameters: &serde_json::Value) -> String {
        let purpose =
            if self.n_done < self.n_shared { Purpose::CommonCall } else { Purpose::OwnCall };
        let text = arguments(parameters, &mut self.random(purpose, 0));
        self.n_parts += 1;
        text
    }

    /// Counts text that was not written here.
    pub(crate) fn add(&mut self, text: &str) {
        if !text.is_empty() {
            self.n_done += self.counter.count(text);
        }
    }

    /// Counts a message that is there already.
    pub(crate) fn add_message(&mut self, message: &Message) {
        self.add(&message.content);
        for call in &message.tool_calls {
            self.add_call(call);
        }
    }

    /// Counts a tool call: its name and arguments.
    pub(crate) fn add_call(&mut self, call: &ToolCall) {
        self.add(&call.name);
        self.add(&call.arguments);
    }

    /// For messages behind a history: that is unique already, or shared as it is.
    pub(crate) fn behind_history(mut self) -> Self {
        self.opening = None;
        self.n_shared = 0;
        self
    }

    fn draft(&self, purpose: Purpose, style: Style) -> Draft {
        Draft {
            style,
            head: String::new(),
            body: Body::new(style, self.random(purpose, 0)),
            filler: self.random(purpose, 1),
            ask: style.ask(&mut self.random(purpose, 2)),
        }
    }

    fn random(&self, purpose: Purpose, stream: u64) -> Random {
        match purpose {
            Purpose::CommonText | Purpose::CommonCall => {
                Random::new(self.seed, purpose, &[self.n_parts, stream])
            }
            _ => Random::new(self.seed, purpose, &[self.key, self.n_parts, stream]),
        }
    }
}

#[cfg(test)]
mod tests;
