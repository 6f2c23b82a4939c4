//! A record's own fields, and who looks after the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use tokmark_model::{
    EngineParams, LoadTime, MemoryUse, Note, Published, Record, RecordKind, Speculation,
    StatusReason, TokenSource, Tool,
};

use super::findings::Findings;
use super::shown::{List, Or, list};
use super::{Group, Level, engine, experiment, machine, model, noise, serving};

/// Compares every field of two records. Every struct is taken apart without `..`, so that a
/// new field of the record is an error of the compiler until it is considered here.
pub(super) fn compare(findings: &mut Findings, a: &Record, b: &Record) {
    let Record {
        record_version,
        // Names, times and signatures differ between any two records.
        id: _,
        run_id: _,
        created_at: _,
        signature: _,
        kind,
        tool,
        status,
        status_reason,
        test,
        params,
        process,
        repetitions,
        tokens,
        model: _,
        engine: _,
        devices_used,
        tensor_parallel,
        machine,
        load,
        memory,
        // What was measured, and what is made of it; `noise` reads the sensors.
        warmup_ns: _,
        probe_baseline_ns: _,
        samples: _,
        summary: _,
        grade: _,
        flags,
        speculation,
        serving: _,
        visit: _,
        experiment: _,
        published,
        notes,
        tags,
        newer,
    } = a;
    let mut measured = findings.of(Group::Measured, Level::WorkloadOnly);
    measured.decides("kind", kind, &b.kind);
    match (&a.serving, &b.serving) {
        _ if a.experiment.is_some() != b.experiment.is_some() => {
            measured.decides("workload", &a.label(), &b.label());
        }
        (None, None) => measured.decides("test", test, &b.test),
        (Some(_), Some(_)) => {
            findings.of(Group::Measured, None).describes("nominal test", test, &b.test);
        }
        _ => measured.decides("workload", &a.label(), &b.label()),
    }
    ending(findings, status_reason.as_ref(), b.status_reason.as_ref());
    findings.of(Group::Measured, None).decides("status", status, &b.status);
    tokens_of(findings, tokens.as_ref(), b.tokens.as_ref());
    let mut measured = findings.of(Group::Measured, None);
    measured.describes("repetitions", repetitions, &b.repetitions);
    published_by(findings, published.as_ref(), b.published.as_ref());
    experiment::compare(findings, a, b);
    if let (Some(own), Some(other)) = (&a.serving, &b.serving) {
        serving::compare(findings, (a, own), (b, other));
    }
    model::compare(findings, a, b);
    engine::compare(findings, a, b);
    let placing = engine::placing(machine, &b.machine);
    let (says, other_says) = (says_settings(a), says_settings(b));
    if says == other_says {
        engine::params(findings, params, &b.params, placing);
    } else {
        let (own, other) = (says.then_some(params), other_says.then_some(&b.params));
        let [own, other] = [own, other].map(|params| params.map(EngineParams::settings));
        findings.of(Group::Parameters, Level::SameStack).matters("settings", &own, &other);
    }
    engine::process(findings, process, &b.process);
    let mut parameters = findings.of(Group::Parameters, placing);
    parameters.matters(
        "tensor parallel",
        &Or(tensor_parallel, "none"),
        &Or(&b.tensor_parallel, "none"),
    );
    speculated(findings, speculation.as_ref(), b.speculation.as_ref());
    machine::compare(findings, machine, &b.machine);
    let mut hardware = findings.of(Group::Hardware, Level::SameHardwareAndStack);
    hardware.matters("devices used", &named(devices_used), &named(&b.devices_used));
    memory_read(findings, memory, &b.memory);
    loaded(findings, load.as_ref(), b.load.as_ref());
    noise::compare(findings, a, b);
    let mut versions = findings.of(Group::Versions, None);
    versions.matters("statistics version", &a.statistics_version(), &b.statistics_version());
    versions.describes("record version", record_version, &b.record_version);
    let Tool { name, version } = tool;
    versions.describes("tool", name, &b.tool.name);
    versions.describes("tool version", version, &b.tool.version);
    newer_fields(findings, newer, &b.newer);
    let mut remarks = findings.of(Group::Remarks, None);
    remarks.describes("flags", &List(flags.clone()), &List(b.flags.clone()));
    remarks.describes("tags", &List(tags.clone()), &List(b.tags.clone()));
    let remark = |Note { at, text }: &Note| format!("{at} {text}");
    remarks.describes("notes", &list(notes, remark), &list(&b.notes, remark));
}

/// Whether its settings are what the engine was given. Those of a server are its own, and of what
/// others published the defaults stand for all that they do not tell.
fn says_settings(record: &Record) -> bool {
    let is_ours = matches!(record.kind, RecordKind::Measured | RecordKind::Imported);
    is_ours && record.serving.is_none()
}

