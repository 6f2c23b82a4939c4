//! Which layers keep keys and values, and over how many positions: llama.cpp's rules per
//! architecture, from `src/llama-model.cpp` (`load_hparams`, `create_memory`),
//! `src/llama-arch.cpp` and `src/models/*.cpp` of `llama-cpp-sys-2` 0.1.161.

use crate::{Header, KvLayer, KvShape};

/// More layers than any model has; llama.cpp stops at 512.
const MAX_LAYERS: u64 = 4_096;

/// Architectures without an attention cache: recurrent, encoders, diffusion.
const WITHOUT_CACHE: &[&str] = &[
    "mamba",
    "mamba2",
    "rwkv6",
    "rwkv6qwen2",
    "rwkv7",
    "arwkv7",
    "bert",
    "jina-bert-v2",
    "jina-bert-v3",
    "nomic-bert",
    "nomic-bert-moe",
    "neo-bert",
    "eurobert",
    "modern-bert",
    "gemma-embedding",
    "wavtokenizer-dec",
    "clip",
    "clef",
    "dream",
    "llada",
    "llada-moe",
    "rnd1",
];

/// Architectures whose cache follows rules of its own: two stacks, loops, another
/// model's cache, a router layer, compressed keys.
const NOT_MODELLED: &[&str] = &[
    "t5",
    "t5encoder",
    "nanbeige",
    "hrm_text",
    "eagle3",
    "dflash",
    "gemma4-assistant",
    "graniteswitch",
    "deepseek4",
    "minimax-m3",
];

/// Full attention every so many layers where no key says it, recurrent between.
const FULL_ATTENTION_EVERY: &[(&str, u64)] =
    &[("qwen3next", 4), ("qwen35", 4), ("qwen35moe", 4), ("qwen4exp", 4), ("minimax-01", 8)];

/// A repeating pattern of windowed and full layers.
#[derive(Clone, Copy)]
struct Pattern {
    /// One layer in so many is full; 0 means none, all are windowed.
    period: u64,
    /// The full layer is the first of its period, not the last.
    full_first: bool,
}

/// Architectures that use `attention.sliding_window` in a pattern of their own.
const WINDOW_PATTERNS: &[(&str, u64, bool)] = &[
    ("gemma2", 2, false),
    ("gpt-oss", 2, false),
    ("cohere2", 4, false),
    ("olmo2", 4, false),
    ("exaone4", 4, false),
    ("exaone-moe", 4, false),
    ("afmoe", 4, false),
    ("mellum", 4, false),
    ("muse-glimmer", 4, false),
    ("llama4", 4, false),
    ("gemma3n", 5, false),
    ("gemma3", 6, false),
    ("plamo3", 8, false),
    ("cohere2moe", 4, true),
    ("laguna", 4, true),
    ("smallthinker", 4, true),
    ("lfm2", 0, false),
];

/// Layers of gemma3n that own a cache; the rest share (`models/gemma3n.cpp`).
const GEMMA3N_OWN_CACHE: u64 = 20;

pub(crate) fn kv_shape(header: &Header) -> Option<KvShape> {
    let arch = header.architecture()?;
    if WITHOUT_CACHE.contains(&arch) || NOT_MODELLED.contains(&arch) || has_second_cache(header) {
        return None;
    }
    let n_all = header.arch_number("block_count").filter(|&n| n > 0 && n <= MAX_LAYERS)?;
    let n_layers = n_all.checked_sub(header.arch_number("nextn_predict_layers").unwrap_or(0))?;
    if n_layers == 0 {
        return None;
    }

    let heads = Heads::from_header(header, n_layers as usize)?;
    let recurrent = recurrent_layers(header, arch, n_layers);
    let windows = windows(header, arch, n_layers);
    let n_own_cache = match arch {
        "gemma3n" => GEMMA3N_OWN_CACHE,
        _ => n_all.saturating_sub(header.arch_number("attention.shared_kv_layers").unwrap_or(0)),
    };

    let mut layers = Vec::new();
    let mut n_recurrent = 0;
    for index in 0..n_layers {
        let at = index as usize;
        let n_head_kv = heads.n_head_kv[at];
        // falcon-h1 runs both kinds in every layer.
        if recurrent[at] || (n_head_kv == 0 && is_hybrid(arch)) || arch == "falcon-h1" {
            n_recurrent += 1;
        }
        if recurrent[at] || n_head_kv == 0 || index >= n_own_cache {
            continue;
        }
        let window = windows[at];
        let (d_k, d_v) = if window.is_some() { heads.windowed } else { heads.full };
        layers.push(KvLayer { index: index as u32, n_head_kv, d_k, d_v, window });
    }
    (!layers.is_empty()).then_some(KvShape { layers, n_recurrent })
}

