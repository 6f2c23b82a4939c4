//! The five formats against llama-bench's recorded output.

mod support;

use serde_json::{Map, Value, json};
use support::{record_with_samples, record_with_summary};
use tokmark_compat::{Format, Matrix, Printer};
use tokmark_model::{Device, DeviceKind, EngineFacts, Nanos, Record, Status, Timestamp};

const MODEL: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
const CSV: &str = include_str!("fixtures/llama-bench-11434/out.csv");
const JSON: &str = include_str!("fixtures/llama-bench-11434/out.json");
const JSONL: &str = include_str!("fixtures/llama-bench-11434/out.jsonl");
const MD: &str = include_str!("fixtures/llama-bench-11434/out.md");
const SQL: &str = include_str!("fixtures/llama-bench-11434/out.sql");

/// The matrix of the recorded runs.
fn recorded_matrix(defaults: &Matrix) -> Matrix {
    let mut given = Matrix::default();
    let lists = [
        ("--model", MODEL),
        ("--n-prompt", "32,64"),
        ("--n-gen", "8"),
        ("--pg", "16,8"),
        ("--n-depth", "0,64"),
        ("--threads", "1,2"),
    ];
    for (flag, text) in lists {
        given.read(flag, text).unwrap();
    }
    given.or_defaults(defaults)
}

fn print(format: Format, records: &[Record]) -> String {
    let defaults = Matrix::defaults(2);
    print_matrix(format, records, &recorded_matrix(&defaults))
}

