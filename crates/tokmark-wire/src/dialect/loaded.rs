//! Models that lie in a server's memory.

use serde::Deserialize;
use tokmark_model::Bytes;

use crate::decode::Number;

/// A model in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedModel {
    /// Its name.
    pub name: String,
    /// Its memory on all devices.
    pub model_bytes: Option<Bytes>,
    /// Of that, on GPUs, x 100.
    pub gpu_share_percent: Option<f64>,
    /// Context length that it was loaded with.
    pub n_ctx: Option<u32>,
}

#[derive(Deserialize)]
struct Loaded {
    models: Vec<Model>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Model {
    name: String,
    size: Number,
    size_vram: Number,
    context_length: Number,
}

/// Reads Ollama's `/api/ps` for `model`, with or without its tag `:latest`; the first model
/// that is loaded for `None`. To be asked again after the first request, which loads it.
///
/// Source: ollama 0.33, `docs/api.md`, "List Running Models"; `api/types.go`,
/// `ProcessModelResponse`.
pub fn ollama_loaded(body: &[u8], model: Option<&str>) -> Option<LoadedModel> {
    let loaded: Loaded = serde_json::from_slice(body).ok()?;
    let is_asked = |name: &str| match model {
        None => true,
        Some(asked) => untagged(name) == untagged(asked),
    };
    let found = loaded.models.into_iter().find(|model| is_asked(&model.name))?;
    let size = found.size.whole().filter(|&size| size > 0);
    let share = |size: u64| {
        let on_gpu = found.size_vram.whole()?;
        Some(on_gpu.min(size) as f64 / size as f64 * 100.0)
    };
    Some(LoadedModel {
        name: found.name,
        model_bytes: size.map(Bytes),
        gpu_share_percent: size.and_then(share),
        n_ctx: found.context_length.count().filter(|&n| n > 0),
    })
}

fn untagged(name: &str) -> &str {
    name.strip_suffix(":latest").unwrap_or(name)
}
