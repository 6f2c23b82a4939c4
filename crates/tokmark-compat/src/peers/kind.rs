//! Whose result file it is, told from its keys.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::PeerError;

/// Keys after which nobody looks further.
const MOST_KEYS: usize = 4096;

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    AiperfRecords,
    AiperfSummary,
    Guidellm,
    VllmBench,
    /// Known and not read.
    NotRead(&'static str),
    /// A record of our own.
    Own,
}

/// The keys of a document's first two levels, as far as they were needed. A key of the
/// second level stands behind that of the first and a dot, of the first element of a list
/// behind `[]` and a dot.
#[derive(Debug, Default)]
struct Outline {
    paths: HashSet<String>,
    /// Those of the first level, for a message.
    first: Vec<String>,
}

impl Outline {
    fn add(&mut self, path: &str, is_first_level: bool) {
        self.paths.insert(path.to_owned());
        if is_first_level && self.first.len() < 5 {
            self.first.push(path.chars().take(40).flat_map(char::escape_debug).collect());
        }
    }

    fn kind(&self) -> Option<Kind> {
        let has = |path| self.paths.contains(path);
        if has("record_version") {
            Some(Kind::Own)
        } else if has("aiperf_version") {
            Some(Kind::AiperfSummary)
        } else if has("metadata.request_start_ns") && has("metrics") {
            Some(Kind::AiperfRecords)
        } else if has("metadata.request_start_ns") && (has("payload") || has("responses")) {
            Some(Kind::NotRead("AIPerf's profile_export_raw.jsonl"))
        } else if has("metadata.guidellm_version") || has("benchmarks[].scheduler_state") {
            Some(Kind::Guidellm)
        } else if has("benchmarks[].run_stats") || has("benchmarks[].worker") {
            Some(Kind::NotRead("a result of GuideLLM before 0.4"))
        } else if has("latency_mode") && has("benchmarks") {
            Some(Kind::NotRead("a result of llama-benchy"))
        } else if has("load_summary") && has("successes") {
            Some(Kind::NotRead("a result of inference-perf"))
        } else if has("request_throughput.avg") && has("input_config") {
            Some(Kind::NotRead(
                "a result of GenAI-Perf, or of AIPerf from before it wrote its version",
            ))
        } else if has("request_throughput") && has("mean_e2e_latency_ms") {
            Some(Kind::NotRead("a result of SGLang's bench_serving"))
        } else if has("model_id") && has("request_throughput") {
            Some(Kind::VllmBench)
        } else {
            None
        }
    }
}

/// Says what `text` is, from as few of its keys as will do.
///
/// # Errors
/// When it's no JSON object, or broken before its kind is clear, or of no known kind.
pub(super) fn of(text: &str, file: &str) -> Result<Kind, PeerError> {
    let start = text.trim_start();
    if !start.starts_with('{') {
        let found = match start.chars().next() {
            None => "nothing".to_owned(),
            Some(c) if c.is_ascii_graphic() => format!("'{c}'"),
            Some(_) => "no printable character".to_owned(),
        };
        return Err(PeerError::NoObject { file: file.to_owned(), found });
    }
    let mut outline = Outline::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let seen = Level { outline: &mut outline, prefix: None }.deserialize(&mut deserializer);
    match (outline.kind(), seen) {
        (Some(kind), _) => Ok(kind),
        (None, Err(error)) if !error.is_data() => Err(syntax(&error, file, 0)),
        (None, _) => Err(PeerError::Unknown { file: file.to_owned(), keys: keys(&outline) }),
    }
}

/// The error of broken JSON that begins `lines_before` lines below the file's start.
pub(super) fn syntax(error: &serde_json::Error, file: &str, lines_before: usize) -> PeerError {
    PeerError::Syntax {
        file: file.to_owned(),
        problem: if error.is_eof() { "ends in the middle" } else { "is broken JSON" },
        line: lines_before + error.line(),
        column: error.column(),
    }
}

fn keys(outline: &Outline) -> String {
    match outline.first.as_slice() {
        [] => "no key".to_owned(),
        keys => format!("the keys {}", keys.join(", ")),
    }
}

/// One level of the outline: the document where there is no prefix, a value in it otherwise.
struct Level<'a> {
    outline: &'a mut Outline,
    prefix: Option<String>,
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if let Some(prefix) = self.prefix.filter(|prefix| !prefix.ends_with(']')) {
            let prefix = Some(format!("{prefix}[]"));
            list.next_element_seed(Level { outline: self.outline, prefix })?;
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        while let Some(key) = object.next_key::<String>()? {
            let path = match &self.prefix {
                Some(prefix) => format!("{prefix}.{key}"),
                None => key,
            };
            self.outline.add(&path, self.prefix.is_none());
            if self.outline.paths.len() > MOST_KEYS || self.outline.kind().is_some() {
                return Err(A::Error::custom("enough"));
            }
            if self.prefix.is_some() {
                object.next_value::<IgnoredAny>()?;
            } else {
                object.next_value_seed(Level { outline: self.outline, prefix: Some(path) })?;
            }
        }
        Ok(())
    }
}