/// A list that is unknown where it is empty.
fn named(names: &[String]) -> Option<List<String>> {
    (!names.is_empty()).then(|| List(names.to_vec()))
}

fn ending(findings: &mut Findings, a: Option<&StatusReason>, b: Option<&StatusReason>) {
    let text = |reason: &StatusReason| {
        let StatusReason { message, signal, exit_code, log_tail } = reason;
        let mut parts = vec![message.clone()];
        parts.extend(signal.iter().map(|signal| format!("signal {signal}")));
        parts.extend(exit_code.iter().map(|code| format!("exit code {code}")));
        parts.extend(log_tail.iter().map(|line| format!("log: {line}")));
        parts.join("; ")
    };
    let (a, b) = (a.map(text), b.map(text));
    let mut measured = findings.of(Group::Measured, None);
    measured.describes("reason of the status", &Or(&a, "none"), &Or(&b, "none"));
}

fn tokens_of(findings: &mut Findings, a: Option<&TokenSource>, b: Option<&TokenSource>) {
    let kind = |tokens: Option<&TokenSource>| tokens.map(|tokens| tokens.kind);
    let mut needed = findings.of(Group::Measured, Level::WorkloadOnly);
    needed.decides("tokens", &kind(a), &kind(b));
    let (Some(a), Some(b)) = (a, b) else { return };
    let TokenSource { kind: _, seed, sha256 } = a;
    let mut measured = findings.of(Group::Measured, None);
    measured.matters("seed of the tokens", seed, &b.seed);
    measured.matters("hash of the tokens", sha256, &b.sha256);
}

fn published_by(findings: &mut Findings, a: Option<&Published>, b: Option<&Published>) {
    let text = |published: &Published| {
        // Rates are figures.
        let Published { source, url, date, shape, hardware, disputed, .. } = published;
        let parts = [Some(source), url.as_ref(), date.as_ref(), shape.as_ref(), hardware.as_ref()];
        let parts = parts.into_iter().chain([disputed.as_ref()]).flatten().cloned();
        parts.collect::<Vec<_>>().join(", ")
    };
    let (a, b) = (a.map(text), b.map(text));
    findings.of(Group::Measured, None).describes("source", &Or(&a, "none"), &Or(&b, "none"));
}

fn speculated(findings: &mut Findings, a: Option<&Speculation>, b: Option<&Speculation>) {
    // How many drafts were accepted is a figure.
    let method = |speculation: &Speculation| {
        let Speculation { method, n_drafted: _, n_accepted: _ } = speculation;
        method.clone()
    };
    let (a, b) = (a.map(method), b.map(method));
    let mut parameters = findings.of(Group::Parameters, Level::SameStack);
    parameters.matters("speculation", &Or(&a, "none"), &Or(&b, "none"));
}

/// The peaks are figures; how they were read is not.
fn memory_read(findings: &mut Findings, a: &MemoryUse, b: &MemoryUse) {
    let MemoryUse {
        host_peak_bytes: _,
        host_file_bytes: _,
        host_peak_is_per_test,
        device_peak_bytes: _,
        gpu_share_percent,
    } = a;
    let mut measured = findings.of(Group::Measured, None);
    let field = "peak memory of this test alone";
    measured.describes(field, host_peak_is_per_test, &b.host_peak_is_per_test);
    let mut hardware = findings.of(Group::Hardware, Level::SameHardwareAndStack);
    hardware.matters("GPU share, %", gpu_share_percent, &b.gpu_share_percent);
}

/// The load time is a figure; whether the file lay in the page cache explains it.
fn loaded(findings: &mut Findings, a: Option<&LoadTime>, b: Option<&LoadTime>) {
    let (Some(a), Some(b)) = (a, b) else { return };
    let LoadTime { duration_ns: _, resident_share } = a;
    let state = |share: Option<f64>| {
        share.map(|share| {
            match share {
                share if share > 0.99 => "warm",
                share if share < 0.01 => "cold",
                _ => "partly warm",
            }
            .to_owned()
        })
    };
    let (a, b) = (state(*resident_share), state(b.resident_share));
    findings.of(Group::Noise, None).describes("page cache before loading", &a, &b);
}

fn newer_fields(
    findings: &mut Findings,
    a: &BTreeMap<String, impl Display>,
    b: &BTreeMap<String, impl Display>,
) {
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    for name in names {
        let a = a.get(name).map(ToString::to_string);
        let b = b.get(name).map(ToString::to_string);
        let field = format!("{name}, of a newer version");
        findings.of(Group::Versions, None).matters(&field, &a, &b);
    }
}
