//! YAML as a tree in which every value knows its place.

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Location, Spanned};

use crate::Finding;
use crate::finding::shown;
use crate::folder::{MAX_FILE_BYTES, SMALL_ENOUGH, TOO_LARGE};

/// Most values in one file; a record of the largest size has half as many.
const MAX_NODES: usize = 1_000_000;
/// Deepest nesting.
const MAX_DEPTH: usize = 48;

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Counted from 1.
    pub(crate) line: u64,
    /// In characters, counted from 1.
    pub(crate) column: u64,
}

impl Place {
    /// The beginning of a file, for what has no other place.
    pub(crate) const START: Place = Place { line: 1, column: 1 };

    /// A finding at this place.
    pub(crate) fn finding(
        self,
        file: &str,
        problem: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Finding {
        let Place { line, column } = self;
        let (problem, allowed) = (problem.into(), allowed.into());
        Finding { file: file.to_owned(), line, column, problem, allowed }
    }
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        Place { line: location.line().max(1), column: location.column().max(1) }
    }
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) content: Content,
}

/// What stands there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// Null, a boolean, a number or a text.
    Scalar(Value),
    /// A list.
    List(Vec<Node>),
    /// A mapping in the order of the file; no key twice.
    Mapping(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) value: Node,
}

impl Node {
    /// Reads one YAML document.
    ///
    /// # Errors
    /// The first fault of the text: too large, no YAML, two documents, a key twice, an anchor, an alias, a
    /// merge key, a number that is none, too deep or too many values.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Node, Finding> {
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(Place::START.finding(file, TOO_LARGE, SMALL_ENOUGH));
        }
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! {
                max_aliases: 0,
                max_anchors: 0,
                max_depth: MAX_DEPTH,
                flow_nesting_limit: MAX_DEPTH,
                max_documents: 1,
                max_nodes: MAX_NODES,
                max_events: 3 * MAX_NODES,
            },
            duplicate_keys: DuplicateKeyPolicy::Error,
            merge_keys: MergeKeyPolicy::Error,
            non_finite_float_policy: NonFiniteFloatPolicy::Reject,
            reject_unsupported_tags: true,
            emit_comments: false,
            strict_booleans: true,
            leading_zero_numbers_as_strings: true,
            underscored_numbers_as_strings: true,
            with_snippet: false,
        };
        serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options)
            .map(Node::from)
            .map_err(|error| refused(file, text, &error))
    }

    /// The same without places.
    pub(crate) fn value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(list) => Value::Array(list.iter().map(Node::value).collect()),
            Content::Mapping(entries) => {
                let entries = entries.iter().map(|entry| (entry.key.clone(), entry.value.value()));
                Value::Object(entries.collect::<Map<_, _>>())
            }
        }
    }

    /// The entry of a mapping under this key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.content {
            Content::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
            Content::Scalar(_) | Content::List(_) => None,
        }
    }

    /// The value under this key, or at this position of a list.
    pub(crate) fn child(&self, segment: &str) -> Option<&Node> {
        match &self.content {
            Content::List(list) => list.get(segment.parse::<usize>().ok()?),
            Content::Mapping(_) | Content::Scalar(_) => self.entry(segment).map(|e| &e.value),
        }
    }

    /// The value as text, where it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The place of what `path` leads to, or of the last thing on the way that is there.
    pub(crate) fn place_of<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Place {
        let mut node = self;
        for segment in path {
            match node.child(segment) {
                Some(child) => node = child,
                None => break,
            }
        }
        node.place
    }

    /// Every text of the file, keys included, with its place.
    pub(crate) fn texts(&self) -> Vec<(Place, &str)> {
        let mut texts = Vec::new();
        self.collect_texts(&mut texts);
        texts
    }

    fn collect_texts<'a>(&'a self, texts: &mut Vec<(Place, &'a str)>) {
        match &self.content {
            Content::Scalar(Value::String(text)) => texts.push((self.place, text)),
            Content::Scalar(_) => {}
            Content::List(list) => list.iter().for_each(|node| node.collect_texts(texts)),
            Content::Mapping(entries) => {
                for entry in entries {
                    texts.push((entry.key_place, &entry.key));
                    entry.value.collect_texts(texts);
                }
            }
        }
    }
}

/// What the library says of a text, in our words where the fault is a common one.
fn refused(file: &str, text: &str, error: &serde_saphyr::Error) -> Finding {
    let error = error.without_snippet();
    let place = error.location().map_or(Place::START, Place::from);
    let message = error.to_string();
    let said = message.split("\n").next().unwrap_or_default();
    let said = said.strip_prefix("error: ").unwrap_or(said);
    let lower = said.to_ascii_lowercase();
    let has = |word: &str| lower.contains(word);
    let (problem, allowed) = if has("alias") || has("anchor") {
        ("an anchor (&) or alias (*)".to_owned(), "write the value out in each place")
    } else if has("merge key") {
        ("a merge key (<<)".to_owned(), "write the fields out")
    } else if has("duplicate") {
        (format!("{} stands here twice", key_at(text, place)), "keep one of the two")
    } else if has("depth") || has("nesting") || has("recursion") {
        ("nested too deeply".to_owned(), "up to 48 levels")
    } else if has("budget") && has("node") || has("events") {
        ("too many values".to_owned(), "up to a million values in a file")
    } else if has("document") && (has("multiple") || has("budget")) {
        ("a second document (---)".to_owned(), "one document in a file")
    } else if has("finite") {
        ("a number that is none".to_owned(), "a finite number, or leave the field out")
    } else if has("tag") {
        ("a tag (!)".to_owned(), "plain values; their kind follows from the field")
    } else {
        (format!("no YAML: {}", shown(without_place(said))), "one YAML document, see yaml.org")
    };
    place.finding(file, problem, allowed)
}

/// The word that begins at a place.
fn key_at(text: &str, place: Place) -> String {
    let nth = |n: u64| usize::try_from(n - 1).unwrap_or(usize::MAX);
    let line = text.lines().nth(nth(place.line)).unwrap_or_default();
    let rest: String = line.chars().skip(nth(place.column)).take_while(|&c| c != ':').collect();
    match rest.is_empty() {
        true => "a key".to_owned(),
        false => shown(&rest),
    }
}

/// A message without its own "line 3 column 4".
fn without_place(message: &str) -> &str {
    [" at line", " (line", ", line"]
        .iter()
        .filter_map(|mark| message.find(mark))
        .min()
        .map_or(message, |end| &message[..end])
}

/// A value as the library gives it, children with their places.
enum Raw {
    Scalar(Value),
    List(Vec<Spanned<Raw>>),
    Mapping(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl From<Spanned<Raw>> for Node {
    fn from(spanned: Spanned<Raw>) -> Self {
        let place = Place::from(spanned.referenced);
        let content = match spanned.value {
            Raw::Scalar(value) => Content::Scalar(value),
            Raw::List(list) => Content::List(list.into_iter().map(Node::from).collect()),
            Raw::Mapping(entries) => Content::Mapping(
                entries
                    .into_iter()
                    .map(|(key, value)| Entry {
                        key_place: Place::from(key.referenced),
                        key: key.value,
                        value: Node::from(value),
                    })
                    .collect(),
            ),
        };
        Node { place, content }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Raw;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(value.into()))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Raw, E> {
        self.visit_f64(value as f64)
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Raw, E> {
        self.visit_f64(value as f64)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Raw, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("number is not finite"))?;
        Ok(Raw::Scalar(Value::Number(number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::String(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::String(value)))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = access.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Mapping(entries))
    }
}

#[cfg(test)]
mod tests;
