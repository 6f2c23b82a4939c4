//! One record, whole.

mod serving;

use tokmark_model::{Record, Repetition};

use super::table::{flag_words, load, memory, status_word, tokens};
use super::words::{cpus, estimate, grade, half_width, minute, model, number, printable, time};

/// Samples listed in full; beyond it the middle is left out, and `-o json` has them all.
const LISTED: usize = 40;

/// Facts, figures, reasons, samples with the noise beside them, notes.
pub(crate) fn record(record: &Record) -> String {
    let mut text = format!("{}  {}\n", record.id, printable(&record.label()));
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            text += &format!("  {name:<18}{value}\n");
        }
    };
    line("when", record.created_at.to_string());
    line("run", record.run_id.to_string());
    line("status", status(record));
    if record.experiment.is_some() {
        line("machine", machine_line(record));
    } else if let Some(point) = &record.serving {
        serving::facts(record, point, &mut line);
    } else {
        line("model", model_line(record));
        line("engine", engine_line(record));
        line("settings", settings_line(record));
        line("machine", machine_line(record));
    }
    line(
        "tags",
        record.tags.iter().map(|tag| format!("#{}", printable(tag))).collect::<Vec<_>>().join(" "),
    );
    match (&record.experiment, &record.serving) {
        (Some(_), _) => {}
        (None, Some(point)) => serving::figures(record, point, &mut line),
        (None, None) => figures(record, &mut line),
    }
    if let Some(found) = &record.grade {
        line("grade", grade(found.letter).to_owned());
        for reason in &found.reasons {
            line("", format!("{}: {}", grade(reason.letter), reason.text));
        }
    }
    for flag in &record.flags {
        let is_point = record.serving.is_some();
        line("flag", if is_point { serving::flag(flag) } else { flag_words(record, flag) });
    }
    for note in &record.notes {
        line("note", format!("{} UTC  {}", minute(note.at), printable(&note.text)));
    }
    if let Some(reason) = &record.status_reason {
        for logged in &reason.log_tail {
            line("log", printable(logged));
        }
    }
    text += &match (&record.experiment, &record.serving) {
        (Some(experiment), _) => format!("\n{}", super::experiment::figures(record, experiment)),
        (None, Some(point)) => serving::tables(point),
        (None, None) => samples(record),
    };
    text
}

fn status(record: &Record) -> String {
    let word = status_word(record.status).to_owned();
    match &record.status_reason {
        Some(reason) => format!("{word}: {}", printable(&reason.message)),
        None => word,
    }
}

fn model_line(record: &Record) -> String {
    let facts = &record.model;
    let mut parts = vec![printable(&model(facts)), facts.file_size_bytes.to_string()];
    parts.extend(facts.publisher.iter().map(|publisher| format!("by {}", printable(publisher))));
    parts.extend(
        facts.sha256.iter().map(|hash| format!("sha256 {}", hash.get(..12).unwrap_or(hash))),
    );
    parts.join(", ")
}

fn engine_line(record: &Record) -> String {
    let engine = &record.engine;
    let mut parts = vec![format!("{} {}", engine.name, engine.version), engine.backends.clone()];
    parts.extend(engine.ggml_version.iter().map(|version| format!("ggml {version}")));
    parts.extend(engine.build.build_type.clone());
    parts.extend(engine.build.native.filter(|native| *native).map(|_| "native".to_owned()));
    parts.retain(|part| !part.trim().is_empty());
    parts.join(", ")
}

/// Everything that decides what was run; the whole of it is in `-o json`.
fn settings_line(record: &Record) -> String {
    let (params, test) = (&record.params, &record.test);
    let mut parts = vec![params.settings()];
    parts.push(format!("batch {} / {}", params.n_batch, params.n_ubatch));
    parts.push(format!("cache {} / {}", params.type_k, params.type_v));
    if test.n_depth > 0 {
        parts.push(format!("depth {}", test.n_depth));
    }
    if let Some(tokens) = &record.tokens {
        let kind = serde_json::to_value(tokens.kind).ok();
        let kind = kind.and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default();
        parts.push(format!("{kind} tokens, seed {}", tokens.seed));
    }
    parts.join(", ")
}

