//! The order of the tests against llama-bench's recorded order.
//!
//! Each run varies some neighbouring loops and shares one with the next run, so that
//! together they fix the order of all but four: the models, the fit's two and the main GPU.

use tokmark_compat::Matrix;
use tokmark_model::PlannedTest;

fn matrix(lists: &[(&str, &str)]) -> Matrix {
    let mut given = Matrix::default();
    given.read("--n-prompt", "0").unwrap();
    for (flag, text) in lists {
        given.read(flag, text).unwrap();
    }
    given.or_defaults(&Matrix::defaults(1))
}

/// The value of a field as llama-bench's csv has it.
fn field(planned: &PlannedTest, name: &str) -> String {
    let params = &planned.params;
    let number = |switch: bool| u8::from(switch).to_string();
    match name {
        "n_gpu_layers" => params.n_gpu_layers.to_string(),
        "n_cpu_moe" => params.n_cpu_moe.to_string(),
        "split_mode" => params.split_mode.to_string(),
        "load_mode" => params.load_mode.to_string(),
        "lazy_mode" => params.lazy_mode.to_string(),
        "devices" => params.devices.first().map_or("auto", String::as_str).to_owned(),
        "tensor_split" => format!("{:.2}", params.tensor_split[0]),
        "tensor_buft_overrides" => params
            .tensor_buft_overrides
            .first()
            .map_or("none".to_owned(), |one| format!("{}={}", one.pattern, one.buffer_type)),
        "no_host" => number(params.no_host),
        "repack" => number(params.repack),
        "embeddings" => number(params.embeddings),
        "no_op_offload" => number(params.no_op_offload),
        "n_batch" => params.n_batch.to_string(),
        "n_ubatch" => params.n_ubatch.to_string(),
        "type_k" => params.type_k.to_string(),
        "type_v" => params.type_v.to_string(),
        "no_kv_offload" => number(params.no_kv_offload),
        "flash_attn" => params.flash_attn.as_i32().to_string(),
        "n_threads" => params.n_threads.to_string(),
        "cpu_mask" => params.cpu_mask.clone(),
        "cpu_strict" => number(params.cpu_strict),
        "n_depth" => planned.test.n_depth.to_string(),
        "poll" => params.poll.to_string(),
        "n_prompt" => planned.test.n_prompt.to_string(),
        "n_gen" => planned.test.n_gen.to_string(),
        _ => panic!("no field {name}"),
    }
}

#[track_caller]
fn check(recorded: &str, lists: &[(&str, &str)]) {
    let (names, rows) = recorded.split_once('\n').unwrap();
    let names: Vec<_> = names.split(',').collect();
    let matrix = matrix(lists);
    let planned: Vec<_> = matrix
        .expand()
        .map(|planned| names.iter().map(|name| field(&planned, name)).collect::<Vec<_>>().join(","))
        .collect();
    assert_eq!(planned, rows.lines().collect::<Vec<_>>());
    assert_eq!(matrix.len(), planned.len() as u128);
}

#[test]
fn layers_to_lazy_mode() {
    check(
        include_str!("fixtures/llama-bench-11434/order-a.csv"),
        &[
            ("--n-gen", "1"),
            ("--n-gpu-layers", "0,1"),
            ("--n-cpu-moe", "0,1"),
            ("--split-mode", "none,layer"),
            ("--load-mode", "mmap,none"),
            ("--lazy-mode", "on,off"),
        ],
    );
}

#[test]
fn lazy_mode_to_repack() {
    check(
        include_str!("fixtures/llama-bench-11434/order-b.csv"),
        &[
            ("--n-gen", "1"),
            ("--lazy-mode", "on,off"),
            ("--device", "auto,none"),
            ("--tensor-split", "1,2"),
            ("--override-tensor", ",x=CPU"),
            ("--no-host", "0,1"),
            ("--repack", "0,1"),
        ],
    );
}

#[test]
fn repack_to_k_cache() {
    check(
        include_str!("fixtures/llama-bench-11434/order-c.csv"),
        &[
            ("--n-gen", "1"),
            ("--repack", "0,1"),
            ("--embeddings", "0,1"),
            ("--no-op-offload", "0,1"),
            ("--batch-size", "8,16"),
            ("--ubatch-size", "4,8"),
            ("--cache-type-k", "f16,q8_0"),
        ],
    );
}

#[test]
fn k_cache_to_cpu_mask() {
    check(
        include_str!("fixtures/llama-bench-11434/order-d.csv"),
        &[
            ("--n-gen", "1"),
            ("--cache-type-k", "f16,q8_0"),
            ("--cache-type-v", "f16,bf16"),
            ("--no-kv-offload", "0,1"),
            ("--flash-attn", "1,auto"),
            ("--threads", "1,2"),
            ("--cpu-mask", "0x1,0x3"),
        ],
    );
}

#[test]
fn cpu_mask_to_generations_and_pairs() {
    check(
        include_str!("fixtures/llama-bench-11434/order-e.csv"),
        &[
            ("--n-gen", "1,2"),
            ("--cpu-mask", "0x1,0x3"),
            ("--cpu-strict", "0,1"),
            ("--n-depth", "0,1"),
            ("--poll", "0,50"),
            ("--pg", "0,3"),
        ],
    );
}

/// The four loops that a run on one CPU can't record, read from llama-bench's source: model,
/// fit target, fit context, layers; and load modes, main GPU, devices. The last one is ours.
#[test]
fn models_fit_main_gpu_and_parallel_sequences() {
    let matrix = matrix(&[
        ("--n-prompt", "8"),
        ("--n-gen", "4"),
        ("--pg", "8,4"),
        ("--model", "a,b"),
        ("--fit-target", "0,1"),
        ("--fit-ctx", "0,1"),
        ("--n-gpu-layers", "0,1"),
        ("--lazy-mode", "on,off"),
        ("--main-gpu", "0,1"),
        ("--device", "auto,none"),
        ("--poll", "0,1"),
        ("--n-parallel", "1,2"),
    ]);
    let keys: Vec<_> = matrix
        .expand()
        .map(|planned| {
            let params = &planned.params;
            [
                planned.model,
                params.fit_target as usize,
                params.fit_min_ctx as usize,
                params.n_gpu_layers as usize,
                usize::from(params.lazy_mode.as_str() == "off"),
                params.main_gpu as usize,
                params.devices.len(),
                params.poll as usize,
                planned.test.n_parallel as usize,
                ["pp8", "tg4", "pp8+tg4"]
                    .iter()
                    .position(|label| planned.test.label().starts_with(label))
                    .map_or(9, |first| {
                        if planned.test.n_prompt * planned.test.n_gen > 0 { 2 } else { first }
                    }),
            ]
        })
        .collect();
    assert_eq!(keys.len(), 512 * 3);
    assert!(keys.is_sorted());
}
