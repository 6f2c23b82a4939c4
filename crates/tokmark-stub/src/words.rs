//! The words that answers are made of. Each is one token.

/// Words of an answer, over and over.
const WORDS: [&str; N_WORDS] = [
    "river", "stone", "cloud", "paper", "green", "early", "north", "table", "glass", "music",
    "round", "seven", "light", "brief", "ocean", "candle",
];

/// How many there are. Text events repeat after as many.
pub(crate) const N_WORDS: usize = 16;

/// `n` words beginning with word `from` of the endless text, each with a blank before it.
pub(crate) fn words(from: u64, n: u32) -> String {
    (0..u64::from(n)).fold(String::new(), |mut text, position| {
        text.push(' ');
        text.push_str(WORDS[((from + position) % N_WORDS as u64) as usize]);
        text
    })
}

/// Words of a prompt, which count as its tokens.
pub(crate) fn n_words(text: &str) -> u32 {
    u32::try_from(text.split_whitespace().count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_begins_again_after_its_last_word() {
        assert_eq!(words(0, 3), " river stone cloud");
        assert_eq!(words(15, 2), " candle river");
        assert_eq!(words(7, 5), words(7 + 3 * 16, 5));
        assert_eq!(words(0, 0), "");
        assert_eq!(n_words(&words(3, 40)), 40);
    }
}
