//! The requests of a load point, made from a shape or taken from a trace.

use std::fmt;
use std::sync::Arc;

use tokmark_model::{CacheMode, Message, Nanos, ToolDefinition};

use crate::fit::{Counter, LengthBasis};
use crate::prompt::opening_for;
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
    /// Of all text.
    pub seed: u64,
    /// With the seed, of the openings. A server that has seen a seed and a nonce may know their
    /// prompts, so each run should have another nonce; the text behind the openings stays the
    /// same. 0 for none.
    pub nonce: u32,
    /// What the requests do with the server's prefix cache.
    pub cache: CacheMode,
    /// Counts the tokens of generated text; without one they are assumed.
    pub tokenizer: Option<Tokenizer>,
}

impl fmt::Debug for SourceOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceOptions")
            .field("seed", &self.seed)
            .field("nonce", &self.nonce)
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
/// - `Bust`: the first message of a conversation, and the description of the first tool, begin
///   with [`unique_opening`](crate::unique_opening); all other text is its own too. Later turns
///   keep the opening, so that a history is re-sent as it was.
/// - `Share`: the first `share` of the mean prompt length is the same text in all requests, tool
///   definitions counted first; behind it comes the opening and the request's own text. A share
///   of 1 makes all prompts of one length equal.
/// - `Own`: as `Keep`, behind one opening that all conversations have. A trace that begins again
///   begins with another.
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
            let problem = "a trace has its own shared prefixes; use own or keep, or bust for none";
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

    /// The same requests with other openings.
    pub fn with_nonce(&self, nonce: u32) -> Self {
        let options = SourceOptions { nonce, ..self.options.clone() };
        PromptSource { options, ..self.clone() }
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

    /// Requests of the trace, turns included; `None` for a shape.
    pub fn n_requests(&self) -> Option<u64> {
        match &self.origin {
            Origin::Shape { .. } => None,
            Origin::Trace { trace, .. } => Some(trace.n_requests() as u64),
        }
    }

    /// Requests of a conversation.
    pub fn n_turns(&self, session: u32) -> u32 {
        match &self.origin {
            Origin::Shape { shape, .. } => shape.turns,
            Origin::Trace { trace, .. } => trace.session(session).turns.len() as u32,
        }
    }

    /// Requests of the longest conversation.
    pub fn most_turns(&self) -> u32 {
        match &self.origin {
            Origin::Shape { shape, .. } => shape.turns,
            Origin::Trace { longest, .. } => u32::try_from(*longest).unwrap_or(u32::MAX),
        }
    }

    /// Share of the first prompts' text that a trace repeats from its own earlier ones; `None`
    /// for a shape, and where no prompt is as the trace has it.
    pub fn repeated_share(&self) -> Option<f64> {
        match (&self.origin, self.options.cache) {
            (Origin::Trace { trace, .. }, CacheMode::Own | CacheMode::Keep) => {
                trace.repeated_share()
            }
            _ => None,
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

    /// What stands before everything else in a conversation, where anything does.
    fn front_opening(&self, session: u32) -> Option<String> {
        let SourceOptions { seed, nonce, cache, .. } = self.options;
        let round = self.n_sessions().map_or(0, |n| session / n.max(1));
        match cache {
            CacheMode::Bust => opening_for(seed, nonce, session, cache),
            CacheMode::Own => Some(crate::unique_opening(seed, nonce, round)),
            CacheMode::Share { .. } | CacheMode::Keep => None,
        }
    }
}

fn cache_fault(problem: String) -> WorkloadError {
    WorkloadError::Cache { problem }
}
