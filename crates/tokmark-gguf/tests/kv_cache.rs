//! KV cache sizes worked by hand, one header of each kind.

use tokmark_gguf::{
    ContextBudget, Header, KvLayer, KvShape, Limits, Value, Writer, largest_context,
};
use tokmark_model::{Bytes, KvType};

/// A header with these settings under the architecture's name.
fn header(arch: &str, settings: &[(&str, Value)]) -> Header {
    let mut writer = Writer::new(arch);
    for (setting, value) in settings {
        writer.set(&format!("{arch}.{setting}"), value.clone());
    }
    Header::read(&mut writer.to_bytes().unwrap().as_slice(), &Limits::default()).unwrap()
}

fn shape(arch: &str, settings: &[(&str, Value)]) -> Option<KvShape> {
    KvShape::from_header(&header(arch, settings))
}

fn smollm2() -> KvShape {
    shape(
        "llama",
        &[
            ("block_count", 30u32.into()),
            ("embedding_length", 576u32.into()),
            ("attention.head_count", 9u32.into()),
            ("attention.head_count_kv", 3u32.into()),
        ],
    )
    .unwrap()
}

/// Positions each layer looks back over, `None` for all.
fn windows(shape: &KvShape) -> Vec<Option<u64>> {
    shape.layers.iter().map(|layer| layer.window).collect()
}

#[test]
fn smollm2_takes_23040_bytes_a_position_in_f16() {
    // 30 layers x 3 heads x (64 + 64) x 2 bytes
    assert_eq!(smollm2().kv_bytes(1, KvType::F16, KvType::F16), Bytes(23_040));
    assert_eq!(smollm2().kv_bytes(8_192, KvType::F16, KvType::F16), Bytes(188_743_680));
    // A row of 3 x 64 = 192 elements is 6 blocks: 6 x 34 in q8_0, 6 x 18 in q4_0.
    assert_eq!(smollm2().kv_bytes(1, KvType::Q8_0, KvType::Q4_0), Bytes(30 * (204 + 108)));
}

#[test]
fn llama_cpp_rounds_the_context_up_to_256_positions() {
    // llama-bench -n 4 -d 300 logs "KV buffer size = 11.25 MiB (512 cells)".
    let allocated = smollm2().allocated_bytes(304, 512, KvType::F16, KvType::F16);
    assert_eq!(allocated, Bytes(11_796_480));
}

#[test]
fn a_mixture_of_experts_counts_only_its_attention() {
    // Qwen3-30B-A3B: 48 layers x 4 heads x (128 + 128) x 2 bytes
    let shape = shape(
        "qwen3moe",
        &[
            ("block_count", 48u32.into()),
            ("embedding_length", 2_048u32.into()),
            ("attention.head_count", 32u32.into()),
            ("attention.head_count_kv", 4u32.into()),
            ("attention.key_length", 128u32.into()),
            ("attention.value_length", 128u32.into()),
            ("expert_count", 128u32.into()),
            ("expert_used_count", 8u32.into()),
        ],
    );
    assert_eq!(shape.unwrap().kv_bytes(1, KvType::F16, KvType::F16), Bytes(98_304));
}

#[test]
fn layers_without_kv_heads_are_recurrent_in_a_hybrid() {
    // 4 layers, one with 8 heads of 64: 8 x (64 + 64) x 2 bytes
    let shape = shape(
        "granitehybrid",
        &[
            ("block_count", 4u32.into()),
            ("embedding_length", 1_024u32.into()),
            ("attention.head_count", 16u32.into()),
            ("attention.head_count_kv", vec![0u32, 0, 8, 0].into()),
        ],
    )
    .unwrap();
    let layer = KvLayer { index: 2, n_head_kv: 8, d_k: 64, d_v: 64, window: None };
    assert_eq!(shape.layers, [layer]);
    assert_eq!(shape.n_recurrent, 3);
    assert_eq!(shape.kv_bytes(10, KvType::F16, KvType::F16), Bytes(20_480));
}

