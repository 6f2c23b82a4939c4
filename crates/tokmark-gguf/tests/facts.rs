//! The record's facts from headers made for the purpose.

use tokmark_gguf::{
    Header, Limits, TensorData, TensorType, TinyLlama, Value, Writer, facts, tiny_llama,
    tiny_llama_writer,
};
use tokmark_model::{Bytes, ModelFacts};

fn facts_of(writer: &Writer<'_>) -> ModelFacts {
    let file = writer.to_bytes().unwrap();
    let header = Header::read(&mut file.as_slice(), &Limits::default()).unwrap();
    facts(&header, "some.model-Q4_K_M.gguf", Bytes(file.len() as u64))
}

/// Facts of a header with this one key.
fn with(key: &str, value: impl Into<Value>) -> ModelFacts {
    let mut writer = Writer::new("llama");
    writer.set(key, value);
    facts_of(&writer)
}

#[test]
fn the_type_of_most_matrix_elements_is_the_quantization() {
    let mut writer = Writer::new("llama");
    // The norm has the most elements of all and is no matrix.
    writer.tensor("norm", &[100_000], TensorType::F32, TensorData::Zeros);
    writer.tensor("embd", &[256, 10], TensorType::Q6_K, TensorData::Zeros);
    writer.tensor("a", &[256, 8], TensorType::Q4_K, TensorData::Zeros);
    writer.tensor("b", &[256, 8], TensorType::Q4_K, TensorData::Zeros);
    let facts = facts_of(&writer);
    assert_eq!(facts.quantization.as_deref(), Some("Q4_K"));
    let count = facts.tensor_types["Q4_K"];
    assert_eq!((count.n_tensors, count.n_elements, count.size_bytes), (2, 4_096, Bytes(2_304)));
    assert_eq!(facts.n_params, Some(106_656));
    assert_eq!(facts.tensor_bytes, Some(Bytes(400_000 + 2_100 + 2_304)));
}

#[test]
fn the_label_is_what_the_file_claims_in_words() {
    assert_eq!(with("general.file_type", 15u32).label.as_deref(), Some("Q4_K_M"));
    assert_eq!(with("general.file_type", 999u32).label.as_deref(), Some("file type 999"));
    assert_eq!(with("unrelated", 15u32).label, None);
}

#[test]
fn the_publisher_is_the_first_that_is_named() {
    let publisher = |key: &str, text: &str| with(key, text).publisher;
    assert_eq!(publisher("general.organization", "Qwen").as_deref(), Some("Qwen"));
    assert_eq!(publisher("general.author", "someone").as_deref(), Some("someone"));
    let url = "https://huggingface.co/bartowski/Model-GGUF";
    assert_eq!(publisher("general.repo_url", url).as_deref(), Some("bartowski"));
    let repository = "general.source.huggingface.repository";
    assert_eq!(publisher(repository, "meta-llama/Llama").as_deref(), Some("meta-llama"));
    assert_eq!(publisher(repository, "no-owner"), None);
    assert_eq!(publisher("general.organization", " "), None);
    assert_eq!(with("general.quantized_by", "ggml-org").quantized_by.as_deref(), Some("ggml-org"));
}

#[test]
fn a_model_without_a_name_has_that_of_its_file() {
    assert_eq!(with("unrelated", 1u32).name, "some.model-Q4_K_M");
    assert_eq!(with("general.name", "Real Name").name, "Real Name");
}

#[test]
fn texts_cannot_carry_terminal_codes_or_pages() {
    let name = with("general.name", "evil\x1b[2J\u{9b}name").name;
    assert_eq!(name, "evil\u{fffd}[2J\u{fffd}name");
    assert_eq!(with("general.name", "x".repeat(10_000)).name.len(), 256);
}

#[test]
fn the_vocabulary_is_counted_where_no_key_says_it() {
    assert_eq!(with("tokenizer.ggml.tokens", vec!["a"; 5_000]).n_vocab, Some(5_000));
    assert_eq!(with("llama.vocab_size", 32_000u32).n_vocab, Some(32_000));
}

#[test]
fn experts_may_be_counted_for_each_layer() {
    let mut writer = Writer::new("llama");
    writer.set("llama.expert_count", 64u32).set("llama.expert_used_count", vec![4u32, 8, 6]);
    let facts = facts_of(&writer);
    assert_eq!((facts.n_experts, facts.n_experts_used), (Some(64), Some(8)));
    let dense = with("llama.expert_count", 0u32);
    assert_eq!((dense.n_experts, dense.n_experts_used), (None, None));
}

#[test]
fn one_file_of_a_split_model_does_not_speak_for_the_whole() {
    let mut writer = tiny_llama_writer(&TinyLlama::default());
    writer.set("split.count", Value::U16(3));
    let facts = facts_of(&writer);
    assert_eq!((facts.n_files, facts.n_params, facts.tensor_bytes), (Some(3), None, None));
}

#[test]
fn the_tiny_model_is_what_was_asked_for() {
    let shape = TinyLlama { weights: TensorType::F16, ..TinyLlama::default() };
    let file = tiny_llama(&shape);
    let header = Header::read(&mut file.as_slice(), &Limits::default()).unwrap();
    let facts = facts(&header, "tiny.gguf", Bytes(file.len() as u64));
    assert_eq!(facts.quantization.as_deref(), Some("F16"));
    assert_eq!((facts.n_layers, facts.n_embd, facts.n_vocab), (Some(2), Some(64), Some(259)));
    // 259 x 64 embeddings, 64 + 2 x 2 x 64 norms, 2 x (64 x (64 + 32 + 32 + 64 + 3 x 128))
    assert_eq!(facts.n_params, Some(16_576 + 320 + 73_728));
    assert_eq!(file, tiny_llama(&shape), "equal seeds give equal files");
    assert_ne!(file, tiny_llama(&TinyLlama { seed: 2, ..shape }));
}
