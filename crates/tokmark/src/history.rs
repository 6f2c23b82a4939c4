//! The commands on what is kept: history, show, note, tag, rm, export, import.

use std::fs;
use std::io::{Read, stdin};
use std::path::Path;

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;
use tokmark_model::{GradeLetter, Note, Record, RecordId, Timestamp};
use tokmark_store::{Direction, Filter, Sort, SortKey};

use crate::args::{
    ExportArgs, FilterArgs, HistoryArgs, ImportArgs, NoteArgs, RmArgs, ShowArgs, TagArgs,
};
use crate::exit::Exit;
use crate::output;
use crate::view::{csv, show as show_view, table};
use crate::wiring::Records;

pub(crate) fn list(args: &HistoryArgs) -> anyhow::Result<Exit> {
    let filter = filter(&args.filter)?;
    let records = Records::open(&args.store)?;
    let store = records.store();
    if matches!(args.output.as_str(), "json" | "jsonl") {
        let found = records.wait(store.records(&filter))?;
        return output::print(&as_json(&found, args.output == "jsonl")?);
    }
    let rows = records.wait(store.list(&filter))?;
    if rows.is_empty() {
        crate::output::say!("no records in {}", records.place());
    }
    match args.output.as_str() {
        "csv" => output::print(&csv::history(&rows)),
        "md" => output::print(&table::history_md(&rows)),
        _ if rows.is_empty() => Ok(Exit::Done),
        _ => output::print(&table::history(&rows)),
    }
}

pub(crate) fn show(args: &ShowArgs) -> anyhow::Result<Exit> {
    let records = Records::open(&args.store)?;
    let id = find(&records, &args.id)?;
    let record = records.wait(records.store().get(id))?;
    match args.output.as_str() {
        "json" => output::print_json(&record),
        _ => output::print(&show_view::record(&record)),
    }
}

pub(crate) fn note(args: &NoteArgs) -> anyhow::Result<Exit> {
    if args.text.trim().is_empty() {
        bail!("the note is empty; give it a text");
    }
    let records = Records::open(&args.store)?;
    let id = find(&records, &args.id)?;
    let note = Note { at: Timestamp::now(), text: args.text.clone() };
    records.wait(records.store().note(id, &note))?;
    Ok(Exit::Done)
}

pub(crate) fn tag(args: &TagArgs) -> anyhow::Result<Exit> {
    let records = Records::open(&args.store)?;
    let id = find(&records, &args.id)?;
    if args.remove {
        records.wait(records.store().untag(id, &args.tags))?;
    } else {
        records.wait(records.store().tag(id, &args.tags))?;
    }
    Ok(Exit::Done)
}

pub(crate) fn remove(args: &RmArgs) -> anyhow::Result<Exit> {
    let records = Records::open(&args.store)?;
    // All are looked up first, so that a typing error removes nothing.
    let ids = args.ids.iter().map(|id| find(&records, id)).collect::<Result<Vec<_>, _>>()?;
    for id in ids {
        records.wait(records.store().remove(id))?;
        crate::output::say!("removed {id}");
    }
    Ok(Exit::Done)
}

pub(crate) fn export(args: &ExportArgs) -> anyhow::Result<Exit> {
    let filter = filter(&args.filter)?;
    let records = Records::open(&args.store)?;
    let found = records.wait(records.store().records(&filter))?;
    let Some(path) = &args.out else {
        return output::print(&as_json(&found, false)?);
    };
    let lines = path.extension().is_some_and(|extension| extension == "jsonl");
    let mut partial = path.clone().into_os_string();
    partial.push(".part");
    fs::write(&partial, as_json(&found, lines)?)
        .and_then(|()| fs::rename(&partial, path))
        .with_context(|| format!("cannot write {}", path.display()))?;
    crate::output::say!("wrote {} records to {}", found.len(), path.display());
    Ok(Exit::Done)
}

pub(crate) fn import(args: &ImportArgs) -> anyhow::Result<Exit> {
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
        bail!("is empty; give records as `tokmark export` writes them");
    }
    if start.starts_with('[') {
        return Ok(json::<Vec<Record>>(text)?);
    }
    let records = serde_json::Deserializer::from_str(text).into_iter::<Record>();
    Ok(records.collect::<Result<Vec<_>, _>>()?)
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(text)
}

fn as_json(records: &[Record], lines: bool) -> anyhow::Result<String> {
    if !lines {
        return Ok(serde_json::to_string_pretty(records)? + "\n");
    }
    let mut text = String::new();
    for record in records {
        text += &serde_json::to_string(record)?;
        text.push('\n');
    }
    Ok(text)
}

fn find(records: &Records, id: &str) -> anyhow::Result<RecordId> {
    if id == "last" {
        let newest = Filter { limit: Some(1), ..Filter::default() };
        let rows = records.wait(records.store().list(&newest))?;
        let row = rows.first().with_context(|| format!("no records in {}", records.place()))?;
        return Ok(row.id);
    }
    Ok(records.wait(records.store().resolve(id))?)
}

fn filter(args: &FilterArgs) -> anyhow::Result<Filter> {
    let key = match args.sort.as_str() {
        "rate" => SortKey::Rate,
        "model" => SortKey::Model,
        "test" => SortKey::Test,
        _ => SortKey::Time,
    };
    // Newest and fastest first, names from A on.
    let descending = matches!(key, SortKey::Time | SortKey::Rate) != args.reverse;
    let direction = if descending { Direction::Descending } else { Direction::Ascending };
    Ok(Filter {
        model: args.model.clone(),
        test: args.test.clone(),
        engine: args.engine.clone(),
        kind: args.kind.as_deref().map(word).transpose()?,
        backend: args.backend.clone(),
        machine: args.machine.clone(),
        grade_at_least: args.grade.as_deref().map(word::<GradeLetter>).transpose()?,
        status: args.status.as_deref().map(word).transpose()?,
        tag: args.tag.clone(),
        run_id: args.run,
        since: args.since.as_deref().map(moment).transpose()?,
        until: args.until.as_deref().map(moment).transpose()?,
        limit: args.limit,
        sort: Sort { key, direction },
        ..Filter::default()
    })
}

/// A word of the record's vocabulary, as it stands in JSON.
fn word<T: DeserializeOwned>(text: &str) -> anyhow::Result<T> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|error| anyhow::anyhow!("'{text}': {error}"))
}

/// A date, or a date and time; UTC where no zone is given.
fn moment(text: &str) -> anyhow::Result<Timestamp> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let civil: jiff::civil::DateTime = text
        .parse()
        .or_else(|_| text.parse::<jiff::civil::Date>().map(Into::into))
        .map_err(|_| anyhow::anyhow!("'{text}' is no date; give one like 2026-11-01"))?;
    Ok(civil.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp())
}
