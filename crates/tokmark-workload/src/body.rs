//! Text without end, in units that can be cut off after each: sentences, lines of code.

use std::collections::VecDeque;
use std::sync::LazyLock;

use crate::random::Random;
use crate::template::{Chosen, Template};
use crate::vocabulary::VOCABULARY;

/// What kind of text a message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// A person talks, then asks.
    Chat,
    /// Documents, then a question about them.
    Documents,
    /// Requirements and code, then a request to write more.
    Code,
    /// A task for a model with tools.
    Agent,
    /// Rules for a model.
    System,
    /// What a tool found.
    Result,
}

impl Style {
    fn sentences(self) -> &'static [Template] {
        match self {
            Style::Chat | Style::Documents => &PROSE,
            Style::Code | Style::Agent => &TASKS,
            Style::System => &RULES,
            Style::Result => &RESULTS,
        }
    }

    fn asks(self) -> &'static [Template] {
        match self {
            Style::Chat => &ASKS_CHAT,
            Style::Documents => &ASKS_DOCUMENTS,
            Style::Code => &ASKS_CODE,
            Style::Agent => &ASKS_AGENT,
            Style::System | Style::Result => &[],
        }
    }

    /// The closing request of a message, drawn by `random`; empty where the style has none.
    pub(crate) fn ask(self, random: &mut Random) -> String {
        let index = random.below(self.asks().len() as u64) as usize;
        self.asks().get(index).map(|ask| ask.fill(random)).unwrap_or_default()
    }

    /// What stands between the body and the closing request.
    pub(crate) fn before_ask(self) -> &'static str {
        match self {
            Style::Documents | Style::Code => "\n\n",
            _ => " ",
        }
    }
}

/// A piece of text, after which it may end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    /// What stands before it, unless it is the first.
    pub(crate) lead: &'static str,
    pub(crate) text: String,
    /// The unit lies inside a block of code that is still to be closed.
    pub(crate) in_code: bool,
}

/// Units of a style, as many as are asked for, decided by the random stream alone.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    style: Style,
    random: Random,
    units: Vec<Unit>,
    next: VecDeque<Unit>,
    /// Sentences not used in this round: each comes once before one comes again.
    unused: Vec<usize>,
}

/// Sentences of a paragraph, and of a document.
const PARAGRAPH: usize = 5;
const DOCUMENT: usize = 7;

impl Body {
    pub(crate) fn new(style: Style, random: Random) -> Self {
        Body { style, random, units: Vec::new(), next: VecDeque::new(), unused: Vec::new() }
    }

    /// The first `n` units.
    pub(crate) fn units(&mut self, n: usize) -> &[Unit] {
        while self.units.len() < n {
            match self.next.pop_front() {
                Some(unit) => self.units.push(unit),
                None => self.refill(),
            }
        }
        &self.units[..n]
    }

    /// Puts at least one unit into `next`.
    fn refill(&mut self) {
        let n = self.units.len();
        let mut sentence = self.sentence();
        let lead = match self.style {
            Style::Chat if n % PARAGRAPH == PARAGRAPH - 1 => "\n\n",
            Style::Documents if n.is_multiple_of(DOCUMENT) => "\n\n",
            Style::Code => "\n\n",
            Style::System | Style::Result => "\n",
            _ => " ",
        };
        if self.style == Style::Documents && n.is_multiple_of(DOCUMENT) {
            sentence = format!("{}\n{sentence}", title(&mut self.random));
        }
        self.next.push_back(Unit { lead, text: sentence, in_code: false });
        if self.style == Style::Code {
            self.next.extend(snippet(&mut self.random));
        }
    }

    fn sentence(&mut self) -> String {
        let sentences = self.style.sentences();
        if self.unused.is_empty() {
            self.unused = (0..sentences.len()).collect();
        }
        let position = self.random.below(self.unused.len() as u64) as usize;
        let text = sentences[self.unused.swap_remove(position)].fill(&mut self.random);
        if self.style == Style::Result { text } else { capitalized(&text) }
    }
}

