//! What was measured of each request, as columns of a record.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Nanos;

/// Where a count of tokens comes from, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountSource {
    /// The server's `usage`, or its own final counts.
    Usage,
    /// The server's tokenizer endpoint.
    Server,
    /// A local tokenizer of the model.
    Local,
    /// Words x 1.3.
    Estimated,
}

/// A count of tokens with its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenCount {
    /// Tokens.
    pub n: u32,
    /// Who counted.
    pub source: CountSource,
}

/// Why a request brought no answer. An errored request enters no latency figure.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum RequestError {
    /// No connection: refused, no route, name unknown.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// Not over within the time limit.
    Timeout,
    /// An HTTP status other than success.
    Status {
        /// The status.
        code: u16,
    },
    /// The connection ended before the answer did.
    BrokenStream,
    /// An event or body that is no valid answer.
    Malformed,
    /// An error that the server reports inside the stream.
    Server,
    /// A whole answer without any text.
    Empty,
    /// Ended by the user or by the end of the run.
    Cut,
}

impl RequestError {
    /// The word of tables: `connect`, `http 429`, `broken stream`.
    pub fn label(&self) -> String {
        match self {
            RequestError::Connect => "connect".to_owned(),
            RequestError::Tls => "tls".to_owned(),
            RequestError::Timeout => "timeout".to_owned(),
            RequestError::Status { code } => format!("http {code}"),
            RequestError::BrokenStream => "broken stream".to_owned(),
            RequestError::Malformed => "malformed event".to_owned(),
            RequestError::Server => "server error".to_owned(),
            RequestError::Empty => "empty answer".to_owned(),
            RequestError::Cut => "cut".to_owned(),
        }
    }
}

/// Times and counts that a server reports of itself. Never mixed with those of the client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ServerTimes {
    /// Prompt tokens processed, cached ones left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_prompt: Option<u32>,
    /// Time for them and the first token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_ns: Option<Nanos>,
    /// Tokens generated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_generated: Option<u32>,
    /// From the first of them to the last; the first is part of `prompt_ns`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation_ns: Option<Nanos>,
    /// Time to load the model for this request (Ollama).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_ns: Option<Nanos>,
    /// The whole request (Ollama).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_ns: Option<Nanos>,
    /// Tokens drafted by speculative decoding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_drafted: Option<u32>,
    /// Of those, accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_accepted: Option<u32>,
}

/// One request. All times are spans since the point's first due time, on the client's
/// monotonic clock, taken when bytes arrived.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RequestSample {
    /// When the schedule wanted it sent. In a closed loop when its slot became free.
    pub due_ns: Nanos,
    /// A later turn of a trace whose time had come before the answer that it follows was there:
    /// how long it had to wait for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_ns: Option<Nanos>,
    /// When its first byte was handed to the kernel. A connection made for it was open then.
    pub sent_ns: Nanos,
    /// The same of its first attempt, where that one was refused or its connection was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_sent_ns: Option<Nanos>,
    /// Time to open the connection, TLS included, where one was made for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_ns: Option<Nanos>,
    /// When the answer's headers were there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers_ns: Option<Nanos>,
    /// First event that carries generated text: reasoning, answer, or a tool call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_text_ns: Option<Nanos>,
    /// First event that carries answer text or a tool call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_answer_ns: Option<Nanos>,
    /// Last event that carries generated text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_text_ns: Option<Nanos>,
    /// Last event that carries answer text or a tool call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_answer_ns: Option<Nanos>,
    /// End of the stream, or of the attempt.
    pub end_ns: Nanos,
    /// Events that carry generated text.
    pub n_text_events: u32,
    /// Tokens of the first of them, where the server says so or a tokenizer counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_event_tokens: Option<u32>,
    /// Prompt tokens, template included where the server counted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<TokenCount>,
    /// All tokens generated, reasoning included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<TokenCount>,
    /// Of those, reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<TokenCount>,
    /// The reasoning was not streamed: it lies before the first event.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden_reasoning: bool,
    /// Reasoning text came, whether or not anybody counted its tokens.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub has_reasoned: bool,
    /// It closed a tag of reasoning that it had not opened: the chat template had.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub closed_unopened: bool,
    /// A stream was asked for and the answer came in one piece: its text events tell no time to
    /// the first token and none between tokens.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub in_one_piece: bool,
    /// Prompt tokens that the server took from its cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u32>,
    /// The server counted tokens as cannot be: none beside text, more than were asked for. What
    /// cannot be was counted by others.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub usage_doubted: bool,
    /// Which of several base URLs, counted from 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub replica: u32,
    /// Conversation, counted from 0.
    pub session: u32,
    /// Turn of the conversation, counted from 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub turn: u32,
    /// It was sent anew, because the connection that had been kept was closed at once: the server
    /// may have begun with it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub resent: bool,
    /// Attempts that the server refused before this one.
    #[serde(skip_serializing_if = "is_zero")]
    pub n_retries: u32,
    /// A new connection was made for it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub connected: bool,
    /// Bytes of the answer's body.
    pub body_bytes: u64,
    /// The server's reason to end: `stop`, `length`, `tool_calls`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
    /// Why there is no answer; absent for a good one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<RequestError>,
    /// What the server says of the error, cut short, without keys and headers; kept of the first
    /// request of each kind of error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What the server says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerTimes>,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl RequestSample {
    /// Whether it brought a whole answer.
    pub fn is_ok(&self) -> bool {
        self.error.is_none()
    }

    /// When its first attempt was sent: since then somebody has been waiting for it.
    pub fn first_sent(&self) -> Nanos {
        self.first_sent_ns.unwrap_or(self.sent_ns)
    }
}
