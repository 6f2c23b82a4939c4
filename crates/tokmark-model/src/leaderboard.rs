//! A row of the leaderboard: what a record says of one configuration, without its samples.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Bytes, DeviceKind, GradeLetter, Record, RecordId, RecordKind, Status, Timestamp,
    TokensPerSecond,
};

/// One configuration with the figures of one of its records. Every figure is that record's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BoardRow {
    /// The record that the figures come from.
    pub id: RecordId,
    /// How it came to be; kinds are never ranked together.
    pub kind: RecordKind,
    /// When it was begun.
    pub created_at: Timestamp,
    /// Family of the model, see `family()`.
    pub family: String,
    /// Name of the model.
    pub model_name: String,
    /// The name without family and quantization: `27B-Instruct`.
    pub variant: String,
    /// Hash of the model's file.
    pub model_sha256: Option<String>,
    /// Nominal quantization, else that by tensor census.
    pub quantization: Option<String>,
    /// Parameters.
    pub n_params: Option<u64>,
    /// Size of the file.
    pub file_size_bytes: Option<Bytes>,
    /// The devices that computed, else the processor: `2 x NVIDIA GeForce RTX 3090`.
    pub hardware: String,
    /// Fingerprint of the machine.
    pub machine_fingerprint: String,
    /// Cap set on the board power, in watts.
    pub power_cap_w: Option<f64>,
    /// Name of the engine.
    pub engine: String,
    /// Its version.
    pub engine_version: String,
    /// Device interfaces as the engine reported them: `CUDA`, `Metal,BLAS`.
    pub backends: String,
    /// GPUs that computed; above 1 it is tagged.
    pub n_gpus: u32,
    /// The engine's settings in llama-bench's short flags.
    pub settings: String,
    /// What was measured, as tables name it.
    pub label: String,
    /// Shape of a load point, else the test without its parallel sequences.
    pub shape: String,
    /// A load point on a server, not a test of an engine.
    pub is_serving: bool,
    /// Requests at once or sequences in parallel; absent for open loops.
    pub concurrency: Option<u32>,
    /// The rate; absent where a source gives a range alone.
    pub rate_tps: Option<TokensPerSecond>,
    /// Lower end of its interval, or of the source's range.
    pub rate_low_tps: Option<TokensPerSecond>,
    /// Upper end.
    pub rate_high_tps: Option<TokensPerSecond>,
    /// The ends are a range over workloads, not an interval.
    pub is_range: bool,
    /// Median time to first token of a load point.
    pub ttft_p50_ms: Option<f64>,
    /// How far it can be believed.
    pub grade: Option<GradeLetter>,
    /// Name of the source of a published figure.
    pub source: Option<String>,
    /// What is known against a published figure.
    pub disputed: Option<String>,
}

impl BoardRow {
    /// The row of a record; `None` for what has no place in a leaderboard: experiments and
    /// their visits, tests that did not end, records without a rate.
    pub fn of(record: &Record) -> Option<BoardRow> {
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
        let quantization = model.label.clone().or_else(|| model.quantization.clone());
        let family = family(&model.name);
        let serving = record.serving.as_deref();
        let shape = match (serving, published.and_then(|source| source.shape.clone())) {
            (Some(serving), _) => serving.workload.shape.clone(),
            (None, Some(shape)) => shape,
            (None, None) if published.is_some() => "all workloads".to_owned(),
            (None, None) => crate::Test { n_parallel: 1, ..record.test }.label(),
        };
        let concurrency = match serving.map(|serving| &serving.workload.arrival) {
            Some(crate::Load::Concurrency { n }) => Some(*n),
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
            settings: match serving {
                Some(_) => String::new(),
                None => record.params.settings(),
            },
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
        })
    }
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
}
