//! The words that texts are made of, by the places they can take in a sentence.

use std::sync::LazyLock;

/// Words by kind. `persons[i]` is singular and plural, `verbs[i]` base, third person, past and
/// present participle.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    pub(crate) persons: Vec<[&'static str; 2]>,
    pub(crate) things: Vec<[&'static str; 2]>,
    pub(crate) sites: Vec<[&'static str; 2]>,
    pub(crate) verbs: Vec<[&'static str; 4]>,
    pub(crate) adjectives: Vec<&'static str>,
    pub(crate) adverbs: Vec<&'static str>,
    pub(crate) names: Vec<&'static str>,
    pub(crate) towns: Vec<&'static str>,
    pub(crate) topics: Vec<&'static str>,
    /// Short common words for unique openings.
    pub(crate) openings: Vec<&'static str>,
}

/// The lists in `text/`.
pub(crate) static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary {
    persons: rows(include_str!("text/persons.txt")),
    things: rows(include_str!("text/things.txt")),
    sites: rows(include_str!("text/sites.txt")),
    verbs: rows(include_str!("text/verbs.txt")),
    adjectives: lines(include_str!("text/adjectives.txt")),
    adverbs: lines(include_str!("text/adverbs.txt")),
    names: lines(include_str!("text/names.txt")),
    towns: lines(include_str!("text/towns.txt")),
    topics: lines(include_str!("text/topics.txt")),
    openings: include_str!("text/openings.txt").split_whitespace().collect(),
});

fn lines(text: &'static str) -> Vec<&'static str> {
    text.lines().collect()
}

/// The words of each line. A line with another number of words is left out; a test sees to
/// it that there is none.
fn rows<const N: usize>(text: &'static str) -> Vec<[&'static str; N]> {
    let row = |line: &'static str| line.split_whitespace().collect::<Vec<_>>().try_into().ok();
    text.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_line_of_the_lists_is_used() {
        let words = &*VOCABULARY;
        assert_eq!(words.persons.len(), include_str!("text/persons.txt").lines().count());
        assert_eq!(words.things.len(), include_str!("text/things.txt").lines().count());
        assert_eq!(words.sites.len(), include_str!("text/sites.txt").lines().count());
        assert_eq!(words.verbs.len(), include_str!("text/verbs.txt").lines().count());
        assert!(words.adjectives.len() > 100 && words.topics.len() > 50);
    }

    #[test]
    fn openings_are_256_different_short_words() {
        let openings = &VOCABULARY.openings;
        assert_eq!(openings.len(), 256);
        assert_eq!(openings.iter().collect::<HashSet<_>>().len(), 256);
        assert!(openings.iter().all(|word| word.len() <= 8 && word.is_ascii()));
    }

    #[test]
    fn no_word_is_listed_twice() {
        let words = &*VOCABULARY;
        let things: HashSet<_> = words.things.iter().collect();
        let verbs: HashSet<_> = words.verbs.iter().collect();
        let adjectives: HashSet<_> = words.adjectives.iter().collect();
        assert_eq!(things.len(), words.things.len());
        assert_eq!(verbs.len(), words.verbs.len());
        assert_eq!(adjectives.len(), words.adjectives.len());
    }
}
