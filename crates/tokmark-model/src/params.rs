//! The engine's settings, under llama-bench's names and with its defaults.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A word enum with one spelling for flags, JSON and llama-bench's output.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        // The words say what the variants are.
        #[allow(missing_docs)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// Every value, in llama-bench's order.
            pub const ALL: &[$name] = &[$($name::$variant),+];

            /// The word that stands for this value.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, String> {
                $name::ALL.iter().copied().find(|value| value.as_str() == word).ok_or_else(|| {
                    let known: Vec<_> = $name::ALL.iter().map(|value| value.as_str()).collect();
                    format!("'{word}' is not one of {}", known.join(", "))
                })
            }
        }
    };
}

words!(
    /// Data type of the K or V cache.
    KvType {
        F16 = "f16", Bf16 = "bf16", Q8_0 = "q8_0", Q4_0 = "q4_0", Q4_1 = "q4_1", Q5_0 = "q5_0",
        Q5_1 = "q5_1", Iq4Nl = "iq4_nl",
    }
);
words!(
    /// How a model is split over several GPUs.
    SplitMode { None = "none", Layer = "layer", Row = "row", Tensor = "tensor" }
);
words!(
    /// How the model file is read.
    LoadMode {
        Auto = "auto", None = "none", Mmap = "mmap", Mlock = "mlock", MmapMlock = "mmap+mlock",
        DirectIo = "dio",
    }
);
words!(
    /// On-demand reading of tensors that the architecture marks for it.
    LazyMode { On = "on", Auto = "auto", Off = "off" }
);
words!(
    /// When flash attention is used.
    FlashAttention { On = "on", Off = "off", Auto = "auto" }
);
words!(
    /// NUMA strategy of the whole process.
    Numa { Disabled = "disabled", Distribute = "distribute", Isolate = "isolate", Numactl = "numactl" }
);

impl FlashAttention {
    /// llama.cpp's number for it: auto -1, off 0, on 1.
    pub fn as_i32(self) -> i32 {
        match self {
            FlashAttention::Auto => -1,
            FlashAttention::Off => 0,
            FlashAttention::On => 1,
        }
    }
}

/// Tensors whose names match `pattern` go into the buffer type of that name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct BufferOverride {
    /// Regular expression over tensor names.
    pub pattern: String,
    /// Buffer type as the engine names it, e.g. `CPU`.
    pub buffer_type: String,
}

/// Settings of one test, one value each. Names and meaning are llama-bench's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EngineParams {
    /// Logical batch: tokens submitted in one decode call.
    pub n_batch: u32,
    /// Physical batch: tokens computed in one graph.
    pub n_ubatch: u32,
    /// Type of the K cache.
    pub type_k: KvType,
    /// Type of the V cache.
    pub type_v: KvType,
    /// Threads of the CPU back end.
    pub n_threads: u32,
    /// CPU affinity mask in hexadecimal; `0x0` leaves the threads free.
    pub cpu_mask: String,
    /// One thread per CPU of the mask.
    pub cpu_strict: bool,
    /// Polling level of the thread pool, 0 to 100.
    pub poll: u32,
    /// Layers on the GPU; negative means all.
    pub n_gpu_layers: i32,
    /// Layers whose experts stay on the CPU.
    pub n_cpu_moe: u32,
    /// How several GPUs share the model.
    pub split_mode: SplitMode,
    /// The GPU that holds the model when it is not split.
    pub main_gpu: u32,
    /// Keep the KV cache off the GPU.
    pub no_kv_offload: bool,
    /// Flash attention.
    pub flash_attn: FlashAttention,
    /// Devices by name; empty means the engine chooses, `["none"]` means no device.
    pub devices: Vec<String>,
    /// Share of the model per GPU; empty means the engine's own.
    pub tensor_split: Vec<f32>,
    /// Tensors placed by hand.
    pub tensor_buft_overrides: Vec<BufferOverride>,
    /// How the file is read.
    pub load_mode: LoadMode,
    /// On-demand reading.
    pub lazy_mode: LazyMode,
    /// Compute embeddings instead of logits only.
    pub embeddings: bool,
    /// Keep operations on host tensors off the GPU.
    pub no_op_offload: bool,
    /// Bypass the host buffer.
    pub no_host: bool,
    /// Repack weights into the layouts of this processor.
    pub repack: bool,
    /// Fit the model into device memory leaving this margin in MiB; 0 is off.
    pub fit_target: u64,
    /// Smallest context for that fit; 0 is off.
    pub fit_min_ctx: u32,
}

impl Default for EngineParams {
    /// llama-bench's defaults with one thread; the caller knows the machine's count.
    fn default() -> Self {
        EngineParams {
            n_batch: 2048,
            n_ubatch: 512,
            type_k: KvType::F16,
            type_v: KvType::F16,
            n_threads: 1,
            cpu_mask: "0x0".to_owned(),
            cpu_strict: false,
            poll: 50,
            n_gpu_layers: -1,
            n_cpu_moe: 0,
            split_mode: SplitMode::Layer,
            main_gpu: 0,
            no_kv_offload: false,
            flash_attn: FlashAttention::Auto,
            devices: Vec::new(),
            tensor_split: Vec::new(),
            tensor_buft_overrides: Vec::new(),
            load_mode: LoadMode::Auto,
            lazy_mode: LazyMode::Auto,
            embeddings: false,
            no_op_offload: false,
            no_host: false,
            repack: true,
            fit_target: 0,
            fit_min_ctx: 0,
        }
    }
}

