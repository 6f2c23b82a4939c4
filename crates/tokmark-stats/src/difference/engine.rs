//! The engine, its settings and those of its process.

use std::collections::BTreeMap;

use tokmark_model::{
    BufferOverride, BuildFacts, Device, EngineFacts, EngineParams, MachineFacts, ProcessParams,
    Record,
};

use super::findings::Findings;
use super::shown::{List, Shown, list, words};
use super::{Group, Level};

pub(super) fn compare(findings: &mut Findings, a: &Record, b: &Record) {
    let EngineFacts {
        name,
        version,
        binding,
        ggml_version,
        commit,
        backends,
        system_info,
        build,
        devices,
    } = &a.engine;
    let b = &b.engine;
    let mut engine = findings.of(Group::Engine, Level::SameStack);
    engine.identifies("engine", name, &b.name);
    engine.identifies("version", version, &b.version);
    engine.matters("commit", commit, &b.commit);
    engine.matters("back ends", backends, &b.backends);
    engine.matters("ggml version", ggml_version, &b.ggml_version);
    build_facts(findings, build, &b.build);
    findings.of(Group::Engine, Level::SameStack).matters("binding", binding, &b.binding);
    findings.of(Group::Engine, None).describes("system info", system_info, &b.system_info);
    engine_devices(findings, devices, &b.devices);
}

fn build_facts(findings: &mut Findings, a: &BuildFacts, b: &BuildFacts) {
    let BuildFacts { build_type, native, openmp, features, compiler } = a;
    let mut build = findings.of(Group::Engine, Level::SameStack);
    build.matters("build type", build_type, &b.build_type);
    build.matters("built native", native, &b.native);
    build.matters("OpenMP", openmp, &b.openmp);
    build.matters("build features", &List(features.clone()), &List(b.features.clone()));
    build.matters("compiler", compiler, &b.compiler);
}

fn engine_devices(findings: &mut Findings, a: &[Device], b: &[Device]) {
    let device = |device: &Device| {
        let Device { name, description, kind, memory_total_bytes, memory_free_bytes: _ } = device;
        let memory = memory_total_bytes.exact();
        words(&[Some(format!("{name}:")), description.shown(), kind.shown(), memory])
    };
    let mut hardware = findings.of(Group::Hardware, Level::SameHardwareAndStack);
    hardware.matters("devices seen", &known(a, device), &known(b, device));
    let free = |device: &Device| {
        let free = device.memory_free_bytes.exact();
        format!("{}: {}", device.name, free.unwrap_or_else(|| "unknown".to_owned()))
    };
    let told = |devices: &[Device]| devices.iter().any(|d| d.memory_free_bytes.is_some());
    if told(a) || told(b) {
        let mut noise = findings.of(Group::Noise, None);
        noise.describes("free device memory", &known(a, free), &known(b, free));
    }
}

/// A list that is unknown where it is empty.
fn known<T>(items: &[T], text: impl Fn(&T) -> String) -> Option<List<String>> {
    (!items.is_empty()).then(|| list(items, text))
}

/// The level that needs settings equal which say where the work is placed. On equal machines they
/// are settings like others; another machine has other cores and GPUs, and what is set there
/// belongs to its hardware.
pub(super) fn placing(a: &MachineFacts, b: &MachineFacts) -> Level {
    match (a.fingerprint.as_str(), b.fingerprint.as_str()) {
        (own, other) if own == other && !own.is_empty() => Level::SameStack,
        _ => Level::SameHardwareAndStack,
    }
}

/// Under llama-bench's names; `placing` is the level that needs the place of the work equal.
pub(super) fn params(findings: &mut Findings, a: &EngineParams, b: &EngineParams, placing: Level) {
    let EngineParams {
        n_batch,
        n_ubatch,
        type_k,
        type_v,
        n_threads,
        cpu_mask,
        cpu_strict,
        poll,
        n_gpu_layers,
        n_cpu_moe,
        split_mode,
        main_gpu,
        no_kv_offload,
        flash_attn,
        devices,
        tensor_split,
        tensor_buft_overrides,
        load_mode,
        lazy_mode,
        embeddings,
        no_op_offload,
        no_host,
        repack,
        fit_target,
        fit_min_ctx,
    } = a;
    let mut placed = findings.of(Group::Parameters, placing);
    placed.matters("n_threads", n_threads, &b.n_threads);
    placed.matters("devices", &chosen(devices), &chosen(&b.devices));
    placed.matters("main_gpu", main_gpu, &b.main_gpu);
    placed.matters("tensor_split", &List(tensor_split.clone()), &List(b.tensor_split.clone()));
    placed.matters("cpu_mask", cpu_mask, &b.cpu_mask);
    let mut set = findings.of(Group::Parameters, Level::SameStack);
    set.matters("n_gpu_layers", n_gpu_layers, &b.n_gpu_layers);
    set.matters("flash_attn", flash_attn, &b.flash_attn);
    set.matters("type_k", type_k, &b.type_k);
    set.matters("type_v", type_v, &b.type_v);
    set.matters("n_batch", n_batch, &b.n_batch);
    set.matters("n_ubatch", n_ubatch, &b.n_ubatch);
    set.matters("n_cpu_moe", n_cpu_moe, &b.n_cpu_moe);
    set.matters("split_mode", split_mode, &b.split_mode);
    set.matters("no_kv_offload", no_kv_offload, &b.no_kv_offload);
    let placed_by_hand = |one: &BufferOverride| {
        let BufferOverride { pattern, buffer_type } = one;
        format!("{pattern}={buffer_type}")
    };
    set.matters(
        "tensor_buft_overrides",
        &list(tensor_buft_overrides, placed_by_hand),
        &list(&b.tensor_buft_overrides, placed_by_hand),
    );
    set.matters("repack", repack, &b.repack);
    set.matters("no_op_offload", no_op_offload, &b.no_op_offload);
    set.matters("no_host", no_host, &b.no_host);
    set.matters("cpu_strict", cpu_strict, &b.cpu_strict);
    set.matters("poll", poll, &b.poll);
    set.matters("load_mode", load_mode, &b.load_mode);
    set.matters("lazy_mode", lazy_mode, &b.lazy_mode);
    set.matters("embeddings", embeddings, &b.embeddings);
    set.matters("fit_target", fit_target, &b.fit_target);
    set.matters("fit_min_ctx", fit_min_ctx, &b.fit_min_ctx);
}

/// Devices by name; without any the engine chooses.
fn chosen(devices: &[String]) -> List<String> {
    match devices {
        [] => List(vec!["auto".to_owned()]),
        devices => List(devices.to_vec()),
    }
}

pub(super) fn process(findings: &mut Findings, a: &ProcessParams, b: &ProcessParams) {
    let ProcessParams { numa, prio, rpc, verbose, env } = a;
    let mut set = findings.of(Group::Parameters, Level::SameStack);
    set.matters("numa", numa, &b.numa);
    set.matters("prio", prio, &b.prio);
    set.matters("rpc", &List(rpc.clone()), &List(b.rpc.clone()));
    set.matters("env", &environment(env), &environment(&b.env));
    let mut harmless = findings.of(Group::Parameters, None);
    harmless.describes("verbose", verbose, &b.verbose);
}

/// Variables as a shell takes them.
fn environment(env: &BTreeMap<String, String>) -> List<String> {
    List(env.iter().map(|(name, value)| format!("{name}={value}")).collect())
}
