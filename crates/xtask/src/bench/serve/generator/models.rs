//! The models of generated records: names as people know them, figures in their order of size.

use std::collections::BTreeMap;

use tokmark_model::{Bytes, ModelFacts, TensorTypeCount};

use super::dice::Dice;

/// Models of one name in several sizes.
struct Family {
    name: &'static str,
    architecture: &'static str,
    n_vocab: u64,
    /// What follows the name, and millions of parameters.
    sizes: &'static [(&'static str, u64)],
}

const fn family(
    name: &'static str,
    architecture: &'static str,
    n_vocab: u64,
    sizes: &'static [(&'static str, u64)],
) -> Family {
    Family { name, architecture, n_vocab, sizes }
}

/// Twelve families, 40 models.
static FAMILIES: [Family; 12] = [
    family(
        "Qwen3",
        "qwen3",
        151_936,
        &[
            ("0.6B", 600),
            ("1.7B", 1_720),
            ("4B", 4_020),
            ("8B", 8_190),
            ("14B", 14_800),
            ("32B", 32_800),
        ],
    ),
    family("Llama-3.1", "llama", 128_256, &[("8B-Instruct", 8_030), ("70B-Instruct", 70_600)]),
    family("Llama-3.2", "llama", 128_256, &[("1B-Instruct", 1_240), ("3B-Instruct", 3_210)]),
    family(
        "Gemma-3",
        "gemma3",
        262_144,
        &[("1B-it", 1_000), ("4B-it", 4_300), ("12B-it", 12_200), ("27B-it", 27_400)],
    ),
    family(
        "Mistral",
        "llama",
        32_768,
        &[("7B-Instruct-v0.3", 7_250), ("12B-Instruct", 12_250), ("24B-Instruct", 23_600)],
    ),
    family(
        "Phi-4",
        "phi3",
        100_352,
        &[("4B-mini", 3_840), ("6B-multimodal", 5_570), ("14B", 14_700)],
    ),
    family("SmolLM2", "llama", 49_152, &[("135M", 135), ("360M", 362), ("1.7B", 1_710)]),
    family("granite-4.1", "granite", 100_352, &[("3B", 3_200), ("8B", 8_100), ("30B", 30_100)]),
    family(
        "Falcon3",
        "llama",
        131_072,
        &[("1B", 1_670), ("3B", 3_230), ("7B", 7_460), ("10B", 10_300)],
    ),
    family(
        "OLMo-2",
        "olmo2",
        100_352,
        &[("1B", 1_480), ("7B", 7_300), ("13B", 13_700), ("32B", 32_200)],
    ),
    family(
        "LFM2",
        "lfm2",
        65_536,
        &[("350M", 354), ("1.2B", 1_170), ("2.6B", 2_570), ("8B-A1B", 8_340)],
    ),
    family("gpt-oss", "gpt-oss", 201_088, &[("20B", 20_900), ("120B", 116_800)]),
];

/// Label, type of most tensors, bits of a weight.
static QUANTIZATIONS: [(&str, &str, f64); 4] = [
    ("Q4_K_M", "Q4_K", 4.85),
    ("Q5_K_M", "Q5_K", 5.69),
    ("Q6_K", "Q6_K", 6.56),
    ("Q8_0", "Q8_0", 8.50),
];

/// Keeps the hashes of files apart from everything else that is drawn.
const HASHES: u64 = 0x6d6f_6465_6c73;

/// Files of all models, each quantization one.
pub(super) fn n_models() -> u64 {
    (sizes().count() * QUANTIZATIONS.len()) as u64
}

/// The facts of one of them, 0 to [`n_models`] - 1; whatever the seed, they are the same.
pub(super) fn model(number: u64) -> ModelFacts {
    let all: Vec<(&Family, &(&str, u64))> = sizes().collect();
    let at = (number % n_models()) as usize;
    let (family, (size, millions)) = all[at / QUANTIZATIONS.len()];
    let (label, census, bits) = QUANTIZATIONS[at % QUANTIZATIONS.len()];
    let n_params = *millions * 1_000_000;
    let size_bytes = Bytes((n_params as f64 * bits / 8.0) as u64);
    let name = format!("{}-{size}-{label}", family.name);
    let file_name = format!("{name}.gguf");
    let n_layers = 16 + (*millions / 1_000).min(64);
    let count =
        |n_tensors, n_elements, size_bytes| TensorTypeCount { n_tensors, n_elements, size_bytes };
    let tensor_types = BTreeMap::from([
        (census.to_owned(), count(n_layers * 7, n_params, size_bytes)),
        ("F32".to_owned(), count(n_layers * 2 + 1, n_layers * 4_096, Bytes(n_layers * 16_384))),
    ]);
    ModelFacts {
        source: Some(format!("hf:example/{}-{size}-GGUF/{file_name}", family.name)),
        sha256: Some(Dice::of(0, HASHES, at as u64).digits(64)),
        file_size_bytes: size_bytes,
        tensor_bytes: Some(size_bytes),
        n_params: Some(n_params),
        description: Some(format!("{} {size} {label}", family.architecture)),
        architecture: Some(family.architecture.to_owned()),
        quantization: Some(census.to_owned()),
        label: Some(label.to_owned()),
        publisher: Some("example".to_owned()),
        license: Some("apache-2.0".to_owned()),
        context_length: Some(32_768),
        n_layers: Some(n_layers),
        n_embd: Some(1_024 + 128 * (*millions / 500).min(56)),
        n_vocab: Some(family.n_vocab),
        tensor_types,
        name,
        file_name,
        ..ModelFacts::default()
    }
}

fn sizes() -> impl Iterator<Item = (&'static Family, &'static (&'static str, u64))> {
    FAMILIES.iter().flat_map(|family| family.sizes.iter().map(move |size| (family, size)))
}
