use std::collections::BTreeMap;

use tokmark_model::{
    ArrivalCheck, Distribution, Load, Nanos, Record, RequestError, ServingSummary,
};

use super::records::error_kind;
use super::{TOOL, config};
use crate::peers::figures::{Figures, rate};
use crate::peers::node::{Node, Place, Unit};
use crate::peers::point::{Point, Source};
use crate::peers::{LEVELS, PeerError, flags, kind, moment};

/// Reads `profile_export_aiperf.json`: one point without requests.
pub(crate) fn read(source: &Source<'_>) -> Result<Vec<Record>, PeerError> {
    let node: Node =
        serde_json::from_str(source.text).map_err(|error| kind::syntax(&error, source.file, 0))?;
    let root = Place::new(&node, "", source.file);
    let settings = root.at("input_config");
    let request_rate = scalar(&root, "request_throughput")?;
    let (load, load_flags) = config::load(&settings, request_rate)?;
    let most = scalar_of(&root, "effective_concurrency", "max")?.map_or(1, |n| n.round() as u32);
    let version = root.at("aiperf_version").text()?.unwrap_or_default();
    let inferred = load.is_none().then_some(flags::LOAD_INFERRED);
    let load = load.unwrap_or(Load::Concurrency { n: most.max(1) });
    let mut point = Point::new(TOOL, version, load);
    point.flags.extend(load_flags.into_iter().chain(inferred));
    config::apply(&settings, &mut point)?;
    point.workload.seed = root.at("run_info.random_seed").whole()?.unwrap_or(0);
    if let Some((time, is_assumed)) = root.at("start_time").text()?.and_then(moment::read) {
        point.began_at = Some(time);
        point.flags.extend(is_assumed.then_some(flags::TIME_ZONE_ASSUMED_UTC));
    }
    let is_whole = root.at("is_complete").flag()?.unwrap_or(true);
    point.was_cancelled = root.at("was_cancelled").flag()? == Some(true) || !is_whole;
    let blocked = scalar_of(&root, "http_req_blocked", "max")?;
    if blocked.is_some_and(|blocked| blocked > 0.0) {
        point.flags.insert(flags::TTFT_INCLUDES_CLIENT_QUEUE);
    }
    point.flags.insert(flags::STDDEV_OF_POPULATION);
    point.summary = Some(Summary { root: &root, point: &mut point }.read()?);
    Ok(vec![point.into_record(source, 0)])
}

/// The metrics of the document; what has to be said of them goes into the point.
struct Summary<'a> {
    root: &'a Place<'a>,
    point: &'a mut Point,
}

