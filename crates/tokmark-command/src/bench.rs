//! `tokmark bench` with the flags of llama-bench.

use tokmark_model::{EngineParams, Numa, ProcessParams, Record, Repetitions};

use crate::shell;

/// The command that makes the test of `record` again: model, test, number of repetitions where it
/// was fixed, and every setting that is not the default.
pub(crate) fn command(record: &Record) -> String {
    let test = &record.test;
    let ProcessParams { numa, prio, rpc, verbose: _, env } = &record.process;
    let mut words = Vec::new();
    if !env.is_empty() {
        words.push("env".to_owned());
        words.extend(env.iter().map(|(name, value)| format!("{name}={value}")));
    }
    words.extend(["tokmark".to_owned(), "bench".to_owned()]);
    let mut add = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
    let model = &record.model;
    let source = model.source.as_deref().filter(|source| !source.is_empty());
    let source = source.unwrap_or(&model.file_name);
    add("-m", source.strip_prefix("file:").unwrap_or(source).to_owned());
    if test.n_prompt > 0 && test.n_gen > 0 {
        add("-p", "0".to_owned());
        add("-n", "0".to_owned());
        add("-pg", format!("{},{}", test.n_prompt, test.n_gen));
    } else {
        add("-p", test.n_prompt.to_string());
        add("-n", test.n_gen.to_string());
    }
    if test.n_depth > 0 {
        add("-d", test.n_depth.to_string());
    }
    if test.n_parallel > 1 {
        add("-np", test.n_parallel.to_string());
    }
    if let Some(Repetitions::Fixed { n }) = &record.repetitions {
        add("-r", n.to_string());
    }
    if *numa != Numa::Disabled {
        add("--numa", numa.to_string());
    }
    if *prio != 0 {
        add("--prio", prio.to_string());
    }
    if !rpc.is_empty() {
        add("-rpc", rpc.join(","));
    }
    settings(&record.params, &mut add);
    shell::line(&words)
}

fn settings(params: &EngineParams, add: &mut impl FnMut(&str, String)) {
    let usual = EngineParams::default();
    if params.n_threads > 0 {
        add("-t", params.n_threads.to_string());
    }
    let mut other = |flag: &str, differs: bool, value: String| {
        if differs {
            add(flag, value);
        }
    };
    let bit = |value: bool| u8::from(value).to_string();
    other("-b", params.n_batch != usual.n_batch, params.n_batch.to_string());
    other("-ub", params.n_ubatch != usual.n_ubatch, params.n_ubatch.to_string());
    other("-ctk", params.type_k != usual.type_k, params.type_k.to_string());
    other("-ctv", params.type_v != usual.type_v, params.type_v.to_string());
    other("-ngl", params.n_gpu_layers != usual.n_gpu_layers, params.n_gpu_layers.to_string());
    other("-ncmoe", params.n_cpu_moe != usual.n_cpu_moe, params.n_cpu_moe.to_string());
    other("-sm", params.split_mode != usual.split_mode, params.split_mode.to_string());
    other("-mg", params.main_gpu != usual.main_gpu, params.main_gpu.to_string());
    other("-nkvo", params.no_kv_offload != usual.no_kv_offload, bit(params.no_kv_offload));
    other("-fa", params.flash_attn != usual.flash_attn, params.flash_attn.to_string());
    other("-dev", params.devices != usual.devices, params.devices.join("/"));
    let split: Vec<String> = params.tensor_split.iter().map(f32::to_string).collect();
    other("-ts", params.tensor_split != usual.tensor_split, split.join("/"));
    let overrides: Vec<String> = params
        .tensor_buft_overrides
        .iter()
        .map(|one| format!("{}={}", one.pattern, one.buffer_type))
        .collect();
    other("-ot", !overrides.is_empty(), overrides.join(";"));
    other("-lm", params.load_mode != usual.load_mode, params.load_mode.to_string());
    other("-lzm", params.lazy_mode != usual.lazy_mode, params.lazy_mode.to_string());
    other("--poll", params.poll != usual.poll, params.poll.to_string());
    other("-C", params.cpu_mask != usual.cpu_mask, params.cpu_mask.clone());
    other("--cpu-strict", params.cpu_strict != usual.cpu_strict, bit(params.cpu_strict));
    other("-embd", params.embeddings != usual.embeddings, bit(params.embeddings));
    other("-nopo", params.no_op_offload != usual.no_op_offload, bit(params.no_op_offload));
    other("--no-host", params.no_host != usual.no_host, bit(params.no_host));
    other("--repack", params.repack != usual.repack, bit(params.repack));
}

#[cfg(test)]
mod tests {
    use tokmark_model::FlashAttention;

    use super::*;

    #[test]
    fn settings_are_the_flags_that_set_them() {
        let params = EngineParams {
            n_threads: 2,
            n_batch: 64,
            flash_attn: FlashAttention::On,
            cpu_mask: "0x1; rm -rf ~".to_owned(),
            repack: false,
            ..EngineParams::default()
        };
        let mut words = Vec::new();
        settings(&params, &mut |flag, value| words.extend([flag.to_owned(), value]));
        assert_eq!(shell::line(&words), "-t 2 -b 64 -fa on -C '0x1; rm -rf ~' --repack 0");
    }
}
