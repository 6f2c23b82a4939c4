//! csv, json, jsonl and sql.

use super::number::{six_decimals, six_digits};
use super::row::{Kind, Row, Value};

type Fields = [(&'static str, Kind)];

/// The value as text; `None` where nothing is known.
pub(super) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Bool(switch) => Some(u8::from(*switch).to_string()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(six_decimals(*number)),
        Value::Unknown => None,
    }
}

fn names(fields: &Fields, separator: &str) -> String {
    fields.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(separator)
}

pub(super) fn csv_header(fields: &Fields) -> String {
    names(fields, ",") + "\n"
}

pub(super) fn csv_row(row: &Row) -> String {
    let quoted = row.values.iter().map(|value| {
        let text = plain(value).unwrap_or_default();
        format!("\"{}\"", text.replace('"', "\"\""))
    });
    quoted.collect::<Vec<_>>().join(",") + "\n"
}

pub(super) fn sql_header(fields: &Fields) -> String {
    let columns = fields.iter().map(|(name, kind)| {
        let sql_type = match kind {
            Kind::Text => "TEXT",
            Kind::Bool | Kind::Int => "INTEGER",
            Kind::Float => "REAL",
        };
        format!("  {name} {sql_type}")
    });
    let columns = columns.collect::<Vec<_>>().join(",\n");
    format!("CREATE TABLE IF NOT EXISTS llama_bench (\n{columns}\n);\n\n")
}

pub(super) fn sql_row(row: &Row) -> String {
    let values = row.values.iter().map(|value| match plain(value) {
        Some(text) => format!("'{}'", text.replace('\'', "''")),
        None => "NULL".to_owned(),
    });
    let values = values.collect::<Vec<_>>().join(", ");
    format!("INSERT INTO llama_bench ({}) VALUES ({values});\n", names(&row.fields, ", "))
}

pub(super) fn json_row(row: &Row, is_first: bool) -> String {
    let mut text = String::from(if is_first { "  {\n" } else { ",\n  {\n" });
    for ((name, _), value) in row.fields.iter().zip(&row.values) {
        text += &format!("    \"{name}\": {},\n", json_value(value));
    }
    text += &format!("    \"samples_ns\": [ {} ],\n", json_times(row));
    text += &format!("    \"samples_ts\": [ {} ]\n", json_rates(row));
    text += "  }";
    text
}

pub(super) fn jsonl_row(row: &Row) -> String {
    let mut text = String::from("{");
    for ((name, _), value) in row.fields.iter().zip(&row.values) {
        text += &format!("\"{name}\": {}, ", json_value(value));
    }
    // No space after this comma: so llama-bench has it.
    text += &format!("\"samples_ns\": [ {} ],", json_times(row));
    text += &format!("\"samples_ts\": [ {} ]}}\n", json_rates(row));
    text
}

fn json_value(value: &Value) -> String {
    match value {
        Value::Text(text) => json_string(text),
        Value::Bool(switch) => switch.to_string(),
        // JSON has no word for what isn't finite.
        Value::Float(number) if !number.is_finite() => "null".to_owned(),
        Value::Int(_) | Value::Float(_) | Value::Unknown => {
            plain(value).unwrap_or_else(|| "null".to_owned())
        }
    }
}

fn json_string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            '\0'..='\x1f' => quoted += &format!("\\u{:04x}", u32::from(letter)),
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

fn json_times(row: &Row) -> String {
    row.samples_ns.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

fn json_rates(row: &Row) -> String {
    let rates = row
        .samples_ts
        .iter()
        .map(|rate| if rate.is_finite() { six_digits(*rate) } else { "null".to_owned() });
    rates.collect::<Vec<_>>().join(", ")
}
