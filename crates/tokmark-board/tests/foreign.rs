//! Foreign YAML read by a map.

use tokmark_board::{NamedText, read_foreign};
use tokmark_model::Record;

const FOREIGN: &str = "meta: {harness: 1.2}
runs:
  - model: {name: Gemma-4-E2B-it, quant: Q4_K_M}
    hw: GeForce RTX 3090
    server: {name: llama.cpp, build: 9174, api: cuda}
    results:
      - {workload: chat, conc: 1, output_tok_per_s: 195.1, ttft_p50: 51.5}
      - {workload: rag, conc: '4', output_tok_per_s: 181.1}
  - model: {name: LFM2-1.2B, quant: null}
    hw: GeForce RTX 3090
    server: {name: vLLM, build: v0.21, api: cuda}
    results:
      - {workload: chat, conc: 1, output_tok_per_s: 471}
";

const MAP: &str = "tokmark_map: 1
fields:
  model: runs[].model.name
  quantization: runs[].model.quant
  hardware: runs[].hw
  engine: runs[].server.name
  engine_version: runs[].server.build
  backend: runs[].server.api
  concurrency: runs[].results[].conc
  shape: runs[].results[].workload
  rate: runs[].results[].output_tok_per_s
  ttft_ms: runs[].results[].ttft_p50
constants:
  source: somebody's page
  date: 2026-04-30
";

fn read(foreign: &str, map: &str) -> Result<Vec<Record>, String> {
    let foreign = NamedText { file: "theirs.yaml", text: foreign };
    let map = NamedText { file: "map.yaml", text: map };
    read_foreign(foreign, map).map_err(|error| error.to_string())
}

#[test]
fn each_foreign_row_becomes_a_record() {
    let records = read(FOREIGN, MAP).unwrap();
    let shown: Vec<_> = records
        .iter()
        .map(|record| {
            let row = tokmark_stats::board_row(record).unwrap();
            let rate = row.rate_tps.unwrap().get();
            let quantization = row.quantization.unwrap_or_default();
            format!(
                "{} {quantization} {} {} {} {} {rate} {:?}",
                row.model_name,
                row.engine,
                row.engine_version,
                row.backends,
                row.label,
                row.ttft_p50_ms,
            )
        })
        .collect();
    let expected = [
        "Gemma-4-E2B-it Q4_K_M llama.cpp 9174 CUDA chat x 1 195.1 Some(51.5)",
        "Gemma-4-E2B-it Q4_K_M llama.cpp 9174 CUDA rag x 4 181.1 None",
        "LFM2-1.2B  vLLM v0.21 CUDA chat x 1 471 None",
    ];
    assert_eq!(shown, expected);
    assert_eq!(read(FOREIGN, MAP).unwrap(), records, "ids are the same again");
    assert_eq!(records[0].published.as_ref().unwrap().source, "somebody's page");
}

#[test]
fn rates_may_be_named_by_shape_and_be_ranges() {
    let foreign = "- {m: M-1B, chat: 80.5, lo: 5.5, hi: 7}\n- {m: M-2B, chat: 40}\n";
    let map = "tokmark_map: 1
fields:
  model: '[].m'
  rates_tps.chat: '[].chat'
  low: '[].lo'
  high: '[].hi'
constants: {hardware: h, engine: e, backend: CPU, source: s, date: 2026-04}
";
    let records = read(foreign, map).unwrap();
    let labels: Vec<_> = records.iter().map(|record| record.label()).collect();
    assert_eq!(labels, ["all workloads x 1", "chat x 1", "chat x 1"]);
    let published = records[0].published.as_ref().unwrap();
    assert_eq!(published.rate_low_tps.unwrap().get(), 5.5);
    assert_eq!(published.shape, None);
}

#[test]
fn a_document_without_lists_is_one_row() {
    let map = "tokmark_map: 1
fields: {model: a.b, rates_tps.tg128: 'a.\"c.d\"[1]'}
constants: {hardware: h, engine: e, backend: CPU, source: s, date: 2026-04}
";
    let records = read("a: {b: M-1B, c.d: [1, 80.5]}\n", map).unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].label(), "tg128");
}

#[test]
fn faults_stand_where_they_are_in_either_file() {
    let said = |foreign: &str, map: &str| match read(foreign, map) {
        Ok(records) => format!("no fault, {} records", records.len()),
        Err(said) => said,
    };
    let foreign = |from: &str, to: &str| {
        assert!(FOREIGN.contains(from), "{from}");
        said(&FOREIGN.replacen(from, to, 1), MAP)
    };
    let map = |from: &str, to: &str| {
        assert!(MAP.contains(from), "{from}");
        said(FOREIGN, &MAP.replacen(from, to, 1))
    };
    let found = [
        ("no number", foreign("195.1", "fast")),
        ("missing in a row", foreign("output_tok_per_s: 471", "tok_per_s: 471")),
        ("empty for what is needed", foreign("name: Gemma-4-E2B-it", "name: null")),
        ("a number that may have lost a digit", foreign("build: 9174", "build: 1.10")),
        ("several faults", said(&FOREIGN.replace("workload", "shape").replace("471", "-1"), MAP)),
        ("no list", foreign("runs:", "others:")),
        ("their YAML is broken", foreign("hw: ", "hw: [")),
        ("not our field", map("quantization:", "quant:")),
        ("no path", map("runs[].hw", "runs[.hw")),
        ("another list", map("runs[].hw", "machines[].hw")),
        ("an unknown part of the map", map("constants:", "always:")),
        ("no version", map("tokmark_map: 1", "tokmark_map: 7")),
        ("a constant that is none", map("date: 2026-04-30", "date: spring")),
        ("a constant of the wrong kind", map("date: 2026-04-30", "date: 2026-04\n  n_gpus: many")),
        ("both are broken", said("a: [", "b: [")),
    ];
    let found: Vec<_> =
        found.into_iter().map(|(what, said)| format!("# {what}\n{said}\n")).collect();
    insta::assert_snapshot!(found.join("\n"));
}
