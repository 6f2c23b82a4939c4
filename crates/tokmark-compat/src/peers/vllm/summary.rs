use std::collections::BTreeMap;

use tokmark_model::{ArrivalCheck, Distribution, RequestError, ServingSummary};

use crate::peers::figures::{Figures, rate};
use crate::peers::node::{Place, Unit};
use crate::peers::point::Point;
use crate::peers::{LEVELS, PeerError, failure, flags};

/// The figures of a result without its requests. The peak of requests under way is left out:
/// both clients counted, in some versions, all that were under way within a second.
pub(super) fn read(
    result: &Place<'_>,
    n_requests: u64,
    n_ok: u64,
    point: &mut Point,
) -> Result<ServingSummary, PeerError> {
    let mut errors = errors(result, n_requests - n_ok, point)?;
    let n_cut = errors.remove(&RequestError::Cut.label()).unwrap_or(0);
    let arrivals = ArrivalCheck { n: n_requests, ..Default::default() };
    let n_requests = n_requests - n_cut;
    let counted =
        ServingSummary { n_requests, n_ok, errors, n_cut, arrivals, ..Default::default() };
    if n_ok == 0 {
        return Ok(counted);
    }
    let mean = |total: &str| {
        let mean = result.at(total).amount()?.map(|total| (total / n_ok as f64).round() as u32);
        Ok::<_, PeerError>(mean.unwrap_or(0))
    };
    point.mean_tokens = Some((mean("total_input_tokens")?, mean("total_output_tokens")?));
    point.flags.extend([
        flags::STDDEV_OF_POPULATION,
        flags::MIN_MAX_UNKNOWN,
        flags::E2E_MAY_END_WITH_USAGE,
    ]);
    let figure = |key: &str| Ok::<_, PeerError>(result.at(key).amount()?.map(rate));
    let itl_ms = distribution(result, "itl", 0)?;
    point.flags.extend(itl_ms.as_ref().map(|_| flags::ITL_COUNT_UNKNOWN));
    Ok(ServingSummary {
        window_end_ns: result.at("duration").span(Unit::SECONDS)?.unwrap_or_default(),
        ttft_ms: distribution(result, "ttft", n_ok)?,
        itl_ms,
        tpot_ms: distribution(result, "tpot", n_ok)?,
        e2e_ms: distribution(result, "e2el", n_ok)?,
        output_rate_tps: figure("output_throughput")?,
        total_rate_tps: figure("total_token_throughput")?,
        request_rate_per_s: figure("request_throughput")?,
        ..counted
    })
}

/// The distribution of `mean_NAME_ms` and its like. Which percentiles there are is the user's
/// choice; the median is always there.
fn distribution(result: &Place<'_>, name: &str, n: u64) -> Result<Option<Distribution>, PeerError> {
    let figure = |figure: &str| result.key(&format!("{figure}_{name}_ms")).amount();
    let mut quantiles = Vec::new();
    for (q, digits) in LEVELS {
        let mut value = figure(&format!("p{digits}"))?;
        if q == 0.5 {
            value = value.or(figure("median")?);
        }
        quantiles.extend(value.map(|value| (q, value, None)));
    }
    let (mean, stddev) = (figure("mean")?, figure("std")?);
    let figures = Figures { n, mean, stddev, min: None, max: None, quantiles };
    Ok(figures.distribution(|value| value).map(|(distribution, _)| distribution))
}

/// Failed requests by kind. The Rust client lists them; what isn't listed has no known kind.
fn errors(
    result: &Place<'_>,
    n_failed: u64,
    point: &mut Point,
) -> Result<BTreeMap<String, u64>, PeerError> {
    let mut errors: BTreeMap<String, u64> = BTreeMap::new();
    let mut n_known = 0u64;
    for failed in result.at("failed_requests").list()?.unwrap_or_default() {
        let kind = failed.at("error").text()?.and_then(failure::kind);
        if let Some(kind) = kind.filter(|_| n_known < n_failed) {
            *errors.entry(kind.label()).or_default() += 1;
            n_known += 1;
        }
    }
    if n_known < n_failed {
        point.flags.insert(flags::ERRORS_OF_UNKNOWN_KIND);
        *errors.entry(RequestError::BrokenStream.label()).or_default() += n_failed - n_known;
    }
    Ok(errors)
}
