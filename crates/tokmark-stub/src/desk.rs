//! Where requests are understood and get their script.

use std::sync::Arc;

use tokmark_model::Api;

use crate::account::Received;
use crate::ask::Ask;
use crate::behaviour::{Behaviour, Fault};
use crate::control;
use crate::http::{Framing, Request, response_head};
use crate::plan::{Plan, Shape};
use crate::script::{Refusal, Reply, Script};
use crate::shared::{Shared, locked};
use crate::stream::Stream;
use crate::truth::Outcome;
use crate::voice::{Voice, error_body};
use crate::whole::WholeAnswer;

/// Plans that are kept; then all are made anew.
const MAX_PLANS: usize = 64;

/// Gives each request its script. Every thread has one.
pub(crate) struct Desk {
    shared: Arc<Shared>,
    plans: Vec<KnownPlan>,
}

/// A plan and what it was made from.
struct KnownPlan {
    api: Api,
    words: String,
    is_chunked: bool,
    plan: Arc<Plan>,
}

/// A head and a body; `more` are further header lines.
pub(crate) fn reply(
    status: u16,
    content_type: &str,
    body: &str,
    keep_alive: bool,
    more: &str,
) -> Reply {
    let framing = Framing::Length(body.len());
    let mut bytes = response_head(status, content_type, framing, keep_alive, more);
    bytes.extend_from_slice(body.as_bytes());
    Reply::new(bytes, !keep_alive)
}

impl Desk {
    /// Without plans.
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Desk { shared, plans: Vec::new() }
    }

    /// What to do for a request whose last byte was read at `at_ns`.
    pub(crate) fn script(&mut self, request: &Request<'_>, at_ns: u64) -> Script {
        let api = match request.path {
            "/v1/chat/completions" => Api::Chat,
            "/v1/completions" => Api::Completions,
            "/api/chat" => Api::OllamaChat,
            "/api/generate" => Api::OllamaGenerate,
            _ => return control::script(&self.shared, request),
        };
        if request.method != "POST" {
            return Script::Reply(self.error(api, 405, "use POST", request.keep_alive, ""));
        }
        self.text(api, request, at_ns)
    }

    /// What to do for bytes that are no request.
    pub(crate) fn refuse(&self, status: u16, reason: &str) -> Script {
        let body = error_body(self.shared.options.dialect, false, status, reason);
        Script::Reply(reply(status, "application/json", &body, false, ""))
    }

    fn text(&mut self, api: Api, request: &Request<'_>, at_ns: u64) -> Script {
        let mut received = Received {
            id: request.id,
            at_ns,
            keep_alive: request.keep_alive,
            n_prompt: 0,
            n_cached: None,
            include_usage: false,
        };
        let plan = match self.plan(api, request) {
            Ok(plan) => plan,
            Err(reason) => return self.refusal(api, received, 400, &reason, ""),
        };
        if let Some(script) = self.fault(api, &plan.behaviour, &received) {
            return script;
        }
        let ask = match Ask::read(api, &request.body) {
            Ok(ask) => ask,
            Err(reason) => return self.refusal(api, received, 400, &reason, ""),
        };
        received.n_prompt = ask.n_prompt();
        received.include_usage = ask.include_usage;
        if self.shared.options.prefix_cache && !plan.behaviour.prefill_per_token.is_zero() {
            received.n_cached = Some(locked(&self.shared.prefixes).recall(ask.words()));
        }
        let shape = shape_of(&plan, ask.max_tokens);
        if ask.stream && !plan.behaviour.ignores_stream {
            Script::Stream(Box::new(Stream::new(plan, shape, received)))
        } else {
            Script::Whole(Box::new(WholeAnswer::new(plan, shape, received)))
        }
    }

    /// The script of a fault that leaves no text.
    fn fault(&self, api: Api, behaviour: &Behaviour, received: &Received) -> Option<Script> {
        let refuse = |status, reason, more: &str| {
            Some(self.refusal(api, received.clone(), status, reason, more))
        };
        match behaviour.fault? {
            Fault::Status(status) => refuse(status, "the stub was told to refuse", ""),
            Fault::Busy { n_refused, retry_after_s } => {
                if !self.shared.refuses_attempt(received.id, n_refused) {
                    return None;
                }
                let more = format!("retry-after: {retry_after_s}\r\n");
                refuse(429, "the stub was told to be busy", &more)
            }
            Fault::Silent => {
                let refusal = Refusal::new(received.clone(), Outcome::Broken, None);
                Some(Script::Refusal(Box::new(refusal)))
            }
            Fault::Close => {
                let reply = Reply::new(Vec::new(), true);
                let refusal = Refusal::new(received.clone(), Outcome::Broken, Some(reply));
                Some(Script::Refusal(Box::new(refusal)))
            }
            _ => None,
        }
    }

    fn refusal(
        &self,
        api: Api,
        received: Received,
        status: u16,
        reason: &str,
        more: &str,
    ) -> Script {
        let reply = self.error(api, status, reason, received.keep_alive, more);
        Script::Refusal(Box::new(Refusal::new(received, Outcome::Refused, Some(reply))))
    }

    fn error(&self, api: Api, status: u16, reason: &str, keep_alive: bool, more: &str) -> Reply {
        let body = self.voice(api).error(status, reason);
        reply(status, "application/json", &body, keep_alive, more)
    }

    fn voice(&self, api: Api) -> Voice {
        let options = &self.shared.options;
        Voice {
            api,
            dialect: options.dialect,
            model: options.model.clone(),
            created: self.shared.created,
        }
    }

    /// The plan for what the server and the request say, made once for the same words.
    fn plan(&mut self, api: Api, request: &Request<'_>) -> Result<Arc<Plan>, String> {
        let words = request.behaviour.unwrap_or_default();
        let is_chunked = request.understands_chunks;
        let known = self.plans.iter().find(|known| {
            known.api == api && known.is_chunked == is_chunked && known.words == words
        });
        if let Some(known) = known {
            return Ok(Arc::clone(&known.plan));
        }
        let mut behaviour = self.shared.options.behaviour.clone();
        behaviour.apply(words).map_err(|error| format!("header x-stub: {error}"))?;
        let plan = Arc::new(Plan::new(behaviour, self.voice(api), is_chunked));
        if self.plans.len() >= MAX_PLANS {
            self.plans.clear();
        }
        self.plans.push(KnownPlan {
            api,
            words: words.to_owned(),
            is_chunked,
            plan: Arc::clone(&plan),
        });
        Ok(plan)
    }
}

/// How long an answer is.
fn shape_of(plan: &Plan, max_tokens: Option<u32>) -> Shape {
    let behaviour = &plan.behaviour;
    if behaviour.fault == Some(Fault::EmptyAnswer) {
        return Shape { n_events: 0, n_tokens: 0, is_limited: false };
    }
    let per_event = behaviour.tokens_per_event;
    // Ollama sends the call of a tool in one object.
    let n_events = if plan.calls_tool() && plan.voice.is_ollama() {
        plan.n_reasoning() + 1
    } else {
        match max_tokens.filter(|_| !behaviour.fixed_length) {
            Some(n_tokens) => {
                let n_events = n_tokens.div_ceil(per_event);
                return Shape { n_events, n_tokens, is_limited: true };
            }
            None => behaviour.n_events,
        }
    };
    let n_tokens = n_events.saturating_mul(per_event);
    Shape { n_events, n_tokens, is_limited: false }
}
