//! The requests of a load point, made from a shape or taken from a trace.

use std::fmt;
use std::sync::Arc;

use tokmark_model::{CacheMode, Message, Nanos, ToolDefinition};

use crate::fit::{Counter, LengthBasis};
use crate::prompt::unique_opening;
use crate::{Shape, Trace, WorkloadError};

mod conversation;
mod from_shape;
mod from_trace;

/// A tokenizer that may be asked from any thread: the tokens of a text, special tokens left out;
/// `None` when it cannot tell.
pub type Tokenizer = Arc<dyn Fn(&str) -> Option<usize> + Send + Sync>;

/// A request as it is to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedRequest {
    /// What is said, history included.
    pub messages: Vec<Message>,
    /// Tools that the model may call.
    pub tools: Arc<[ToolDefinition]>,
    /// Tokens to be generated, at least 1.
    pub max_tokens: u32,
    /// Tokens that the prompt was made for, messages and tool definitions together, chat
    /// template left out. Of a recorded text or a history: their count.
    pub n_prompt_target: u32,
    /// How prompt tokens were counted while the request was made.
    pub basis: LengthBasis,
    /// Sampling temperature; absent where the server's own stands.
    pub temperature: Option<f64>,
    /// The conversation.
    pub session: u32,
    /// Position in it, from 0.
    pub turn: u32,
    /// When it is due, since the start of the trace. `None` where nothing says it; and then a
    /// later turn is due when the answer before it is there.
    pub due: Option<Nanos>,
}

/// What decides the text of requests, beside their shape or trace.
#[derive(Clone, Default)]
pub struct SourceOptions {
    /// Of all text. The same seed gives the same requests, so that a server which has seen a
    /// seed once may know its prompts: another run should have another seed.
    pub seed: u64,
    /// What the requests do with the server's prefix cache.
    pub cache: CacheMode,
    /// Counts the tokens of generated text; without one they are assumed.
    pub tokenizer: Option<Tokenizer>,
}

impl fmt::Debug for SourceOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceOptions")
            .field("seed", &self.seed)
            .field("cache", &self.cache)
            .field("tokenizer", &self.tokenizer.is_some())
            .finish()
    }
}

#[derive(Debug, Clone)]
enum Origin {
    Shape {
        shape: Arc<Shape>,
        n_tool_tokens: usize,
    },
    /// With the turns of its longest conversation.
    Trace {
        trace: Arc<Trace>,
        longest: u64,
    },
}

/// Makes the requests of a load point. The same origin, options and tokenizer give the same
/// bytes on every platform, whatever was asked before.
///
/// Text is made when it is asked for. With a tokenizer a message is counted some five to ten
/// times, so a load that must be on time makes its requests ahead.
///
/// What [`CacheMode`] does:
/// - `Bust`: the first message, and the description of the first tool, begin with
///   [`unique_opening`]; all other text is the request's own too. A later turn gets a new opening, so that
///   not even its own history can be reused.
/// - `Share`: the first `share` of the mean prompt length is the same text in all requests, tool
///   definitions counted first; behind it comes the opening and the request's own text. A share
///   of 1 makes all prompts of one length equal.
/// - `Keep`: sessions repeat the texts of the first [`N_KEPT_PROMPTS`](crate::N_KEPT_PROMPTS);
///   a trace is sent as it is.
#[derive(Debug, Clone)]
pub struct PromptSource {
    origin: Origin,
    options: SourceOptions,
    tools: Arc<[ToolDefinition]>,
}

impl PromptSource {
    /// Requests of `shape`, without end.
    ///
    /// # Errors
    /// When the shape or the share is out of range.
    pub fn from_shape(shape: Shape, options: SourceOptions) -> Result<Self, WorkloadError> {
        shape.check()?;
        match options.cache {
            CacheMode::Share { share } if !(0.0..=1.0).contains(&share) => {
                return Err(cache_fault(format!("a share of {share} is not 0 to 1")));
            }
            _ => {}
        }
        let tools = shape.tools.clone().into();
        let mut source = PromptSource {
            origin: Origin::Shape { shape: Arc::new(shape), n_tool_tokens: 0 },
            options,
            tools,
        };
        let counted = source.count_tools();
        if let Origin::Shape { n_tool_tokens, .. } = &mut source.origin {
            *n_tool_tokens = counted;
        }
        Ok(source)
    }

