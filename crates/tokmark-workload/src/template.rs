//! Sentences and code with places for words: `The %adj% %person% %verbed% the %thing%.`

use crate::random::Random;
use crate::vocabulary::VOCABULARY;

/// A place for a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Person(usize),
    Thing(usize),
    Site(usize),
    Verb(usize),
    Adjective,
    Adverb,
    Name,
    Town,
    Topic,
    Number,
    Year,
    Day,
}

impl Slot {
    /// The slot of this name; the number is the column of the word list.
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "person" => Slot::Person(0),
            "persons" => Slot::Person(1),
            "thing" => Slot::Thing(0),
            "things" => Slot::Thing(1),
            "site" => Slot::Site(0),
            "sites" => Slot::Site(1),
            "verb" => Slot::Verb(0),
            "verbs" => Slot::Verb(1),
            "verbed" => Slot::Verb(2),
            "verbing" => Slot::Verb(3),
            "adj" => Slot::Adjective,
            "adv" => Slot::Adverb,
            "name" => Slot::Name,
            "town" => Slot::Town,
            "topic" => Slot::Topic,
            "number" => Slot::Number,
            "year" => Slot::Year,
            "day" => Slot::Day,
            _ => return None,
        })
    }
}

#[derive(Debug)]
enum Piece {
    Text(&'static str),
    Word { slot: Slot, article: bool },
}

/// A text with places for words.
#[derive(Debug)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

/// Rows already chosen, for texts in which a word stands for the same thing throughout.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Chosen {
    person: Option<u64>,
    thing: Option<u64>,
    site: Option<u64>,
    verb: Option<u64>,
    town: Option<u64>,
}

impl Template {
    /// Splits `text` at `%`. A word between two of them that names no place stays as it is.
    pub(crate) fn parse(text: &'static str) -> Self {
        let piece = |(position, part): (usize, &'static str)| {
            let (article, name) = match part.strip_prefix("a_") {
                Some(name) => (true, name),
                None => (false, part),
            };
            match Slot::named(name) {
                Some(slot) if position % 2 == 1 => Piece::Word { slot, article },
                _ => Piece::Text(part),
            }
        };
        Template { pieces: text.split('%').enumerate().map(piece).collect() }
    }

    /// Fills every place with a word of its own.
    pub(crate) fn fill(&self, random: &mut Random) -> String {
        self.write(random, &mut None)
    }

    /// Fills equal places with the same word, as a program needs it.
    pub(crate) fn fill_alike(&self, random: &mut Random, chosen: Chosen) -> String {
        self.write(random, &mut Some(chosen))
    }

    fn write(&self, random: &mut Random, chosen: &mut Option<Chosen>) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(part) => text.push_str(part),
                Piece::Word { slot, article } => {
                    let word = word(*slot, random, chosen);
                    if *article {
                        text.push_str(if word.starts_with(VOWELS) { "an " } else { "a " });
                    }
                    text.push_str(&word);
                }
            }
        }
        text
    }
}

impl Chosen {
    /// A word for every place.
    pub(crate) fn draw(random: &mut Random) -> Self {
        let mut row = || Some(random.next());
        Chosen { person: row(), thing: row(), site: row(), verb: row(), town: row() }
    }
}

const VOWELS: [char; 5] = ['a', 'e', 'i', 'o', 'u'];

fn word(slot: Slot, random: &mut Random, chosen: &Option<Chosen>) -> String {
    let words = &*VOCABULARY;
    let mut row = |len: usize, alike: fn(&Chosen) -> Option<u64>| {
        let fixed = chosen.as_ref().and_then(alike).map(|number| number % len as u64);
        fixed.unwrap_or_else(|| random.below(len as u64)) as usize
    };
    match slot {
        Slot::Person(form) => words.persons[row(words.persons.len(), |c| c.person)][form],
        Slot::Thing(form) => words.things[row(words.things.len(), |c| c.thing)][form],
        Slot::Site(form) => words.sites[row(words.sites.len(), |c| c.site)][form],
        Slot::Verb(form) => words.verbs[row(words.verbs.len(), |c| c.verb)][form],
        Slot::Town => words.towns[row(words.towns.len(), |c| c.town)],
        Slot::Adjective => words.adjectives[row(words.adjectives.len(), |_| None)],
        Slot::Adverb => words.adverbs[row(words.adverbs.len(), |_| None)],
        Slot::Name => words.names[row(words.names.len(), |_| None)],
        Slot::Topic => words.topics[row(words.topics.len(), |_| None)],
        Slot::Number => return (2 + random.below(58)).to_string(),
        Slot::Year => return (1780 + random.below(240)).to_string(),
        Slot::Day => return (10 + random.below(19)).to_string(),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    fn random(n: u64) -> Random {
        Random::new(n, Purpose::OwnText, &[])
    }

    #[test]
    fn places_are_filled_and_other_text_stays() {
        let text = Template::parse("In %year%, %name% left.").fill(&mut random(1));
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!((words[0], words[3]), ("In", "left."));
        assert!((1780..2020).contains(&words[1].trim_end_matches(',').parse::<u32>().unwrap()));
        assert!(VOCABULARY.names.contains(&words[2]));
    }

    #[test]
    fn the_article_suits_the_word() {
        let template = Template::parse("%a_adj%");
        for seed in 0..200 {
            let text = template.fill(&mut random(seed));
            let (article, word) = text.split_once(' ').unwrap();
            assert_eq!(article == "an", word.starts_with(VOWELS), "{text}");
        }
    }

    #[test]
    fn equal_places_of_a_program_hold_the_same_word() {
        let template = Template::parse("%thing% %thing% %things%");
        let different = (0..20).filter(|seed| {
            let mut random = random(*seed);
            let chosen = Chosen::draw(&mut random);
            let text = template.fill_alike(&mut random, chosen);
            let words: Vec<&str> = text.split(' ').collect();
            assert_eq!(words[0], words[1]);
            assert!(VOCABULARY.things.contains(&[words[0], words[2]]), "{text}");
            let free = template.fill(&mut random);
            free.split(' ').next() != free.split(' ').nth(1)
        });
        assert!(different.count() > 15);
    }
}
