//! A record's place in the leaderboard.

use tokmark_model::{
    BoardRow, Conditions, DeviceKind, Load, Record, RecordKind, Status, Test, TokenKind,
    TokensPerSecond, Uuid,
};

use crate::difference::{Level, needed};

/// Names of conditions are UUIDs of version 5 under this one.
const CONDITIONS: Uuid = Uuid::from_u128(0x2d7b_41b0_7c02_5f0e_8e0f_54c1_9a35_d6ee);

/// The row of a record; `None` for what has no place in a leaderboard: experiments and
/// their visits, tests that did not end, records without a rate.
pub fn board_row(record: &Record) -> Option<BoardRow> {
    if record.status != Status::Ok || record.visit.is_some() || record.experiment.is_some() {
        return None;
    }
    let published = record.published.as_ref().filter(|_| record.kind == RecordKind::Published);
    let estimate = record.rate();
    let interval = estimate.and_then(|estimate| estimate.interval);
    let rate_tps = estimate
        .map(|estimate| estimate.rate_tps)
        .or_else(|| published.and_then(|source| source.rate_tps));
    let rate_low_tps = interval
        .map(|interval| TokensPerSecond(interval.low))
        .or_else(|| published.and_then(|source| source.rate_low_tps));
    let rate_high_tps = interval
        .map(|interval| TokensPerSecond(interval.high))
        .or_else(|| published.and_then(|source| source.rate_high_tps));
    rate_tps.or(rate_low_tps)?;
    let model = &record.model;
    let serving = record.serving.as_deref();
    let quantization = model.label.clone().or_else(|| model.quantization.clone());
    // Of a server's model only the name is known.
    let named = || serving.and_then(|_| quantization_in(&model.name));
    let quantization = quantization.or_else(named);
    let family = family(&model.name);
    let shape = match (serving, published.and_then(|source| source.shape.clone())) {
        (Some(serving), _) => serving.workload.shape.clone(),
        (None, Some(shape)) => shape,
        (None, None) if published.is_some() => "all workloads".to_owned(),
        (None, None) => Test { n_parallel: 1, ..record.test }.label(),
    };
    let concurrency = match serving.map(|serving| &serving.workload.arrival) {
        Some(Load::Concurrency { n }) => Some(*n),
        Some(_) => None,
        None => Some(record.test.n_parallel),
    };
    Some(BoardRow {
        id: record.id,
        kind: record.kind,
        created_at: record.created_at,
        variant: variant(&model.name, &family, quantization.as_deref()),
        family,
        model_name: model.name.clone(),
        model_sha256: model.sha256.clone(),
        quantization,
        n_params: model.n_params,
        file_size_bytes: Some(model.file_size_bytes).filter(|size| size.get() > 0),
        hardware: hardware(record),
        machine_fingerprint: record.machine.fingerprint.clone(),
        power_cap_w: record.machine.power_cap_w,
        engine: record.engine.name.clone(),
        engine_version: record.engine.version.clone(),
        backends: record.engine.backends.clone(),
        n_gpus: n_gpus(record),
        settings: settings(record),
        label: record.label(),
        shape,
        is_serving: serving.is_some(),
        concurrency,
        rate_tps,
        rate_low_tps,
        rate_high_tps,
        is_range: estimate.is_none() && rate_low_tps.is_some(),
        ttft_p50_ms: serving
            .and_then(|serving| serving.summary.as_ref()?.ttft_ms.as_ref()?.median()),
        grade: record.grade.as_ref().map(|grade| grade.letter),
        source: published.map(|source| source.source.clone()),
        disputed: published.and_then(|source| source.disputed.clone()),
        conditions: conditions(record),
    })
}

/// Family of a model by its name: what stands before the first part that is a size
/// (`7B`, `E4B`, `135M`, `8x7B`), without a publisher's folder. `Qwen3.6-27B-Q4_K_M` is of
/// `Qwen3.6`, `SmolLM2-135M-Instruct.Q4_1` of `SmolLM2`. Names without a size are families.
pub fn family(name: &str) -> String {
    let stem = name.rsplit('/').next().unwrap_or(name);
    let stem = stem.strip_suffix(".gguf").unwrap_or(stem);
    let mut parts = Vec::new();
    for part in stem.split(['-', '_', ' ', ':']) {
        if is_size(part) || is_quantization(part) {
            break;
        }
        parts.push(part);
    }
    match parts.is_empty() {
        true => stem.to_owned(),
        false => parts.join("-"),
    }
}