    /// Requests of `trace`, session after session by their first times.
    ///
    /// # Errors
    /// For [`CacheMode::Share`]: a trace has the shared prefixes that it has.
    pub fn from_trace(trace: Trace, options: SourceOptions) -> Result<Self, WorkloadError> {
        if matches!(options.cache, CacheMode::Share { .. }) {
            let problem = "a trace has its own shared prefixes; use keep, or bust for none";
            return Err(cache_fault(problem.to_owned()));
        }
        if trace.sessions.is_empty() || trace.sessions.iter().any(|s| s.turns.is_empty()) {
            let reason = "it has no conversation, or one without a turn".to_owned();
            return Err(WorkloadError::EmptyTrace { reason });
        }
        let longest = trace.sessions.iter().map(|session| session.turns.len() as u64).max();
        let origin = Origin::Trace { trace: Arc::new(trace), longest: longest.unwrap_or_default() };
        Ok(PromptSource { origin, options, tools: Arc::new([]) })
    }

    /// The first request of conversation number `index`; of a shape of single requests, request
    /// number `index`. The session is the lower 32 bits of `index`.
    pub fn request(&self, index: u64) -> PlannedRequest {
        self.first(index as u32)
    }

    /// The first request of a conversation. A trace begins again after its last session, then
    /// without due times.
    pub fn first(&self, session: u32) -> PlannedRequest {
        match &self.origin {
            Origin::Shape { shape, .. } => self.first_of_shape(shape, session),
            Origin::Trace { trace, .. } => self.first_of_trace(trace, session),
        }
    }

    /// Request number `turn` of a conversation, 1 being the second: `history`, the messages of
    /// the request before it as they were sent; `answer`, what the model said; and what is new.
    /// Tools that the model called are answered with generated results, one for each call,
    /// instead of a message of the user. `None` when the conversation is over.
    ///
    /// Call arguments in the answer that are no JSON object become `{}`, and missing ids are
    /// made up, because servers refuse such a history. A recorded turn that has whole messages
    /// is sent as it was recorded.
    pub fn follow_up(
        &self,
        session: u32,
        turn: u32,
        history: &[Message],
        answer: &Message,
    ) -> Option<PlannedRequest> {
        if turn == 0 || turn >= self.n_turns(session) {
            return None;
        }
        match &self.origin {
            Origin::Shape { shape, .. } => {
                Some(self.next_of_shape(shape, session, turn, history, answer))
            }
            Origin::Trace { trace, .. } => {
                self.next_of_trace(trace, session, turn, history, answer)
            }
        }
    }

    /// Conversations of the trace; `None` for a shape, which has no end.
    pub fn n_sessions(&self) -> Option<u32> {
        match &self.origin {
            Origin::Shape { .. } => None,
            Origin::Trace { trace, .. } => {
                Some(u32::try_from(trace.sessions.len()).unwrap_or(u32::MAX))
            }
        }
    }

    /// Requests of a conversation.
    pub fn n_turns(&self, session: u32) -> u32 {
        match &self.origin {
            Origin::Shape { shape, .. } => shape.turns,
            Origin::Trace { trace, .. } => trace.session(session).turns.len() as u32,
        }
    }

    /// Mean prompt length of the first requests; `None` for a trace of recorded text.
    pub fn mean_prompt_tokens(&self) -> Option<u32> {
        match &self.origin {
            Origin::Shape { shape, .. } => Some(shape.prompt_tokens.mean()),
            Origin::Trace { trace, .. } => trace.mean_prompt_tokens(),
        }
    }

    /// Mean number of tokens to be generated.
    pub fn mean_output_tokens(&self) -> u32 {
        match &self.origin {
            Origin::Shape { shape, .. } => shape.output_tokens.mean(),
            Origin::Trace { trace, .. } => trace.mean_output_tokens(),
        }
    }

    fn counter(&self) -> Counter<'_> {
        Counter::new(self.options.tokenizer.as_deref().map(|tokenizer| tokenizer as _))
    }

    /// The opening of request `number` where the cache is to be missed.
    fn bust_opening(&self, number: u64) -> Option<String> {
        let is_bust = self.options.cache == CacheMode::Bust;
        is_bust.then(|| unique_opening(self.options.seed, number))
    }
}

fn cache_fault(problem: String) -> WorkloadError {
    WorkloadError::Cache { problem }
}
