//! The record of a load point.

use tokmark_http::Endpoint;
use tokmark_model::{
    Bytes, ClientCheck, EngineFacts, MachineFacts, MemoryUse, ModelFacts, Nanos, Record,
    RecordKind, Repetitions, RequestSample, ServerFacts, Serving, ServingSummary, Speculation,
    Status, StatusReason, Test, Timestamp, Uuid, Workload,
};
use tokmark_stats::{
    Requests, ServingGradeInput, ServingInput, add_early_end, grade_serving, summarize_again,
    summarize_serving,
};

use super::client::distortion;
use super::requests::PointRequests;
use super::timeline::Readings;
use super::{LoadExtent, LoadOptions};
use crate::record::blank;

/// What else is known of a point that is over.
pub(super) struct PointFacts {
    pub(super) created_at: Timestamp,
    pub(super) aborted: Option<String>,
    pub(super) client: ClientCheck,
    pub(super) readings: Readings,
    pub(super) cold: Option<RequestSample>,
}

/// The record: statistics and grade from the requests, whatever their number.
///
/// # Errors
/// When the file of the requests can't be read.
pub(super) fn record(
    endpoint: &Endpoint,
    workload: &Workload,
    requests: PointRequests,
    facts: PointFacts,
    options: &LoadOptions,
) -> std::io::Result<Record> {
    let PointFacts { created_at, aborted, client, readings, cold } = facts;
    let input = ServingInput { workload, requests: &requests, cold: cold.as_ref() };
    let summary = summarize_serving(&input);
    let most = summary.as_ref().map_or_else(String::new, |found| most_common(found, &requests));
    let (status, status_reason) =
        ending(summary.as_ref(), &most, aborted, options.interrupt.is_raised());
    let mut client = client;
    client.peak_bytes = tokmark_host::process_memory(std::process::id()).map(|memory| memory.peak);
    client.calibration_p99_ns =
        options.calibration.map(|found| Nanos(found.ttft_p99.max(0.0) as u64));
    if let Some(summary) = &summary {
        client.reason = distortion(&client, summary);
        client.could_distort = client.reason.is_some();
    }
    let server = endpoint.facts().clone();
    let grade = summary.as_ref().map(|summary| {
        grade_serving(&ServingGradeInput {
            status,
            workload,
            requests: &requests,
            summary,
            client: &client,
            is_local: server.is_local,
            other_cores: readings.other_cores,
            stolen_share: stolen_share(&readings, &options.machine),
            asked_half_width: asked_half_width(&options.extent),
            abort_error_share: options.abort_errors,
            prefill_ceiling_tps: options.prefill_ceiling,
        })
    });
    let speculation = speculation(&requests, readings.drafted);
    let (samples, events) = requests.into_columns()?;
    let mut record = blank(options.run_id, RecordKind::Measured, created_at);
    record.status = status;
    record.status_reason = status_reason;
    record.test = nominal(workload);
    record.repetitions = repetitions(&options.extent);
    record.model = ModelFacts { name: server.model.clone(), ..ModelFacts::default() };
    record.engine = engine(&server);
    record.memory = memory(&server, readings.server_bytes);
    if server.is_local {
        record.machine = options.machine.clone();
    } else {
        record.machine = MachineFacts::default();
        record.flags.push("remote_server".to_owned());
    }
    record.speculation = speculation;
    record.grade = grade;
    record.serving = Some(Box::new(Serving {
        workload: workload.clone(),
        server,
        requests: samples,
        events: Some(events),
        cold,
        summary,
        found_rate: None,
        speed_ups: Vec::new(),
        client,
        timeline: readings.points,
        recipe: options.recipe.clone(),
    }));
    Ok(record)
}

/// Makes the figures of an imported load point, where it has requests and no figures.
pub fn summarize_imported(record: &mut Record) {
    let Some(serving) = record.serving.as_mut().filter(|own| own.summary.is_none()) else {
        return;
    };
    serving.summary = summarize_again(serving);
}

/// The row of a point that was not measured, and why.
pub fn skipped_point(
    run_id: Uuid,
    workload: &Workload,
    server: &ServerFacts,
    reason: &str,
) -> Record {
    let mut record = blank(run_id, RecordKind::Measured, Timestamp::now());
    record.status = Status::Skipped;
    let message = reason.to_owned();
    record.status_reason = Some(StatusReason { message, ..StatusReason::default() });
    record.test = nominal(workload);
    record.model = ModelFacts { name: server.model.clone(), ..ModelFacts::default() };
    record.engine = engine(server);
    record.serving = Some(Box::new(Serving {
        workload: workload.clone(),
        server: server.clone(),
        requests: Vec::new(),
        events: None,
        cold: None,
        summary: None,
        found_rate: None,
        speed_ups: Vec::new(),
        client: ClientCheck::default(),
        timeline: Vec::new(),
        recipe: None,
    }));
    record
}

/// The row of a server that could not be measured at all.
pub fn failed_point(
    run_id: Uuid,
    workload: &Workload,
    recipe: &str,
    status: Status,
    reason: StatusReason,
) -> Record {
    let server = ServerFacts { dialect: "unknown".to_owned(), ..ServerFacts::default() };
    let mut record = skipped_point(run_id, workload, &server, "");
    record.status = status;
    record.status_reason = Some(reason);
    if let Some(serving) = &mut record.serving {
        serving.recipe = Some(recipe.to_owned());
    }
    record
}

/// Has a measured point end with the crash of its server.
pub fn mark_crashed(record: &mut Record, reason: StatusReason) {
    record.status = Status::Crashed;
    record.status_reason = Some(reason);
    if let Some(grade) = &mut record.grade {
        add_early_end(grade, record.status);
    }
}

