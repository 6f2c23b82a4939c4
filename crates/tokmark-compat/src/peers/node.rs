//! A JSON document as a tree that can say where a wrong value stands.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use tokmark_model::Nanos;

use super::PeerError;

/// Longest text that is kept, in bytes. Prompts and answers are most of a file, and nothing
/// here needs them.
const MOST_TEXT: usize = 1024;

/// A JSON value.
#[derive(Debug)]
pub(super) enum Node {
    Null,
    Flag(bool),
    Whole(u64),
    Number(f64),
    Text(Box<str>),
    List(Vec<Node>),
    Object(Vec<(Box<str>, Node)>),
}

static NULL: Node = Node::Null;

impl Node {
    fn field(&self, key: &str) -> &Node {
        match self {
            Node::Object(fields) => {
                fields.iter().find(|(name, _)| **name == *key).map_or(&NULL, |(_, node)| node)
            }
            _ => &NULL,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Node::Null => "missing",
            Node::Flag(_) => "true or false",
            Node::Number(number) if *number < 0.0 => "a negative number",
            Node::Whole(_) | Node::Number(_) => "a number",
            Node::Text(_) => "a text",
            Node::List(_) => "a list",
            Node::Object(_) => "an object",
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Node, E> {
        Ok(Node::Flag(flag))
    }

    fn visit_u64<E>(self, whole: u64) -> Result<Node, E> {
        Ok(Node::Whole(whole))
    }

    fn visit_i64<E>(self, whole: i64) -> Result<Node, E> {
        Ok(u64::try_from(whole).map_or(Node::Number(whole as f64), Node::Whole))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text[..text.floor_char_boundary(MOST_TEXT)].into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some((key, node)) = object.next_entry::<Box<str>, Node>()? {
            fields.push((key, node));
        }
        Ok(Node::Object(fields))
    }
}

/// A unit of time, as nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Unit(f64);

impl Unit {
    pub(super) const SECONDS: Unit = Unit(1e9);
    pub(super) const MILLISECONDS: Unit = Unit(1e6);

    /// The unit that a tool writes as `word`.
    pub(super) fn named(word: &str) -> Option<Unit> {
        match word {
            "s" | "sec" | "seconds" => Some(Unit::SECONDS),
            "ms" | "milliseconds" => Some(Unit::MILLISECONDS),
            "us" | "\u{b5}s" | "microseconds" => Some(Unit(1e3)),
            "ns" | "nanoseconds" => Some(Unit(1.0)),
            _ => None,
        }
    }

    /// `number` of this unit in milliseconds.
    pub(super) fn as_ms(self, number: f64) -> f64 {
        if self == Unit::MILLISECONDS { number } else { number * (self.0 / 1e6) }
    }
}

/// A value of a document with the way to it.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    node: &'a Node,
    path: String,
    file: &'a str,
}

impl<'a> Place<'a> {
    /// The whole document; `path` is what stands before its fields in messages.
    pub(super) fn new(node: &'a Node, path: &str, file: &'a str) -> Self {
        Place { node, path: path.to_owned(), file }
    }

    /// Name of the file.
    pub(super) fn file(&self) -> &'a str {
        self.file
    }