fn title(random: &mut Random) -> String {
    format!("Document: {}", capitalized(&fill_one(&TITLES, random)))
}

fn fill_one(templates: &[Template], random: &mut Random) -> String {
    random.pick(templates).map(|template| template.fill(random)).unwrap_or_default()
}

/// A block of code, one unit a line.
fn snippet(random: &mut Random) -> Vec<Unit> {
    let chosen = Chosen::draw(random);
    let code = random.pick(&CODE).map(|code| code.fill_alike(random, chosen)).unwrap_or_default();
    let mut lead = "\n\n```";
    let mut units: Vec<Unit> = code
        .trim()
        .lines()
        .map(|line| {
            let unit = Unit { lead, text: line.to_owned(), in_code: true };
            lead = "\n";
            unit
        })
        .collect();
    if let Some(last) = units.last_mut() {
        last.text.push_str("\n```");
        last.in_code = false;
    }
    units
}

/// `text` with its first letter made a capital one.
pub(crate) fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

fn lines(text: &'static str) -> Vec<Template> {
    text.lines().map(Template::parse).collect()
}

static PROSE: LazyLock<Vec<Template>> = LazyLock::new(|| lines(include_str!("text/prose.txt")));
static TASKS: LazyLock<Vec<Template>> = LazyLock::new(|| lines(include_str!("text/tasks.txt")));
static RULES: LazyLock<Vec<Template>> = LazyLock::new(|| lines(include_str!("text/rules.txt")));
static RESULTS: LazyLock<Vec<Template>> = LazyLock::new(|| lines(include_str!("text/results.txt")));
static TITLES: LazyLock<Vec<Template>> = LazyLock::new(|| lines(include_str!("text/titles.txt")));
static ASKS_CHAT: LazyLock<Vec<Template>> =
    LazyLock::new(|| lines(include_str!("text/asks_chat.txt")));
static ASKS_DOCUMENTS: LazyLock<Vec<Template>> =
    LazyLock::new(|| lines(include_str!("text/asks_documents.txt")));
static ASKS_CODE: LazyLock<Vec<Template>> =
    LazyLock::new(|| lines(include_str!("text/asks_code.txt")));
static ASKS_AGENT: LazyLock<Vec<Template>> =
    LazyLock::new(|| lines(include_str!("text/asks_agent.txt")));
static CODE: LazyLock<Vec<Template>> =
    LazyLock::new(|| include_str!("text/code.txt").split("---\n").map(Template::parse).collect());

/// `fillers[i]` are sentences of `i + 1` words.
static FILLERS: LazyLock<Vec<Vec<&'static str>>> = LazyLock::new(|| {
    let mut by_words: Vec<Vec<&'static str>> = Vec::new();
    for line in include_str!("text/fillers.txt").lines() {
        let n_words = line.split_whitespace().count();
        by_words.resize(by_words.len().max(n_words), Vec::new());
        by_words[n_words - 1].push(line);
    }
    by_words
});

/// Short sentences of exactly `n_words` words together; in the result of a tool, which is not
/// to tell the model anything, a list of things.
pub(crate) fn filler(style: Style, mut random: Random, n_words: usize) -> String {
    if style == Style::Result {
        let thing = |_| random.pick(&VOCABULARY.things).map_or("", |thing| thing[1]);
        let things = (1..n_words).map(thing);
        return ["unused:"].into_iter().take(n_words).chain(things).collect::<Vec<_>>().join(" ");
    }
    let mut sentences: Vec<&str> = Vec::new();
    let mut left = n_words;
    while left > 0 {
        let longest = left.min(FILLERS.len());
        let n = if left <= FILLERS.len() {
            left
        } else {
            longest - random.below(longest as u64 / 2) as usize
        };
        sentences.extend(random.pick(&FILLERS[n - 1]));
        left -= n;
    }
    sentences.join(" ")
}

#[cfg(test)]
mod tests;
