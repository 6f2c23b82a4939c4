//! What comes after the last text event: finish reason, usage, timings, the end.

use crate::account::{Received, Stamps};
use crate::behaviour::UsageReport;
use crate::options::Dialect;
use crate::plan::{Plan, Shape};
use crate::voice::{Counts, Said};

/// What Ollama says of loading a model that is loaded already.
const LOADED_NS: u64 = 1_000_000;

/// Everything that the end of an answer is made of.
pub(crate) struct Trailer<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) shape: &'a Shape,
    pub(crate) received: &'a Received,
    pub(crate) stamps: &'a Stamps,
}

impl Trailer<'_> {
    /// Whether a usage event is sent. Ollama has none.
    pub(crate) fn sends_usage(&self) -> bool {
        !self.plan.voice.is_ollama()
            && match self.plan.behaviour.usage {
                UsageReport::AsAsked | UsageReport::Wrong => self.received.include_usage,
                UsageReport::Always => true,
                UsageReport::Never => false,
            }
    }

    /// The finish event, unless the last text event had the reason.
    pub(crate) fn add_finish(&self, bytes: &mut Vec<u8>) {
        let Plan { behaviour, voice, .. } = self.plan;
        let reason = self.plan.finish_reason(self.shape);
        let json = if voice.is_ollama() {
            if !behaviour.ends_with_done {
                return;
            }
            voice.ollama_end(reason, &self.ollama_counts())
        } else if behaviour.finish_with_text && self.shape.n_events > 0 {
            return;
        } else {
            let timings = if self.sends_usage() { String::new() } else { self.timings() };
            voice.event(Said::Nothing, Some(reason), &timings)
        };
        bytes.extend_from_slice(&self.plan.framed(&self.plan.line(&json)));
    }

    /// The usage event, where there is one.
    pub(crate) fn add_usage(&self, bytes: &mut Vec<u8>) {
        if self.sends_usage() {
            let more = format!("{}{}", self.plan.voice.usage(&self.counts()), self.timings());
            let json = self.plan.voice.closing_event(&more);
            bytes.extend_from_slice(&self.plan.framed(&self.plan.line(&json)));
        }
    }

    /// `[DONE]` and the end of the body.
    pub(crate) fn add_end(&self, bytes: &mut Vec<u8>) {
        if self.plan.behaviour.ends_with_done && !self.plan.voice.is_ollama() {
            bytes.extend_from_slice(&self.plan.framed(&self.plan.line("[DONE]")));
        }
        if self.plan.is_chunked {
            bytes.extend_from_slice(b"0\r\n\r\n");
        }
    }

    /// Fields behind those of an answer that is not streamed.
    pub(crate) fn whole(&self) -> String {
        if self.plan.voice.is_ollama() {
            return self.ollama_counts();
        }
        let usage = match self.plan.behaviour.usage {
            UsageReport::Never => String::new(),
            _ => self.plan.voice.usage(&self.counts()),
        };
        usage + &self.timings()
    }

    /// The tokens that the server claims.
    fn counts(&self) -> Counts {
        let behaviour = &self.plan.behaviour;
        let reasoning = self.plan.n_reasoning().min(self.shape.n_events);
        let streamed =
            reasoning.saturating_mul(behaviour.tokens_per_event).min(self.shape.n_tokens);
        let hidden = behaviour.hidden_reasoning_tokens;
        let completion = self.shape.n_tokens.saturating_add(hidden);
        let is_wrong = behaviour.usage == UsageReport::Wrong;
        let is_llama_cpp = self.plan.voice.dialect == Dialect::LlamaCpp;
        let known = self.received.n_cached.or(is_llama_cpp.then_some(0));
        Counts {
            prompt: self.received.n_prompt,
            completion: if is_wrong { completion.saturating_mul(2) + 7 } else { completion },
            reasoning: streamed.saturating_add(hidden),
            cached: behaviour.cached_tokens.or(known),
        }
    }

    fn prompt_ns(&self) -> u64 {
        let first = self.stamps.first_text_ns.unwrap_or(self.stamps.started_ns);
        first.saturating_sub(self.stamps.started_ns)
    }

    fn generation_ns(&self) -> u64 {
        match (self.stamps.first_text_ns, self.stamps.last_text_ns) {
            (Some(first), Some(last)) => last.saturating_sub(first),
            _ => 0,
        }
    }

    /// llama.cpp's own account, from the recorded times.
    fn timings(&self) -> String {
        if self.plan.voice.dialect != Dialect::LlamaCpp {
            return String::new();
        }
        let counts = self.counts();
        let cached = counts.cached.unwrap_or(0);
        let processed = counts.prompt.saturating_sub(cached);
        let generated = self.shape.n_tokens;
        let drafted = self.plan.behaviour.draft_acceptance_percent.map(|percent| {
            let accepted = u64::from(generated) * u64::from(percent) / 100;
            format!(",\"draft_n\":{generated},\"draft_n_accepted\":{accepted}")
        });
        format!(
            ",\"timings\":{{\"cache_n\":{cached},{},{}{}}}",
            timing("prompt", processed, self.prompt_ns()),
            timing("predicted", generated, self.generation_ns()),
            drafted.unwrap_or_default()
        )
    }

    /// Ollama's own account, from the recorded times.
    fn ollama_counts(&self) -> String {
        let (prompt_ns, generation_ns) = (self.prompt_ns(), self.generation_ns());
        let waited_ns = self.stamps.started_ns.saturating_sub(self.received.at_ns);
        let total_ns = waited_ns + LOADED_NS + prompt_ns + generation_ns;
        let times = format!(",\"total_duration\":{total_ns},\"load_duration\":{LOADED_NS}");
        if self.plan.behaviour.usage == UsageReport::Never {
            return times;
        }
        let counts = self.counts();
        let processed = counts.prompt.saturating_sub(counts.cached.unwrap_or(0));
        format!(
            "{times},\"prompt_eval_count\":{processed},\"prompt_eval_duration\":{prompt_ns},\
             \"eval_count\":{},\"eval_duration\":{generation_ns}",
            counts.completion
        )
    }
}

/// Count, time and rates of one phase in the fields of llama.cpp.
fn timing(phase: &str, n: u32, time_ns: u64) -> String {
    let time_ms = time_ns as f64 / 1e6;
    let n = f64::from(n);
    let ratio = |above: f64, below: f64| if below > 0.0 { above / below } else { 0.0 };
    format!(
        "\"{phase}_n\":{n},\"{phase}_ms\":{time_ms},\"{phase}_per_token_ms\":{},\
         \"{phase}_per_second\":{}",
        ratio(time_ms, n),
        ratio(n * 1e3, time_ms)
    )
}
