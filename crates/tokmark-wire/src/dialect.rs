//! Which server it is, told from what it answers, and what that server can do.

mod facts;
mod fingerprint;
mod identify;
mod loaded;
mod probe;

use tokmark_model::{Api, LengthControl};

pub use self::identify::{Identified, identify};
pub use self::loaded::{LoadedModel, ollama_loaded};
pub use self::probe::{Probe, ProbeAnswer, probes};
use crate::TokenizerRoute;

/// A server's way of speaking the APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// llama.cpp's `llama-server`.
    LlamaCpp,
    /// vLLM.
    Vllm,
    /// SGLang.
    Sglang,
    /// `mlx_lm.server`.
    MlxLm,
    /// Lemonade.
    Lemonade,
    /// LM Studio.
    LmStudio,
    /// OpenRouter.
    OpenRouter,
    /// Ollama.
    Ollama,
    /// Any other server with OpenAI's API.
    OpenAi,
}

/// How a dialect is told to reason or not. Each variant names its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ThinkSwitch {
    /// `chat_template_kwargs` with `enable_thinking` and `thinking`. Templates read either:
    /// Qwen3 and GLM the first, DeepSeek-V3.1 and Granite the second (vLLM 0.26,
    /// `docs/features/reasoning_outputs`; SGLang, `srt/entrypoints/openai/protocol.py`,
    /// `normalize_reasoning_inputs`; mlx_lm 0.32, `mlx_lm/server.py`; llama.cpp,
    /// `tools/server/README.md`). A template that knows neither ignores both.
    ChatTemplate,
    /// `enable_thinking`, which the server turns into each back end's own switch (Lemonade
    /// 11.7, `src/cpp/server/thinking_controls.cpp`). Only switches off.
    EnableThinking,
    /// `reasoning: {"enabled"}` (OpenRouter, guide "Reasoning Tokens").
    Reasoning,
    /// `reasoning_effort`: `none` or `medium` (LM Studio 0.4.17, its bug tracker's issue 2057;
    /// Ollama 0.33 behind OpenAI's API, `openai/openai.go`).
    ReasoningEffort,
    /// `think` (Ollama 0.33, `docs/api.md`).
    Think,
    /// ` /no_think` after the last user message, the soft switch that Qwen3 was trained on
    /// (model card of Qwen3, "Advanced Usage"). Only switches off; other models read it as
    /// text.
    NoThinkSuffix,
}

/// What a server can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abilities {
    /// How output lengths can be held.
    pub length_control: LengthControl,
    /// Its tokenizer endpoint.
    pub tokenizer: Option<TokenizerRoute>,
    /// Where it shows Prometheus metrics, if it does.
    pub metrics_path: Option<&'static str>,
    /// Whether `stream_options.include_usage`, or its own protocol, brings counts at the end
    /// of a stream.
    pub usage_in_stream: bool,
    /// How reasoning is switched, with the first of `apis`.
    pub think_switch: ThinkSwitch,
    /// The model's chat template opens a tag of reasoning itself, as far as the server shows it.
    pub opens_think: bool,
    /// Its APIs, the one to prefer first.
    pub apis: &'static [Api],
}

impl Dialect {
    /// All of them.
    pub const ALL: [Dialect; 9] = [
        Dialect::LlamaCpp,
        Dialect::Vllm,
        Dialect::Sglang,
        Dialect::MlxLm,
        Dialect::Lemonade,
        Dialect::LmStudio,
        Dialect::OpenRouter,
        Dialect::Ollama,
        Dialect::OpenAi,
    ];

    /// The word of records: `llama.cpp`, `vllm`, `openai`.
    pub fn word(self) -> &'static str {
        match self {
            Dialect::LlamaCpp => "llama.cpp",
            Dialect::Vllm => "vllm",
            Dialect::Sglang => "sglang",
            Dialect::MlxLm => "mlx_lm",
            Dialect::Lemonade => "lemonade",
            Dialect::LmStudio => "lmstudio",
            Dialect::OpenRouter => "openrouter",
            Dialect::Ollama => "ollama",
            Dialect::OpenAi => "openai",
        }
    }

    /// The dialect of a [`Dialect::word`].
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.word() == word)
    }

    /// Its APIs, the one to prefer first.
    pub fn apis(self) -> &'static [Api] {
        match self {
            Dialect::Ollama => &[Api::OllamaChat, Api::OllamaGenerate, Api::Chat, Api::Completions],
            _ => &[Api::Chat, Api::Completions],
        }
    }

    /// How it is told to reason or not when asked through `api`.
    pub fn think_switch(self, api: Api) -> ThinkSwitch {
        match (self, api) {
            (_, Api::OllamaChat | Api::OllamaGenerate) => ThinkSwitch::Think,
            (Dialect::LlamaCpp | Dialect::Vllm | Dialect::Sglang | Dialect::MlxLm, _) => {
                ThinkSwitch::ChatTemplate
            }
            (Dialect::Lemonade, _) => ThinkSwitch::EnableThinking,
            (Dialect::LmStudio | Dialect::Ollama, _) => ThinkSwitch::ReasoningEffort,
            (Dialect::OpenRouter, _) => ThinkSwitch::Reasoning,
            (Dialect::OpenAi, _) => ThinkSwitch::NoThinkSuffix,
        }
    }

    /// How it holds output lengths. `ignore_eos` stands in llama.cpp's
    /// `tools/server/README.md`, vLLM's `SamplingParams` and SGLang's
    /// `srt/entrypoints/openai/protocol.py`. Lemonade hands unknown fields on, so that
    /// [`identify`] looks which back end it has. mlx_lm, LM Studio, OpenRouter and Ollama have nothing of the kind.
    pub fn length_control(self) -> LengthControl {
        match self {
            Dialect::LlamaCpp | Dialect::Vllm | Dialect::Sglang => LengthControl::IgnoreEos,
            _ => LengthControl::LimitOnly,
        }
    }

    /// Its tokenizer endpoint, where it has one.
    pub fn tokenizer(self) -> Option<TokenizerRoute> {
        match self {
            Dialect::LlamaCpp => Some(TokenizerRoute::LlamaCpp),
            Dialect::Vllm => Some(TokenizerRoute::Vllm),
            Dialect::Sglang => Some(TokenizerRoute::Sglang),
            _ => None,
        }
    }

    /// Whether it takes `min_tokens`: vLLM and SGLang.
    pub(crate) fn takes_min_tokens(self) -> bool {
        matches!(self, Dialect::Vllm | Dialect::Sglang | Dialect::OpenAi)
    }

    /// Whether it takes `ignore_eos`, or may.
    pub(crate) fn takes_ignore_eos(self) -> bool {
        self.takes_min_tokens() || matches!(self, Dialect::LlamaCpp | Dialect::Lemonade)
    }
}

#[cfg(test)]
mod tests;
