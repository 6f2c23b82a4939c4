//! What an answer is like: its times, its form and its faults.

use std::time::Duration;

/// Everything that one answer does. A server has one as its default; the header `x-stub` of a
/// request changes it for this request, in the words of [`MODES`](crate::MODES).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// From the last byte of the request to the first text event. 50 ms by default.
    pub ttft: Duration,
    /// From one text event to the next. 10 ms by default.
    pub itl: Duration,
    /// Text events of an answer, reasoning included, where the request sets no limit of tokens.
    /// 64 by default.
    pub n_events: u32,
    /// `n_events` holds whatever limit the request sets.
    pub fixed_length: bool,
    /// Tokens of each text event; each is one word. 1 by default.
    pub tokens_per_event: u32,
    /// Added to `ttft` for each word of the prompt that the prefix cache does not have.
    pub prefill_per_token: Duration,
    /// The event without text that opens a chat.
    pub opening: Opening,
    /// When the answer begins to show.
    pub beginning: Beginning,
    /// Reasoning before the answer.
    pub reasoning: Option<Reasoning>,
    /// Reasoning tokens that are not streamed: each takes one `itl` before the first text event
    /// and is counted in the usage alone.
    pub hidden_reasoning_tokens: u32,
    /// The finish event comes this much after the last text event.
    pub finish_delay: Duration,
    /// The usage event comes this much after the finish event.
    pub usage_delay: Duration,
    /// The finish reason lies in the last text event, and there is no finish event.
    pub finish_with_text: bool,
    /// What the server says of its tokens.
    pub usage: UsageReport,
    /// Cached prompt tokens that the usage claims, whatever the prefix cache had.
    pub cached_tokens: Option<u32>,
    /// The `timings` of llama.cpp claim as many drafted as generated tokens, and this share of
    /// them accepted.
    pub draft_acceptance_percent: Option<u32>,
    /// Whether `data: [DONE]` ends the stream, and the last object a stream of Ollama.
    pub ends_with_done: bool,
    /// Lines of events end with CR LF instead of LF.
    pub crlf: bool,
    /// A comment before the first and after each text event.
    pub comments: bool,
    /// Text events that go out together in one write, when the last of them is due.
    pub events_per_write: u32,
    /// One write for each byte.
    pub split_bytes: bool,
    /// No length and no chunks: the end of the connection ends the answer, as with HTTP/1.0.
    pub until_close: bool,
    /// Answers come in one piece although the request asks for a stream.
    pub ignores_stream: bool,
    /// The answer calls a tool instead of saying something.
    pub tool_call: bool,
    /// What goes wrong.
    pub fault: Option<Fault>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Behaviour {
            ttft: Duration::from_millis(50),
            itl: Duration::from_millis(10),
            n_events: 64,
            fixed_length: false,
            tokens_per_event: 1,
            prefill_per_token: Duration::ZERO,
            opening: Opening::Empty,
            beginning: Beginning::AtOnce,
            reasoning: None,
            hidden_reasoning_tokens: 0,
            finish_delay: Duration::ZERO,
            usage_delay: Duration::ZERO,
            finish_with_text: false,
            usage: UsageReport::AsAsked,
            cached_tokens: None,
            draft_acceptance_percent: None,
            ends_with_done: true,
            crlf: false,
            comments: false,
            events_per_write: 1,
            split_bytes: false,
            until_close: false,
            ignores_stream: false,
            tool_call: false,
            fault: None,
        }
    }
}

/// The event with a role and no text that opens a streamed chat. Completions and Ollama's own API
/// have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// No such event.
    Absent,
    /// `"content": ""`, as vLLM.
    Empty,
    /// `"content": null`, as llama.cpp.
    Null,
}

/// When the head of a streamed answer and its opening event are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// Both at once.
    AtOnce,
    /// The head at once, the opening event just before the first text event, as vLLM.
    LateOpening,
    /// Both just before the first text event, as llama.cpp.
    LateHead,
}

/// Reasoning before the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reasoning {
    /// Text events of it, among the [`Behaviour::n_events`].
    pub n_events: u32,
    /// How it is told from the answer.
    pub form: ReasoningForm,
}

/// How reasoning is told from the answer. Ollama's own API uses `thinking` for both fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasoningForm {
    /// The field `reasoning_content`.
    ReasoningContent,
    /// The field `reasoning`.
    Reasoning,
    /// `<think>` opens the first reasoning event and `</think>` ends the last one.
    ThinkTags,
    /// The same, each tag torn over two events where there are enough.
    SplitThinkTags,
}

/// What the server says of the tokens of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageReport {
    /// Where the request asks for it, as OpenAI.
    AsAsked,
    /// In each answer.
    Always,
    /// Never.
    Never,
    /// Where the request asks for it, with twice the tokens and 7.
    Wrong,
}

/// What goes wrong with an answer. "Half way" is the text event `n / 2` of n, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Refused with this status.
    Status(u16),
    /// The first attempts are refused with 429; later ones are answered. Attempts of a request
    /// are told by its `x-request-id`; requests without one count as one request.
    Busy {
        /// Attempts that are refused.
        n_refused: u32,
        /// Seconds that the header `retry-after` asks to wait.
        retry_after_s: u32,
    },
    /// The request is read and never answered.
    Silent,
    /// The request is read and the connection closed.
    Close,
    /// A whole answer without any text.
    EmptyAnswer,
    /// The stream ends in the middle of the event half way.
    Cut,
    /// An error event half way ends the stream.
    ErrorEvent,
    /// Nothing comes after half way, and the connection stays open.
    Stall,
    /// The event half way is a line with a text of this many bytes.
    LongLine {
        /// Bytes of the text.
        n_bytes: u32,
    },
    /// The event half way holds bytes that are no UTF-8.
    InvalidUtf8,
    /// The event half way is no JSON.
    Malformed,
}
