use std::collections::HashSet;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::shape::hex;

const CONTENTS: [Content; 4] = [Content::Chat, Content::Documents, Content::Code, Content::Agent];

fn n_words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn words(text: &str) -> Option<usize> {
    Some(n_words(text))
}

fn prompt(content: Content, number: u64, n: u32, cache: CacheMode) -> String {
    write_text(content, 42, number, n, cache, Some(&words)).text
}

/// Words at the beginning that both texts have.
fn common_words(a: &str, b: &str) -> usize {
    a.split_whitespace().zip(b.split_whitespace()).take_while(|(a, b)| a == b).count()
}

#[test]
fn the_text_of_a_seed_never_changes() {
    let text = prompt(Content::Chat, 0, 36, CacheMode::Bust);
    let expected = "Oasis quilt candle chess: Since 1869, the river has lent its guitars to \
                    visitors from Highmoor. Tell me what could go wrong here. Tell me about how \
                    honey keeps for many years and why it matters.";
    assert_eq!(text, expected);
}

/// Tokens of texts for which 850 were assumed, in the vocabularies of Llama 3, Qwen 2, Gemma 4,
/// DeepSeek LLM, Command R and SmolLM2, counted by llama.cpp 11434. The hash ties the counts to
/// the text.
const COUNTED: [(Content, &str, [u32; 6]); 4] = [
    (Content::Chat, "7ce110c5520d", [815, 837, 839, 853, 848, 859]),
    (Content::Documents, "22722e47e8a3", [819, 844, 843, 856, 850, 865]),
    (Content::Code, "4ca0e6157d8e", [812, 829, 953, 972, 941, 987]),
    (Content::Agent, "835cbf149fde", [862, 880, 876, 876, 878, 886]),
];

#[test]
fn assumed_lengths_are_near_those_of_real_vocabularies() {
    let texts = COUNTED.map(|(content, ..)| write_text(content, 1, 0, 850, CacheMode::Keep, None));
    let hashes = texts.map(|text| hex(&Sha256::digest(text.text))[..12].to_owned());
    assert_eq!(hashes, COUNTED.map(|(_, hash, _)| hash));
    for (content, _, counts) in COUNTED {
        let mean = f64::from(counts.iter().sum::<u32>()) / 6.0;
        assert!((mean / 850.0 - 1.0).abs() < 0.09, "{content:?} {mean}");
        assert!(counts.iter().all(|n| (f64::from(*n) / mean - 1.0).abs() < 0.15), "{content:?}");
    }
}

#[test]
fn openings_never_change() {
    let openings = [unique_opening(1, 0, 0), unique_opening(1, 0, 1)];
    assert_eq!(openings, ["Glacier owl camel canyon:", "Cycle agent butter peach:"]);
}

#[test]
fn unique_prompts_differ_in_their_first_40_characters() {
    for content in CONTENTS {
        let starts: HashSet<String> = (0..2000)
            .map(|number| prompt(content, number, 60, CacheMode::Bust).chars().take(40).collect())
            .collect();
        assert_eq!(starts.len(), 2000, "{content:?}");
    }
    let openings: HashSet<String> = (0..100_000).map(|n| unique_opening(3, 8, n)).collect();
    assert_eq!(openings.len(), 100_000);
    assert!(openings.iter().all(|opening| opening.len() <= 36));
}

#[test]
fn the_shared_share_is_exact() {
    for content in CONTENTS {
        for (n, share) in [(100, 0.5), (850, 0.9), (620, 0.25), (2000, 0.99)] {
            let cache = CacheMode::Share { share };
            let texts: Vec<String> =
                (0..6).map(|number| prompt(content, number, n, cache)).collect();
            let wanted = f64::from(n) * share;
            for pair in texts.windows(2) {
                let common = common_words(&pair[0], &pair[1]) as f64;
                // Two openings may begin with the same word.
                assert!(
                    (common - wanted).abs() <= (0.02 * wanted).max(6.0),
                    "{content:?} {common}"
                );
            }
            let misses = texts.iter().map(|text| n_words(text).abs_diff(n as usize));
            assert!(misses.max() <= Some(2.max(n as usize / 50)));
        }
    }
}

#[test]
fn a_share_of_all_makes_prompts_equal_and_of_none_unique() {
    let all = CacheMode::Share { share: 1.0 };
    assert_eq!(prompt(Content::Code, 1, 90, all), prompt(Content::Code, 2, 90, all));
    let none = CacheMode::Share { share: 0.0 };
    let (a, b) = (prompt(Content::Code, 1, 90, none), prompt(Content::Code, 2, 90, none));
    assert!(common_words(&a, &b) < 3);
}

#[test]
fn kept_prompts_come_again_after_16() {
    let texts: Vec<String> =
        (0..48).map(|n| prompt(Content::Chat, n, 36, CacheMode::Keep)).collect();
    assert_eq!(texts[..16], texts[16..32]);
    assert_eq!(texts[..16].iter().collect::<HashSet<_>>().len(), 16);
}

#[test]
fn without_a_tokenizer_lengths_are_assumed_and_said_to_be() {
    for content in CONTENTS {
        for n in [36u32, 850] {
            let prompt = write_text(content, 1, 2, n, CacheMode::Bust, None);
            assert_eq!(prompt.basis, LengthBasis::Assumed);
            assert!(prompt.n_tokens.abs_diff(n as usize) <= 2.max(n as usize / 50));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn targets_are_hit(
        seed: u64, number: u64, n in 16..2000u32, which in 0..4usize, share in 0.0..1.0f64,
    ) {
        for cache in [CacheMode::Bust, CacheMode::Keep, CacheMode::Share { share }] {
            let prompt = write_text(CONTENTS[which], seed, number, n, cache, Some(&words));
            prop_assert_eq!(words(&prompt.text), Some(prompt.n_tokens));
            prop_assert_eq!(prompt.basis, LengthBasis::Counted);
            prop_assert!(prompt.n_tokens.abs_diff(n as usize) <= 2.max(n as usize / 50));
        }
    }

    #[test]
    fn the_same_seed_and_number_give_the_same_text(seed: u64, number: u64, n in 1..300u32) {
        let write = |seed| write_text(Content::Agent, seed, number, n, CacheMode::Bust, Some(&words));
        prop_assert_eq!(write(seed), write(seed));
        prop_assert_ne!(write(seed).text, write(seed.wrapping_add(1)).text);
    }

    #[test]
    fn unique_openings_differ(seed: u64, nonce: u32, a: u32, b: u32) {
        prop_assume!(a != b);
        prop_assert_ne!(unique_opening(seed, nonce, a), unique_opening(seed, nonce, b));
    }
}
