use std::collections::BTreeSet;

use tokmark_model::{Api, Arrivals, LengthControl, Load, Nanos};

use crate::peers::node::{Place, Unit};
use crate::peers::point::{Point, gamma};
use crate::peers::{PeerError, address, flags};

/// Endpoints that generate no text, by a part of their names.
const NO_TEXT: [(&str, &str); 7] = [
    ("embed", "embeddings"),
    ("rank", "rankings"),
    ("retrieval", "retrieval of images"),
    ("image", "the generation of images"),
    ("video", "the generation of videos"),
    ("audio", "audio"),
    ("speech", "audio"),
];

/// The load of the measured phase, as far as the configuration has one, and what has to be
/// said of it. Read are the forms of AIPerf 0.13 (`phases`) and of versions before it
/// (`loadgen`).
pub(super) fn load(
    config: &Place<'_>,
    measured_rate: Option<f64>,
) -> Result<(Option<Load>, BTreeSet<&'static str>), PeerError> {
    let mut flags = BTreeSet::new();
    let old = config.at("loadgen");
    let profiling = phases(config)?.into_iter().find(|phase| !phase.is_warmup);
    let (place, pattern) = match &profiling {
        Some(phase) => (&phase.place, phase.place.at("type")),
        None => (&old, old.any(&["arrival_pattern", "request_rate_mode"])),
    };
    let concurrency = place.at("concurrency").count()?;
    let rate = place.any(&["rate", "request_rate"]).amount()?.filter(|rate| *rate > 0.0);
    let pattern = pattern.text()?.unwrap_or_default();
    let is_closed = pattern == "concurrency" || (profiling.is_none() && rate.is_none());
    if is_closed {
        return Ok((concurrency.map(|n| Load::Concurrency { n }), flags));
    }
    if pattern == "fixed_schedule" {
        return Ok((Some(Load::Replay { speed: 1.0 }), flags));
    }
    let smoothness = place.any(&["smoothness", "arrival_smoothness"]).amount()?;
    let arrivals = match pattern {
        // Versions that leave out what wasn't given mean Poisson.
        "poisson" | "" => Arrivals::Poisson,
        "gamma" => gamma(smoothness.unwrap_or(1.0)),
        "constant" | "user_centric" => Arrivals::Constant,
        _ => return Ok((None, flags)),
    };
    if concurrency.is_some() {
        flags.insert(flags::CONCURRENCY_LIMITED);
    }
    if rate.is_none() || !place.at("rate_ramp").is_null() {
        flags.insert(flags::RATE_RAMPED);
    }
    let load = rate.or(measured_rate).map(|per_s| Load::Rate { per_s, arrivals });
    Ok((load, flags))
}

/// Puts into `point` what the configuration says of server, model and requests. Keys and
/// headers in it are not looked at.
pub(super) fn apply(config: &Place<'_>, point: &mut Point) -> Result<(), PeerError> {
    let endpoint = config.at("endpoint");
    let models = match config.at("models.items").list()? {
        Some(items) => items.first().map(|item| item.at("name")),
        None => endpoint.at("model_names").list()?.unwrap_or_default().first().cloned(),
    };
    point.name_model(models.map(|model| model.text()).transpose()?.flatten());
    for url in texts(&endpoint.any(&["urls", "url"]))? {
        point.server.urls.extend(address::without_secrets(url));
    }
    apply_endpoint(&endpoint, point)?;
    apply_sizes(config, point)?;
    for phase in phases(config)?.iter().filter(|phase| phase.is_warmup) {
        point.workload.n_warmup += phase.place.at("requests").count()?.unwrap_or(0);
    }
    let old = config.at("loadgen.warmup_request_count").count()?;
    point.workload.n_warmup = point.workload.n_warmup.saturating_add(old.unwrap_or(0));
    Ok(())
}

fn apply_endpoint(endpoint: &Place<'_>, point: &mut Point) -> Result<(), PeerError> {
    let kind = endpoint.at("type").text()?.unwrap_or_default();
    if let Some((_, what)) = NO_TEXT.iter().find(|(part, _)| kind.contains(part)) {
        return Err(PeerError::NoGeneration { file: endpoint.file().to_owned(), what });
    }
    let workload = &mut point.workload;
    match kind {
        "chat" => workload.api = Api::Chat,
        "completions" => workload.api = Api::Completions,
        _ => {
            point.flags.insert(flags::API_UNKNOWN);
        }
    }
    point.server.evidence = "AIPerf was told so, nothing was probed".to_owned();
    workload.stream = endpoint.at("streaming").flag()?.unwrap_or(false);
    workload.reuse_connections = endpoint.at("connection_reuse").text()? != Some("never");
    let timeout = endpoint.any(&["timeout", "timeout_seconds"]).span(Unit::SECONDS)?;
    workload.timeout_ns = timeout.filter(|timeout| *timeout > Nanos(0));
    let extra = endpoint.at("extra");
    if extra.is_object() {
        workload.temperature = extra.at("temperature").number()?;
        if extra.at("ignore_eos").flag()? == Some(true) {
            workload.length_control = LengthControl::IgnoreEos;
        } else if !extra.at("min_tokens").is_null() {
            workload.length_control = LengthControl::MinTokens;
        }
    }
    Ok(())
}

fn apply_sizes(config: &Place<'_>, point: &mut Point) -> Result<(), PeerError> {
    let datasets = config.at("datasets").list()?.unwrap_or_default();
    let (isl, osl) = match datasets.first() {
        Some(dataset) => (dataset.at("prompts.isl.mean"), dataset.at("prompts.osl.mean")),
        None => {
            let prompt = config.at("input.prompt");
            (prompt.at("input_tokens.mean"), prompt.at("output_tokens.mean"))
        }
    };
    let rounded = |mean: f64| mean.round() as u32;
    point.workload.n_prompt = isl.amount()?.map(rounded);
    point.workload.n_output = osl.amount()?.map(rounded);
    Ok(())
}

struct Phase<'a> {
    place: Place<'a>,
    is_warmup: bool,
}

fn phases<'a>(config: &Place<'a>) -> Result<Vec<Phase<'a>>, PeerError> {
    let phases = config.at("phases").list()?.unwrap_or_default();
    let phase = |place: Place<'a>| {
        let is_warmup = place.any(&["kind", "name"]).text()? == Some("warmup");
        Ok(Phase { place, is_warmup })
    };
    phases.into_iter().map(phase).collect()
}

/// A text, or the texts of a list.
fn texts<'a>(place: &Place<'a>) -> Result<Vec<&'a str>, PeerError> {
    if let Ok(text) = place.text() {
        return Ok(text.into_iter().collect());
    }
    let list = place.list()?.unwrap_or_default();
    list.iter().map(|place| place.need(place.text()?, "an address")).collect()
}