impl Summary<'_> {
    fn read(mut self) -> Result<ServingSummary, PeerError> {
        let root = self.root;
        let n_ok = root.at("request_count.avg").whole()?.unwrap_or(0);
        let mut errors = self.errors()?;
        let n_cut = errors.remove(&RequestError::Cut.label()).unwrap_or(0);
        let n_requests = errors.values().fold(n_ok, |sum, n| sum.saturating_add(*n));
        if n_requests == 0 && n_cut == 0 {
            return Err(PeerError::Empty { file: root.file().to_owned(), tool: "AIPerf" });
        }
        if n_ok == 0 {
            return Ok(ServingSummary { n_requests, errors, n_cut, ..Default::default() });
        }
        let duration = root.at("benchmark_duration");
        let unit = duration.at("unit").text()?.and_then(Unit::named).unwrap_or(Unit::SECONDS);
        let prompt = self.distribution("usage_prompt_tokens", n_ok)?;
        let output = self.distribution("usage_completion_tokens", n_ok)?;
        let cached = scalar(root, "overall_usage_prompt_cache_read_pct")?;
        Ok(ServingSummary {
            n_requests,
            n_ok,
            errors,
            n_cut,
            window_end_ns: duration.at("avg").span(unit)?.unwrap_or(Nanos(0)),
            ttft_ms: self.distribution("time_to_first_token", n_ok)?,
            ttfo_ms: self.distribution("time_to_first_output_token", n_ok)?,
            itl_ms: self.distribution("inter_chunk_latency", 0)?,
            tpot_ms: self.distribution("inter_token_latency", n_ok)?,
            e2e_ms: self.distribution("request_latency", n_ok)?,
            decode_rate_tps: self.distribution("output_token_throughput_per_user", n_ok)?,
            request_rate_tps: self.distribution("e2e_output_token_throughput", n_ok)?,
            prompt_tokens: prompt.or(self.distribution("input_sequence_length", n_ok)?),
            output_tokens: output.or(self.distribution("output_sequence_length", n_ok)?),
            reasoning_tokens: self.distribution("reasoning_token_count", n_ok)?,
            output_rate_tps: scalar(root, "output_token_throughput")?.map(rate),
            total_rate_tps: scalar(root, "total_token_throughput")?.map(rate),
            request_rate_per_s: scalar(root, "request_throughput")?.map(rate),
            mean_in_flight: scalar(root, "effective_concurrency")?,
            max_in_flight: scalar_of(root, "effective_concurrency", "max")?.unwrap_or(0.0) as u64,
            arrivals: ArrivalCheck { n: n_requests, ..Default::default() },
            cached_share: cached.map(|percent| percent / 100.0),
            ..Default::default()
        })
    }

    /// The metric `tag` in milliseconds, or in its own unit where that is no time. Versions
    /// before 0.8 have no `count`; `n` then stands for it.
    fn distribution(&mut self, tag: &str, n: u64) -> Result<Option<Distribution>, PeerError> {
        let metric = self.root.at(tag);
        let unit = metric.at("unit").text()?.and_then(Unit::named);
        let mut quantiles = Vec::new();
        for (q, digits) in LEVELS {
            let value = metric.key(&format!("p{digits}")).number()?;
            quantiles.extend(value.map(|value| (q, value, None)));
        }
        let figures = Figures {
            n: metric.at("count").whole()?.unwrap_or(n),
            mean: metric.at("avg").number()?,
            stddev: metric.at("std").amount()?,
            min: metric.at("min").number()?,
            max: metric.at("max").number()?,
            quantiles,
        };
        let is_count_unknown = figures.n == 0;
        let scaled = figures.distribution(|value| unit.map_or(value, |unit| unit.as_ms(value)));
        let Some((distribution, has_ends)) = scaled else { return Ok(None) };
        self.point.flags.extend((!has_ends).then_some(flags::MIN_MAX_UNKNOWN));
        self.point.flags.extend(is_count_unknown.then_some(flags::ITL_COUNT_UNKNOWN));
        Ok(Some(distribution))
    }

    /// Failed requests by kind; those that `error_summary` doesn't list are of no known kind.
    fn errors(&mut self) -> Result<BTreeMap<String, u64>, PeerError> {
        let mut errors = BTreeMap::new();
        let mut n_listed = 0u64;
        for entry in self.root.at("error_summary").list()?.unwrap_or_default() {
            let count = entry.at("count");
            let count = count.need(count.whole()?, "a number of errors")?;
            let error = error_kind(&entry.at("error_details"))?;
            self.point.flags.extend(error.is_none().then_some(flags::ERRORS_OF_UNKNOWN_KIND));
            let error = error.unwrap_or(RequestError::BrokenStream);
            add(&mut errors, &error, count);
            n_listed = count.saturating_add(n_listed);
        }
        let n_errors = self.root.at("error_request_count.avg").whole()?.unwrap_or(0);
        if n_errors > n_listed {
            self.point.flags.insert(flags::ERRORS_OF_UNKNOWN_KIND);
            add(&mut errors, &RequestError::BrokenStream, n_errors - n_listed);
        }
        Ok(errors)
    }
}

fn add(errors: &mut BTreeMap<String, u64>, error: &RequestError, count: u64) {
    let counted: &mut u64 = errors.entry(error.label()).or_default();
    *counted = counted.saturating_add(count);
}

fn scalar(root: &Place<'_>, tag: &str) -> Result<Option<f64>, PeerError> {
    scalar_of(root, tag, "avg")
}

fn scalar_of(root: &Place<'_>, tag: &str, figure: &str) -> Result<Option<f64>, PeerError> {
    root.at(tag).at(figure).amount()
}