    /// The value under `keys`, joined by dots; null where there is none.
    pub(super) fn at(&self, keys: &str) -> Place<'a> {
        self.below(keys, keys.split('.').fold(self.node, Node::field))
    }

    /// The value under one key that may hold dots; null where there is none.
    pub(super) fn key(&self, key: &str) -> Place<'a> {
        self.below(key, self.node.field(key))
    }

    fn below(&self, keys: &str, node: &'a Node) -> Place<'a> {
        let dot = if self.path.is_empty() { "" } else { "." };
        Place { node, path: format!("{}{dot}{keys}", self.path), file: self.file }
    }

    /// The first of `candidates` that isn't null; the last of them otherwise.
    pub(super) fn any(&self, candidates: &[&str]) -> Place<'a> {
        let mut place = self.at(candidates.first().copied().unwrap_or_default());
        for keys in candidates.iter().skip(1) {
            if place.is_null() {
                place = self.at(keys);
            }
        }
        place
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.node, Node::Null)
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self.node, Node::Object(_))
    }

    /// Whether the key stands there, with whatever value.
    pub(super) fn has(&self, key: &str) -> bool {
        matches!(self.node, Node::Object(fields) if fields.iter().any(|(name, _)| **name == *key))
    }

    /// An error that names this place.
    pub(super) fn wrong(&self, expected: &'static str) -> PeerError {
        let field = if self.path.is_empty() { "the whole".to_owned() } else { self.path.clone() };
        PeerError::Field { file: self.file.to_owned(), field, found: self.node.kind(), expected }
    }

    /// The elements; `None` for null.
    pub(super) fn list(&self) -> Result<Option<Vec<Place<'a>>>, PeerError> {
        match self.node {
            Node::Null => Ok(None),
            Node::List(nodes) => Ok(Some(
                nodes
                    .iter()
                    .enumerate()
                    .map(|(i, node)| Place {
                        node,
                        path: format!("{}[{i}]", self.path),
                        file: self.file,
                    })
                    .collect(),
            )),
            _ => Err(self.wrong("a list")),
        }
    }

    pub(super) fn text(&self) -> Result<Option<&'a str>, PeerError> {
        match self.node {
            Node::Null => Ok(None),
            Node::Text(text) => Ok(Some(text)),
            _ => Err(self.wrong("a text")),
        }
    }

    pub(super) fn flag(&self) -> Result<Option<bool>, PeerError> {
        match self.node {
            Node::Null => Ok(None),
            Node::Flag(flag) => Ok(Some(*flag)),
            _ => Err(self.wrong("true or false")),
        }
    }

    pub(super) fn number(&self) -> Result<Option<f64>, PeerError> {
        match self.node {
            Node::Null => Ok(None),
            Node::Whole(whole) => Ok(Some(*whole as f64)),
            Node::Number(number) if number.is_finite() => Ok(Some(*number)),
            _ => Err(self.wrong("a number")),
        }
    }

    /// A number of 0 or more.
    pub(super) fn amount(&self) -> Result<Option<f64>, PeerError> {
        match self.number()? {
            Some(number) if number < 0.0 => Err(self.wrong("a number of 0 or more")),
            number => Ok(number),
        }
    }

    /// A whole number of 0 or more; `20.0` is one.
    pub(super) fn whole(&self) -> Result<Option<u64>, PeerError> {
        match self.node {
            Node::Whole(whole) => Ok(Some(*whole)),
            Node::Number(number) if (0.0..1e15).contains(number) && number.fract() == 0.0 => {
                Ok(Some(*number as u64))
            }
            Node::Null => Ok(None),
            _ => Err(self.wrong("a whole number of 0 or more")),
        }
    }

    /// [`Place::whole`] below 2^32.
    pub(super) fn count(&self) -> Result<Option<u32>, PeerError> {
        let count = |whole| u32::try_from(whole).map_err(|_| self.wrong("a number below 2^32"));
        self.whole()?.map(count).transpose()
    }

    /// A span of time, never negative.
    pub(super) fn span(&self, unit: Unit) -> Result<Option<Nanos>, PeerError> {
        let nanos = |number: f64| {
            let nanos = (number * unit.0).round();
            let is_span = nanos < 9e18;
            is_span.then_some(Nanos(nanos as u64)).ok_or_else(|| self.wrong("a span of time"))
        };
        self.amount()?.map(nanos).transpose()
    }

    /// A point in time in seconds, as nanoseconds of the same clock. Whole seconds and the
    /// rest are converted apart, which loses nothing of a double.
    pub(super) fn instant(&self) -> Result<Option<i128>, PeerError> {
        let nanos = |seconds: f64| {
            if seconds >= 9e9 {
                return Err(self.wrong("a time in seconds"));
            }
            let whole = seconds.trunc() as i128 * 1_000_000_000;
            Ok(whole + (seconds.fract() * 1e9).round() as i128)
        };
        self.amount()?.map(nanos).transpose()
    }

    /// `value`, or an error that says what is missing.
    pub(super) fn need<T>(&self, value: Option<T>, expected: &'static str) -> Result<T, PeerError> {
        value.ok_or_else(|| self.wrong(expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_place<T>(text: &str, read: impl Fn(&Place<'_>) -> T) -> T {
        let node: Node = serde_json::from_str(text).unwrap();
        read(&Place::new(&node, "x", "f"))
    }

    #[test]
    fn times_keep_every_digit_of_a_double() {
        let instant = |text| with_place(text, |place| place.instant());
        assert_eq!(instant("1795294953.6059496"), Ok(Some(1_795_294_953_605_949_640)));
        assert_eq!(instant("0.1"), Ok(Some(100_000_000)));
        assert_eq!(instant("null"), Ok(None));
        let span = |text, unit| with_place(text, |place| place.span(unit));
        assert_eq!(span("10.497285999999999", Unit::MILLISECONDS), Ok(Some(Nanos(10_497_286))));
        assert_eq!(span("2", Unit::SECONDS), Ok(Some(Nanos(2_000_000_000))));
    }

    #[test]
    fn times_beyond_reach_are_errors() {
        for text in ["1e308", "9e9", "-0.5", "\"1\"", "[]"] {
            assert!(with_place(text, |place| place.instant()).is_err(), "{text}");
        }
        for text in ["1e308", "9223372037", "-1", "{}"] {
            assert!(with_place(text, |place| place.span(Unit::SECONDS)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_count_is_whole() {
        let whole = |text| with_place(text, |place| place.whole());
        assert_eq!((whole("20.0"), whole("20")), (Ok(Some(20)), Ok(Some(20))));
        assert_eq!(whole("18446744073709551615"), Ok(Some(u64::MAX)));
        for text in ["20.5", "-1", "1e15", "true"] {
            assert!(whole(text).is_err(), "{text}");
        }
        assert!(with_place("4294967296", |place| place.count()).is_err());
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = format!("\"x{}\"", "\u{20ac}".repeat(1000));
        let length = with_place(&text, |place| place.text().map(|text| text.map(str::len)));
        assert_eq!(length, Ok(Some(1024)));
        let text = format!("\"{}\"", "\u{20ac}".repeat(1000));
        let length = with_place(&text, |place| place.text().map(|text| text.map(str::len)));
        assert_eq!(length, Ok(Some(1023)));
    }
}
