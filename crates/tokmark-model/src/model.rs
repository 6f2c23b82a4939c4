use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Bytes;

/// How many tensors of a type a file holds and what they weigh.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TensorTypeCount {
    /// Tensors of this type.
    pub n_tensors: u64,
    /// Elements in them.
    pub n_elements: u64,
    /// Their bytes in the file.
    pub size_bytes: Bytes,
}

/// The model: identity is the hash of the file; everything else describes it.
///
/// `quantization` comes from counting tensors. `label` is what the publisher calls it.
/// One label from two publishers is two models.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ModelFacts {
    /// Name to show: the file's stem, which people know it by.
    pub name: String,
    /// `general.name`, where it says something else.
    pub title: Option<String>,
    /// Base name of the file; never its folder.
    pub file_name: String,
    /// Where it came from: `hf:owner/repo/file`, a URL, `file:NAME`, `cache:NAME`.
    pub source: Option<String>,
    /// SHA-256 of the whole file, lower-case hexadecimal; of a split model that of the hashes
    /// of its files in order, a line each.
    pub sha256: Option<String>,
    /// Size of the file, or of all files of a split model.
    pub file_size_bytes: Bytes,
    /// Bytes of all tensors, as the engine counts them.
    pub tensor_bytes: Option<Bytes>,
    /// Parameters, all tensors' elements.
    pub n_params: Option<u64>,
    /// The engine's own description, e.g. `llama 256M Q4_1`.
    pub description: Option<String>,
    /// `general.architecture`.
    pub architecture: Option<String>,
    /// Type that holds most elements by tensor census, e.g. `Q4_1`.
    pub quantization: Option<String>,
    /// Nominal label: `general.file_type` in words, e.g. `Q4_K_M`.
    pub label: Option<String>,
    /// Whoever published the file, from the source or `general.*` keys.
    pub publisher: Option<String>,
    /// Whoever quantized it, `general.quantized_by`.
    pub quantized_by: Option<String>,
    /// `general.license`.
    pub license: Option<String>,
    /// Context length in training.
    pub context_length: Option<u64>,
    /// Transformer blocks.
    pub n_layers: Option<u64>,
    /// Embedding width.
    pub n_embd: Option<u64>,
    /// Vocabulary size.
    pub n_vocab: Option<u64>,
    /// Routed experts, and how many of them a token uses.
    pub n_experts: Option<u64>,
    /// Experts used by one token.
    pub n_experts_used: Option<u64>,
    /// Tensor census: type -> count, elements, bytes.
    pub tensor_types: BTreeMap<String, TensorTypeCount>,
    /// Files the model is split into.
    pub n_files: Option<u32>,
}
