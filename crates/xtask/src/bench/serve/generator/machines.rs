//! The machines that generated records are from, and how fast each is.

use tokmark_model::{
    BuildFacts, Bytes, Cache, CpuFacts, Device, DeviceKind, EngineFacts, EngineParams,
    FlashAttention, Gpu, MachineFacts, MemoryFacts, ModelFacts, OsFacts, PowerSource,
};

use super::dice::Dice;
use super::models;

/// A make of machine.
#[derive(Debug)]
pub(super) struct Hardware {
    cpu: &'static str,
    n_cores: u32,
    memory_gb: u64,
    /// Name, number, and memory of each; no name where the processor computes.
    gpus: (&'static str, u32, u64),
    /// As the engine reports it.
    backends: &'static str,
    bandwidth_gb_s: f64,
    /// What matrix products reach.
    teraflops: f64,
}

const fn without_gpu(
    cpu: &'static str,
    n_cores: u32,
    memory_gb: u64,
    bandwidth_gb_s: f64,
    teraflops: f64,
) -> Hardware {
    let gpus = ("", 0, 0);
    Hardware { cpu, n_cores, memory_gb, gpus, backends: "CPU", bandwidth_gb_s, teraflops }
}

const fn with_gpu(
    gpus: (&'static str, u32, u64),
    backends: &'static str,
    bandwidth_gb_s: f64,
    teraflops: f64,
) -> Hardware {
    let cpu = "AMD Ryzen 9 7950X 16-Core Processor";
    Hardware { cpu, n_cores: 16, memory_gb: 64, gpus, backends, bandwidth_gb_s, teraflops }
}

static HARDWARE: [Hardware; 20] = [
    without_gpu("AMD Ryzen 7 7700X 8-Core Processor", 8, 32, 60.0, 0.9),
    without_gpu("AMD Ryzen 9 9950X 16-Core Processor", 16, 96, 75.0, 1.8),
    without_gpu("13th Gen Intel(R) Core(TM) i7-13700K", 16, 64, 70.0, 1.2),
    without_gpu("Intel(R) Core(TM) Ultra 9 285K", 24, 64, 90.0, 1.5),
    without_gpu("AMD EPYC 9454P 48-Core Processor", 48, 384, 300.0, 4.0),
    without_gpu("Intel(R) Xeon(R) Gold 6430", 32, 256, 220.0, 5.0),
    without_gpu("Ampere(R) Altra(R) Q80-30", 80, 256, 150.0, 2.0),
    with_gpu(("NVIDIA GeForce RTX 3060", 1, 12), "CUDA", 360.0, 20.0),
    with_gpu(("NVIDIA GeForce RTX 3090", 1, 24), "CUDA", 936.0, 60.0),
    with_gpu(("NVIDIA GeForce RTX 3090", 2, 24), "CUDA", 1_500.0, 100.0),
    with_gpu(("NVIDIA GeForce RTX 4070", 1, 12), "CUDA", 504.0, 50.0),
    with_gpu(("NVIDIA GeForce RTX 4090", 1, 24), "CUDA", 1_008.0, 140.0),
    with_gpu(("NVIDIA GeForce RTX 5090", 1, 32), "CUDA", 1_790.0, 180.0),
    with_gpu(("NVIDIA A100 80GB PCIe", 1, 80), "CUDA", 1_900.0, 250.0),
    with_gpu(("AMD Radeon RX 7900 XTX", 1, 24), "ROCm", 960.0, 80.0),
    with_gpu(("AMD Radeon RX 7600", 1, 8), "Vulkan", 288.0, 18.0),
    with_gpu(("AMD Radeon 8060S", 1, 96), "Vulkan", 256.0, 30.0),
    with_gpu(("Apple M2 Pro", 1, 24), "Metal,BLAS", 200.0, 10.0),
    with_gpu(("Apple M3 Max", 1, 48), "Metal,BLAS", 400.0, 20.0),
    with_gpu(("Apple M4 Max", 1, 96), "Metal,BLAS", 546.0, 25.0),
];

/// Keeps machines apart from everything else that is drawn.
const MACHINES: u64 = 0x6d61_6368_696e;
/// Models that a machine measures again and again.
const MODELS: u64 = 4;
/// Share of memory that a model may take.
const USABLE: f64 = 0.85;
/// From this build on some machines are this much faster, all at once.
const JUMP: (u64, f64) = (5, 1.08);

/// One machine with what it measures.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) facts: MachineFacts,
    pub(super) params: EngineParams,
    hardware: &'static Hardware,
    /// By number, see [`models::model`].
    models: Vec<u64>,
    /// Its speed over that of its make.
    pace: f64,
    has_jumped: bool,
}

impl Machine {
    /// The machine of this number.
    pub(super) fn of(seed: u64, number: u64) -> Self {
        let mut dice = Dice::of(seed, MACHINES, number);
        let fingerprint = dice.digits(32);
        let hardware = &HARDWARE[dice.below(HARDWARE.len() as u64) as usize];
        let fits = |number: &u64| {
            models::model(*number).file_size_bytes.as_gb() < USABLE * hardware.model_memory_gb()
        };
        let models: Vec<u64> = (0..MODELS)
            .map(|_| {
                let drawn = (0..50).map(|_| dice.below(models::n_models())).find(fits);
                drawn.unwrap_or_default()
            })
            .collect();
        let flash_attn = match dice.below(4) {
            0 => FlashAttention::On,
            _ => FlashAttention::Auto,
        };
        let params =
            EngineParams { n_threads: hardware.n_cores, flash_attn, ..EngineParams::default() };
        Machine {
            facts: hardware.facts(fingerprint),
            params,
            hardware,
            models,
            pace: 1.0 + 0.04 * dice.normal(),
            has_jumped: dice.below(3) == 0,
        }
    }

