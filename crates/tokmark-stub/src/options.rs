//! What a server is started with.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::behaviour::{Beginning, Behaviour, Opening};
use crate::error::StubError;

/// Most threads.
const MAX_THREADS: usize = 64;

/// Everything that a server is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where it listens; port 0 is any free port. `127.0.0.1:0` by default.
    pub listen: SocketAddr,
    /// Threads, each with its own event loop and its own connections. 1 by default.
    pub n_threads: usize,
    /// Events that are due within this time of the last wake-up wait for its end, so that one
    /// wake-up serves many streams. No event is ever early, and the truth has the times that came
    /// of it. 100 µs by default.
    pub timer_step: Duration,
    /// Requests that are answered at once; others wait in the order of their coming, and get no
    /// byte before their turn. A slot is free again at the end of the stream. Without a number
    /// all are answered at once.
    pub n_slots: Option<u32>,
    /// Requests whose truth is kept one by one; later ones are only in the summary. 2,000,000 by
    /// default, in some 30 bytes each.
    pub max_rows: usize,
    /// Name of the model.
    pub model: String,
    /// Which server it looks like.
    pub dialect: Dialect,
    /// Context length that it claims. 8,192 by default.
    pub n_ctx: u32,
    /// Prompts that begin like one before are spared the prefill of that beginning, in whole
    /// blocks of 16 words. On by default; without a prefill time it changes nothing.
    pub prefix_cache: bool,
    /// Every connection is closed as soon as it is accepted, control paths included.
    pub close_on_accept: bool,
    /// What answers are like where a request does not say otherwise.
    pub behaviour: Behaviour,
}

impl Default for Options {
    fn default() -> Self {
        Options::of(Dialect::OpenAi)
    }
}

impl Options {
    /// The defaults, with the manners of the server that `dialect` looks like: its opening event,
    /// when its answer begins to show, and where its finish reason lies.
    pub fn of(dialect: Dialect) -> Self {
        let mut behaviour = Behaviour::default();
        match dialect {
            Dialect::OpenAi | Dialect::Ollama => {}
            Dialect::LlamaCpp => {
                behaviour.opening = Opening::Null;
                behaviour.beginning = Beginning::LateHead;
            }
            Dialect::Vllm => {
                behaviour.beginning = Beginning::LateOpening;
                behaviour.finish_with_text = true;
            }
        }
        Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            n_threads: 1,
            timer_step: Duration::from_micros(100),
            n_slots: None,
            max_rows: 2_000_000,
            model: "stub".to_owned(),
            dialect,
            n_ctx: 8192,
            prefix_cache: true,
            close_on_accept: false,
            behaviour,
        }
    }

    /// What `/stub/config` answers.
    pub(crate) fn to_json(&self) -> String {
        let value = serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "n_threads": self.n_threads,
            "timer_step_us": self.timer_step.as_micros(),
            "n_slots": self.n_slots,
            "max_rows": self.max_rows,
            "model": self.model,
            "dialect": self.dialect.word(),
            "n_ctx": self.n_ctx,
            "prefix_cache": self.prefix_cache,
            "close_on_accept": self.close_on_accept,
            "ttft_ns": self.behaviour.ttft.as_nanos() as u64,
            "itl_ns": self.behaviour.itl.as_nanos() as u64,
            "n_events": self.behaviour.n_events,
            "tokens_per_event": self.behaviour.tokens_per_event,
            "mode": self.behaviour.to_string(),
        });
        value.to_string()
    }

    /// Refuses what could not work.
    pub(crate) fn check(&self) -> Result<(), StubError> {
        let within = |option, value: u64, low, high| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(StubError::Option { option, low, high })
            }
        };
        within("n_threads", self.n_threads as u64, 1, MAX_THREADS as u64)?;
        within("timer_step_us", self.timer_step.as_micros() as u64, 0, 1_000_000)?;
        within("n_slots", self.n_slots.unwrap_or(1).into(), 1, u32::MAX.into())?;
        let behaviour = &self.behaviour;
        within("n_events", behaviour.n_events.into(), 1, crate::modes::MAX_EVENTS.into())?;
        within("tokens_per_event", behaviour.tokens_per_event.into(), 1, 64)?;
        within("events_per_write", behaviour.events_per_write.into(), 1, 1024)?;
        if behaviour.draft_acceptance_percent.is_some() && self.dialect != Dialect::LlamaCpp {
            return Err(StubError::Mode {
                word: "drafted".to_owned(),
                reason: "only llama.cpp tells drafted tokens in its answers; give the dialect \
                         llama.cpp"
                    .to_owned(),
            });
        }
        Ok(())
    }
}

/// Which server the stub looks like: its paths, the fields of its events, its errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// None in particular: OpenAI's API.
    OpenAi,
    /// llama.cpp's server: `/props`, `/tokenize`, `timings` (as recorded of b11434 through
    /// xllamacpp 2026.10).
    LlamaCpp,
    /// vLLM: `/version`, `/tokenize` (as recorded of 0.32.0).
    Vllm,
    /// Ollama: `/api/version`, `/api/tags`, `/api/ps` (after docs/api.md of Ollama).
    Ollama,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Dialect; 4] =
        [Dialect::OpenAi, Dialect::LlamaCpp, Dialect::Vllm, Dialect::Ollama];

    /// The word of the command line: `llama.cpp`.
    pub fn word(self) -> &'static str {
        match self {
            Dialect::OpenAi => "openai",
            Dialect::LlamaCpp => "llama.cpp",
            Dialect::Vllm => "vllm",
            Dialect::Ollama => "ollama",
        }
    }
}

impl std::str::FromStr for Dialect {
    type Err = StubError;

    fn from_str(word: &str) -> Result<Self, StubError> {
        Dialect::ALL.into_iter().find(|dialect| dialect.word() == word).ok_or_else(|| {
            StubError::Mode {
                word: word.to_owned(),
                reason: "it is none of openai, llama.cpp, vllm and ollama".to_owned(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialects_are_told_by_their_words() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect.word().parse::<Dialect>().unwrap(), dialect);
        }
        assert!("sglang".parse::<Dialect>().is_err());
    }

    #[test]
    fn options_out_of_bounds_are_refused_by_name() {
        let behaviour = Behaviour { events_per_write: 0, ..Behaviour::default() };
        let options = Options { behaviour, ..Options::default() };
        let message = options.check().unwrap_err().to_string();
        assert_eq!(message, "events_per_write must be from 1 to 1024");
        let drafted = |dialect| {
            let mut options = Options::of(dialect);
            options.behaviour.apply("drafted=60").unwrap();
            options.check()
        };
        assert!(drafted(Dialect::LlamaCpp).is_ok());
        assert!(drafted(Dialect::OpenAi).unwrap_err().to_string().contains("llama.cpp"));
        assert!(Options { n_threads: 0, ..Options::default() }.check().is_err());
        assert!(Options { n_slots: Some(0), ..Options::default() }.check().is_err());
        assert!(Options::default().check().is_ok());
    }
}