/// Keys of a sparse-attention indexer, or of compressed keys: a cache beside the one
/// modelled here.
fn has_second_cache(header: &Header) -> bool {
    ["attention.indexer.key_length", "attention.indexer.head_count", "attention.compress_ratios"]
        .iter()
        .any(|setting| header.metadata().get(&header.arch_key(setting)).is_some())
}

/// Head counts per layer and head widths (key, value).
struct Heads {
    n_head_kv: Vec<u64>,
    full: (u64, u64),
    windowed: (u64, u64),
}

impl Heads {
    fn from_header(header: &Header, n_layers: usize) -> Option<Heads> {
        let metadata = header.metadata();
        let n_head = metadata.per_layer(&header.arch_key("attention.head_count"), n_layers);
        let key = header.arch_key("attention.head_count_kv");
        let n_head_kv = match metadata.get(&key) {
            Some(_) => metadata.per_layer(&key, n_layers)?,
            None => n_head.clone()?,
        };

        let widest = n_head.and_then(|counts| counts.into_iter().max()).filter(|&n| n > 0);
        let by_embedding = || Some(header.arch_number("embedding_length")? / widest?);
        let d_k = header.arch_number("attention.key_length").or_else(by_embedding)?;
        let d_v = header.arch_number("attention.value_length").or_else(by_embedding)?;
        let d_k_window = header.arch_number("attention.key_length_swa").unwrap_or(d_k);
        let d_v_window = header.arch_number("attention.value_length_swa").unwrap_or(d_v);

        // With these keys the cache holds the latent only: one head as wide as
        // kv_lora_rank plus the rotary part, which is what key_length says, no values.
        let given = |setting| header.arch_number(setting).is_some_and(|width| width > 0);
        let is_mla = given("attention.key_length_mla") && given("attention.value_length_mla");
        let values = |width| if is_mla { 0 } else { width };
        Some(Heads {
            n_head_kv,
            full: (d_k, values(d_v)),
            windowed: (d_k_window, values(d_v_window)),
        })
    }
}

/// Architectures in which a layer without KV heads is recurrent (`llm_arch_is_hybrid`).
/// Elsewhere such a layer has no attention at all.
fn is_hybrid(arch: &str) -> bool {
    const HYBRID: &[&str] = &[
        "jamba",
        "plamo2",
        "granitehybrid",
        "lfm2",
        "lfm2moe",
        "kimi-linear",
        "kimi-k3",
        "bailingmoe3",
        "glm5-next",
    ];
    HYBRID.contains(&arch)
}

/// Which layers are recurrent by key or by the architecture's interval.
fn recurrent_layers(header: &Header, arch: &str, n_layers: u64) -> Vec<bool> {
    let n = n_layers as usize;
    let key = header.arch_key("attention.recurrent_layers");
    if let Some(flags) = header.metadata().per_layer(&key, n) {
        return flags.into_iter().map(|flag| flag != 0).collect();
    }
    let Some(&(_, default)) = FULL_ATTENTION_EVERY.iter().find(|row| row.0 == arch) else {
        return vec![false; n];
    };
    let interval = header.arch_number("full_attention_interval").unwrap_or(default).max(1);
    (1..=n_layers).map(|position| !position.is_multiple_of(interval)).collect()
}

/// Each layer's window, `None` for a full one.
fn windows(header: &Header, arch: &str, n_layers: u64) -> Vec<Option<u64>> {
    let n = n_layers as usize;
    let Some(window) = window(header, arch, n_layers) else {
        return vec![None; n];
    };

    let key = header.arch_key("attention.sliding_window_pattern");
    if header.metadata().is_array(&key) {
        let flags = header.metadata().per_layer(&key, n).unwrap_or_else(|| vec![0; n]);
        return flags.into_iter().map(|flag| (flag != 0).then_some(window)).collect();
    }
    let Some(&(_, default, full_first)) = WINDOW_PATTERNS.iter().find(|row| row.0 == arch) else {
        return vec![None; n];
    };
    let period = header.metadata().number(&key).unwrap_or(default);
    let pattern = Pattern { period, full_first };
    (0..n_layers).map(|index| pattern.is_windowed(index).then_some(window)).collect()
}

/// The window's width in positions, where the architecture has one.
fn window(header: &Header, arch: &str, n_layers: u64) -> Option<u64> {
    let given = header.arch_number("attention.sliding_window");
    let window = match arch {
        // Whatever the key says, 0 apart (`models/llama4.cpp`).
        "llama4" if given != Some(0) => Some(8_192),
        "gemma2" => given.or(Some(4_096)),
        "exaone4" if n_layers == 64 => given.or(Some(4_096)),
        "exaone4" => None,
        _ => given,
    };
    window.filter(|&positions| positions > 0)
}

impl Pattern {
    /// `set_swa_pattern` of `src/llama-hparams.cpp`.
    fn is_windowed(self, index: u64) -> bool {
        match (self.period, self.full_first) {
            (0, _) => true,
            (period, true) => !index.is_multiple_of(period),
            (period, false) => index % period < period - 1,
        }
    }
}
