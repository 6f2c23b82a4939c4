//! Load points: workload, server, client.

use std::collections::BTreeSet;

use tokmark_model::{
    ClientCheck, CountSource, Record, ServerFacts, ServiceLevel, Serving, Workload,
};

use super::findings::Findings;
use super::model::told_by_hash;
use super::shown::{List, Or, Shown, list};
use super::{Group, Level};

/// A load point with the record that it stands in.
type Point<'a> = (&'a Record, &'a Serving);

pub(super) fn compare(findings: &mut Findings, a: Point<'_>, b: Point<'_>) {
    let Serving {
        workload,
        server,
        // What was measured, and what is made of it.
        requests: _,
        events: _,
        cold: _,
        summary: _,
        found_rate: _,
        speed_ups: _,
        timeline: _,
        client,
        recipe,
    } = a.1;
    asked(findings, workload, &b.1.workload);
    of_whom(findings, server, &b.1.server, told_by_hash(a.0, b.0));
    let mut engine = findings.of(Group::Engine, None);
    engine.matters("recipe", &Or(recipe, "none"), &Or(&b.1.recipe, "none"));
    let mut measured = findings.of(Group::Measured, Level::SameStack);
    measured.matters("tokens counted by", &counted_by(a.1), &counted_by(b.1));
    checked(findings, client, &b.1.client);
}

fn asked(findings: &mut Findings, a: &Workload, b: &Workload) {
    let Workload {
        shape,
        shape_sha256,
        arrival,
        n_prompt,
        n_output,
        turns,
        n_tools,
        api,
        stream,
        temperature,
        seed,
        // New in each run, so that no server knows the prompts.
        nonce: _,
        think,
        cache,
        repeated_share,
        length_control,
        n_warmup,
        duration_ns,
        timeout_ns,
        n_retries,
        reuse_connections,
        service_levels,
    } = a;
    let mut needed = findings.of(Group::Measured, Level::WorkloadOnly);
    needed.decides("shape", shape, &b.shape);
    needed.decides("load", arrival, &b.arrival);
    needed.decides("hash of the shape", &Or(shape_sha256, "none"), &Or(&b.shape_sha256, "none"));
    needed.decides("prompt tokens", &Or(n_prompt, "any"), &Or(&b.n_prompt, "any"));
    needed.decides("output tokens", &Or(n_output, "any"), &Or(&b.n_output, "any"));
    needed.decides("turns", turns, &b.turns);
    needed.decides("tools", n_tools, &b.n_tools);
    needed.decides("API", api, &b.api);
    needed.decides("streamed", stream, &b.stream);
    let own = "the server's own";
    needed.decides("temperature", &Or(temperature, own), &Or(&b.temperature, own));
    needed.decides("reasoning", think, &b.think);
    needed.decides("prefix cache", cache, &b.cache);
    needed.decides("length control", length_control, &b.length_control);
    needed.decides("connections kept", reuse_connections, &b.reuse_connections);
    let mut measured = findings.of(Group::Measured, None);
    let level = |level: &ServiceLevel| {
        let ServiceLevel { kind, limit_ns } = level;
        format!("{} {}", kind.word(), limit_ns.shown().unwrap_or_default())
    };
    let exact = |level: &ServiceLevel| format!("{} {}", level.kind.word(), level.limit_ns.0);
    let (levels, others) = (list(service_levels, level), list(&b.service_levels, level));
    if list(service_levels, exact).exact() != list(&b.service_levels, exact).exact() {
        let weight = super::Weight::Matters;
        measured.differ(weight, "service levels", levels.shown(), others.shown());
    }
    measured.matters("seed", seed, &b.seed);
    measured.matters(
        "repeated within the trace",
        &Or(repeated_share, "unknown"),
        &Or(&b.repeated_share, "unknown"),
    );
    measured.matters("tries again", n_retries, &b.n_retries);
    let none = "none";
    measured.matters("time limit", &Or(timeout_ns, none), &Or(&b.timeout_ns, none));
    measured.describes("warm-up requests", n_warmup, &b.n_warmup);
    measured.describes("duration", &Or(duration_ns, none), &Or(&b.duration_ns, none));
}

fn of_whom(findings: &mut Findings, a: &ServerFacts, b: &ServerFacts, by_hash: bool) {
    let ServerFacts {
        dialect,
        evidence,
        version,
        model,
        models,
        n_slots,
        n_ctx,
        model_bytes,
        gpu_share_percent,
        urls,
        is_local,
    } = a;
    if by_hash {
        findings.of(Group::Model, None).describes("served as", model, &b.model);
    } else {
        findings.of(Group::Model, Level::SameStack).identifies("served as", model, &b.model);
    }
    let mut told = findings.of(Group::Model, None);
    told.matters("memory of the loaded model", model_bytes, &b.model_bytes);
    let mut stack = findings.of(Group::Engine, Level::SameStack);
    stack.matters("dialect", dialect, &b.dialect);
    stack.matters("server version", version, &b.version);
    stack.matters("slots", n_slots, &b.n_slots);
    stack.matters("context of a request", n_ctx, &b.n_ctx);
    let replicas = |urls: &[String]| urls.len().to_string();
    stack.matters("base URLs", &replicas(urls), &replicas(&b.urls));
    let mut hardware = findings.of(Group::Hardware, Level::SameHardwareAndStack);
    hardware.matters("server on this machine", is_local, &b.is_local);
    hardware.matters("server's GPU share, %", gpu_share_percent, &b.gpu_share_percent);
    let mut names = findings.of(Group::Engine, None);
    names.describes("addresses", &List(urls.clone()), &List(b.urls.clone()));
    names.describes("models offered", &List(models.clone()), &List(b.models.clone()));
    names.describes("told by", evidence, &b.evidence);
}

/// The sources of the output counts, best first; unknown without requests.
fn counted_by(serving: &Serving) -> Option<String> {
    let sources: BTreeSet<(u8, &str)> = serving
        .requests
        .iter()
        .filter_map(|request| request.output_tokens)
        .map(|count| match count.source {
            CountSource::Usage => (0, "usage"),
            CountSource::Server => (1, "server"),
            CountSource::Local => (2, "local"),
            CountSource::Estimated => (3, "estimated"),
        })
        .collect();
    let words: Vec<&str> = sources.into_iter().map(|(_, word)| word).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

fn checked(findings: &mut Findings, a: &ClientCheck, b: &ClientCheck) {
    let ClientCheck {
        // How busy and how late the client was decides `could_distort`; by themselves they
        // differ from run to run.
        wakeup_p99_ns: _,
        wakeup_max_ns: _,
        cpu_cores: _,
        peak_bytes: _,
        calibration_p99_ns: _,
        n_threads,
        kernel_stamps,
        could_distort,
        reason,
    } = a;
    let mut noise = findings.of(Group::Noise, None);
    noise.matters("client could distort", could_distort, &b.could_distort);
    noise.describes("how it could", &Or(reason, "none"), &Or(&b.reason, "none"));
    let mut measured = findings.of(Group::Measured, None);
    measured.describes("stamps of the kernel", kernel_stamps, &b.kernel_stamps);
    measured.describes("threads of the client", n_threads, &b.n_threads);
}
