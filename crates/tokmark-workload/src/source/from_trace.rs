//! Requests of a trace.

use tokmark_model::{CacheMode, Message, Role};

use super::conversation::{answered, append_results, put_opening};
use super::{Origin, PlannedRequest, PromptSource};
use crate::body::{Body, Style};
use crate::fit::{Draft, append, fit};
use crate::prompt::Composer;
use crate::random::{Purpose, Random};
use crate::trace::{BLOCK_TOKENS, Trace, TracePrompt, TraceTurn};

/// Style of text that a trace gives by its length alone.
const STYLE: Style = Style::Chat;
/// Tokens of a tool's result in a conversation whose recorded turn was a text.
const RESULT_TOKENS: usize = 100;

impl PromptSource {
    pub(super) fn first_of_trace(&self, trace: &Trace, session: u32) -> PlannedRequest {
        let recorded = trace.session(session);
        let turn = &recorded.turns[0];
        let opening = self.front_opening(session);
        // Behind blocks that conversations share, the opening comes too late.
        let is_own_text = !matches!(turn.prompt, TracePrompt::Blocks { .. })
            || self.options.cache == CacheMode::Bust;
        let inside = opening.clone().filter(|_| is_own_text);
        let mut composer = self.trace_composer(trace, session, 0, inside);
        let mut messages = Vec::new();
        if let Some(system) = &recorded.system {
            messages.push(Message::text(Role::System, system.clone()));
        }
        match &turn.prompt {
            TracePrompt::Text(text) => messages.push(Message::text(Role::User, text.clone())),
            TracePrompt::Messages(whole) => messages.extend(whole.iter().cloned()),
            TracePrompt::Tokens(n) => {
                messages.push(Message::text(Role::User, composer.text(STYLE, *n as usize)));
            }
            TracePrompt::Blocks { n_tokens, hash_ids } => {
                let text = match self.options.cache {
                    CacheMode::Bust => composer.text(STYLE, *n_tokens as usize),
                    _ => self.blocks(*n_tokens as usize, hash_ids, &mut composer),
                };
                messages.push(Message::text(Role::User, text));
            }
        }
        if let Some(opening) = &opening {
            put_opening(&mut messages, opening);
        }
        let n_prompt_target = match turn.prompt {
            TracePrompt::Tokens(n) => n,
            TracePrompt::Blocks { n_tokens: n, .. } if self.options.cache != CacheMode::Own => n,
            _ => recount(&messages, &mut composer),
        };
        let due = turn.due.filter(|_| (session as usize) < trace.sessions.len());
        PlannedRequest {
            due,
            ..self.planned(turn, messages, n_prompt_target, &composer, session, 0)
        }
    }

    pub(super) fn next_of_trace(
        &self,
        trace: &Trace,
        session: u32,
        turn: u32,
        history: &[Message],
        answer: &Message,
    ) -> Option<PlannedRequest> {
        let recorded = trace.session(session).turns.get(turn as usize)?;
        let mut composer = self.trace_composer(trace, session, turn, None);
        let mut messages = history.to_vec();
        let answer = answered(answer, turn);
        messages.push(answer.clone());
        match &recorded.prompt {
            TracePrompt::Messages(whole) => messages.clone_from(whole),
            _ if !answer.tool_calls.is_empty() => {
                append_results(&mut messages, &answer.tool_calls, RESULT_TOKENS, &mut composer);
            }
            TracePrompt::Text(text) => messages.push(Message::text(Role::User, text.clone())),
            TracePrompt::Tokens(n) | TracePrompt::Blocks { n_tokens: n, .. } => {
                messages.push(Message::text(Role::User, composer.text(STYLE, *n as usize)));
            }
        }
        if let Some(opening) = self.front_opening(session) {
            put_opening(&mut messages, &opening);
        }
        let n_prompt = recount(&messages, &mut composer);
        let due = recorded.due.filter(|_| (session as usize) < trace.sessions.len());
        Some(PlannedRequest {
            due,
            ..self.planned(recorded, messages, n_prompt, &composer, session, turn)
        })
    }

    fn planned(
        &self,
        turn: &TraceTurn,
        messages: Vec<Message>,
        n_prompt_target: u32,
        composer: &Composer,
        session: u32,
        position: u32,
    ) -> PlannedRequest {
        PlannedRequest {
            messages,
            tools: self.tools.clone(),
            max_tokens: turn.n_output,
            n_prompt_target,
            basis: composer.counter.basis(),
            temperature: None,
            session,
            turn: position,
            due: turn.due,
        }
    }

    fn trace_composer(
        &self,
        trace: &Trace,
        session: u32,
        turn: u32,
        opening: Option<String>,
    ) -> Composer<'_> {
        // A trace that begins again repeats its texts, unless the cache is to be missed.
        let of_text = match self.options.cache {
            CacheMode::Own | CacheMode::Keep => (session as usize % trace.sessions.len()) as u32,
            _ => session,
        };
        let key = self.trace_number(of_text, turn);
        Composer::new(self.options.seed, key, opening, 0, self.counter())
    }

    /// Tells a request from all others, those of later rounds through the trace too.
    fn trace_number(&self, session: u32, turn: u32) -> u64 {
        let longest = match &self.origin {
            Origin::Trace { longest, .. } => *longest,
            Origin::Shape { .. } => 1,
        };
        u64::from(session) * longest + u64::from(turn)
    }

    /// Text in which each id stands for the same [`BLOCK_TOKENS`] tokens wherever it occurs.
    fn blocks(&self, n_tokens: usize, hash_ids: &[u64], composer: &mut Composer) -> String {
        let mut text = String::new();
        let mut left = n_tokens;
        for id in hash_ids {
            let n_block = left.min(BLOCK_TOKENS as usize);
            let random =
                |stream| Random::new(self.options.seed, Purpose::BlockText, &[*id, stream]);
            let draft = Draft {
                style: STYLE,
                head: String::new(),
                body: Body::new(STYLE, random(0)),
                filler: random(1),
                ask: String::new(),
            };
            append(&mut text, " ", &fit(draft, n_block, &composer.counter).0);
            left -= n_block;
        }
        if left > 0 {
            append(&mut text, " ", &composer.text(STYLE, left));
        }
        text
    }
}

/// Tokens of whole messages.
fn recount(messages: &[Message], composer: &mut Composer) -> u32 {
    composer.n_done = 0;
    for message in messages {
        composer.add_message(message);
    }
    u32::try_from(composer.n_done).unwrap_or(u32::MAX)
}
