use comfy_table::{CellAlignment, Table, presets};
use tokmark_hub::CachedModel;
use tokmark_model::{Record, RecordKind, Status};
use tokmark_store::RecordRow;

use super::words::{
    cpus, estimate, grade, grade_of, half_width, minute, model, number, printable, short_id, time,
    with_quantization,
};

/// A plain table: columns apart by two spaces, `right` columns right-aligned.
fn plain(header: &[&str], right: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for &index in right {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn finish(table: &Table) -> String {
    let mut text = String::new();
    for line in table.to_string().lines() {
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// A table of `rows` under `header`, the columns in `right` right-aligned.
pub(crate) fn of(
    header: &[&str],
    right: &[usize],
    rows: impl Iterator<Item = Vec<String>>,
) -> String {
    let mut table = plain(header, right);
    for row in rows {
        table.add_row(row);
    }
    finish(&table)
}

/// The table of `tokmark bench`: a row a test, then every reason against a figure.
#[derive(Debug, Default)]
pub(crate) struct BenchTable {
    records: Vec<Record>,
}

impl BenchTable {
    pub(crate) fn add(&mut self, record: &Record) {
        self.records.push(record.clone());
    }

    pub(crate) fn render(&self, place: &str) -> String {
        let header = [
            "model",
            "test",
            "settings",
            "tok/s",
            "token p50/p99",
            "load",
            "peak mem",
            "n",
            "grade",
            "id",
        ];
        let mut table = plain(&header, &[6, 7]);
        for record in &self.records {
            table.add_row(row(record));
        }
        let mut text = finish(&table);
        text += &reasons(&self.records);
        text += &format!("kept in {place}\n");
        text
    }
}

fn row(record: &Record) -> Vec<String> {
    let summary = record.summary.as_ref();
    let rate = match (summary, record.status) {
        (Some(summary), _) => estimate(&summary.rate),
        (None, status) => status_word(status).to_owned(),
    };
    vec![
        printable(&model(&record.model)),
        record.label(),
        record.params.settings(),
        format!("{rate}{}", summary.map_or_else(String::new, half_width)),
        tokens(record),
        load(record),
        memory(record),
        record.samples.len().to_string(),
        grade_of(record).to_owned(),
        short_id(record.id),
    ]
}

pub(super) fn tokens(record: &Record) -> String {
    let times = record.summary.as_ref().and_then(|summary| summary.token_times);
    times.map_or_else(
        || "-".to_owned(),
        |times| format!("{} / {}", time(times.p50_ns), time(times.p99_ns)),
    )
}

pub(super) fn load(record: &Record) -> String {
    let Some(load) = &record.load else { return "-".to_owned() };
    let from = match load.resident_share {
        Some(share) if share > 0.99 => " warm",
        Some(share) if share < 0.01 => " cold",
        Some(_) => " partly warm",
        None => "",
    };
    format!("{}{from}", time(load.duration_ns))
}

pub(super) fn memory(record: &Record) -> String {
    let memory = &record.memory;
    let mapped = memory
        .host_file_bytes
        .filter(|file| file.get() > 0)
        .map_or_else(String::new, |file| format!(" ({file} mapped)"));
    match (memory.host_peak_bytes, memory.device_peak_bytes) {
        (Some(host), Some(device)) => format!("{host}{mapped} + {device} GPU"),
        (Some(host), None) => format!("{host}{mapped}"),
        (None, Some(device)) => format!("{device} GPU"),
        (None, None) => "-".to_owned(),
    }
}

pub(super) fn status_word(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Failed => "failed",
        Status::Crashed => "crashed",
        Status::TimedOut => "timed out",
        Status::OutOfMemory => "out of memory",
        Status::Interrupted => "interrupted",
        Status::Skipped => "skipped",
        Status::Unsupported => "unsupported",
    }
}

/// Every reason against a figure and every failure, one line each. Rows of one label are told
/// apart by their settings, or else by their ids.
pub(super) fn reasons(records: &[Record]) -> String {
    let mut text = String::new();
    for record in records {
        let name = name_among(record, records);
        if let Some(reason) = &record.status_reason {
            let word = status_word(record.status);
            text += &format!("{name} {word}: {}\n", printable(&reason.message));
        }
        if let Some(grade) = &record.grade {
            for reason in &grade.reasons {
                text +=
                    &format!("{name} {}: {}\n", super::words::grade(reason.letter), reason.text);
            }
        }
        for flag in &record.flags {
            text += &format!("{name} note: {}\n", flag_words(record, flag));
        }
    }
    text
}

fn name_among(record: &Record, records: &[Record]) -> String {
    let label = record.label();
    let same = |other: &&Record| other.id != record.id && other.label() == label;
    let mut rivals = records.iter().filter(same).peekable();
    if rivals.peek().is_none() {
        return label;
    }
    let settings = record.params.settings();
    match rivals.all(|other| other.params.settings() != settings) {
        true => format!("{label} ({settings})"),
        false => format!("{label} ({})", short_id(record.id)),
    }
}

pub(super) fn flag_words(record: &Record, flag: &str) -> String {
    match flag {
        "threads_over_cores" => format!(
            "{} threads on {} cores",
            record.params.n_threads,
            cpus(record.machine.cpu.n_allowed)
        ),
        "context_over_trained" => match record.model.context_length {
            Some(trained) => {
                format!("{} tokens of context, trained on {trained}", record.test.n_ctx())
            }
            None => "more context than the model was trained on".to_owned(),
        },
        other => other.to_owned(),
    }
}

/// The list of `tokmark history`.
pub(crate) fn history(rows: &[RecordRow]) -> String {
    let header = [
        "id",
        "when (UTC)",
        "model",
        "test",
        "settings",
        "tok/s",
        "grade",
        "backend",
        "tags and notes",
    ];
    let mut table = plain(&header, &[]);
    for row in rows {
        table.add_row(history_row(row));
    }
    finish(&table)
}

/// The same in Markdown.
pub(crate) fn history_md(rows: &[RecordRow]) -> String {
    let mut text = "| id | when | model | test | settings | tok/s | grade | backend | tags and \
                    notes |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for row in rows {
        let cells: Vec<String> =
            history_row(row).iter().map(|cell| cell.replace('|', "\\|")).collect();
        text += &format!("| {} |\n", cells.join(" | "));
    }
    text
}

fn history_row(row: &RecordRow) -> Vec<String> {
    let mut rate = match (row.rate_tps, row.rate_low_tps.zip(row.rate_high_tps)) {
        (Some(rate), Some((low, high))) => {
            format!("{} ({} to {})", number(rate.get()), number(low.get()), number(high.get()))
        }
        (Some(rate), None) => number(rate.get()),
        (None, _) => String::new(),
    };
    if row.status != Status::Ok || rate.is_empty() {
        rate = format!("{rate} {}", status_word(row.status)).trim_start().to_owned();
    }
    let name = with_quantization(&row.model_name, row.quantization.as_deref());
    let mut remarks: Vec<String> = row.tags.iter().map(|tag| format!("#{tag}")).collect();
    match row.kind {
        RecordKind::Measured => {}
        RecordKind::Imported => remarks.insert(0, "imported".to_owned()),
        RecordKind::ImportedSummary => remarks.insert(0, "imported without samples".to_owned()),
        RecordKind::Published => remarks.insert(0, "published".to_owned()),
    }
    remarks.extend(row.notes.iter().map(super::words::note));
    vec![
        short_id(row.id),
        minute(row.created_at),
        printable(&name),
        printable(&row.label),
        printable(&row.settings),
        rate,
        row.grade.map_or("-", grade).to_owned(),
        row.backends.clone(),
        printable(&remarks.join("; ")),
    ]
}

/// The list of `tokmark models`.
pub(crate) fn models(models: &[CachedModel]) -> String {
    let mut table = plain(&["name", "size", "source"], &[1]);
    for model in models {
        table.add_row([
            printable(&model.file_name),
            model.size.to_string(),
            printable(&model.source_label),
        ]);
    }
    finish(&table)
}

#[cfg(test)]
mod tests {
    use tokmark_model::StatusReason;

    use super::super::tests::records;
    use super::*;

    #[test]
    fn the_table_of_two_real_records_and_a_crash() {
        let mut table = BenchTable::default();
        let records = records();
        for record in &records {
            table.add(record);
        }
        let mut crashed = records[1].clone();
        crashed.status = Status::Crashed;
        crashed.status_reason = Some(StatusReason {
            message: "the engine's process died: SIGABRT".to_owned(),
            ..StatusReason::default()
        });
        (crashed.summary, crashed.grade, crashed.samples) = (None, None, Vec::new());
        crashed.flags.push("threads_over_cores".to_owned());
        table.add(&crashed);
        insta::assert_snapshot!(table.render("tokmark.db"));
    }
}
