//! Records and other tools' results from files into the store.

use std::fs;
use std::io::{Read, stdin};
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;
use tokmark_model::{Record, Timestamp};

use crate::args::ImportArgs;
use crate::exit::Exit;
use crate::wiring::Records;

/// What can be read.
const EXPECTED: &str = "give records as `tokmark export` or `-o tokmark-json` writes them, or a \
                        result file of AIPerf, GuideLLM or vLLM bench";

pub(crate) fn run(args: &ImportArgs) -> anyhow::Result<Exit> {
    let mut all = Vec::new();
    for path in &args.files {
        let text = read(path)?;
        let found = if tokmark_compat::is_peer_file(&text) {
            peer_records(path, &text)
        } else {
            parse_records(&text)
        };
        let found = found.with_context(|| path.display().to_string())?;
        all.extend(found);
    }
    let records = Records::open(&args.store)?;
    let n_new = records.wait(records.store().save_all(&all))?;
    crate::output::say!("{n_new} new, {} known already, in {}", all.len() - n_new, records.place());
    Ok(Exit::Done)
}

fn read(path: &Path) -> anyhow::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The results of another tool; where it kept its requests, the figures are made of them.
fn peer_records(path: &Path, text: &str) -> anyhow::Result<Vec<Record>> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let mut records = tokmark_compat::read_peer(text, &name.unwrap_or_default(), Timestamp::now())?;
    records.iter_mut().for_each(tokmark_lab::summarize_imported);
    Ok(records)
}

/// One record, an array of records, or one record a line. Nothing is taken from a text
/// with an error in it.
fn parse_records(text: &str) -> anyhow::Result<Vec<Record>> {
    let start = text.trim_start();
    if start.is_empty() {
        bail!("is empty; {EXPECTED}");
    }
    let records = if start.starts_with('[') {
        serde_json::from_str::<Vec<Record>>(text)
    } else {
        serde_json::Deserializer::from_str(text).into_iter::<Record>().collect()
    };
    records.map_err(|error| refusal(start, &error))
}

/// Why a text holds no records, by what it holds instead.
fn refusal(text: &str, error: &serde_json::Error) -> anyhow::Error {
    let first = serde_json::Deserializer::from_str(text).into_iter::<Value>().next();
    let first = first.and_then(Result::ok).map(|value| match value {
        Value::Array(values) => values.into_iter().next().unwrap_or_default(),
        value => value,
    });
    let has = |key: &str| first.as_ref().is_some_and(|value| value.get(key).is_some());
    if has("build_commit") && has("avg_ts") || text.starts_with("build_commit,") {
        return anyhow::anyhow!(
            "is in llama-bench's format, which lacks most of a record; measure with \
             `-o tokmark-json`, or write what was kept with `tokmark export`"
        );
    }
    if has("record_version") {
        return anyhow::anyhow!("holds a damaged record ({error}); export it again");
    }
    match first {
        Some(_) => anyhow::anyhow!("holds no records ({error}); {EXPECTED}"),
        None => anyhow::anyhow!("is no JSON, or broken ({error}); {EXPECTED}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        parse_records(text).unwrap_err().to_string()
    }

    #[test]
    fn llama_bench_output_is_called_by_its_name() {
        let row = r#"{"build_commit": "unknown", "avg_ts": 1.0}"#;
        for text in [format!("[\n{row}\n]"), format!("{row}\n{row}"), "build_commit,x\n".into()] {
            let said = refused(&text);
            assert!(
                said.contains("llama-bench's format") && said.contains("-o tokmark-json"),
                "{said}"
            );
        }
    }

    #[test]
    fn garbage_is_told_what_is_expected() {
        for text in ["garbage", "<html>", "[1]", r#"{"a": 1}"#, "", "[{"] {
            let said = refused(text);
            assert!(said.contains("tokmark export") && said.contains("GuideLLM"), "{said}");
        }
        assert!(refused(r#"{"record_version": 1}"#).contains("damaged record (missing field"));
        assert!(parse_records("[]").unwrap().is_empty());
    }
}