/// What was set, in short flags: of a load point for its requests, of a test for the engine and
/// its process, and that it was fed text.
fn settings(record: &Record) -> String {
    let mut words = match &record.serving {
        Some(serving) => vec![serving.workload.settings()],
        None => vec![record.params.settings(), record.process.settings()],
    };
    let is_text = record.tokens.as_ref().is_some_and(|tokens| tokens.kind == TokenKind::Text);
    words.extend(is_text.then(|| "text tokens".to_owned()));
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

/// What each level needs of a record, as one name.
fn conditions(record: &Record) -> Conditions {
    let needed = needed(record);
    let name = |level: Level, more: &[String]| {
        let text = serde_json::to_string(&(level, needed.get(&level)?, more)).ok()?;
        Some(Uuid::new_v5(&CONDITIONS, text.as_bytes()))
    };
    Conditions {
        workload: name(Level::WorkloadOnly, &[]),
        stack: name(Level::SameStack, &[]),
        // Between two records only what one has beyond the other is told.
        hardware: name(Level::SameHardwareAndStack, &record.machine.cpu.isa),
    }
}

/// What a name says beside family and quantization.
fn variant(name: &str, family: &str, quantization: Option<&str>) -> String {
    let stem = name.rsplit('/').next().unwrap_or(name);
    let stem = stem.strip_suffix(".gguf").unwrap_or(stem);
    let separators = ['-', '_', ' ', '.', ':'];
    let mut rest = stem.get(family.len()..).unwrap_or_default().trim_start_matches(separators);
    if let Some(quantization) = quantization {
        let ends = rest.len().checked_sub(quantization.len()).and_then(|at| rest.get(at..));
        if ends.is_some_and(|end| end.eq_ignore_ascii_case(quantization)) {
            rest = rest[..rest.len() - quantization.len()].trim_end_matches(separators);
        }
    }
    if rest.is_empty() { stem.to_owned() } else { rest.to_owned() }
}

/// `7B`, `1.5b`, `E4B`, `135M`, `8x7B`, and the first part of `135M.Q4_1`.
fn is_size(part: &str) -> bool {
    let part = part.trim_start_matches(['E', 'e', 'A', 'a']);
    let part = part.split_once(['x', 'X']).map_or(part, |(_, each)| each);
    let n_digits = part.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(part.len());
    let unit = &part[n_digits..];
    n_digits > 0
        && part.starts_with(|c: char| c.is_ascii_digit())
        && unit.starts_with(['B', 'b', 'M', 'm', 'T', 't'])
        && !unit[1..].starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// `Q4_K_M`, `IQ3_XS`, `F16`, `BF16` begin like this.
fn is_quantization(part: &str) -> bool {
    let upper = part.to_ascii_uppercase();
    let of_kind = |kind: &str| {
        upper.strip_prefix(kind).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    ["Q", "IQ", "TQ", "F", "BF", "FP", "INT", "MXFP"].into_iter().any(of_kind)
}

/// The last part of a name that says how the weights are stored: `Q4_1` of
/// `SmolLM2-135M-Instruct.Q4_1`, `Q4_K_M` of `llama3:8b-instruct-q4_K_M`.
fn quantization_in(name: &str) -> Option<String> {
    let stem = name.strip_suffix(".gguf").unwrap_or(name);
    let mut parts = stem.rsplit(['-', '.', ':', '/', ' ']);
    parts.find(|part| is_quantization(part)).map(str::to_ascii_uppercase)
}

fn n_gpus(record: &Record) -> u32 {
    let used = used_devices(record).len();
    u32::try_from(used).unwrap_or(u32::MAX)
}

/// Descriptions of the GPUs that computed.
fn used_devices(record: &Record) -> Vec<&str> {
    record
        .engine
        .devices
        .iter()
        .filter(|device| device.kind != DeviceKind::Cpu && device.kind != DeviceKind::Accelerator)
        .filter(|device| record.devices_used.contains(&device.name))
        .map(|device| device.description.as_str())
        .collect()
}

/// Hardware as a heading: the GPUs that computed, else what the source says, else the processor.
fn hardware(record: &Record) -> String {
    let used = used_devices(record);
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for name in used {
        match counted.iter_mut().find(|(other, _)| *other == name) {
            Some((_, n)) => *n += 1,
            None => counted.push((name, 1)),
        }
    }
    if !counted.is_empty() {
        let times = |(name, n): &(&str, usize)| match n {
            1 => (*name).to_owned(),
            n => format!("{n} x {name}"),
        };
        return counted.iter().map(times).collect::<Vec<_>>().join(" + ");
    }
    if let Some(hardware) = record.published.as_ref().and_then(|source| source.hardware.clone()) {
        return hardware;
    }
    match &record.machine.cpu.model {
        Some(model) => model.clone(),
        None => "unknown hardware".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_stand_before_the_size() {
        for (name, expected, rest) in [
            ("Qwen3.6-27B-Q4_K_M", "Qwen3.6", "27B"),
            ("SmolLM2-135M-Instruct.Q4_1", "SmolLM2", "135M-Instruct"),
            ("Gemma-4-E2B-it-Q4_K_M", "Gemma-4", "E2B-it"),
            ("Qwen/Qwen2.5-Coder-7B-Instruct", "Qwen2.5-Coder", "7B-Instruct"),
            ("GLM-4.7-Flash", "GLM-4.7-Flash", "GLM-4.7-Flash"),
            ("Mixtral-8x7B-v0.1.gguf", "Mixtral", "8x7B-v0.1"),
            ("granite-4.1", "granite-4.1", "granite-4.1"),
            ("7B", "7B", "7B"),
        ] {
            assert_eq!(family(name), expected, "{name}");
            assert_eq!(variant(name, expected, Some("Q4_K_M")).trim_end_matches(".Q4_1"), rest);
        }
    }

    #[test]
    fn a_served_name_may_say_its_quantization() {
        for (name, expected) in [
            ("SmolLM2-135M-Instruct.Q4_1", Some("Q4_1")),
            ("llama3:8b-instruct-q4_K_M", Some("Q4_K_M")),
            ("models/Qwen3-0.6B-BF16.gguf", Some("BF16")),
            ("Qwen/Qwen2.5-7B-Instruct", None),
            ("default", None),
        ] {
            assert_eq!(quantization_in(name).as_deref(), expected, "{name}");
        }
    }
}
