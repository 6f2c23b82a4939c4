//! Which beginnings of prompts were seen before.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Words of a block; only whole blocks are cached, as in vLLM's automatic prefix caching.
const BLOCK: usize = 16;
/// Blocks that are kept; then all are forgotten at once.
const MAX_BLOCKS: usize = 1 << 20;

/// Hashes of the beginnings of all prompts so far, in steps of a block.
#[derive(Debug, Default)]
pub(crate) struct PrefixCache {
    seen: HashSet<u64>,
}

impl PrefixCache {
    /// Words at the beginning of this prompt that an earlier one began with too, and remembers
    /// the prompt.
    pub(crate) fn recall<'a>(&mut self, words: impl Iterator<Item = &'a str>) -> u32 {
        if self.seen.len() > MAX_BLOCKS {
            self.seen.clear();
        }
        let mut hasher = DefaultHasher::new();
        let mut n_cached = 0;
        for (position, word) in words.enumerate() {
            word.hash(&mut hasher);
            if (position + 1) % BLOCK == 0 && !self.seen.insert(hasher.finish()) {
                n_cached = u32::try_from(position + 1).unwrap_or(u32::MAX);
            }
        }
        n_cached
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.seen.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(n_same: usize, own: &str) -> String {
        "same ".repeat(n_same) + &format!("{own} ").repeat(40)
    }

    #[test]
    fn the_same_beginning_is_cached_in_whole_blocks() {
        let mut cache = PrefixCache::default();
        let mut recall = |text: &str| cache.recall(text.split_whitespace());
        assert_eq!(recall(&prompt(40, "a")), 0);
        assert_eq!(recall(&prompt(40, "b")), 32);
        assert_eq!(recall(&prompt(40, "b")), 80);
        assert_eq!(recall(&prompt(15, "c")), 0);
        assert_eq!(recall("too short"), 0);
    }
}
