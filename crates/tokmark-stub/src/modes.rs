//! Behaviour in words: the value of the header `x-stub` and of the command's `--mode`.
//!
//! A list of `NAME`, `NAME=VALUE` or `NAME:VALUE`, divided by commas, semicolons or blanks;
//! `mode=` before a name is allowed, and `_` is as good as `-`. [`MODES`] has all names.

use std::fmt;
use std::time::Duration;

use crate::behaviour::{
    Beginning, Behaviour, Fault, Opening, Reasoning, ReasoningForm, UsageReport,
};
use crate::error::StubError;

mod value;

use value::{bounded, milliseconds, shown_milliseconds};

/// Longest time that a word may set.
const MAX_TIME: Duration = Duration::from_secs(24 * 3600);
/// Most text events of an answer.
pub(crate) const MAX_EVENTS: u32 = 1_000_000;

/// One word of the language.
#[derive(Clone, Copy)]
pub struct Mode {
    /// The word.
    pub name: &'static str,
    /// Its value when none is given: `None` where one must be given, empty where it takes none.
    pub default: Option<&'static str>,
    /// What it does, one line for a help text.
    pub help: &'static str,
    set: fn(&mut Behaviour, &str) -> Result<(), String>,
    /// The value that describes a behaviour; `None` where the word does not apply to it.
    get: fn(&Behaviour) -> Option<String>,
}

impl fmt::Debug for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mode").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A word that sets a number within bounds.
macro_rules! number {
    ($name:literal, $default:expr, $field:ident, $low:expr, $high:expr, $help:literal) => {
        Mode {
            name: $name,
            default: $default,
            help: $help,
            set: |behaviour, value| {
                behaviour.$field = bounded(value, $low, $high)?;
                Ok(())
            },
            get: |behaviour| Some(behaviour.$field.to_string()),
        }
    };
}

/// A word that sets a time in ms.
macro_rules! time {
    ($name:literal, $default:expr, $field:ident, $help:literal) => {
        Mode {
            name: $name,
            default: $default,
            help: $help,
            set: |behaviour, value| {
                behaviour.$field = milliseconds(value, MAX_TIME)?;
                Ok(())
            },
            get: |behaviour| Some(shown_milliseconds(behaviour.$field)),
        }
    };
}

/// A word that gives a field one of its values.
macro_rules! choice {
    ($name:literal, $field:ident, $value:expr, $help:literal) => {
        Mode {
            name: $name,
            default: Some(""),
            help: $help,
            set: |behaviour, _| {
                behaviour.$field = $value;
                Ok(())
            },
            get: |behaviour| (behaviour.$field == $value).then(String::new),
        }
    };
}

/// A word that sets reasoning.
macro_rules! reasoning {
    ($name:literal, $form:ident, $help:literal) => {
        Mode {
            name: $name,
            default: Some("16"),
            help: $help,
            set: |behaviour, value| {
                let n_events = bounded(value, 1, 4096)?;
                let form = ReasoningForm::$form;
                behaviour.reasoning = Some(Reasoning { n_events, form });
                Ok(())
            },
            get: |behaviour| match behaviour.reasoning {
                Some(Reasoning { n_events, form: ReasoningForm::$form }) => {
                    Some(n_events.to_string())
                }
                _ => None,
            },
        }
    };
}

/// A word that sets a number which may be absent.
macro_rules! optional {
    ($name:literal, $default:literal, $field:ident, $high:expr, $help:literal) => {
        Mode {
            name: $name,
            default: Some($default),
            help: $help,
            set: |behaviour, value| {
                behaviour.$field = Some(bounded(value, 0, $high)?);
                Ok(())
            },
            get: |behaviour| behaviour.$field.map(|number| number.to_string()),
        }
    };
}