#[test]
fn every_fourth_layer_attends_in_qwen3_next() {
    let settings = [
        ("block_count", 48u32.into()),
        ("embedding_length", 2_048u32.into()),
        ("attention.head_count", 16u32.into()),
        ("attention.head_count_kv", 2u32.into()),
        ("attention.key_length", 256u32.into()),
        ("attention.value_length", 256u32.into()),
    ];
    let shape = shape("qwen3next", &settings).unwrap();
    assert_eq!(shape.layers.len(), 12);
    assert_eq!(shape.n_recurrent, 36);
    assert_eq!(shape.layers[0].index, 3);
    // 12 layers x 2 heads x (256 + 256) x 2 bytes
    assert_eq!(shape.kv_bytes(1, KvType::F16, KvType::F16), Bytes(24_576));
}

#[test]
fn mla_keeps_one_latent_and_no_values() {
    // DeepSeek-V3: 61 layers, latent 512 + rotary 64, one head, keys only, x 2 bytes
    let mut settings = vec![
        ("block_count", 61u32.into()),
        ("embedding_length", 7_168u32.into()),
        ("attention.head_count", 128u32.into()),
        ("attention.head_count_kv", 1u32.into()),
        ("attention.key_length", 576u32.into()),
        ("attention.value_length", 512u32.into()),
        ("attention.kv_lora_rank", 512u32.into()),
        ("attention.key_length_mla", 192u32.into()),
        ("attention.value_length_mla", 128u32.into()),
    ];
    let latent = shape("deepseek2", &settings).unwrap();
    assert_eq!(latent.kv_bytes(1, KvType::F16, KvType::F16), Bytes(61 * 576 * 2));
    // The type of the V cache has no say.
    assert_eq!(latent.kv_bytes(1, KvType::F16, KvType::Q8_0), Bytes(61 * 576 * 2));

    // The last block predicts the next token only and keeps nothing.
    settings.push(("nextn_predict_layers", 1u32.into()));
    assert_eq!(shape("deepseek2", &settings).unwrap().layers.len(), 60);
}

