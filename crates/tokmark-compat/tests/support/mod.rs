//! Records made from llama-bench's own output.

use serde_json::{Value, json};
use tokmark_model::Record;

/// A record as an importer would make it from a row of llama-bench's json. `summary` is
/// left out, so that the figures come from the samples.
pub fn record_with_samples(row: &Value) -> Record {
    let samples: Vec<_> = row["samples_ns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|time| json!({ "start_ns": 0, "duration_ns": time }))
        .collect();
    let mut record = record(row);
    record["samples"] = json!(samples);
    serde_json::from_value(record).unwrap()
}

/// A record with the figures of the row instead of samples.
pub fn record_with_summary(row: &Value) -> Record {
    let mut record = record(row);
    record["kind"] = json!("imported_summary");
    record["summary"] = json!({
        "statistics_version": 1,
        "n": 0,
        "rate": { "rate_tps": row["avg_ts"], "no_interval": "no_samples" },
        "total_rate_tps": row["avg_ts"],
        "avg_ts": row["avg_ts"],
        "stddev_ts": row["stddev_ts"],
        "avg_ns": row["avg_ns"],
        "stddev_ns": row["stddev_ns"],
        "stop_reason": "fixed",
    });
    serde_json::from_value(record).unwrap()
}

fn record(row: &Value) -> Value {
    assert_eq!(row["devices"], "auto", "this helper reads the recorded runs, no others");
    assert_eq!(row["tensor_split"], "0.00");
    assert_eq!(row["tensor_buft_overrides"], "none");
    assert_eq!(row["flash_attn"], -1);
    assert_eq!(row["gpu_info"], "");
    let nil = "00000000-0000-0000-0000-000000000000";
    json!({
        "record_version": 1,
        "id": nil,
        "run_id": nil,
        "kind": "imported",
        "created_at": row["test_time"],
        "tool": { "name": "llama-bench", "version": "11434" },
        "status": "ok",
        "test": { "n_prompt": row["n_prompt"], "n_gen": row["n_gen"], "n_depth": row["n_depth"] },
        "params": {
            "n_batch": row["n_batch"],
            "n_ubatch": row["n_ubatch"],
            "type_k": row["type_k"],
            "type_v": row["type_v"],
            "n_threads": row["n_threads"],
            "cpu_mask": row["cpu_mask"],
            "cpu_strict": row["cpu_strict"],
            "poll": row["poll"],
            "n_gpu_layers": row["n_gpu_layers"],
            "n_cpu_moe": row["n_cpu_moe"],
            "split_mode": row["split_mode"],
            "main_gpu": row["main_gpu"],
            "no_kv_offload": row["no_kv_offload"],
            "flash_attn": "auto",
            "load_mode": row["load_mode"],
            "lazy_mode": row["lazy_mode"],
            "embeddings": row["embeddings"],
            "no_op_offload": row["no_op_offload"] == 1,
            "no_host": row["no_host"],
            "repack": row["repack"],
            "fit_target": row["fit_target"],
            "fit_min_ctx": row["fit_min_ctx"],
        },
        "model": {
            "file_name": row["model_filename"],
            "tensor_bytes": row["model_size"],
            "n_params": row["model_n_params"],
            "description": row["model_type"],
        },
        "engine": {
            "name": "llama.cpp",
            "backends": row["backends"],
            "devices": [{ "name": "CPU", "description": row["cpu_info"], "kind": "cpu" }],
        },
        "machine": {},
    })
}