impl EngineParams {
    /// The settings in which a record may differ from others, under llama-bench's short
    /// flags: the number of threads, and what is not as [`EngineParams::default`] has it.
    /// `t2 fa=on ctk=q8_0`.
    pub fn settings(&self) -> String {
        let defaults = EngineParams::default();
        let mut words = vec![format!("t{}", self.n_threads)];
        let mut say = |differs: bool, word: String| {
            if differs {
                words.push(word);
            }
        };
        let listed =
            |values: &[f32]| values.iter().map(f32::to_string).collect::<Vec<_>>().join("/");
        say(self.n_batch != defaults.n_batch, format!("b{}", self.n_batch));
        say(self.n_ubatch != defaults.n_ubatch, format!("ub{}", self.n_ubatch));
        say(self.type_k != defaults.type_k, format!("ctk={}", self.type_k));
        say(self.type_v != defaults.type_v, format!("ctv={}", self.type_v));
        say(self.n_gpu_layers != defaults.n_gpu_layers, format!("ngl={}", self.n_gpu_layers));
        say(self.n_cpu_moe != defaults.n_cpu_moe, format!("ncmoe={}", self.n_cpu_moe));
        say(self.flash_attn != defaults.flash_attn, format!("fa={}", self.flash_attn));
        say(self.load_mode != defaults.load_mode, format!("lm={}", self.load_mode));
        say(self.lazy_mode != defaults.lazy_mode, format!("lzm={}", self.lazy_mode));
        say(self.split_mode != defaults.split_mode, format!("sm={}", self.split_mode));
        say(self.main_gpu != defaults.main_gpu, format!("mg={}", self.main_gpu));
        say(!self.devices.is_empty(), format!("dev={}", self.devices.join("/")));
        say(!self.tensor_split.is_empty(), format!("ts={}", listed(&self.tensor_split)));
        let overrides = &self.tensor_buft_overrides;
        let placed = overrides.iter().map(|one| format!("{}={}", one.pattern, one.buffer_type));
        say(!overrides.is_empty(), format!("ot={}", placed.collect::<Vec<_>>().join(";")));
        say(self.poll != defaults.poll, format!("poll={}", self.poll));
        say(self.cpu_mask != defaults.cpu_mask, format!("C={}", self.cpu_mask));
        say(self.cpu_strict, "cpu-strict".to_owned());
        say(!self.repack, "repack=0".to_owned());
        say(self.no_kv_offload, "nkvo".to_owned());
        say(self.no_op_offload, "nopo".to_owned());
        say(self.no_host, "no-host".to_owned());
        say(self.embeddings, "embd".to_owned());
        words.join(" ")
    }

    /// Whether `other` can run on the model as loaded for `self`: the fields that llama-bench
    /// compares before it keeps a model loaded, and the two for which it always loads anew.
    pub fn same_load(&self, other: &EngineParams) -> bool {
        self.n_gpu_layers == other.n_gpu_layers
            && self.n_cpu_moe == other.n_cpu_moe
            && self.split_mode == other.split_mode
            && self.main_gpu == other.main_gpu
            && self.tensor_split == other.tensor_split
            && self.load_mode == other.load_mode
            && self.lazy_mode == other.lazy_mode
            && self.devices == other.devices
            && self.no_host == other.no_host
            && self.repack == other.repack
            && self.tensor_buft_overrides == other.tensor_buft_overrides
            && self.fit_target == other.fit_target
            && self.fit_min_ctx == other.fit_min_ctx
    }
}

/// Settings of the engine's process, the same for all its tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProcessParams {
    /// NUMA strategy.
    pub numa: Numa,
    /// Priority: -1 low, 0 normal, 1 medium, 2 high, 3 realtime.
    pub prio: i32,
    /// RPC servers, `host:port`.
    pub rpc: Vec<String>,
    /// Pass on the engine's whole log, not only its errors.
    pub verbose: bool,
    /// Environment that the process was given beyond the caller's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

impl ProcessParams {
    /// What is not as [`ProcessParams::default`] has it, under llama-bench's flags, and the
    /// environment: `--prio 2 GGML_X=1`. Empty where nothing differs.
    pub fn settings(&self) -> String {
        let ProcessParams { numa, prio, rpc, verbose: _, env } = self;
        let mut words = Vec::new();
        if *numa != Numa::Disabled {
            words.push(format!("--numa {numa}"));
        }
        if *prio != 0 {
            words.push(format!("--prio {prio}"));
        }
        if !rpc.is_empty() {
            words.push(format!("-rpc {}", rpc.join(",")));
        }
        words.extend(env.iter().map(|(name, value)| format!("{name}={value}")));
        words.join(" ")
    }
}

impl Default for ProcessParams {
    fn default() -> Self {
        ProcessParams {
            numa: Numa::Disabled,
            prio: 0,
            rpc: Vec::new(),
            verbose: false,
            env: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_name_the_threads_and_what_is_not_the_default() {
        let params = EngineParams { n_threads: 8, ..EngineParams::default() };
        assert_eq!(params.settings(), "t8");
        let other = EngineParams { flash_attn: FlashAttention::On, no_op_offload: true, ..params };
        assert_eq!(other.settings(), format!("t8 fa={} nopo", FlashAttention::On));
    }
}
