//! The content that ships with the project: read without findings, and as its sources have it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tokmark_board::{Content, Level, Query, RowFilter, leaderboard, read_run, run_schema};
use tokmark_model::{BoardRow, Grade, GradeLetter, Record, RecordKind, TokensPerSecond};

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../content/benchmarks"))
}

fn content() -> Content {
    Content::read(&folder()).unwrap_or_else(|error| panic!("{error}"))
}

/// The rows of the published page, as opposed to those of the document on one machine.
fn page_rows() -> Vec<BoardRow> {
    let rows = content().rows().into_iter();
    rows.filter(|row| row.source.as_deref() == Some("calebcoffie.com, Benchmarks")).collect()
}

fn range(rows: &[BoardRow], model: &str, hardware: &str, version: &str) -> Vec<(f64, f64)> {
    let get = |rate: Option<TokensPerSecond>| rate.unwrap().get();
    rows.iter()
        .filter(|row| row.model_name == model && row.hardware.contains(hardware))
        .filter(|row| row.engine_version == version)
        .map(|row| (get(row.rate_low_tps), get(row.rate_high_tps)))
        .collect()
}

#[test]
fn the_shipped_content_has_no_findings() {
    let (content, findings) = Content::check(&folder());
    assert_eq!(findings, []);
    // Of a page, of a document, of our own machines.
    assert_eq!(content.runs.len(), 47 + 9 + 3);
    assert_eq!(content.hardware.len(), 4);
    assert_eq!(content.planned.len(), 6);
    assert_eq!(content.families.all().len(), 12);
}

#[test]
fn every_published_line_is_there_by_family() {
    let mut counts = BTreeMap::new();
    for row in page_rows() {
        *counts.entry(row.family).or_insert(0) += 1;
    }
    let expected = [
        ("GLM-4.7-Flash", 1),
        ("Gemma-4", 14),
        ("LFM2", 10),
        ("NVIDIA-Nemotron-3-Nano-Omni", 1),
        ("Qwen2.5", 3),
        ("Qwen2.5-Coder", 5),
        ("Qwen3-Coder", 1),
        ("Qwen3.5", 4),
        ("Qwen3.6", 8),
    ];
    assert_eq!(counts, expected.map(|(name, n)| (name.to_owned(), n)).into());
    assert_eq!(page_rows().len(), 47);
}

#[test]
fn each_shown_line_stands_for_the_four_workloads_that_the_source_counts() {
    let content = content();
    let rows = page_rows();
    for family in content.families.all() {
        let n_rows = rows.iter().filter(|row| row.family == family.family).count();
        if n_rows > 0 {
            assert_eq!(family.n_source_runs, Some(4 * n_rows as u32), "{}", family.family);
        }
    }
    let names = content.families.all().iter().map(|family| family.family.as_str());
    let unseen: Vec<_> = names.filter(|name| rows.iter().all(|row| row.family != *name)).collect();
    assert_eq!(unseen, ["granite-4.1", "LFM2.5", "Gemma-3"]);
}

#[test]
fn figures_are_those_of_the_page() {
    let rows = page_rows();
    let of = |model, hardware, version| range(&rows, model, hardware, version);
    assert_eq!(of("Gemma-4-E2B-it", "5070", "b9174"), [(206.5, 216.7)]);
    assert_eq!(of("Gemma-4-E2B-it", "Strix Halo", "b8940"), [(76.3, 87.6)]);
    assert_eq!(of("Gemma-4-26B-A4B-it", "Strix Halo", "b8940"), [(6.9, 8.5), (43.2, 47.9)]);
    assert_eq!(of("LFM2-1.2B", "5070", "b9174"), [(485.5, 529.6)]);
    assert_eq!(of("Qwen3.6-27B-GGUF-Q6_K", "3090", "59778f0"), [(14.4, 15.5)]);
    assert_eq!(of("Qwen3.6-27B", "3090", "59778f0"), [(19.7, 21.2)]);
    assert_eq!(of("Qwen/Qwen2.5-32B-Instruct", "3090", "0.21.0"), [(18.8, 19.3)]);
    assert_eq!(of("GLM-4.7-Flash", "3090", "59778f0"), [(105.4, 117.5)]);
}

