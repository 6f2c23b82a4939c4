//! The signature of a record: whose it is, and what it covers.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Record;

/// Before what is signed, so that the signature of anything else never fits a record.
const HEADING: &str = "tokmark record 1\n";

/// A record's signature by whoever measured it: Ed25519 (RFC 8032) over
/// [`Record::signed_bytes`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Signature {
    /// The public key: 32 bytes as 64 lower-case hexadecimal digits.
    pub key: String,
    /// The signature: 64 bytes as 128 such digits.
    pub value: String,
}

impl Signature {
    /// The signature of these bytes.
    pub fn new(key: &[u8; 32], value: &[u8; 64]) -> Self {
        Signature { key: digits(key), value: digits(value) }
    }

    /// The public key; `None` where its text is none.
    pub fn key_bytes(&self) -> Option<[u8; 32]> {
        bytes(&self.key)
    }

    /// The signature; `None` where its text is none.
    pub fn value_bytes(&self) -> Option<[u8; 64]> {
        bytes(&self.value)
    }
}

impl Record {
    /// What a [`Signature`] covers: the facts and the raw samples, and nothing that a server
    /// makes anew or that is added later. Left out are `summary`, `grade`, `notes`, `tags`,
    /// `signature`, `serving.summary`, and of `experiment` what is made of its visits:
    /// `contests`, `resources`, `overall`, `n_disturbed`, `statistics_version`. So a signature
    /// still fits when the figures were made anew under other statistics.
    ///
    /// The bytes are the line `tokmark record 1`, and then the rest of the record as JSON:
    ///
    /// - without white space, the keys of every object sorted by their bytes;
    /// - fields that are null, or an empty text, list or object, are left out at every depth, so
    ///   that a field which a later version adds with such a default changes nothing;
    /// - texts escaped as `serde_json` does it: `\"`, `\\`, `\b`, `\f`, `\n`, `\r`, `\t`, other
    ///   control characters as `\u00XX` in lower case, all else as it is;
    /// - whole numbers in digits; other numbers as the fewest digits that read back as the same
    ///   `f64`, with an exponent: `4.126e2`, `5e0`; 0 has no sign. That is Rust's `{:e}`, which no
    ///   version of a JSON library changes.
    ///
    /// Reading a record and writing it again gives the same bytes.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let text = serde_json::to_string(self).expect("a record is texts, numbers and lists");
        // Over the text and not over a tree of values, which takes many times its memory.
        let mut reader = serde_json::Deserializer::from_str(&text);
        let covered = Canonical(Place::Record).deserialize(&mut reader);
        let covered = covered.expect("what was written just now can be read");
        [HEADING, &covered].concat().into_bytes()
    }
}

/// Which object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Record,
    Serving,
    Experiment,
    Other,
}

impl Place {
    /// Whether a field is not signed here.
    fn leaves_out(self, name: &str) -> bool {
        let names: &[&str] = match self {
            Place::Record => &["summary", "grade", "notes", "tags", "signature"],
            Place::Serving => &["summary"],
            Place::Experiment => {
                &["contests", "resources", "overall", "n_disturbed", "statistics_version"]
            }
            Place::Other => &[],
        };
        names.contains(&name)
    }

    /// Where a field of this object leads.
    fn of(self, name: &str) -> Place {
        match (self, name) {
            (Place::Record, "serving") => Place::Serving,
            (Place::Record, "experiment") => Place::Experiment,
            _ => Place::Other,
        }
    }
}

/// Reads a value and gives its canonical text.
struct Canonical(Place);

impl<'de> DeserializeSeed<'de> for Canonical {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Canonical {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<String, E> {
        Ok("null".to_owned())
    }

    fn visit_bool<E>(self, value: bool) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_u64<E>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_i64<E>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_f64<E>(self, value: f64) -> Result<String, E> {
        // In some formats 0 loses its sign on the way.
        let value = if value == 0.0 { 0.0 } else { value };
        Ok(format!("{value:e}"))
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(Value::from(text).to_string())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<String, A::Error> {
        let mut text = String::from("[");
        while let Some(item) = items.next_element_seed(Canonical(Place::Other))? {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&item);
        }
        text.push(']');
        Ok(text)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<String, A::Error> {
        let Canonical(place) = self;
        let mut sorted: BTreeMap<String, String> = BTreeMap::new();
        while let Some(name) = fields.next_key::<String>()? {
            if place.leaves_out(&name) {
                fields.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = fields.next_value_seed(Canonical(place.of(&name)))?;
            if !matches!(value.as_str(), "null" | "\"\"" | "[]" | "{}") {
                sorted.insert(name, value);
            }
        }
        let mut text = String::from("{");
        for (name, value) in &sorted {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&Value::from(name.as_str()).to_string());
            text.push(':');
            text.push_str(value);
        }
        text.push('}');
        Ok(text)
    }
}

/// Bytes as lower-case hexadecimal digits.
fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of lower-case hexadecimal digits; of another number or other characters none.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = 16 * digit(pair[0])? + digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{EngineParams, Nanos, Note};

