use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Bytes;

/// The engine as it describes itself. The back end is never what the user typed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EngineFacts {
    /// `llama.cpp`, `null`, later servers by name.
    pub name: String,
    /// Version as the engine states it.
    pub version: String,
    /// Version of the bindings or client that drove it.
    pub binding: Option<String>,
    /// Version of ggml.
    pub ggml_version: Option<String>,
    /// Commit, where it can be known for sure.
    pub commit: Option<String>,
    /// Back ends in llama-bench's spelling: `CPU`, `CUDA`, `Metal,BLAS`.
    pub backends: String,
    /// The engine's own line about instruction sets and features.
    pub system_info: Option<String>,
    /// How it was built.
    pub build: BuildFacts,
    /// Every device that the engine sees.
    pub devices: Vec<Device>,
}

/// How an engine was built, as its build script saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BuildFacts {
    /// CMake's build type.
    pub build_type: Option<String>,
    /// Built for the processor it was built on.
    pub native: Option<bool>,
    /// With OpenMP.
    pub openmp: Option<bool>,
    /// GPU features compiled in: `cuda`, `metal`, `rocm`, `vulkan`.
    pub features: Vec<String>,
    /// Compiler of the engine, where known.
    pub compiler: Option<String>,
}

/// A device as the engine reports it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Device {
    /// Name to select it by, e.g. `CUDA0`.
    pub name: String,
    /// What it is, e.g. `NVIDIA GeForce RTX 3060`.
    pub description: String,
    /// CPU, GPU, integrated GPU or accelerator.
    pub kind: DeviceKind,
    /// Memory of the device, where it has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_total_bytes: Option<Bytes>,
    /// Free memory when it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_free_bytes: Option<Bytes>,
}

/// ggml's device types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// Processor.
    Cpu,
    /// Graphics processor with memory of its own.
    Gpu,
    /// Graphics processor that shares main memory.
    IntegratedGpu,
    /// Accelerator used with the CPU (BLAS, AMX).
    Accelerator,
    /// Something newer than this version of Tokmark.
    Other,
}
