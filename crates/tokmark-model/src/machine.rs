use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Bytes;

/// The machine as hardware and system. `None` means unknown here, never zero.
/// Host name, user name, serial numbers and addresses have no place in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct MachineFacts {
    /// Stable hash over hardware facts only; equal machines have equal fingerprints.
    pub fingerprint: String,
    /// The processor.
    pub cpu: CpuFacts,
    /// Main memory.
    pub memory: MemoryFacts,
    /// Graphics processors.
    pub gpus: Vec<Gpu>,
    /// Operating system.
    pub os: OsFacts,
    /// Hypervisor or container technology; `none` on bare metal.
    pub virtualization: Option<String>,
    /// Mains or battery.
    pub power_source: Option<PowerSource>,
    /// Cap set on the power, in watts: a limit below the maker's, of the graphics processor, else
    /// of the processor; the lowest of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_cap_w: Option<f64>,
    /// Host name; only when the user asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_name: Option<String>,
}

/// The processor.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CpuFacts {
    /// Vendor as the processor names it.
    pub vendor: Option<String>,
    /// Model name.
    pub model: Option<String>,
    /// Instruction set architecture of the binary: `x86_64`, `aarch64`.
    pub arch: String,
    /// Physical cores.
    pub n_physical: Option<u32>,
    /// Logical CPUs online.
    pub n_logical: u32,
    /// CPUs that affinity and cgroup quota allow this process, in CPUs.
    pub n_allowed: f64,
    /// Caches as the system reports them (a virtual machine reports the whole socket's).
    pub caches: Vec<Cache>,
    /// Instruction set extensions that matter here, e.g. `avx2`, `avx512f`, `amx_int8`.
    pub isa: Vec<String>,
    /// Frequency governor.
    pub governor: Option<String>,
    /// Highest clock in MHz.
    pub max_mhz: Option<f64>,
    /// NUMA nodes.
    pub n_numa: Option<u32>,
}

/// One level of cache.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cache {
    /// 1, 2, 3 ...
    pub level: u32,
    /// `data`, `instruction` or `unified`.
    pub kind: String,
    /// Size of one instance.
    pub size_bytes: Bytes,
}

/// Main memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct MemoryFacts {
    /// Installed, as the system sees it.
    pub total_bytes: Bytes,
    /// What this process may use: the smaller of total and the cgroup's limit.
    pub allowed_bytes: Bytes,
    /// Swap space.
    pub swap_bytes: Bytes,
    /// `DDR5` and the like, where it can be read.
    pub kind: Option<String>,
    /// Transfers per second in millions.
    pub speed_mts: Option<u32>,
}

/// A graphics processor.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Gpu {
    /// Name.
    pub name: String,
    /// Vendor.
    pub vendor: Option<String>,
    /// Memory of its own.
    pub memory_bytes: Option<Bytes>,
    /// Kernel driver and its version.
    pub driver: Option<String>,
    /// CUDA, ROCm, Vulkan or Metal runtime and its version.
    pub runtime: Option<String>,
}

/// Operating system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OsFacts {
    /// Name, e.g. `Debian GNU/Linux`.
    pub name: String,
    /// Version of the distribution.
    pub version: Option<String>,
    /// Kernel release.
    pub kernel: Option<String>,
}

/// Where the power comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PowerSource {
    /// Wall socket, or no battery at all.
    Mains,
    /// Discharging battery.
    Battery,
}
