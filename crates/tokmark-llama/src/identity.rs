//! What the engine says of itself.

use std::ffi::{CStr, c_char};

use llama_cpp_sys_2 as sys;
use tokmark_model::{BuildFacts, Bytes, Device, DeviceKind, EngineFacts};

/// Text of a C string that llama.cpp owns; empty for null.
pub(crate) fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: llama.cpp's names and versions are terminated strings that live as long as
    // the process.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

/// Loads the back ends that come as separate libraries. Does nothing for linked ones.
pub fn load_backends() {
    // SAFETY: may be called at any time from one thread.
    unsafe { sys::ggml_backend_load_all() }
}

/// Whether this build can use RPC servers.
pub fn supports_rpc() -> bool {
    // SAFETY: reads a constant of the build.
    unsafe { sys::llama_supports_rpc() }
}

/// Version, build and devices of the linked engine. Its commit is not among them: the
/// bindings' build script reads whatever repository it happens to be built in.
pub fn engine_facts() -> EngineFacts {
    // SAFETY: these return constant strings of the library.
    let (version, ggml, system_info) = unsafe {
        (
            text(sys::llama_version()),
            text(sys::ggml_version()),
            text(sys::llama_print_system_info()),
        )
    };
    EngineFacts {
        name: "llama.cpp".to_owned(),
        version,
        binding: Some(env!("TOKMARK_BINDING").to_owned()),
        ggml_version: Some(ggml),
        commit: None,
        backends: backends(),
        system_info: Some(system_info.trim().to_owned()),
        build: BuildFacts {
            build_type: known(env!("TOKMARK_ENGINE_BUILD_TYPE")),
            native: Some(env!("TOKMARK_ENGINE_NATIVE") == "true"),
            openmp: Some(cfg!(feature = "openmp")),
            features: features(),
            compiler: known(env!("TOKMARK_ENGINE_COMPILER")),
        },
        devices: devices(),
    }
}

fn known(value: &str) -> Option<String> {
    (value != "unknown").then(|| value.to_owned())
}

fn features() -> Vec<String> {
    [
        ("cuda", cfg!(feature = "cuda")),
        ("metal", cfg!(feature = "metal")),
        ("rocm", cfg!(feature = "rocm")),
        ("vulkan", cfg!(feature = "vulkan")),
        ("openmp", cfg!(feature = "openmp")),
    ]
    .into_iter()
    .filter(|(_, is_on)| *is_on)
    .map(|(name, _)| name.to_owned())
    .collect()
}

/// Registered back ends but the CPU, joined by commas, as llama-bench names them.
fn backends() -> String {
    // SAFETY: the indices are below the count, and registered back ends are never removed.
    let names: Vec<String> = unsafe {
        (0..sys::ggml_backend_reg_count())
            .map(|i| text(sys::ggml_backend_reg_name(sys::ggml_backend_reg_get(i))))
            .filter(|name| name != "CPU" && !name.starts_with("RPC"))
            .collect()
    };
    if names.is_empty() { "CPU".to_owned() } else { names.join(",") }
}

fn devices() -> Vec<Device> {
    // SAFETY: the indices are below the count, and devices are never removed.
    unsafe {
        (0..sys::ggml_backend_dev_count())
            .map(|i| {
                let device = sys::ggml_backend_dev_get(i);
                let (mut free, mut total) = (0, 0);
                sys::ggml_backend_dev_memory(device, &mut free, &mut total);
                let kind = device_kind(device);
                // Memory of the CPU device is the machine's, which the record has elsewhere.
                let own = !matches!(kind, DeviceKind::Cpu | DeviceKind::Accelerator) && total > 0;
                Device {
                    name: text(sys::ggml_backend_dev_name(device)),
                    description: text(sys::ggml_backend_dev_description(device)),
                    kind,
                    memory_total_bytes: own.then_some(Bytes(total as u64)),
                    memory_free_bytes: own.then_some(Bytes(free as u64)),
                }
            })
            .collect()
    }
}

/// # Safety
/// `device` must be a registered device.
pub(crate) unsafe fn device_kind(device: sys::ggml_backend_dev_t) -> DeviceKind {
    // SAFETY: as the caller promises.
    match unsafe { sys::ggml_backend_dev_type(device) } {
        sys::GGML_BACKEND_DEVICE_TYPE_CPU => DeviceKind::Cpu,
        sys::GGML_BACKEND_DEVICE_TYPE_GPU => DeviceKind::Gpu,
        sys::GGML_BACKEND_DEVICE_TYPE_IGPU => DeviceKind::IntegratedGpu,
        sys::GGML_BACKEND_DEVICE_TYPE_ACCEL => DeviceKind::Accelerator,
        _ => DeviceKind::Other,
    }
}
