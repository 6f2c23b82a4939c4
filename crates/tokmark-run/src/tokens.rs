//! Makes the tokens of a test from kind and seed, the same on every machine for ever.

use sha2::{Digest, Sha256};
use tokmark_model::{Test, TokenKind, TokenSource};

use crate::{EngineError, LocalEngine, Token, TokenWork, Vocabulary, Work};

/// The shipped text: the opening of Lewis Carroll, *Alice's Adventures in Wonderland*
/// (1865), in the public domain.
pub const TEXT: &str = include_str!("text.txt");

/// The work of `test` with tokens from `source`, and `source` with its hash filled in.
///
/// Random tokens are uniform over the vocabulary but BOS, which stands only at position 0 of the
/// context, in a test without depth or prompt at the first generated position, as in
/// llama-bench. Text starts at a place chosen by the seed and is repeated as needed.
///
/// # Errors
/// The engine's, when it cannot tokenize the text; or an empty vocabulary.
pub fn make_work(
    engine: &impl LocalEngine,
    test: Test,
    source: &TokenSource,
) -> Result<(Work, TokenSource), EngineError> {
    let vocabulary = engine.vocabulary();
    let mut stream = match source.kind {
        TokenKind::Random => Stream::random(vocabulary, source.seed)?,
        TokenKind::Text => Stream::text(engine.tokenize(TEXT)?, source.seed)?,
    };
    let parallel = test.n_parallel.max(1) as usize;
    let mut work = TokenWork {
        test,
        depth: stream.take(test.n_depth as usize),
        prompt: stream.take(test.n_prompt as usize * parallel),
        generation: stream.take(test.n_gen as usize * parallel),
    };
    if let Some(bos) = vocabulary.bos {
        for start in sequence_starts(&mut work) {
            *start = bos;
        }
    }
    let hash = hash(&work);
    Ok((Work::Tokens(work), TokenSource { sha256: Some(hash), ..source.clone() }))
}

/// The places at position 0 of each sequence.
fn sequence_starts(work: &mut TokenWork) -> Vec<&mut Token> {
    let parallel = work.test.n_parallel.max(1) as usize;
    if let Some(first) = work.depth.first_mut() {
        vec![first]
    } else if !work.prompt.is_empty() {
        work.prompt.chunks_mut(work.test.n_prompt as usize).map(|prompt| &mut prompt[0]).collect()
    } else {
        work.generation.iter_mut().take(parallel).collect()
    }
}

fn hash(work: &TokenWork) -> String {
    let mut sha = Sha256::new();
    for token in work.depth.iter().chain(&work.prompt).chain(&work.generation) {
        sha.update(token.to_le_bytes());
    }
    sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An endless run of tokens.
enum Stream {
    Random { vocabulary: Vocabulary, state: u64 },
    Text { tokens: Vec<Token>, next: usize },
}

impl Stream {
    fn random(vocabulary: Vocabulary, seed: u64) -> Result<Self, EngineError> {
        if vocabulary.n_tokens == 0 {
            return Err(EngineError::failed("the model has an empty vocabulary"));
        }
        Ok(Stream::Random { vocabulary, state: seed })
    }

    fn text(tokens: Vec<Token>, seed: u64) -> Result<Self, EngineError> {
        if tokens.is_empty() {
            return Err(EngineError::unsupported(
                "the model cannot tokenize text; use random tokens",
            ));
        }
        let next = (split_mix(seed) % tokens.len() as u64) as usize;
        Ok(Stream::Text { tokens, next })
    }

    fn take(&mut self, n: usize) -> Vec<Token> {
        (0..n).map(|_| self.next()).collect()
    }

    fn next(&mut self) -> Token {
        match self {
            // BOS is drawn again, but for a vocabulary that has nothing else.
            Stream::Random { vocabulary, state } => loop {
                *state = state.wrapping_add(GOLDEN_GAMMA);
                let wide = u128::from(split_mix(*state)) * u128::from(vocabulary.n_tokens);
                let token = (wide >> 64) as Token;
                if Some(token) != vocabulary.bos || vocabulary.n_tokens == 1 {
                    return token;
                }
            },
            Stream::Text { tokens, next } => {
                let token = tokens[*next];
                *next = (*next + 1) % tokens.len();
                token
            }
        }
    }
}

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// Output function of SplitMix64 (Steele, Lea, Flood 2014). Written out here because the
/// sequence is part of the record's meaning and must not change with a library.
fn split_mix(state: u64) -> u64 {
    let mut z = state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NullEngine;

    fn tokens(test: Test, kind: TokenKind, seed: u64) -> (TokenWork, TokenSource) {
        let source = TokenSource { kind, seed, sha256: None };
        let (Work::Tokens(work), source) = make_work(&NullEngine, test, &source).unwrap();
        (work, source)
    }

    #[test]
    fn the_same_seed_gives_the_same_tokens_and_hash() {
        let (first, source) = tokens(Test::pp(512), TokenKind::Random, 7);
        let (again, same) = tokens(Test::pp(512), TokenKind::Random, 7);
        let (other, different) = tokens(Test::pp(512), TokenKind::Random, 8);
        assert_eq!((&first, &source), (&again, &same));
        assert_ne!(first.prompt, other.prompt);
        assert_ne!(source.sha256, different.sha256);
    }

    #[test]
    fn the_sequence_never_changes_between_versions() {
        let (work, source) = tokens(Test::pp(4), TokenKind::Random, 0);
        // The reference implementation of SplitMix64 gives e220a839..., 6e789e6a...,
        // 06c45d18..., f88bb8a8... for seed 0; times 32,000 / 2^64.
        assert_eq!(work.prompt, [1, 13_808, 845, 31_068]);
        let hash = source.sha256.unwrap();
        assert_eq!(&hash[..16], "bc3d4ebb482c8ec3");
    }

    #[test]
    fn beginning_of_sequence_stands_only_at_position_zero() {
        let (deep, _) = tokens(Test::tg(8).at_depth(16), TokenKind::Random, 1);
        assert_eq!(deep.depth[0], 1);
        assert!(deep.generation.iter().all(|&token| token != 1));
        let wide = Test { n_parallel: 3, ..Test::pp(5) };
        let (wide, _) = tokens(wide, TokenKind::Random, 1);
        assert_eq!([wide.prompt[0], wide.prompt[5], wide.prompt[10]], [1, 1, 1]);
        let (gen_only, _) = tokens(Test::tg(3), TokenKind::Random, 1);
        assert_eq!(gen_only.generation[0], 1);
    }

    #[test]
    fn tokens_stay_inside_the_vocabulary() {
        let (work, _) = tokens(Test::pp(20_000), TokenKind::Random, 3);
        assert!(work.prompt.iter().all(|&token| (0..32_000).contains(&token)));
    }

    #[test]
    fn a_text_shorter_than_the_test_is_repeated() {
        let (work, _) = tokens(Test::pp(3 * TEXT.len() as u32), TokenKind::Text, 2);
        assert_eq!(work.prompt[1], work.prompt[1 + TEXT.len()]);
    }
}