    /// One of the models that it measures.
    pub(super) fn model(&self, dice: &mut Dice) -> ModelFacts {
        let at = dice.below(self.models.len() as u64) as usize;
        models::model(self.models[at])
    }

    /// Time of one generated token, by the bytes that it reads, in ns.
    pub(super) fn step_ns(&self, model: &ModelFacts, build: u64) -> f64 {
        let bytes = model.file_size_bytes.get() as f64;
        (bytes / (0.6 * self.hardware.bandwidth_gb_s) + 200_000.0) / self.speed(build)
    }

    /// Time of a prompt of so many tokens, by what it computes, in ns.
    pub(super) fn prompt_ns(&self, model: &ModelFacts, build: u64, n_tokens: u32) -> f64 {
        let operations = 2.0 * model.n_params.unwrap_or_default() as f64 * f64::from(n_tokens);
        (operations / (0.4e3 * self.hardware.teraflops) + 2e6) / self.speed(build)
    }

    fn speed(&self, build: u64) -> f64 {
        let (from, jump) = JUMP;
        let jump = if self.has_jumped && build >= from { jump } else { 1.0 };
        self.pace * jump * (1.0 + 0.01 * build as f64)
    }

    /// llama.cpp at this build, with the devices that it sees.
    pub(super) fn engine(&self, build: u64) -> EngineFacts {
        let hardware = self.hardware;
        let (gpu, n_gpus, gb) = hardware.gpus;
        let device = |number| Device {
            name: hardware.device(number),
            description: gpu.to_owned(),
            kind: DeviceKind::Gpu,
            memory_total_bytes: Some(Bytes(gb << 30)),
            memory_free_bytes: Some(Bytes((gb << 30) - (1 << 29))),
        };
        let cpu = Device {
            name: "CPU".to_owned(),
            description: hardware.cpu.to_owned(),
            kind: DeviceKind::Cpu,
            memory_total_bytes: None,
            memory_free_bytes: None,
        };
        EngineFacts {
            name: "llama.cpp".to_owned(),
            version: format!("b{}", 3_600 + 550 * build),
            binding: Some(format!("llama-cpp-sys-2 0.1.{}", 80 + 10 * build)),
            ggml_version: Some(format!("0.{build}.0")),
            backends: hardware.backends.to_owned(),
            system_info: Some("CPU : SSE3 = 1 | AVX2 = 1 | FMA = 1 | REPACK = 1".to_owned()),
            build: BuildFacts {
                build_type: Some("Release".to_owned()),
                native: Some(true),
                openmp: Some(false),
                ..BuildFacts::default()
            },
            devices: (0..n_gpus).map(device).chain([cpu]).collect(),
            ..EngineFacts::default()
        }
    }

    /// Names of the devices that computed.
    pub(super) fn devices_used(&self) -> Vec<String> {
        match self.hardware.gpus.1 {
            0 => vec!["CPU".to_owned()],
            n => (0..n).map(|number| self.hardware.device(number)).collect(),
        }
    }

    /// Whether it computes on the processor alone.
    pub(super) fn is_cpu_only(&self) -> bool {
        self.hardware.gpus.1 == 0
    }
}

impl Hardware {
    /// Memory that models go into.
    fn model_memory_gb(&self) -> f64 {
        match self.gpus {
            (_, 0, _) => self.memory_gb as f64,
            (_, n, gb) => (u64::from(n) * gb) as f64,
        }
    }

    fn device(&self, number: u32) -> String {
        let back_end = self.backends.split(',').next().unwrap_or_default();
        format!("{back_end}{number}")
    }

    fn facts(&self, fingerprint: String) -> MachineFacts {
        let (gpu, n_gpus, gb) = self.gpus;
        let gpu = |_| Gpu {
            name: gpu.to_owned(),
            vendor: gpu.split(' ').next().map(str::to_owned),
            memory_bytes: Some(Bytes(gb << 30)),
            driver: Some("575.57".to_owned()),
            runtime: Some(self.backends.to_owned()),
        };
        let cache = |level, kind: &str, size_bytes| Cache {
            level,
            kind: kind.to_owned(),
            size_bytes: Bytes(size_bytes),
        };
        MachineFacts {
            fingerprint,
            cpu: CpuFacts {
                model: Some(self.cpu.to_owned()),
                arch: "x86_64".to_owned(),
                n_physical: Some(self.n_cores),
                n_logical: 2 * self.n_cores,
                n_allowed: f64::from(2 * self.n_cores),
                caches: vec![
                    cache(1, "data", 32_768),
                    cache(2, "unified", 1 << 20),
                    cache(3, "unified", 32 << 20),
                ],
                isa: ["sse4_2", "avx", "avx2", "fma", "f16c"].map(str::to_owned).to_vec(),
                governor: Some("performance".to_owned()),
                max_mhz: Some(5_200.0),
                n_numa: Some(1),
                ..CpuFacts::default()
            },
            memory: MemoryFacts {
                total_bytes: Bytes(self.memory_gb << 30),
                allowed_bytes: Bytes(self.memory_gb << 30),
                swap_bytes: Bytes(0),
                kind: Some("DDR5".to_owned()),
                speed_mts: Some(5_600),
            },
            gpus: (0..n_gpus).map(gpu).collect(),
            os: OsFacts {
                name: "Debian GNU/Linux".to_owned(),
                version: Some("12".to_owned()),
                kernel: Some("6.1.0-30-amd64".to_owned()),
            },
            virtualization: Some("none".to_owned()),
            power_source: Some(PowerSource::Mains),
            ..MachineFacts::default()
        }
    }
}