    fn value() -> Value {
        json!({
            "record_version": 1,
            "id": "01930000-0000-7000-8000-000000000001",
            "run_id": "01930000-0000-7000-8000-000000000002",
            "kind": "measured",
            "created_at": "2026-11-20T10:00:00Z",
            "tool": { "name": "tokmark", "version": "0.1.0" },
            "status": "ok",
            "test": { "n_prompt": 0, "n_gen": 128 },
            "params": EngineParams::default(),
            "model": { "name": "a \"model\"\n" },
            "engine": {},
            "machine": { "power_cap_w": 412.5 },
            "samples": [{ "start_ns": 0, "duration_ns": 310 }, { "start_ns": 320, "duration_ns": 311 }],
            "a_newer_field": { "z": 0.1, "a": [null, -3, -0.0, {}], "nothing": [], "none": null },
        })
    }

    fn record() -> Record {
        serde_json::from_value(value()).unwrap()
    }

    fn text(record: &Record) -> String {
        String::from_utf8(record.signed_bytes()).unwrap()
    }

    #[test]
    fn signed_text_is_sorted_and_without_what_says_nothing() {
        let text = text(&record());
        let newer = r#"{"a_newer_field":{"a":[null,-3,0e0,{}],"z":1e-1},"created_at":"#;
        assert!(text.starts_with(&format!("{HEADING}{newer}")), "{text}");
        assert!(text.contains(r#""machine":{"#) && text.contains(r#""power_cap_w":4.125e2"#));
        assert!(text.contains(r#""name":"a \"model\"\n""#), "{text}");
        assert!(!text.contains("null,\"") && !text.contains(":null"), "{text}");
    }

    #[test]
    fn reading_and_writing_again_gives_the_same_bytes() {
        let record = record();
        let again = serde_json::to_string(&record).unwrap();
        let again: Record = serde_json::from_str(&again).unwrap();
        assert_eq!(text(&again), text(&record));
        let indented = serde_json::to_string_pretty(&record).unwrap();
        let indented: Record = serde_json::from_str(&indented).unwrap();
        assert_eq!(text(&indented), text(&record));
    }

    #[test]
    fn facts_and_samples_are_covered() {
        let before = text(&record());
        let changes: [fn(&mut Record); 4] = [
            |record| record.samples[1].duration_ns = Nanos(312),
            |record| record.samples.reverse(),
            |record| record.model.name.push('x'),
            |record| record.params.n_gpu_layers = 0,
        ];
        for change in changes {
            let mut changed = record();
            change(&mut changed);
            assert_ne!(text(&changed), before);
        }
    }

    #[test]
    fn what_is_made_anew_or_added_later_is_not_covered() {
        let mut later = record();
        later.notes.push(Note { at: later.created_at, text: "a remark".to_owned() });
        later.tags.push("night".to_owned());
        later.signature = Some(Signature::new(&[1; 32], &[2; 64]));
        assert_eq!(text(&later), text(&record()));
        let read = |value: &str, place| {
            let mut reader = serde_json::Deserializer::from_str(value);
            Canonical(place).deserialize(&mut reader).unwrap()
        };
        let whole = r#"{"grade":{"letter":"A"},"summary":{"n":1},"serving":{"summary":{"n":1},"recipe":"r"},
            "experiment":{"contests":[1],"resources":[1],"overall":"same","n_disturbed":2,
            "statistics_version":3,
            "visits":[{"summary":1}]}}"#;
        assert_eq!(
            read(whole, Place::Record),
            r#"{"experiment":{"visits":[{"summary":1}]},"serving":{"recipe":"r"}}"#
        );
    }

    #[test]
    fn digits_and_bytes_are_the_same() {
        let mut key = [0; 32];
        key[..3].copy_from_slice(&[0x3f, 0x00, 0xa1]);
        let signature = Signature::new(&key, &[0xff; 64]);
        assert!(signature.key.starts_with("3f00a100"));
        assert_eq!(signature.key_bytes(), Some(key));
        assert_eq!(signature.value_bytes(), Some([0xff; 64]));
        for wrong in ["", "3f", &signature.key.to_uppercase(), &"é".repeat(32), &"+1".repeat(32)] {
            let wrong = Signature { key: wrong.to_owned(), value: wrong.to_owned() };
            assert_eq!((wrong.key_bytes(), wrong.value_bytes()), (None, None));
        }
    }
}
