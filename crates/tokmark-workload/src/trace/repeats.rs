//! What the prompts of a trace have in common.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{BLOCK_TOKENS, Trace, TracePrompt, TraceSession};

/// Characters of recorded text that count as one piece, some 16 tokens: what servers cache.
const PIECE_CHARACTERS: usize = 64;
/// Tokens of such a piece.
const PIECE_TOKENS: u32 = 16;

impl Trace {
    /// Of the first prompts of all conversations, in order: the share of their text that an
    /// earlier one begins with, too. Lengths without text are made into text of its own. `None`
    /// without any text.
    pub fn repeated_share(&self) -> Option<f64> {
        let mut known = HashSet::new();
        let (mut n_all, mut n_repeated) = (0u64, 0u64);
        for session in &self.sessions {
            let mut beginning = DefaultHasher::new();
            let mut is_known = true;
            for (piece, n_tokens) in pieces(session) {
                piece.hash(&mut beginning);
                let is_new = known.insert(beginning.finish());
                is_known &= piece.is_some() && !is_new;
                n_all += u64::from(n_tokens);
                n_repeated += if is_known { u64::from(n_tokens) } else { 0 };
            }
        }
        (n_all > 0).then(|| n_repeated as f64 / n_all as f64)
    }
}

/// A piece of a prompt, alike where the text is; `None` for text that is its own.
type Piece = Option<u64>;

/// The first prompt of a conversation, from its beginning, with the tokens of each piece.
fn pieces(session: &TraceSession) -> Vec<(Piece, u32)> {
    let mut text = session.system.clone().unwrap_or_default();
    let Some(turn) = session.turns.first() else { return Vec::new() };
    let mut rest = Vec::new();
    match &turn.prompt {
        TracePrompt::Text(own) => text += own,
        TracePrompt::Messages(messages) => {
            for message in messages {
                text += &format!("\n{:?}\n{}", message.role, message.content);
            }
        }
        TracePrompt::Tokens(n) => rest.push((None, *n)),
        TracePrompt::Blocks { n_tokens, hash_ids } => {
            let mut left = *n_tokens;
            for id in hash_ids {
                let n_block = left.min(BLOCK_TOKENS);
                rest.push((Some(*id), n_block));
                left -= n_block;
            }
            rest.push((None, left));
        }
    }
    let characters: Vec<char> = text.chars().collect();
    let texts = characters.chunks(PIECE_CHARACTERS).map(|piece| {
        let mut hasher = DefaultHasher::new();
        piece.hash(&mut hasher);
        let n_tokens = (piece.len() as u32).div_ceil(PIECE_CHARACTERS as u32 / PIECE_TOKENS);
        (Some(hasher.finish()), n_tokens)
    });
    texts.chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(lines: &str) -> Option<f64> {
        Trace::read(lines.as_bytes(), None).unwrap().repeated_share()
    }

    #[test]
    fn what_a_trace_repeats_is_known_from_its_prompts() {
        let blocks = r#"{"timestamp":0,"input_length":1024,"output_length":4,"hash_ids":[1,2]}
{"timestamp":1,"input_length":1024,"output_length":4,"hash_ids":[1,3]}
{"timestamp":2,"input_length":1024,"output_length":4,"hash_ids":[3,2]}"#;
        assert_eq!(share(blocks), Some(1.0 / 6.0));
        let lengths = r#"{"prompt_tokens":50,"output_tokens":4}
{"prompt_tokens":50,"output_tokens":4}"#;
        assert_eq!(share(lengths), Some(0.0));
        let words = "word ".repeat(128);
        let texts = format!(
            "{{\"prompt\":\"{words}\",\"output_tokens\":4}}\n\
             {{\"prompt\":\"{words}\",\"output_tokens\":4}}"
        );
        assert_eq!(share(&texts), Some(0.5));
    }
}
