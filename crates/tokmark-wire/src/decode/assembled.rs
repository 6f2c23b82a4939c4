//! An answer put together from its events, so that a conversation can go on.

use std::collections::BTreeMap;

use tokmark_model::{Message, Role, ToolCall};

use super::{Correction, Delta};

/// The texts of one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assembled {
    /// Answer text.
    pub answer: String,
    /// Reasoning, tags left out.
    pub reasoning: String,
    calls: BTreeMap<u32, ToolCall>,
}

impl Assembled {
    /// Adds an event. Events of one answer, in order.
    pub fn add(&mut self, delta: &Delta<'_>) {
        match delta.correction {
            Correction::None => {}
            Correction::AnswerVoid => self.answer.clear(),
            Correction::ReasoningTrim { trim_bytes } => trim(&mut self.reasoning, trim_bytes),
            Correction::AnswerWasReasoning { trim_bytes } => {
                trim(&mut self.answer, trim_bytes);
                self.reasoning.push_str(&std::mem::take(&mut self.answer));
            }
        }
        self.reasoning.push_str(&delta.reasoning);
        self.answer.push_str(&delta.answer);
        for part in &delta.tool_calls {
            let call = self.calls.entry(part.index).or_insert_with(|| ToolCall {
                id: String::new(),
                name: String::new(),
                arguments: String::new(),
            });
            if call.id.is_empty() {
                call.id.push_str(&part.id);
            }
            call.name.push_str(&part.name);
            call.arguments.push_str(&part.arguments);
        }
    }

    /// The tool calls in the order of their indices. A call without an id gets `call_` and its
    /// index, so that a result can refer to it.
    pub fn tool_calls(&self) -> Vec<ToolCall> {
        let named = |(index, call): (&u32, &ToolCall)| {
            let mut call = call.clone();
            if call.id.is_empty() {
                call.id = format!("call_{index}");
            }
            call
        };
        self.calls.iter().map(named).collect()
    }

    /// The assistant's message for the next request. Reasoning is left out, as templates leave
    /// it out of earlier turns.
    pub fn to_message(&self) -> Message {
        Message {
            role: Role::Assistant,
            content: self.answer.clone(),
            tool_calls: self.tool_calls(),
            tool_call_id: None,
        }
    }
}

fn trim(text: &mut String, n_bytes: usize) {
    let kept = text.len().saturating_sub(n_bytes);
    if text.is_char_boundary(kept) {
        text.truncate(kept);
    }
}