#[test]
fn figures_of_the_document_on_one_machine_are_those_of_its_tables() {
    let rows = content().rows();
    let rate = |model: &str, quantization: &str, version: &str, shape: &str| {
        let row = rows.iter().find(|row| {
            row.hardware == "Apple M4 Max"
                && row.model_name == model
                && row.quantization.as_deref() == Some(quantization)
                && row.engine_version == version
                && row.shape == shape
        });
        row.unwrap().rate_tps.unwrap().get()
    };
    let build = "683c5acb9";
    assert_eq!(rate("Qwen3.5-4B", "Q4_0", build, "pp512"), 1262.78);
    assert_eq!(rate("Qwen3.5-4B", "Q4_0", build, "tg128"), 80.0);
    assert_eq!(rate("Qwen3.5-9B", "IQ4_NL", build, "pp512"), 707.5);
    assert_eq!(rate("Qwen3.5-9B", "IQ4_XS", build, "tg128"), 54.95);
    assert_eq!(rate("Qwen3.5-9B", "IQ4_XS", build, "tg4096"), 38.51);
    let kernel = "683c5acb9 + F16 Q4_0 kernel";
    assert_eq!(rate("Qwen3.5-9B", "Q4_0", kernel, "tg4096"), 51.94);
    assert_eq!(rows.iter().filter(|row| row.hardware == "Apple M4 Max").count(), 18 + 2 + 1);
}

#[test]
fn disputed_lines_carry_what_is_known_against_them() {
    let rows = page_rows();
    let disputed: Vec<_> = rows.iter().filter(|row| row.disputed.is_some()).collect();
    assert_eq!(disputed.len(), 7);
    for row in disputed {
        assert!(row.hardware.contains("RTX 5070"));
        assert_eq!(row.disputed.as_deref(), Some("back end disputed by its own source"));
        assert_eq!(row.backends, "CUDA or Vulkan");
    }
    assert_eq!(rows.iter().filter(|row| row.hardware.contains("5070")).count(), 7);
}

#[test]
fn published_records_have_a_source_and_no_samples_grade_or_rank() {
    let content = content();
    let (published, measured): (Vec<_>, Vec<_>) =
        content.records().partition(|record| record.kind == RecordKind::Published);
    // Our own are whole.
    assert_eq!(measured.len(), 3);
    for record in measured {
        assert_eq!(record.kind, RecordKind::Measured);
        let n_requests = record.serving.as_ref().map_or(0, |serving| serving.requests.len());
        assert!(record.samples.len() + n_requests >= 6 && record.grade.is_some());
    }
    for record in published {
        assert!(record.samples.is_empty() && record.grade.is_none() && record.summary.is_none());
        let published = record.published.as_ref().unwrap();
        assert!(!published.source.is_empty() && published.date.is_some());
        assert!(record.rate().is_none());
    }
    let query = Query { level: Level::WorkloadOnly, ..Query::default() };
    let board = leaderboard(&content.rows(), &content.families, &query);
    let lines = board.groups.iter().flat_map(|group| &group.rows);
    let published = lines.filter(|line| line.kind == RecordKind::Published);
    assert!(published.into_iter().all(|line| line.rank.is_none()));
}

#[test]
fn groups_stand_with_their_release_latest_first() {
    let content = content();
    let board = leaderboard(&content.rows(), &content.families, &Query::default());
    let groups: Vec<_> =
        board.groups.iter().map(|group| (group.family.as_str(), group.rows.len())).collect();
    let expected = [
        ("Gemma-4", 14),
        ("NVIDIA-Nemotron-3-Nano-Omni", 1),
        ("Qwen3.6", 8),
        // Four of the page; of the document six, two with another kernel, one that was profiled.
        ("Qwen3.5", 4 + 6 + 2 + 1),
        ("GLM-4.7-Flash", 1),
        ("LFM2", 10),
        ("Qwen3-Coder", 1),
        ("Qwen2.5-Coder", 5),
        ("Qwen2.5", 3),
        // Our own: load points at 1 and 4 requests.
        ("SmolLM2", 2),
    ];
    assert_eq!(groups, expected);
    assert_eq!(board.groups[0].released.as_deref(), Some("2026-04"));
    let source = board.groups[0].source.as_ref().unwrap();
    assert_eq!(source.url.as_deref(), Some("https://calebcoffie.com/benchmarks"));
    assert_eq!(board.n_rows, 58);
    assert_eq!(board.n_prompt_rows, 7);
    assert_eq!(board.sentence, "58 rows, fastest first");
}

#[test]
fn lines_of_the_shipped_content_read_as_they_should() {
    let content = content();
    let shown = |filter: RowFilter| -> Vec<String> {
        let query = Query { filter, ..Query::default() };
        let board = leaderboard(&content.rows(), &content.families, &query);
        let lines = board.groups.into_iter().flat_map(|group| group.rows);
        lines
            .map(|line| {
                let disputed = line.disputed.map_or(String::new(), |why| format!(" ! {why}"));
                format!(
                    "{} | {} | {} | {} | {} | {}{disputed}",
                    line.variant,
                    line.quantization_text,
                    line.hardware,
                    line.engine_text,
                    line.concurrency_text,
                    line.rate_text,
                )
            })
            .collect()
    };
    let gemma = RowFilter { family: Some("Gemma-4".into()), ..RowFilter::default() };
    let coder = RowFilter { family: Some("Qwen2.5-Coder".into()), ..RowFilter::default() };
    let apple = RowFilter { hardware: Some("Apple M4 Max".into()), ..RowFilter::default() };
    let lines = [shown(gemma), shown(coder), shown(apple)].concat().join("\n");
    insta::assert_snapshot!(lines);
}