/// Every word, in the order of help texts.
pub const MODES: &[Mode] = &[
    Mode {
        name: "plain",
        default: Some(""),
        help: "forget all that was said before",
        set: |behaviour, _| {
            *behaviour = Behaviour::default();
            Ok(())
        },
        get: |_| None,
    },
    time!("ttft-ms", None, ttft, "time to the first text event, ms"),
    time!("itl-ms", None, itl, "time between text events, ms"),
    Mode {
        name: "slow",
        default: Some(""),
        help: "one text event a minute",
        set: |behaviour, _| {
            behaviour.itl = Duration::from_secs(60);
            Ok(())
        },
        get: |_| None,
    },
    number!("events", None, n_events, 1, MAX_EVENTS, "text events of an answer"),
    choice!("fixed-length", fixed_length, true, "ignore the request's limit of tokens"),
    number!("tokens-per-event", Some("4"), tokens_per_event, 1, 64, "tokens (words) an event"),
    time!("prefill-ms", None, prefill_per_token, "time for each uncached word of the prompt, ms"),
    choice!("empty-opening", opening, Opening::Empty, "open a chat with an empty text"),
    choice!("null-opening", opening, Opening::Null, "open a chat with a text of null"),
    choice!("no-opening", opening, Opening::Absent, "no event before the first text"),
    choice!("at-once", beginning, Beginning::AtOnce, "head and opening event at once"),
    choice!("late-opening", beginning, Beginning::LateOpening, "head at once, opening with text"),
    choice!("late-head", beginning, Beginning::LateHead, "head and opening event with the text"),
    reasoning!("reasoning-content", ReasoningContent, "N reasoning events in `reasoning_content`"),
    reasoning!("reasoning", Reasoning, "N reasoning events in `reasoning`"),
    reasoning!("think-tags", ThinkTags, "N reasoning events between <think> tags"),
    reasoning!("split-think-tags", SplitThinkTags, "the same, tags torn over two events"),
    number!(
        "hidden-reasoning",
        Some("32"),
        hidden_reasoning_tokens,
        0,
        MAX_EVENTS,
        "N reasoning tokens that are not streamed"
    ),
    time!("late-finish", Some("200"), finish_delay, "finish event so many ms late"),
    time!("late-usage", Some("200"), usage_delay, "usage event so many ms after it"),
    choice!("finish-with-text", finish_with_text, true, "finish reason in the last text event"),
    choice!("usage-as-asked", usage, UsageReport::AsAsked, "usage where the request asks for it"),
    choice!("always-usage", usage, UsageReport::Always, "usage in each answer"),
    choice!("no-usage", usage, UsageReport::Never, "usage never"),
    choice!("wrong-usage", usage, UsageReport::Wrong, "usage with twice the tokens and 7"),
    optional!("cached-tokens", "10", cached_tokens, u32::MAX, "usage claims N cached tokens"),
    optional!(
        "drafted",
        "60",
        draft_acceptance_percent,
        100,
        "timings claim drafted tokens, N % of them accepted"
    ),
    choice!("no-done", ends_with_done, false, "no [DONE]; of Ollama no last object"),
    choice!("crlf", crlf, true, "lines end with CR LF"),
    choice!("comments", comments, true, "comments between events"),
    number!("packed", Some("4"), events_per_write, 1, 1024, "N events in one write"),
    choice!("split-bytes", split_bytes, true, "one write for each byte"),
    choice!("until-close", until_close, true, "neither length nor chunks, as HTTP/1.0"),
    choice!("ignore-stream", ignores_stream, true, "answer in one piece whatever was asked"),
    choice!("tool-call", tool_call, true, "call a tool instead of answering"),
    Mode {
        name: "status",
        default: None,
        help: "refuse with this HTTP status",
        set: |behaviour, value| {
            behaviour.fault = Some(Fault::Status(bounded(value, 400, 599)? as u16));
            Ok(())
        },
        get: |behaviour| match behaviour.fault {
            Some(Fault::Status(status)) => Some(status.to_string()),
            _ => None,
        },
    },
    Mode {
        name: "busy",
        default: Some("2/1"),
        help: "N/S: 429 for the first N attempts, with a retry-after of S seconds",
        set: |behaviour, value| {
            let (n_refused, retry_after_s) = value.split_once('/').unwrap_or((value, "1"));
            behaviour.fault = Some(Fault::Busy {
                n_refused: bounded(n_refused, 0, u32::MAX)?,
                retry_after_s: bounded(retry_after_s, 0, 3600)?,
            });
            Ok(())
        },
        get: |behaviour| match behaviour.fault {
            Some(Fault::Busy { n_refused, retry_after_s }) => {
                Some(format!("{n_refused}/{retry_after_s}"))
            }
            _ => None,
        },
    },
    choice!("silent", fault, Some(Fault::Silent), "never answer"),
    choice!("close", fault, Some(Fault::Close), "close without an answer"),
    choice!("empty-answer", fault, Some(Fault::EmptyAnswer), "a whole answer without text"),
    choice!("cut", fault, Some(Fault::Cut), "end the stream in the middle of an event"),
    choice!("error-event", fault, Some(Fault::ErrorEvent), "an error event half way"),
    choice!("stall", fault, Some(Fault::Stall), "nothing more after half way"),
    Mode {
        name: "long-line",
        default: Some("10000000"),
        help: "a text of N bytes in the event half way",
        set: |behaviour, value| {
            let n_bytes = bounded(value, 1, 100_000_000)?;
            behaviour.fault = Some(Fault::LongLine { n_bytes });
            Ok(())
        },
        get: |behaviour| match behaviour.fault {
            Some(Fault::LongLine { n_bytes }) => Some(n_bytes.to_string()),
            _ => None,
        },
    },
    choice!("invalid-utf8", fault, Some(Fault::InvalidUtf8), "bytes that are no UTF-8"),
    choice!("malformed", fault, Some(Fault::Malformed), "an event that is no JSON"),
];

impl Behaviour {
    /// Changes what `words` say and leaves the rest; later words win.
    ///
    /// # Errors
    /// When a word is unknown or its value does not fit. Nothing is changed then.
    pub fn apply(&mut self, words: &str) -> Result<(), StubError> {
        let mut changed = self.clone();
        let divides = |c: char| c == ',' || c == ';' || c.is_whitespace();
        for word in words.split(divides).filter(|word| !word.is_empty()) {
            apply_word(&mut changed, word)
                .map_err(|reason| StubError::Mode { word: word.to_owned(), reason })?;
        }
        *self = changed;
        Ok(())
    }
}

fn apply_word(behaviour: &mut Behaviour, word: &str) -> Result<(), String> {
    let word = word.strip_prefix("mode=").unwrap_or(word);
    let (name, value) = match word.split_once(['=', ':']) {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    let name = name.replace('_', "-").to_ascii_lowercase();
    let mode = MODES
        .iter()
        .find(|mode| mode.name == name)
        .ok_or_else(|| "there is no such mode".to_owned())?;
    match (mode.default, value) {
        (Some(""), Some(_)) => Err("it takes no value".to_owned()),
        (None, None) => Err(format!("it needs a value: {name}=NUMBER")),
        (default, value) => (mode.set)(behaviour, value.or(default).unwrap_or_default()),
    }
}

/// The words that make the default into this, all on one line.
impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = Behaviour::default();
        let mut space = "";
        for mode in MODES {
            let Some(value) = (mode.get)(self) else { continue };
            if (mode.get)(&default).as_ref() == Some(&value) {
                continue;
            }
            let equals = if value.is_empty() { "" } else { "=" };
            write!(f, "{space}{}{equals}{value}", mode.name)?;
            space = " ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