/// Stolen CPU time / wall time x allowed CPUs.
fn stolen_share(readings: &Readings, machine: &MachineFacts) -> Option<f64> {
    let all = readings.length.as_secs_f64() * machine.cpu.n_allowed.max(1.0);
    Some(readings.stolen?.as_secs_f64() / all).filter(|share| share.is_finite())
}

/// How the point ended; `most` says what most failed by. Some failed requests are figures; none that succeeded is a failure.
fn ending(
    summary: Option<&ServingSummary>,
    most: &str,
    aborted: Option<String>,
    interrupted: bool,
) -> (Status, Option<StatusReason>) {
    let because = |message: String| Some(StatusReason { message, ..StatusReason::default() });
    if let Some(message) = aborted {
        return (Status::Failed, because(format!("given up: {message}{most}")));
    }
    if interrupted {
        return (Status::Interrupted, because("interrupted".to_owned()));
    }
    if summary.is_none_or(|summary| summary.n_ok == 0) {
        let n = summary.map_or(0, |summary| summary.n_requests + summary.n_cut);
        return (Status::Failed, because(format!("none of {n} requests succeeded{most}")));
    }
    (Status::Ok, None)
}

/// `, most of them by: http 404 (model m not found)`.
fn most_common(summary: &ServingSummary, requests: &PointRequests) -> String {
    let Some((label, _)) = summary.errors.iter().max_by_key(|(_, n)| **n) else {
        return String::new();
    };
    let mut words = String::new();
    requests.visit(&mut |request, _| {
        let message = request.message.as_deref().filter(|_| words.is_empty());
        let is_it = || request.error.as_ref().is_some_and(|error| error.label() == *label);
        if let Some(message) = message.filter(|_| is_it()) {
            words = format!(" ({message})");
        }
    });
    format!(", most of them by: {label}{words}")
}

fn asked_half_width(extent: &LoadExtent) -> Option<f64> {
    match extent {
        LoadExtent::Until { half_width, .. } => Some(*half_width),
        LoadExtent::Requests(_) | LoadExtent::For(_) | LoadExtent::Judged(_) => None,
    }
}

fn repetitions(extent: &LoadExtent) -> Option<Repetitions> {
    match *extent {
        LoadExtent::Requests(n) => {
            Some(Repetitions::Fixed { n: u32::try_from(n).unwrap_or(u32::MAX) })
        }
        LoadExtent::For(_) | LoadExtent::Judged(_) => None,
        LoadExtent::Until { half_width, budget } => {
            Some(Repetitions::Adaptive { half_width, budget_ns: budget.into(), at_least: 1 })
        }
    }
}

/// The size aimed at, and how many requests at once.
fn nominal(workload: &Workload) -> Test {
    let n_parallel = match workload.arrival {
        tokmark_model::Load::Concurrency { n } => n,
        _ => 1,
    };
    let (n_prompt, n_gen) =
        (workload.n_prompt.unwrap_or_default(), workload.n_output.unwrap_or_default());
    Test { n_prompt, n_gen, n_depth: 0, n_parallel }
}

/// Of the server's processes where they can be seen, else what the server says of its model: on
/// the host all that lies on no GPU.
fn memory(server: &ServerFacts, server_bytes: Option<Bytes>) -> MemoryUse {
    let told = server.model_bytes.zip(server.gpu_share_percent);
    let on_gpu = told.map(|(all, percent)| {
        let share = (percent / 100.0).clamp(0.0, 1.0);
        Bytes((all.0 as f64 * share).round() as u64)
    });
    let on_host = server.model_bytes.zip(on_gpu).map(|(all, gpu)| Bytes(all.0 - gpu.0));
    MemoryUse {
        host_peak_bytes: server_bytes.or(on_host),
        device_peak_bytes: on_gpu.filter(|bytes| bytes.0 > 0),
        gpu_share_percent: server.gpu_share_percent,
        ..MemoryUse::default()
    }
}

fn engine(server: &ServerFacts) -> EngineFacts {
    EngineFacts {
        name: server.dialect.clone(),
        version: server.version.clone().unwrap_or_default(),
        ..EngineFacts::default()
    }
}

/// The server's own count of drafted and accepted tokens: over all answers that have it, else
/// what its counters grew by.
fn speculation(requests: &PointRequests, counters: Option<(u64, u64)>) -> Option<Speculation> {
    let (mut n_drafted, mut n_accepted) = (0u64, 0u64);
    requests.visit(&mut |request, _| {
        let own = request.server.unwrap_or_default();
        n_drafted += u64::from(own.n_drafted.unwrap_or(0));
        n_accepted += u64::from(own.n_accepted.unwrap_or(0));
    });
    if let (0, Some(counted)) = (n_drafted, counters) {
        (n_drafted, n_accepted) = counted;
    }
    let method = "as the server reports".to_owned();
    (n_drafted > 0).then_some(Speculation { method, n_drafted, n_accepted })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_lies_on_the_host_as_far_as_it_lies_on_no_gpu() {
        let server = |share: Option<f64>| ServerFacts {
            model_bytes: Some(Bytes(1_000)),
            gpu_share_percent: share,
            ..ServerFacts::default()
        };
        let found = memory(&server(Some(75.0)), None);
        assert_eq!(found.host_peak_bytes, Some(Bytes(250)));
        assert_eq!(found.device_peak_bytes, Some(Bytes(750)));
        let found = memory(&server(Some(0.0)), None);
        assert_eq!((found.host_peak_bytes, found.device_peak_bytes), (Some(Bytes(1_000)), None));
        assert_eq!(memory(&server(None), None).host_peak_bytes, None);
        let seen = memory(&server(Some(75.0)), Some(Bytes(300)));
        assert_eq!(seen.host_peak_bytes, Some(Bytes(300)));
    }
}