#[test]
fn machines_are_found_by_the_names_that_runs_use() {
    let content = content();
    for row in page_rows() {
        let machine = content.hardware_of(&row.hardware).expect("every line has its machine");
        assert_eq!(row.power_cap_w, machine.power_cap.as_ref().map(|cap| cap.cap_w));
        assert_eq!(row.disputed, machine.disputed);
    }
    for run in content.runs.iter().filter(|run| run.rig.is_some()) {
        let row = tokmark_stats::board_row(&run.records[0]).unwrap();
        let machine = content.hardware_of(&row.hardware).unwrap();
        assert_eq!(run.rig.as_deref(), Some(machine.slug.as_str()));
    }
}

#[test]
fn the_same_file_gives_the_same_records() {
    let (again, first) = (content(), content());
    assert_eq!(first.runs, again.runs);
    let file = folder().join(&first.runs[0].file);
    let text = std::fs::read_to_string(file).unwrap();
    assert_eq!(read_run("x", &text).unwrap(), first.runs[0].records);
    let changed = text.replacen("model: ", "model: x", 1);
    assert_ne!(read_run("x", &changed).unwrap()[0].id, first.runs[0].records[0].id);
}

#[test]
fn content_in_memory_is_the_same_as_in_the_folder() {
    let mut files = Vec::new();
    for part in ["", "runs", "hardware"] {
        for entry in std::fs::read_dir(folder().join(part)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.strip_prefix(folder()).unwrap().to_str().unwrap().to_owned();
                files.push((name, std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    let texts = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let (mut in_memory, findings) = Content::check_texts(texts);
    assert_eq!(findings, []);
    in_memory.runs.sort_by(|a, b| a.file.cmp(&b.file));
    assert_eq!(in_memory, content());
    let (_, findings) = Content::check_texts([("other/x.yaml", "a: 1"), ("schema.json", "{}")]);
    assert_eq!(findings.len(), 1);
}

#[test]
fn the_schema_in_the_folder_is_that_of_the_types() {
    let path = folder().join("schema.json");
    let text = serde_json::to_string_pretty(&run_schema()).unwrap() + "\n";
    if std::env::var_os("TOKMARK_WRITE_SCHEMA").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "content/benchmarks/schema.json is stale; run this test with TOKMARK_WRITE_SCHEMA=1"
    );
}

#[test]
fn the_schema_takes_what_the_reader_takes() {
    let schema = run_schema();
    let validator = jsonschema::options().build(&schema).unwrap();
    for run in content().runs {
        let text = std::fs::read_to_string(folder().join(&run.file)).unwrap();
        let value: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        assert!(validator.is_valid(&value), "{}", run.file);
        let written = tokmark_board::write_run(&run.records[0]);
        let value: serde_json::Value = serde_saphyr::from_str(&written).unwrap();
        assert!(validator.is_valid(&value), "{} as a record", run.file);
    }
}

#[test]
fn figures_of_older_statistics_are_made_anew() {
    let samples: Vec<_> = (0..9)
        .map(|n| serde_json::json!({ "start_ns": n * 300, "duration_ns": 310_000_000 + 1_000 * n }))
        .collect();
    let bare: Record = serde_json::from_value(serde_json::json!({
        "record_version": 1, "id": "01930000-0000-7000-8000-000000000001",
        "run_id": "01930000-0000-7000-8000-000000000002", "kind": "measured",
        "created_at": "2026-11-20T10:00:00Z", "tool": { "name": "tokmark", "version": "0.1.0" },
        "status": "ok", "test": { "n_prompt": 0, "n_gen": 128 }, "params": {},
        "model": { "name": "Tiny-1B" }, "engine": { "name": "llama.cpp" }, "machine": {},
        "samples": samples,
    }))
    .unwrap();
    let honest = tokmark_stats::recomputed(&bare, |_| None).unwrap();
    let mut forged = honest.clone();
    let summary = forged.summary.as_mut().unwrap();
    summary.statistics_version = 1;
    summary.rate.rate_tps = TokensPerSecond(99_999.0);
    forged.grade = Some(Grade { letter: GradeLetter::A, reasons: Vec::new() });
    let text = tokmark_board::write_run(&forged);
    let (content, findings) = Content::check_texts([("runs/forged.yaml", text.as_str())]);
    assert_eq!(findings, []);
    assert_eq!(content.records().collect::<Vec<_>>(), [&honest]);
}