fn machine_line(record: &Record) -> String {
    let machine = &record.machine;
    let cpu = machine.cpu.model.clone().unwrap_or_else(|| "unknown processor".to_owned());
    format!(
        "{cpu}, {} of {} CPUs, {}, {} ({})",
        cpus(machine.cpu.n_allowed),
        machine.cpu.n_logical,
        machine.memory.allowed_bytes,
        machine.os.name,
        machine.fingerprint
    )
}

fn figures(record: &Record, line: &mut impl FnMut(&str, String)) {
    let Some(summary) = &record.summary else { return };
    line("rate", format!("{} tok/s{}", estimate(&summary.rate), half_width(summary)));
    if let Some(rate) = &summary.rate_per_sequence {
        line("a sequence", format!("{} tok/s", estimate(rate)));
    }
    if let Some(rate) = &summary.prompt_rate {
        line("prompt", format!("{} tok/s", estimate(rate)));
    }
    if let Some(rate) = &summary.generation_rate {
        line("generation", format!("{} tok/s", estimate(rate)));
    }
    if let Some(rate) = &summary.probe_adjusted_rate {
        line("drift taken out", format!("{} tok/s by the probe; shown only", estimate(rate)));
    }
    line(
        "total",
        format!("{} tok/s (all tokens / all time)", number(summary.total_rate_tps.get())),
    );
    line("llama-bench", format!("{:.2} ± {:.2}", summary.avg_ts.get(), summary.stddev_ts.get()));
    if let Some(times) = &summary.token_times {
        line("per token", format!("{} (p50 / p99)", tokens(record)));
        line("slowest token", format!("{}, {} stalls", time(times.max_ns), times.n_stalls));
    }
    line("load", load(record));
    line("peak memory", memory(record));
    if let Some(efficiency) = summary.efficiency_tps_per_gb {
        line("efficiency", format!("{} tok/s/GB", number(efficiency)));
    }
    if let Some(found) = &summary.correlation {
        line("lag 1", format!("{:.2}, worth {} samples", found.lag1, number(found.effective_n)));
    }
    if let Some(found) = &summary.drift {
        line("drift", format!("{:+.1} % (p {:.3})", found.relative * 100.0, found.p_value));
    }
}

fn samples(record: &Record) -> String {
    if record.samples.is_empty() {
        return String::new();
    }
    let mut text =
        "\n     n        time       tok/s   probe      others   waited for CPU\n".to_owned();
    let n = record.samples.len();
    for (i, sample) in record.samples.iter().enumerate() {
        if n > LISTED && i == LISTED / 2 {
            text += &format!("   ... {} more: -o json has them\n", n - LISTED);
        }
        if n <= LISTED || i < LISTED / 2 || i >= n - LISTED / 2 {
            text += &sample_line(record, i, sample);
        }
    }
    text
}

fn sample_line(record: &Record, i: usize, sample: &Repetition) -> String {
    let rate = record.test.n_tokens().per(sample.duration_ns).unwrap_or_default();
    let noise = sample.noise.as_ref();
    let outlier =
        record.summary.as_ref().is_some_and(|summary| summary.outliers.contains(&(i as u32)));
    let dash = || "-".to_owned();
    format!(
        "  {:>4}  {:>10}  {:>10}  {:>8}  {:>8}  {:>10}{}\n",
        i + 1,
        time(sample.duration_ns),
        number(rate.get()),
        sample.probe_ns.map_or_else(dash, time),
        noise.and_then(|noise| noise.other_cores).map_or_else(dash, |cores| format!("{cores:.2}")),
        noise.and_then(|noise| noise.run_delay_ns).map_or_else(dash, time),
        if outlier { "  outlier" } else { "" }
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_real_record_whole() {
        insta::assert_snapshot!(super::record(&super::super::tests::records()[0]));
    }
}