fn print_matrix(format: Format, records: &[Record], matrix: &Matrix) -> String {
    let engine = records.first().map_or_else(EngineFacts::default, |record| record.engine.clone());
    let mut printer = Printer::new(format, matrix, &Matrix::defaults(2), &engine);
    let mut out = Vec::new();
    printer.header(&mut out).unwrap();
    for record in records {
        printer.row(&mut out, record, MODEL).unwrap();
    }
    printer.footer(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn json_rows() -> Vec<Value> {
    serde_json::from_str(JSON).unwrap()
}

fn jsonl_rows() -> Vec<Value> {
    JSONL.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A row of text values as the json row it would have been.
fn row_of_texts<'a>(fields: impl Iterator<Item = &'a str>, values: &[&str]) -> Value {
    let template = &json_rows()[0];
    let row: Map<String, Value> = fields
        .zip(values)
        .map(|(field, text)| {
            let value = match &template[field] {
                Value::Bool(_) => json!(*text == "1"),
                Value::Number(_) => serde_json::from_str(text).unwrap(),
                _ => json!(text),
            };
            (field.to_owned(), value)
        })
        .collect();
    Value::Object(row)
}

fn samples(row: &Value) -> Vec<u64> {
    row["samples_ns"].as_array().unwrap().iter().map(|time| time.as_u64().unwrap()).collect()
}

/// llama-bench's `stddev_ns`: everything in u64, the mean cut to whole nanoseconds, each
/// quotient cut again, overflow wrapped.
fn integer_stddev(samples: &[u64]) -> u64 {
    let n = samples.len() as u64;
    let mean = samples.iter().fold(0_u64, |sum, time| sum.wrapping_add(*time)) / n;
    let squares =
        samples.iter().fold(0_u64, |sum, time| sum.wrapping_add(time.wrapping_mul(*time)));
    let means = mean.wrapping_mul(mean).wrapping_mul(n) / (n - 1);
    ((squares / (n - 1)).wrapping_sub(means) as f64).sqrt() as u64
}

/// The deviation that was meant, from exact sums.
fn exact_stddev(samples: &[u64]) -> u64 {
    let n = samples.len() as u128;
    let sum: u128 = samples.iter().map(|time| u128::from(*time)).sum();
    let squares: u128 = samples.iter().map(|time| u128::from(*time).pow(2)).sum();
    ((n * squares - sum * sum) as f64 / (n * (n - 1)) as f64).sqrt() as u64
}

/// The recorded text with the exact deviation in place of llama-bench's.
fn with_exact_stddev(recorded: &str, rows: &[Value]) -> String {
    let mut text = recorded.to_owned();
    for row in rows {
        let samples = samples(row);
        let avg = &row["avg_ns"];
        let end = if recorded.starts_with('[') { ",\n    " } else { ", " };
        let stands = format!("\"avg_ns\": {avg}{end}\"stddev_ns\": {},", row["stddev_ns"]);
        let exact = format!("\"avg_ns\": {avg}{end}\"stddev_ns\": {},", exact_stddev(&samples));
        assert_eq!(text.matches(&stands).count(), 1, "{stands}");
        text = text.replace(&stands, &exact);
    }
    text
}

#[test]
fn json_from_samples_is_llama_benchs_byte_for_byte() {
    let rows = json_rows();
    let records: Vec<_> = rows.iter().map(record_with_samples).collect();
    assert_eq!(print(Format::Json, &records), with_exact_stddev(JSON, &rows));
}

#[test]
fn jsonl_from_samples_is_llama_benchs_byte_for_byte() {
    let rows = jsonl_rows();
    let records: Vec<_> = rows.iter().map(record_with_samples).collect();
    assert_eq!(print(Format::Jsonl, &records), with_exact_stddev(JSONL, &rows));
}

/// llama-bench computes `stddev_ns` in whole numbers and cuts the mean first. The recorded
/// values show the error; samples of some seconds can overflow on top.
#[test]
fn stddev_ns_is_llama_benchs_up_to_its_integer_arithmetic() {
    let rows: Vec<_> = json_rows().into_iter().chain(jsonl_rows()).collect();
    let mut n_different = 0;
    let mut largest = 0.0_f64;
    for row in &rows {
        let samples = samples(row);
        let recorded = row["stddev_ns"].as_u64().unwrap();
        assert_eq!(recorded, integer_stddev(&samples), "the error isn't understood: {row}");
        let exact = exact_stddev(&samples);
        n_different += usize::from(recorded != exact);
        largest = largest.max((recorded as f64 / exact as f64 - 1.0).abs());
    }
    insta::assert_snapshot!(
        format!("{n_different} of {} differ, by {:.4} % at most", rows.len(), largest * 100.0),
        @"22 of 32 differ, by 0.4663 % at most",
    );
    // 2 s, 5 s and 8 s: both sums lie beyond 2^64, and wrap a different number of times.
    let long = [2_000_000_000, 5_000_000_000, 8_000_000_000];
    assert_eq!(exact_stddev(&long), 3_000_000_000);
    assert_ne!(integer_stddev(&long), 3_000_000_000);
    let mut row = rows[0].clone();
    row["samples_ns"] = json!(long);
    let text = print(Format::Jsonl, &[record_with_samples(&row)]);
    assert!(text.contains("\"avg_ns\": 5000000000, \"stddev_ns\": 3000000000,"), "{text}");
}

#[test]
fn csv_is_llama_benchs_byte_for_byte() {
    let (names, rows) = CSV.split_once('\n').unwrap();
    let records: Vec<_> = rows
        .lines()
        .map(|line| {
            let values: Vec<_> = line.trim_matches('"').split("\",\"").collect();
            record_with_summary(&row_of_texts(names.split(','), &values))
        })
        .collect();
    assert_eq!(records.len(), 16);
    assert_eq!(print(Format::Csv, &records), CSV);
}

#[test]
fn sql_is_llama_benchs_byte_for_byte() {
    let records: Vec<_> = SQL
        .lines()
        .filter_map(|line| line.strip_prefix("INSERT INTO llama_bench ("))
        .map(|line| {
            let (names, values) = line.split_once(") VALUES ('").unwrap();
            let values: Vec<_> = values.strip_suffix("');").unwrap().split("', '").collect();
            record_with_summary(&row_of_texts(names.split(", "), &values))
        })
        .collect();
    assert_eq!(records.len(), 16);
    assert_eq!(print(Format::Sql, &records), SQL);
}

#[test]
fn md_is_llama_benchs_byte_for_byte() {
    let mut rows = json_rows();
    let rates = MD.lines().filter(|line| line.contains('±'));
    for (row, line) in rows.iter_mut().zip(rates) {
        let (left, stddev) = line.trim_end_matches(" |").split_once(" ± ").unwrap();
        let avg = left.rsplit(' ').next().unwrap();
        row["avg_ts"] = serde_json::from_str(avg).unwrap();
        row["stddev_ts"] = serde_json::from_str(stddev).unwrap();
    }
    let records: Vec<_> = rows.iter().map(record_with_summary).collect();
    assert_eq!(print(Format::Md, &records), MD);
}

#[test]
fn the_recorded_tests_stand_in_the_order_of_the_matrix() {
    let matrix = recorded_matrix(&Matrix::defaults(2));
    let planned: Vec<_> = matrix
        .expand()
        .map(|planned| {
            let test = planned.test;
            json!([planned.params.n_threads, test.n_prompt, test.n_gen, test.n_depth])
        })
        .collect();
    let recorded: Vec<_> = json_rows()
        .iter()
        .map(|row| json!([row["n_threads"], row["n_prompt"], row["n_gen"], row["n_depth"]]))
        .collect();
    assert_eq!(planned, recorded);
}

fn one_record() -> Record {
    record_with_samples(&json_rows()[0])
}

#[test]
fn a_failed_test_has_no_row_and_an_interrupted_one_has_its_repetitions() {
    let matrix = Matrix::defaults(2);
    let mut record = one_record();
    let mut printer = Printer::new(Format::Jsonl, &matrix, &matrix, &record.engine);
    let mut out = Vec::new();
    let failures = [
        Status::Failed,
        Status::Crashed,
        Status::TimedOut,
        Status::OutOfMemory,
        Status::Skipped,
        Status::Unsupported,
    ];
    for status in failures {
        record.status = status;
        assert!(!printer.row(&mut out, &record, MODEL).unwrap(), "{status:?}");
    }
    record.status = Status::Interrupted;
    assert!(printer.row(&mut out, &record, MODEL).unwrap());
    record.samples.clear();
    assert!(!printer.row(&mut out, &record, MODEL).unwrap());
    assert_eq!(String::from_utf8(out).unwrap().lines().count(), 1);
}

#[test]
fn a_run_without_rows_is_still_valid_json() {
    let text = print(Format::Json, &[]);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json!([]));
}

#[test]
fn awkward_names_are_escaped() {
    let mut record = one_record();
    record.engine.devices[0].description = "O'Neil \"8\" \\ é\u{1}".to_owned();
    record.model.file_name = String::new();
    let matrix = Matrix::defaults(2);
    let csv = print_matrix(Format::Csv, &[record.clone()], &matrix);
    assert!(csv.contains("\"O'Neil \"\"8\"\" \\ é\u{1}\""), "{csv}");
    let sql = print_matrix(Format::Sql, &[record.clone()], &matrix);
    assert!(sql.contains("'O''Neil \"8\" \\ é\u{1}'"), "{sql}");
    let json = print_matrix(Format::Jsonl, &[record], &matrix);
    let row: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(row["cpu_info"], "O'Neil \"8\" \\ é\u{1}");
    assert!(json.contains("\\u0001"), "{json}");
}

#[test]
fn what_is_not_known_is_empty_and_never_zero() {
    let mut record = one_record();
    record.samples.clear();
    record.model.description = None;
    record.model.tensor_bytes = None;
    record.model.n_params = None;
    let matrix = Matrix::defaults(2);
    let json = print_matrix(Format::Jsonl, &[record.clone()], &matrix);
    let row: Value = serde_json::from_str(&json).unwrap();
    for field in ["model_type", "model_size", "model_n_params", "avg_ns", "avg_ts"] {
        assert_eq!(row[field], Value::Null, "{field}");
    }
    assert_eq!(row["samples_ns"], json!([]));
    let sql = print_matrix(Format::Sql, &[record.clone()], &matrix);
    assert!(sql.ends_with("NULL, NULL, NULL, NULL);\n"), "{sql}");
    let md = print_matrix(Format::Md, &[record], &matrix);
    assert!(md.contains("|                      |\n"), "{md}");
}

#[test]
fn a_repetition_of_no_time_is_null_in_json() {
    let mut record = one_record();
    record.samples[0].duration_ns = Nanos(0);
    let matrix = Matrix::defaults(2);
    let json = print_matrix(Format::Jsonl, &[record.clone()], &matrix);
    let row: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(row["samples_ts"][0], Value::Null);
    assert_eq!(row["avg_ts"], Value::Null);
    let csv = print_matrix(Format::Csv, &[record], &matrix);
    assert!(csv.contains("\"inf\""), "{csv}");
}

#[test]
fn parallel_sequences_add_a_field_after_the_depth() {
    let mut matrix = Matrix::defaults(2);
    matrix.n_parallel = vec![1, 4];
    let mut record = one_record();
    record.test.n_parallel = 4;
    let json = print_matrix(Format::Jsonl, &[record.clone()], &matrix);
    assert!(json.contains("\"n_depth\": 0, \"n_parallel\": 4, \"test_time\""), "{json}");
    let row: Value = serde_json::from_str(&json).unwrap();
    // 4 x 32 tokens in 231192093 ns.
    assert_eq!(row["samples_ts"][0], 553.652);
    let csv = print_matrix(Format::Csv, &[record.clone()], &matrix);
    assert!(csv.lines().next().unwrap().contains(",n_depth,n_parallel,test_time,"), "{csv}");
    let sql = print_matrix(Format::Sql, &[record.clone()], &matrix);
    assert!(sql.contains("  n_parallel INTEGER,\n"), "{sql}");
    let md = print_matrix(Format::Md, &[record], &matrix);
    assert!(md.contains(" pp32 x 4 |"), "{md}");
}

/// A change of every parameter that has a column in md, but for the two that name devices.
const EVERY_COLUMN: [(&str, &str); 22] = [
    ("--n-cpu-moe", "1"),
    ("--threads", "4"),
    ("--cpu-mask", "0xf"),
    ("--cpu-strict", "1"),
    ("--poll", "0"),
    ("--batch-size", "64"),
    ("--ubatch-size", "32"),
    ("--cache-type-k", "q8_0"),
    ("--cache-type-v", "q4_0"),
    ("--main-gpu", "1"),
    ("--split-mode", "row"),
    ("--no-kv-offload", "1"),
    ("--flash-attn", "on"),
    ("--tensor-split", "3/1.5"),
    ("--load-mode", "mmap+mlock"),
    ("--lazy-mode", "on"),
    ("--embeddings", "1"),
    ("--no-op-offload", "1"),
    ("--no-host", "1"),
    ("--repack", "0"),
    ("--fit-target", "1024"),
    ("--fit-ctx", "4096"),
];

#[test]
fn every_changed_parameter_has_its_column_in_md() {
    let defaults = Matrix::defaults(2);
    let mut given = Matrix::default();
    for (flag, text) in EVERY_COLUMN {
        given.read(flag, text).unwrap();
    }
    given.read("--device", "CUDA0/CUDA1").unwrap();
    given.read("--override-tensor", "a=CPU;b=CUDA0").unwrap();
    let matrix = given.or_defaults(&defaults);
    let mut record = one_record();
    record.params = matrix.expand().next().unwrap().params;
    record.engine = EngineFacts {
        version: "b11434".to_owned(),
        commit: Some("abc1234".to_owned()),
        backends: "CUDA".to_owned(),
        devices: vec![
            device("CUDA0", "NVIDIA GeForce RTX 3060", DeviceKind::Gpu),
            device("CUDA1", "NVIDIA GeForce RTX 4090", DeviceKind::Gpu),
            device("CPU", "Some CPU", DeviceKind::Cpu),
            device("BLAS", "OpenBLAS", DeviceKind::Accelerator),
        ],
        ..EngineFacts::default()
    };
    record.model.tensor_bytes = Some(tokmark_model::Bytes(4_294_967_296));
    record.model.n_params = Some(8_030_000_000);
    record.created_at = "2026-11-21T22:18:47.999Z".parse::<Timestamp>().unwrap();
    insta::assert_snapshot!(
        "md_with_every_column",
        print_matrix(Format::Md, &[record.clone()], &matrix)
    );
    insta::assert_snapshot!(
        "csv_with_everything_changed",
        print_matrix(Format::Csv, &[record], &matrix)
    );
}

#[test]
fn the_md_header_with_every_column_is_llama_benchs() {
    let defaults = Matrix::defaults(2);
    let mut given = Matrix::default();
    for (flag, text) in EVERY_COLUMN {
        given.read(flag, text).unwrap();
    }
    given.read("--device", "none").unwrap();
    given.read("--override-tensor", "a=CPU").unwrap();
    let engine = EngineFacts { backends: "CPU".to_owned(), ..EngineFacts::default() };
    let mut printer = Printer::new(Format::Md, &given.or_defaults(&defaults), &defaults, &engine);
    let mut out = Vec::new();
    printer.header(&mut out).unwrap();
    printer.footer(&mut out).unwrap();
    let recorded = include_str!("fixtures/llama-bench-11434/every-column.md");
    assert_eq!(String::from_utf8(out).unwrap(), recorded);
}

fn device(name: &str, description: &str, kind: DeviceKind) -> Device {
    Device {
        name: name.to_owned(),
        description: description.to_owned(),
        kind,
        memory_total_bytes: None,
        memory_free_bytes: None,
    }
}
