use std::collections::BTreeMap;

use tokmark_model::{Bytes, ModelFacts, TensorTypeCount};

use crate::{Header, TensorType, file_type_label};

/// Longest text taken over from a header, in characters.
const LONGEST_TEXT: usize = 256;

/// The record's facts about a model, as far as its header tells them.
///
/// `source`, `sha256` and `description` stay empty: the header doesn't know them. Texts
/// are trimmed, cut at 256 characters and freed of control characters, since they go to
/// terminals. In one file of a split model parameters and tensor bytes are absent: the
/// other files hold the rest.
pub fn facts(header: &Header, file_name: &str, file_size: Bytes) -> ModelFacts {
    let census = census(header);
    let text = |key: &str| header.metadata().text(key).and_then(clean);
    let n_files = header.metadata().number("split.count").and_then(|n| u32::try_from(n).ok());
    let is_whole = n_files.is_none_or(|n| n <= 1);

    ModelFacts {
        name: text("general.name").unwrap_or_else(|| stem(file_name).to_owned()),
        file_name: file_name.to_owned(),
        file_size_bytes: file_size,
        tensor_bytes: is_whole.then(|| tensor_bytes(header)).flatten(),
        n_params: is_whole.then(|| n_elements(header)),
        architecture: text("general.architecture"),
        quantization: leading_type(header),
        label: label(header),
        publisher: publisher(header),
        quantized_by: text("general.quantized_by"),
        license: text("general.license").or_else(|| text("general.license.name")),
        context_length: header.context_length(),
        n_layers: header.arch_number("block_count"),
        n_embd: header.arch_number("embedding_length"),
        n_vocab: n_vocab(header),
        n_experts: header.arch_number("expert_count").filter(|&n| n > 0),
        n_experts_used: n_experts_used(header),
        tensor_types: census,
        n_files,
        ..ModelFacts::default()
    }
}

/// Type -> tensors, elements and bytes. Bytes of an unknown type count as 0.
fn census(header: &Header) -> BTreeMap<String, TensorTypeCount> {
    let mut census: BTreeMap<String, TensorTypeCount> = BTreeMap::new();
    for tensor in header.tensors() {
        let count = census.entry(tensor.tensor_type().to_string()).or_default();
        count.n_tensors += 1;
        count.n_elements = count.n_elements.saturating_add(tensor.n_elements());
        let size = tensor.size_bytes().unwrap_or(0);
        count.size_bytes = Bytes(count.size_bytes.get().saturating_add(size));
    }
    census
}

/// `None` if one tensor's type is unknown.
fn tensor_bytes(header: &Header) -> Option<Bytes> {
    let sizes = header.tensors().iter().map(|tensor| tensor.size_bytes());
    sizes.sum::<Option<u64>>().map(Bytes)
}

fn n_elements(header: &Header) -> u64 {
    header.tensors().iter().fold(0, |sum: u64, tensor| sum.saturating_add(tensor.n_elements()))
}

/// The type that most elements of matrices have; at a tie the lower type number.
fn leading_type(header: &Header) -> Option<String> {
    let mut elements: BTreeMap<TensorType, u64> = BTreeMap::new();
    for tensor in header.tensors().iter().filter(|tensor| tensor.is_matrix()) {
        let sum = elements.entry(tensor.tensor_type()).or_default();
        *sum = sum.saturating_add(tensor.n_elements());
    }
    let leading = elements.into_iter().rev().max_by_key(|&(_, sum)| sum)?;
    Some(leading.0.to_string())
}

/// `general.file_type` in words; a number without words reads `file type 99`.
fn label(header: &Header) -> Option<String> {
    let number = header.metadata().number("general.file_type")?;
    Some(file_type_label(number).map_or_else(|| format!("file type {number}"), str::to_owned))
}

/// The organization, else the author, else the owner of the repository.
fn publisher(header: &Header) -> Option<String> {
    let text = |key: &str| header.metadata().text(key);
    ["general.organization", "general.author"]
        .iter()
        .find_map(|key| text(key).and_then(clean))
        .or_else(|| text("general.repo_url").and_then(repository_owner))
        .or_else(|| text("general.source.huggingface.repository").and_then(repository_owner))
        .or_else(|| text("general.source.repo_url").and_then(repository_owner))
}

/// `https://huggingface.co/owner/name` or `owner/name` -> `owner`.
fn repository_owner(repository: &str) -> Option<String> {
    let mut parts = match repository.split_once("://") {
        Some((_, rest)) => {
            let mut parts = rest.split('/');
            parts.next();
            parts
        }
        None => repository.split('/'),
    };
    let owner = parts.next()?;
    parts.next().filter(|name| !name.is_empty())?;
    clean(owner)
}

fn n_vocab(header: &Header) -> Option<u64> {
    header
        .arch_number("vocab_size")
        .or_else(|| header.metadata().array_len("tokenizer.ggml.tokens"))
}

/// The most of any layer, where the count differs by layer.
fn n_experts_used(header: &Header) -> Option<u64> {
    let key = header.arch_key("expert_used_count");
    let most = match header.metadata().number(&key) {
        Some(count) => Some(count),
        None => {
            let items = header.metadata().get(&key)?.as_array()?.items.as_ref()?;
            items.iter().filter_map(|value| value.as_u64()).max()
        }
    };
    most.filter(|&n| n > 0)
}

fn clean(text: &str) -> Option<String> {
    let kept = text.trim().chars().take(LONGEST_TEXT);
    let cleaned: String = kept.map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    (!cleaned.is_empty()).then_some(cleaned)
}

fn stem(file_name: &str) -> &str {
    match file_name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => file_name,
    }
}
