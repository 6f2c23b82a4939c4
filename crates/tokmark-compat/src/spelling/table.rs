use super::{Capability, Flag, Group, Repeat};

/// A switch among the options of the run.
const fn switch(
    long: &'static str,
    spellings: &'static [&'static str],
    help: &'static str,
) -> Flag {
    Flag {
        long,
        spellings,
        value: None,
        repeat: Repeat::Last,
        group: Group::Options,
        default: None,
        needs: None,
        help,
    }
}

/// An option of the run: one value, the last one counts.
const fn option(
    long: &'static str,
    spellings: &'static [&'static str],
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Flag {
    Flag { value: Some(value), default: Some(default), ..switch(long, spellings, help) }
}

/// A parameter of the tests: a list, added to the one before.
const fn list(
    long: &'static str,
    spellings: &'static [&'static str],
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Flag {
    Flag {
        repeat: Repeat::Append,
        group: Group::TestParameters,
        ..option(long, spellings, value, default, help)
    }
}

const fn needs(capability: Capability, flag: Flag) -> Flag {
    Flag { needs: Some(capability), ..flag }
}

const FORMATS: &str = "<csv|json|jsonl|md|sql>";

/// Every flag of llama-bench in the order of its help, then those that it lacks.
pub static FLAGS: &[Flag] = &[
    switch("--help", &["-h", "--help"], "print this help and exit"),
    switch("--version", &["--version"], "print version and build, and exit"),
    needs(
        Capability::Numa,
        option("--numa", &["--numa"], "<distribute|isolate|numactl>", "disabled", "NUMA strategy"),
    ),
    option(
        "--repetitions",
        &["-r", "--repetitions"],
        "<n>",
        "5",
        "how often each test is repeated",
    ),
    option("--prio", &["--prio"], "<-1|0|1|2|3>", "0", "priority of process and threads"),
    option("--delay", &["--delay"], "<0...N> (seconds)", "0", "pause before each test"),
    option("--output", &["-o", "--output"], FORMATS, "md", "format of the results on stdout"),
    option(
        "--output-err",
        &["-oe", "--output-err"],
        FORMATS,
        "none",
        "format of the results on stderr",
    ),
    switch("--list-devices", &["--list-devices"], "list the devices and exit"),
    switch("--verbose", &["-v", "--verbose"], "pass on the engine's whole log"),
    switch("--progress", &["--progress"], "say which test is running"),
    switch("--no-warmup", &["--no-warmup"], "measure without warming up"),
    Flag {
        repeat: Repeat::Append,
        ..needs(
            Capability::Fit,
            option(
                "--fit-target",
                &["-fitt", "--fit-target"],
                "<MiB>",
                "off",
                "fit the model into device memory, leaving so many MiB per device",
            ),
        )
    },
    Flag {
        repeat: Repeat::Append,
        ..needs(
            Capability::Fit,
            option(
                "--fit-ctx",
                &["-fitc", "--fit-ctx"],
                "<n>",
                "0",
                "smallest context that --fit-target may choose",
            ),
        )
    },
    Flag {
        repeat: Repeat::Append,
        ..needs(
            Capability::Rpc,
            option(
                "--rpc",
                &["-rpc", "--rpc"],
                "<rpc_servers>",
                "none",
                "devices of these RPC servers, separated by commas; needs an engine with RPC",
            ),
        )
    },
    list(
        "--model",
        &["-m", "--model"],
        "<filename>",
        "models/7B/ggml-model-q4_0.gguf",
        "the model's file",
    ),
    list(
        "--hf-repo",
        &["-hf", "-hfr", "--hf-repo"],
        "<user>/<model>[:quant]",
        "unused",
        "repository on Hugging Face; without a quantization Q4_K_M, else the first file",
    ),
    list(
        "--hf-file",
        &["-hff", "--hf-file"],
        "<file>",
        "unused",
        "file in that repository; goes before its quantization",
    ),
    Flag {
        repeat: Repeat::Last,
        ..list(
            "--hf-token",
            &["-hft", "--hf-token"],
            "<token>",
            "value from HF_TOKEN environment variable",
            "access token for Hugging Face",
        )
    },
    Flag {
        group: Group::TestParameters,
        default: Some("disabled"),
        ..switch("--offline", &["--offline"], "use the cache only, never the network")
    },
    list("--n-prompt", &["-p", "--n-prompt"], "<n>", "512", "prompt tokens to process"),
    list("--n-gen", &["-n", "--n-gen"], "<n>", "128", "tokens to generate"),
    list("--pg", &["-pg"], "<pp,tg>", "", "a prompt and a generation in one test"),
    list("--n-depth", &["-d", "--n-depth"], "<n>", "0", "tokens in the context before the test"),
    list("--batch-size", &["-b", "--batch-size"], "<n>", "2048", "tokens in one decode call"),
    list("--ubatch-size", &["-ub", "--ubatch-size"], "<n>", "512", "tokens in one graph"),
    list("--cache-type-k", &["-ctk", "--cache-type-k"], "<t>", "f16", "type of the K cache"),
    list("--cache-type-v", &["-ctv", "--cache-type-v"], "<t>", "f16", "type of the V cache"),
    Flag { default: None, ..list("--threads", &["-t", "--threads"], "<n>", "", "CPU threads") },
    needs(
        Capability::ThreadPool,
        list("--cpu-mask", &["-C", "--cpu-mask"], "<hex,hex>", "0x0", "CPUs that may be used"),
    ),
    needs(
        Capability::ThreadPool,
        list("--cpu-strict", &["--cpu-strict"], "<0|1>", "0", "one thread to each of these CPUs"),
    ),
    needs(
        Capability::ThreadPool,
        list("--poll", &["--poll"], "<0...100>", "50", "how eagerly idle threads poll"),
    ),
    list(
        "--n-gpu-layers",
        &["-ngl", "--n-gpu-layers"],
        "<n>",
        "-1",
        "layers on the GPU; negative is all",
    ),
    needs(
        Capability::TensorOverrides,
        list(
            "--n-cpu-moe",
            &["-ncmoe", "--n-cpu-moe"],
            "<n>",
            "0",
            "layers whose experts stay on the CPU",
        ),
    ),
    list(
        "--split-mode",
        &["-sm", "--split-mode"],
        "<none|layer|row|tensor>",
        "layer",
        "how GPUs share the model",
    ),
    Flag {
        repeat: Repeat::Last,
        ..list("--main-gpu", &["-mg", "--main-gpu"], "<i>", "0", "GPU of a model that isn't split")
    },
    list(
        "--no-kv-offload",
        &["-nkvo", "--no-kv-offload"],
        "<0|1>",
        "0",
        "keep the KV cache off the GPU",
    ),
    list("--flash-attn", &["-fa", "--flash-attn"], "<on|off|auto>", "auto", "flash attention"),
    list("--device", &["-dev", "--device"], "<dev0/dev1/...>", "auto", "devices, or none"),
    list(
        "--load-mode",
        &["-lm", "--load-mode"],
        "<auto|none|mmap|mlock|mmap+mlock|dio>",
        "auto",
        "how the file is read",
    ),
    needs(
        Capability::LazyMode,
        list(
            "--lazy-mode",
            &["-lzm", "--lazy-mode"],
            "<on|auto|off>",
            "auto",
            "read tensors on demand",
        ),
    ),
    list("--embeddings", &["-embd", "--embeddings"], "<0|1>", "0", "compute embeddings"),
    list(
        "--tensor-split",
        &["-ts", "--tensor-split"],
        "<ts0/ts1/..>",
        "0",
        "share of the model per GPU",
    ),
    needs(
        Capability::TensorOverrides,
        list(
            "--override-tensor",
            &["-ot", "--override-tensor"],
            "<tensor name pattern>=<buffer type>;...",
            "disabled",
            "place tensors by name",
        ),
    ),
    list(
        "--no-op-offload",
        &["-nopo", "--no-op-offload"],
        "<0|1>",
        "0",
        "keep operations on host tensors off the GPU",
    ),
    list("--no-host", &["--no-host"], "<0|1>", "0", "bypass the host buffer"),
    list("--repack", &["--repack"], "<0|1>", "1", "repack weights for this processor"),
    Flag {
        group: Group::Beyond,
        ..list(
            "--n-parallel",
            &["-np", "--n-parallel", "--parallel"],
            "<n>",
            "1",
            "sequences decoded at once",
        )
    },
];
