//! Runs: the compact form and the whole record, in every version that there was.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokmark_model::{RECORD_VERSION, Record};

use crate::compact::CompactRun;
use crate::form::{Fault, Form, unseen};
use crate::node::{Content, Node};
use crate::{BoardError, Finding, published};

/// Versions of the YAML form that are read, oldest first; the last one is written. None is ever
/// taken out.
pub const RUN_VERSIONS: [u32; READERS.len()] = versions();

/// Reads a file of one version.
type Reader = fn(&str, &Node) -> Result<Vec<Record>, Vec<Finding>>;

/// The version table. A new version adds a row; the rows before it stay.
const READERS: &[(u32, Reader)] = &[(1, read_version_1)];

const fn versions() -> [u32; READERS.len()] {
    let mut versions = [0; READERS.len()];
    let mut n = 0;
    while n < READERS.len() {
        versions[n] = READERS[n].0;
        n += 1;
    }
    versions
}

/// First line of a written file: lets an editor check it while it is typed.
const HEADER: &str = "# yaml-language-server: $schema=../schema.json\n";

/// A run that is one whole record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordRun {
    /// Version of this form.
    #[schemars(range(min = 1, max = 1))]
    tokmark_run: u32,
    /// The record, with its samples.
    record: Record,
}

/// The same to write, without a copy of the record.
#[derive(Serialize)]
struct RecordRunOut<'a> {
    tokmark_run: u32,
    record: &'a Record,
}

static COMPACT: LazyLock<Form> = LazyLock::new(Form::of::<CompactRun>);
static RECORD: LazyLock<Form> = LazyLock::new(Form::of::<RecordRun>);

/// The form of a compact run.
pub(crate) fn compact_form() -> &'static Form {
    &COMPACT
}

/// The records of a run's YAML, by shape for the compact form. `file` is the name that findings
/// carry.
///
/// The same text always gives the same records, ids included.
///
/// # Errors
/// Every fault, with line and column. Nothing in the text makes this panic or grow.
pub fn read_run(file: &str, text: &str) -> Result<Vec<Record>, BoardError> {
    let node = Node::parse(file, text)?;
    Ok(read_node(file, &node)?)
}

/// The records of a run that was parsed.
pub(crate) fn read_node(file: &str, node: &Node) -> Result<Vec<Record>, Vec<Finding>> {
    let allowed = || format!("begin the file with `tokmark_run: {}`", newest());
    if !matches!(node.content, Content::Mapping(_)) {
        return Err(vec![node.place.finding(file, "no run: it is no mapping", allowed())]);
    }
    let Some(version) = node.child("tokmark_run") else {
        return Err(vec![node.place.finding(file, "`tokmark_run` is missing", allowed())]);
    };
    let number = match &version.content {
        Content::Scalar(value) => value.as_u64(),
        Content::List(_) | Content::Mapping(_) => None,
    };
    let reader = READERS.iter().find(|(known, _)| Some(u64::from(*known)) == number);
    match reader {
        Some((_, read)) => read(file, node),
        None => {
            let known: Vec<_> = RUN_VERSIONS.iter().map(u32::to_string).collect();
            let problem = match number.filter(|number| *number > u64::from(newest())) {
                Some(number) => format!("version {number} is newer than this Tokmark"),
                None => "`tokmark_run` is no version of this form".to_owned(),
            };
            let allowed = format!("allowed: {}; a newer Tokmark reads more", known.join(", "));
            Err(vec![version.place.finding(file, problem, allowed)])
        }
    }
}

fn newest() -> u32 {
    RUN_VERSIONS[RUN_VERSIONS.len() - 1]
}

fn read_version_1(file: &str, node: &Node) -> Result<Vec<Record>, Vec<Finding>> {
    let value = node.value();
    let placed = |faults: Vec<Fault>| -> Vec<Finding> {
        faults.into_iter().map(|fault| fault.at(file, node)).collect()
    };
    if node.entry("record").is_some() {
        let run: RecordRun = RECORD.read(&value).map_err(placed)?;
        check_version(&run.record).map_err(|fault| placed(vec![fault]))?;
        let begun = run.record.created_at;
        if let Some(fault) = published::in_the_future(&["record", "created_at"], begun) {
            return Err(placed(vec![fault]));
        }
        return Ok(vec![run.record]);
    }
    let mut findings = unseen(file, node);
    let records = compact(&value).map_err(placed);
    match records {
        Ok(records) if findings.is_empty() => Ok(records),
        Ok(_) => Err(findings),
        Err(faults) => {
            findings.extend(faults);
            Err(findings)
        }
    }
}

/// The records of a compact run.
pub(crate) fn compact(value: &Value) -> Result<Vec<Record>, Vec<Fault>> {
    let run: CompactRun = COMPACT.read(value)?;
    published::records(&run)
}

/// A record of a newer format may mean something else by fields that are known here.
fn check_version(record: &Record) -> Result<(), Fault> {
    let version = record.record_version;
    if (1..=RECORD_VERSION).contains(&version) {
        return Ok(());
    }
    let problem = format!("the record's version {version} is not known to this Tokmark");
    let allowed = format!("allowed: 1 to {RECORD_VERSION}; a newer Tokmark reads more");
    Err(Fault::new(&["record", "record_version"], problem, allowed))
}

/// A record as a YAML file in the newest version of the form. [`read_run`] gives an equal record:
/// every float is written with the digits that it needs, and fields of newer versions are kept.
/// A figure that is not finite is written as it is and refused by the reader.
pub fn write_run(record: &Record) -> String {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let run = RecordRunOut { tokmark_run: newest(), record };
    let yaml = serde_saphyr::to_string_with_options(&run, options)
        .expect("a record is plain data, and all of it fits YAML");
    format!("{HEADER}{yaml}")
}

/// Name for the file of a record, from what it is about: `smollm2-135m-q4_1-tg128-0198c0de.yaml`.
/// Letters, digits, `.`, `_` and `-` only, whatever the record says.
pub fn run_file_name(record: &Record) -> String {
    let model = &record.model;
    let name = model.name.rsplit('/').next().unwrap_or_default();
    let name = name.strip_suffix(".gguf").unwrap_or(name);
    let quantization = model.label.as_deref().or(model.quantization.as_deref()).unwrap_or_default();
    let is_said = name.to_lowercase().ends_with(&quantization.to_lowercase());
    let label = record.label();
    let id = record.id.simple().to_string();
    let parts = [name, if is_said { "" } else { quantization }, label.as_str(), &id[..8]];
    let parts = parts.map(plain).into_iter().filter(|part| !part.is_empty());
    format!("{}.yaml", parts.collect::<Vec<_>>().join("-"))
}

/// At most 60 characters of a text, none of which means anything in a path.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars().take(60) {
        match c {
            'a'..='z' | '0'..='9' | '.' | '_' => plain.push(c),
            'A'..='Z' => plain.push(c.to_ascii_lowercase()),
            _ if !plain.ends_with('-') => plain.push('-'),
            _ => {}
        }
    }
    plain.trim_matches(['-', '.']).to_owned()
}