fn gemma3(settings: &[(&'static str, Value)]) -> KvShape {
    let mut all = vec![
        ("block_count", 8u32.into()),
        ("embedding_length", 512u32.into()),
        ("attention.head_count", 4u32.into()),
        ("attention.head_count_kv", 1u32.into()),
        ("attention.sliding_window", 512u32.into()),
    ];
    all.extend_from_slice(settings);
    shape("gemma3", &all).unwrap()
}

#[test]
fn five_of_six_layers_of_gemma_3_look_back_over_a_window() {
    let window = Some(512);
    let shape = gemma3(&[]);
    let expected = [window, window, window, window, window, None, window, window];
    assert_eq!(windows(&shape), expected);
    // One head of (128 + 128) x 2 = 512 bytes: 7 x 512 positions + 1 x 4096.
    assert_eq!(shape.kv_bytes(4_096, KvType::F16, KvType::F16), Bytes(512 * (7 * 512 + 4_096)));
    // Below the window all layers are alike.
    assert_eq!(shape.kv_bytes(100, KvType::F16, KvType::F16), Bytes(512 * 8 * 100));
    // Allocated: window + n_ubatch = 1024 for the windowed ones.
    let allocated = shape.allocated_bytes(4_096, 512, KvType::F16, KvType::F16);
    assert_eq!(allocated, Bytes(512 * (7 * 1_024 + 4_096)));
}

#[test]
fn a_window_pattern_in_the_file_overrides_the_architecture() {
    let flags = vec![true, false, true, false, true, false, true, false];
    let by_layer = gemma3(&[("attention.sliding_window_pattern", flags.into())]);
    assert_eq!(by_layer.layers.iter().filter(|layer| layer.window.is_some()).count(), 4);
    let by_period = gemma3(&[("attention.sliding_window_pattern", 2u32.into())]);
    assert_eq!(by_layer, by_period);
}

#[test]
fn windowed_layers_may_have_heads_of_their_own_width() {
    let shape = gemma3(&[
        ("attention.key_length", 256u32.into()),
        ("attention.value_length", 256u32.into()),
        ("attention.key_length_swa", 64u32.into()),
        ("attention.value_length_swa", 32u32.into()),
    ]);
    let widths: Vec<_> = shape.layers.iter().map(|layer| (layer.d_k, layer.d_v)).collect();
    assert_eq!((widths[0], widths[5]), ((64, 32), (256, 256)));
}

#[test]
fn a_window_that_the_engine_ignores_is_ignored() {
    let shape = shape(
        "llama",
        &[
            ("block_count", 1u32.into()),
            ("embedding_length", 64u32.into()),
            ("attention.head_count", 1u32.into()),
            ("attention.sliding_window", 16u32.into()),
        ],
    );
    assert_eq!(windows(&shape.unwrap()), [None]);
}

#[test]
fn layers_that_share_a_cache_are_counted_once() {
    let settings = [
        ("block_count", 6u32.into()),
        ("embedding_length", 64u32.into()),
        ("attention.head_count", 1u32.into()),
        ("attention.shared_kv_layers", 4u32.into()),
    ];
    assert_eq!(shape("gemma4", &settings).unwrap().layers.len(), 2);
}

#[test]
fn what_the_keys_do_not_tell_is_not_guessed() {
    let n = |number: u32| Value::U32(number);
    let dense = [
        ("block_count", n(2)),
        ("embedding_length", n(64)),
        ("attention.head_count", n(2)),
        ("attention.indexer.key_length", n(128)),
    ];
    assert!(shape("llama", &dense[..3]).is_some());
    for arch in ["mamba2", "rwkv7", "bert", "llada", "t5", "deepseek4"] {
        assert_eq!(shape(arch, &dense[..3]), None, "{arch}");
    }
    assert_eq!(shape("llama", &dense[..2]), None, "no head count");
    assert_eq!(shape("llama", &dense[1..3]), None, "no layer count");
    assert_eq!(shape("deepseek32", &dense), None, "an indexer cache beside");
    assert_eq!(shape("llama", &[("block_count", n(u32::MAX)), dense[1].clone()]), None);
    let short = ("attention.head_count_kv", Value::from(vec![1u32]));
    let settings = [&dense[..3], &[short]].concat();
    assert_eq!(shape("llama", &settings), None, "one head count for two layers");
}

fn budget(available: u64) -> ContextBudget {
    ContextBudget {
        available: Bytes(available),
        weights: Bytes(96_576_768),
        overhead: Bytes(100_000_000),
        type_k: KvType::F16,
        type_v: KvType::F16,
        n_ubatch: 512,
        trained: Some(8_192),
    }
}

#[test]
fn the_largest_context_is_what_fits_in_whole_steps_of_256() {
    // Room for 1,000 positions of 23,040 bytes holds 768, the next step needs 1,024.
    let room = 1_000 * 23_040;
    assert_eq!(largest_context(&smollm2(), &budget(196_576_768 + room)), 768);
    let room = 1_024 * 23_040;
    assert_eq!(largest_context(&smollm2(), &budget(196_576_768 + room)), 1_024);
    assert_eq!(largest_context(&smollm2(), &budget(196_576_768 + room - 1)), 768);
}

#[test]
fn the_largest_context_ends_at_the_trained_one() {
    assert_eq!(largest_context(&smollm2(), &budget(u64::MAX)), 8_192);
    let untrained = ContextBudget { trained: None, ..budget(u64::MAX) };
    assert_eq!(largest_context(&smollm2(), &untrained), u64::from(u32::MAX));
}

#[test]
fn nothing_fits_where_the_weights_do_not() {
    assert_eq!(largest_context(&smollm2(), &budget(1_000)), 0);
    assert_eq!(largest_context(&smollm2(), &budget(96_576_768)), 0);
    assert_eq!(largest_context(&smollm2(), &budget(196_576_768)), 0);
}
