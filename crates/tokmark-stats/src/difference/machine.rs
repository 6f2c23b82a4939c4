//! The machine as hardware and system.

use tokmark_model::{Cache, CpuFacts, Gpu, MachineFacts, MemoryFacts, OsFacts};

use super::findings::Findings;
use super::shown::{Shown, known, known_size, list, words};
use super::{Group, Level};

const LEVEL: Level = Level::SameHardwareAndStack;

pub(super) fn compare(findings: &mut Findings, a: &MachineFacts, b: &MachineFacts) {
    let MachineFacts {
        fingerprint,
        cpu,
        memory,
        gpus,
        os,
        virtualization,
        power_source,
        power_cap_w,
        host_name,
    } = a;
    let mut hardware = findings.of(Group::Hardware, LEVEL);
    hardware.identifies("fingerprint", fingerprint, &b.fingerprint);
    processor(findings, cpu, &b.cpu);
    main_memory(findings, memory, &b.memory);
    graphics(findings, gpus, &b.gpus);
    let mut hardware = findings.of(Group::Hardware, LEVEL);
    hardware.matters("virtualization", virtualization, &b.virtualization);
    hardware.matters("power source", power_source, &b.power_source);
    hardware.matters("power cap, W", power_cap_w, &b.power_cap_w);
    let mut hardware = findings.of(Group::Hardware, None);
    hardware.describes("host name", host_name, &b.host_name);
    system(findings, os, &b.os);
}

fn processor(findings: &mut Findings, a: &CpuFacts, b: &CpuFacts) {
    let CpuFacts {
        vendor,
        model,
        arch,
        n_physical,
        n_logical,
        n_allowed,
        caches,
        isa,
        governor,
        max_mhz,
        n_numa,
    } = a;
    let mut hardware = findings.of(Group::Hardware, LEVEL);
    hardware.matters("processor", model, &b.model);
    hardware.matters("architecture", arch, &b.arch);
    let allowed = |n: f64| (n > 0.0).then_some(n);
    hardware.matters("allowed CPUs", &allowed(*n_allowed), &allowed(b.n_allowed));
    hardware.matters("physical cores", n_physical, &b.n_physical);
    hardware.matters("logical CPUs", &known(*n_logical), &known(b.n_logical));
    hardware.matters("governor", governor, &b.governor);
    hardware.matters("highest clock, MHz", max_mhz, &b.max_mhz);
    let (own, other) = beyond(isa, &b.isa);
    hardware.matters("instruction sets", &own, &other);
    hardware.matters("NUMA nodes", n_numa, &b.n_numa);
    let cache = |cache: &Cache| {
        let Cache { level, kind, size_bytes } = cache;
        format!("L{level} {kind} {}", size_bytes.exact().unwrap_or_default())
    };
    let known = |caches: &[Cache]| (!caches.is_empty()).then(|| list(caches, cache));
    hardware.matters("caches", &known(caches), &known(&b.caches));
    hardware.describes("processor's vendor", vendor, &b.vendor);
}

/// What each of two lists holds beyond the other, or the whole where the other is unknown.
fn beyond(a: &[String], b: &[String]) -> (Option<String>, Option<String>) {
    let own = |list: &[String], other: &[String]| {
        let more: Vec<&str> =
            list.iter().filter(|item| !other.contains(item)).map(String::as_str).collect();
        match (list, other, more.is_empty()) {
            ([], ..) => None,
            (_, [], _) => Some(more.join(", ")),
            (_, _, true) => Some("no more".to_owned()),
            (_, _, false) => Some(format!("also {}", more.join(", "))),
        }
    };
    (own(a, b), own(b, a))
}

fn main_memory(findings: &mut Findings, a: &MemoryFacts, b: &MemoryFacts) {
    let MemoryFacts { total_bytes, allowed_bytes, swap_bytes, kind, speed_mts } = a;
    let mut hardware = findings.of(Group::Hardware, LEVEL);
    hardware.matters("memory", &known_size(*total_bytes), &known_size(b.total_bytes));
    let (allowed, other) = (known_size(*allowed_bytes), known_size(b.allowed_bytes));
    hardware.matters("allowed memory", &allowed, &other);
    hardware.matters("kind of memory", kind, &b.kind);
    hardware.matters("memory speed, MT/s", speed_mts, &b.speed_mts);
    findings.of(Group::Hardware, None).describes("swap space", swap_bytes, &b.swap_bytes);
}

fn graphics(findings: &mut Findings, a: &[Gpu], b: &[Gpu]) {
    let card = |gpu: &Gpu| {
        let Gpu { name, vendor, memory_bytes, driver: _, runtime: _ } = gpu;
        words(&[vendor.shown(), name.shown(), memory_bytes.exact()])
    };
    let mut hardware = findings.of(Group::Hardware, LEVEL);
    hardware.matters("GPUs", &list(a, card), &list(b, card));
    let each = |gpus: &[Gpu], field: fn(&Gpu) -> &Option<String>| {
        let told = gpus.iter().any(|gpu| field(gpu).is_some());
        told.then(|| list(gpus, |gpu| field(gpu).clone().unwrap_or_else(|| "unknown".to_owned())))
    };
    let mut software = findings.of(Group::Software, LEVEL);
    software.matters("GPU driver", &each(a, |gpu| &gpu.driver), &each(b, |gpu| &gpu.driver));
    software.matters("GPU runtime", &each(a, |gpu| &gpu.runtime), &each(b, |gpu| &gpu.runtime));
}

fn system(findings: &mut Findings, a: &OsFacts, b: &OsFacts) {
    let OsFacts { name, version, kernel } = a;
    let mut software = findings.of(Group::Software, LEVEL);
    software.matters("operating system", name, &b.name);
    software.matters("kernel", kernel, &b.kernel);
    software.matters("system version", version, &b.version);
}
