//! Records to send.

use serde_json::json;
use tokmark_model::{EngineParams, Record, Uuid};

/// The `n`-th record of run 1.
pub(crate) fn record(n: u32) -> Record {
    let record = json!({
        "record_version": 1,
        "id": Uuid::from_u128(0x1000 + u128::from(n)),
        "run_id": Uuid::from_u128(1),
        "kind": "measured",
        "created_at": format!("2026-01-02T03:{:02}:{:02}Z", n / 60 % 60, n % 60),
        "tool": { "name": "tokmark", "version": "0.1.0" },
        "status": "ok",
        "test": { "n_prompt": 512, "n_gen": 0, "n_depth": 0, "n_parallel": 1 },
        "params": EngineParams::default(),
        "model": tokmark_model::ModelFacts::default(),
        "engine": tokmark_model::EngineFacts::default(),
        "machine": tokmark_model::MachineFacts::default(),
    });
    serde_json::from_value(record).unwrap()
}

/// The first `n` records.
pub(crate) fn records(n: u32) -> Vec<Record> {
    (0..n).map(record).collect()
}
