use tokmark_model::{Api, Arrivals, LengthControl, Load};

use crate::peers::node::{Place, Unit};
use crate::peers::point::Point;
use crate::peers::{PeerError, address, flags};

/// The load of a scheduling strategy; `None` for one that is not known here.
pub(super) fn load(strategy: &Place<'_>) -> Result<Option<Load>, PeerError> {
    let kind = strategy.at("type_");
    let kind = kind.need(kind.text()?, "the name of a scheduling strategy")?;
    let rate = strategy.at("rate").amount()?.filter(|rate| *rate > 0.0);
    let rate = |arrivals| rate.map(|per_s| Load::Rate { per_s, arrivals });
    Ok(match kind {
        "synchronous" => Some(Load::Concurrency { n: 1 }),
        "concurrent" => strategy.at("streams").count()?.map(|n| Load::Concurrency { n }),
        "throughput" => strategy.at("max_concurrency").count()?.map(|n| Load::Concurrency { n }),
        "constant" => rate(Arrivals::Constant),
        "poisson" => rate(Arrivals::Poisson),
        "trace" => {
            // Recorded spans are multiplied by the scale.
            let scale = strategy.at("time_scale").amount()?.filter(|scale| *scale > 0.0);
            Some(Load::Replay { speed: 1.0 / scale.unwrap_or(1.0) })
        }
        _ => None,
    })
}

/// Puts into `point` what the report says of server, model and requests. Keys and headers in
/// it are not looked at.
pub(super) fn apply(
    root: &Place<'_>,
    benchmark: &Place<'_>,
    point: &mut Point,
) -> Result<(), PeerError> {
    let spec = root.any(&["config.spec", "args"]);
    let own = benchmark.at("config.backend");
    let backend = if own.at("target").is_null() { spec.at("backend") } else { own };
    let target = if backend.is_object() { backend.at("target") } else { spec.at("target") };
    let model = if backend.is_object() { backend.at("model") } else { spec.at("model") };
    point.name_model(model.text()?.filter(|model| !model.is_empty()));
    point.server.urls.extend(target.text()?.and_then(address::without_secrets));
    point.server.evidence = "GuideLLM was told so, nothing was probed".to_owned();
    if backend.is_object() {
        let stream = backend.at("stream").flag()?;
        point.workload.stream = stream.unwrap_or(true);
        point.workload.timeout_ns = backend.at("timeout").span(Unit::SECONDS)?;
        point.workload.temperature = backend.at("extras.body.temperature").number()?;
    }
    let format = backend.at("request_format");
    let format = if format.is_null() { spec.at("request_type") } else { format };
    apply_format(&format, point)?;
    apply_data(&spec, point)
}

fn apply_format(format: &Place<'_>, point: &mut Point) -> Result<(), PeerError> {
    let no_text = |what| Err(PeerError::NoGeneration { file: format.file().to_owned(), what });
    match format.text()?.unwrap_or_default() {
        format if format.contains("chat") => point.workload.api = Api::Chat,
        format if format.contains("completions") => point.workload.api = Api::Completions,
        format if format.contains("embed") || format.contains("pooling") => {
            return no_text("embeddings");
        }
        format if format.contains("audio") => return no_text("audio"),
        _ => {
            point.flags.insert(flags::API_UNKNOWN);
        }
    }
    Ok(())
}

/// Synthetic data have a size. With an output length GuideLLM asks the server to ignore the
/// end of the text (`request_handlers.py`).
fn apply_data(spec: &Place<'_>, point: &mut Point) -> Result<(), PeerError> {
    point.workload.seed = spec.any(&["seed.value", "random_seed"]).whole()?.unwrap_or(0);
    let Ok(Some(data)) = spec.at("data").list() else { return Ok(()) };
    let Some(data) = data.first().filter(|data| data.is_object()) else { return Ok(()) };
    point.workload.n_prompt = data.at("prompt_tokens").count()?;
    point.workload.n_output = data.at("output_tokens").count()?;
    point.workload.turns = data.at("turns").count()?.filter(|turns| *turns > 0).unwrap_or(1);
    if point.workload.n_output.is_some() {
        point.workload.length_control = LengthControl::IgnoreEos;
    }
    Ok(())
}
