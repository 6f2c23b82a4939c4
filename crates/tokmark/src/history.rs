//! The commands on what is kept: history, show, note, tag, rm, export.

use std::fs;

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;
use tokmark_model::{GradeLetter, Note, Record, RecordId, Timestamp};
use tokmark_store::{Direction, Filter, Sort, SortKey};

use crate::args::{
    ExportArgs, FilterArgs, HistoryArgs, NoteArgs, PlainFilterArgs, RmArgs, ShowArgs, TagArgs,
};
use crate::exit::Exit;
use crate::output;
use crate::view::load::request_lines;
use crate::view::words::counted;
use crate::view::{csv, show as show_view, table};
use crate::wiring::{Kept, Records};

pub(crate) fn list(args: &HistoryArgs) -> anyhow::Result<Exit> {
    let filter = filter(&args.filter)?;
    let kept = Records::open_existing(&args.store)?;
    if matches!(args.output.as_str(), "json" | "jsonl") {
        return output::print(&as_json(&found(&kept, &filter)?, args.output == "jsonl")?);
    }
    let rows = match &kept {
        Kept::Records(records) => records.wait(records.store().list(&filter))?,
        Kept::NothingYet(_) => Vec::new(),
    };
    if rows.is_empty() {
        crate::output::say!("{}", none(&kept)?);
    }
    match args.output.as_str() {
        "csv" => output::print(&csv::history(&rows)),
        "md" => output::print(&table::history_md(&rows)),
        _ if rows.is_empty() => Ok(Exit::Done),
        _ => output::print(&table::history(&rows)),
    }
}

pub(crate) fn show(args: &ShowArgs) -> anyhow::Result<Exit> {
    let records = Records::open_existing(&args.store)?.records()?;
    let id = find(&records, &args.id)?;
    let record = records.wait(records.store().get(id))?;
    match args.output.as_str() {
        "json" => output::print_json(&record),
        "jsonl" => {
            let folder = records.large_logs();
            output::stream(|out| request_lines(&[record], &folder, out))
        }
        _ => output::print(&show_view::record(&record)),
    }
}

pub(crate) fn note(args: &NoteArgs) -> anyhow::Result<Exit> {
    if args.text.trim().is_empty() {
        bail!("the note is empty; give it a text");
    }
    let records = Records::open_existing(&args.store)?.records()?;
    let id = find(&records, &args.id)?;
    let note = Note { at: Timestamp::now(), text: args.text.clone() };
    records.wait(records.store().note(id, &note))?;
    Ok(Exit::Done)
}

pub(crate) fn tag(args: &TagArgs) -> anyhow::Result<Exit> {
    // One with a blank, which another program made, may be taken away.
    args.tags.iter().filter(|_| !args.remove).try_for_each(|tag| check_tag(tag))?;
    let records = Records::open_existing(&args.store)?.records()?;
    let id = find(&records, &args.id)?;
    if args.remove {
        records.wait(records.store().untag(id, &args.tags))?;
    } else {
        records.wait(records.store().tag(id, &args.tags))?;
    }
    Ok(Exit::Done)
}

pub(crate) fn remove(args: &RmArgs) -> anyhow::Result<Exit> {
    let records = Records::open_existing(&args.store)?.records()?;
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
    let found = found(&Records::open_existing(&args.store)?, &filter)?;
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

/// Lists print tags with blanks between them.
fn check_tag(tag: &str) -> anyhow::Result<()> {
    if tag.is_empty() {
        bail!("a tag is empty; give it a word");
    }
    if tag.contains(|c: char| c.is_whitespace() || c == ',') {
        bail!("the tag '{tag}' holds a blank or a comma; write it as one word, as in night-run");
    }
    Ok(())
}

/// The records that the filter leaves.
fn found(kept: &Kept, filter: &Filter) -> anyhow::Result<Vec<Record>> {
    match kept {
        Kept::Records(records) => Ok(records.wait(records.store().records(filter))?),
        Kept::NothingYet(_) => Ok(Vec::new()),
    }
}

/// Why a list is empty.
pub(crate) fn none(kept: &Kept) -> anyhow::Result<String> {
    let records = match kept {
        Kept::NothingYet(place) => return Ok(format!("no records yet in {place}")),
        Kept::Records(records) => records,
    };
    let place = records.place();
    Ok(match records.wait(records.store().count(&Filter::default()))? {
        0 => format!("no records in {place}"),
        n => format!("no records match ({n} in {place})"),
    })
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

/// The record that an id, its first digits, `last` or `last~N` names.
pub(crate) fn find(records: &Records, id: &str) -> anyhow::Result<RecordId> {
    find_among(records, id, None, "record")
}

/// The same of experiments, whatever was measured after them.
pub(crate) fn find_experiment(records: &Records, id: &str) -> anyhow::Result<RecordId> {
    find_among(records, id, Some(true), "experiment")
}

fn find_among(
    records: &Records,
    id: &str,
    is_experiment: Option<bool>,
    noun: &str,
) -> anyhow::Result<RecordId> {
    let Some(n_back) = n_back(id) else {
        return Ok(records.wait(records.store().resolve(id))?);
    };
    let newest = Filter {
        limit: Some(n_back.saturating_add(1)),
        is_visit: Some(false),
        is_experiment,
        ..Filter::default()
    };
    let rows = records.wait(records.store().list(&newest))?;
    let place = records.place();
    match rows.get(usize::try_from(n_back)?) {
        Some(row) => Ok(row.id),
        None if rows.is_empty() => bail!("no {noun}s in {place}"),
        None => bail!("there is no {id}: {} in {place}", counted(rows.len() as u64, noun)),
    }
}

/// How many records before the newest: 0 of `last`, 1 of `last~1`.
fn n_back(id: &str) -> Option<u64> {
    match id.strip_prefix("last")? {
        "" => Some(0),
        rest => rest.strip_prefix('~')?.parse().ok(),
    }
}

pub(crate) fn filter(args: &FilterArgs) -> anyhow::Result<Filter> {
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
        kind: args.kind.as_deref().map(word).transpose()?,
        status: args.status.as_deref().map(word).transpose()?,
        run_id: args.run,
        is_visit: (!args.visits && args.run.is_none()).then_some(false),
        limit: args.limit,
        sort: Sort { key, direction },
        ..plain_filter(&args.plain)?
    })
}

pub(crate) fn plain_filter(args: &PlainFilterArgs) -> anyhow::Result<Filter> {
    Ok(Filter {
        model: args.model.clone(),
        test: args.test.clone(),
        engine: args.engine.clone(),
        backend: args.backend.clone(),
        machine: args.machine.clone(),
        grade_at_least: args.grade.as_deref().map(word::<GradeLetter>).transpose()?,
        tag: args.tag.clone(),
        since: args.since.as_deref().map(moment).transpose()?,
        until: args.until.as_deref().map(moment).transpose()?,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_counts_back() {
        let named = ["last", "last~1", "last~12", "last~", "last~x", "last1", "01a2", "last~-1"];
        let [one, two, many] = [Some(0), Some(1), Some(12)];
        assert_eq!(named.map(n_back), [one, two, many, None, None, None, None, None]);
    }

    #[test]
    fn a_tag_is_one_word() {
        for tag in ["baseline", "night-run", "über_2:1"] {
            check_tag(tag).unwrap();
        }
        insta::assert_snapshot!(check_tag("").unwrap_err(), @"a tag is empty; give it a word");
        for tag in [" ", "night run", "a,b", "a\tb"] {
            assert!(
                check_tag(tag).unwrap_err().to_string().contains("a blank or a comma"),
                "{tag}"
            );
        }
    }
}
