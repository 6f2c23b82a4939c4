use std::collections::BTreeMap;

use tokmark_model::{
    ArrivalCheck, Distribution, Interval, IntervalMethod, RequestError, ServingSummary,
};

use crate::peers::figures::{Figures, rate};
use crate::peers::node::{Place, Unit};
use crate::peers::point::Point;
use crate::peers::{LEVELS, PeerError, flags};

/// The figures of a benchmark's answered requests, for a report that left out requests.
pub(super) fn read(benchmark: &Place<'_>, point: &mut Point) -> Result<ServingSummary, PeerError> {
    let metrics = benchmark.at("metrics");
    let totals = metrics.at("request_totals");
    let total = |which: &str| Ok::<_, PeerError>(totals.at(which).whole()?.unwrap_or(0));
    let (n_ok, n_errors, n_cut) = (total("successful")?, total("errored")?, total("incomplete")?);
    let mut errors = BTreeMap::new();
    if n_errors > 0 {
        errors.insert(RequestError::BrokenStream.label(), n_errors);
        point.flags.insert(flags::ERRORS_OF_UNKNOWN_KIND);
    }
    let level = benchmark.at("config.confidence").amount()?;
    let distribution =
        |name: &str, scale: f64| distribution(&metrics.at(name).at("successful"), level, scale);
    let mean = |name: &str| {
        let figures = metrics.at(name).at("successful");
        Ok::<_, PeerError>(figures.at("mean").amount()?.filter(|_| n_ok > 0))
    };
    point.flags.extend([
        flags::STDDEV_OF_POPULATION,
        flags::QUANTILES_NOT_INTERPOLATED,
        flags::TPOT_WEIGHTED_BY_TOKENS,
    ]);
    let most = metrics.at("request_concurrency.successful.max").amount()?;
    let window = benchmark.at("duration").span(Unit::SECONDS)?;
    let n_requests = n_ok.saturating_add(n_errors);
    Ok(ServingSummary {
        n_requests,
        n_ok,
        errors,
        n_cut,
        window_end_ns: window.unwrap_or_default(),
        ttft_ms: distribution("time_to_first_token_ms", 1.0)?,
        ttfo_ms: distribution("time_to_first_output_token_ms", 1.0)?,
        tpot_ms: distribution("inter_token_latency_ms", 1.0)?,
        closed_ms: distribution("request_latency", 1e3)?,
        prompt_tokens: distribution("prompt_token_count", 1.0)?,
        output_tokens: distribution("output_token_count", 1.0)?,
        output_rate_tps: mean("output_tokens_per_second")?.map(rate),
        total_rate_tps: mean("tokens_per_second")?.map(rate),
        request_rate_per_s: mean("requests_per_second")?.map(rate),
        mean_in_flight: mean("request_concurrency")?,
        max_in_flight: most.unwrap_or(0.0) as u64,
        arrivals: ArrivalCheck { n: n_requests, ..Default::default() },
        ..Default::default()
    })
}

/// A distribution times `scale`; GuideLLM writes zeros where it has no value. Its intervals of
/// percentiles are order statistics.
fn distribution(
    place: &Place<'_>,
    level: Option<f64>,
    scale: f64,
) -> Result<Option<Distribution>, PeerError> {
    let n = place.at("count").whole()?.unwrap_or(0);
    if n == 0 {
        return Ok(None);
    }
    let mut quantiles = Vec::new();
    for (q, digits) in LEVELS {
        let name = format!("p{}", digits.replace('.', ""));
        let Some(value) = place.at("percentiles").key(&name).number()? else { continue };
        let ends = place.at("percentile_cis").key(&name);
        let interval = match (level, ends.at("lower").number()?, ends.at("upper").number()?) {
            (Some(level), Some(low), Some(high)) => {
                Some(Interval { low, high, level, method: IntervalMethod::OrderStatistic })
            }
            _ => None,
        };
        quantiles.push((q, value, interval));
    }
    let figures = Figures {
        n,
        mean: place.at("mean").number()?,
        stddev: place.at("std_dev").amount()?,
        min: place.at("min").number()?,
        max: place.at("max").number()?,
        quantiles,
    };
    Ok(figures.distribution(|value| value * scale).map(|(distribution, _)| distribution))
}
