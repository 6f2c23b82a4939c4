//! A record's figures made anew from its samples: what somebody claims is never believed.

use std::collections::BTreeSet;

use serde_json::Value;
use tokmark_model::{Grade, Record, RecordId, RecordKind, Repetitions, StopReason, Variant};

use crate::plausible;
use crate::serving::RequestsWithEvents;
use crate::{
    GradeInput, STATISTICS_VERSION, ServingGradeInput, ServingInput, VisitTimes, grade,
    grade_serving, is_disturbed, judge_experiment, judge_resources, overall, summarize,
    summarize_serving, visit_resources, visit_times,
};

/// Largest relative difference between two figures of the same samples.
pub const SAME_FIGURE: f64 = 1e-9;

/// Why a record's figures can't be taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unsound {
    /// A figure is not what its samples give.
    #[error("{field} is {claimed}, but the samples give {made}")]
    Differs {
        /// Path of the figure in JSON: `summary/rate/rate_tps`.
        field: String,
        /// The claimed value.
        claimed: String,
        /// What the samples give.
        made: String,
    },
    /// There are figures and nothing that they were made from.
    #[error("{field} has no samples that it was made from")]
    WithoutSamples {
        /// The field.
        field: &'static str,
    },
    /// No measurement gives this.
    #[error("{field} can't be: {why}")]
    Impossible {
        /// Path of the field in JSON.
        field: String,
        /// Why not.
        why: &'static str,
    },
    /// The times of a request's events can't be read.
    #[error("serving/events can't be read: {reason}")]
    Events {
        /// Why.
        reason: String,
    },
    /// A visit of the experiment is not at hand.
    #[error("the record {id} of a visit is missing; send the visits first, or with it")]
    VisitMissing {
        /// Its record.
        id: RecordId,
    },
}

/// `record` with the figures that its samples give under [`STATISTICS_VERSION`], and with the
/// grade of these. `visit` finds the records of an experiment's visits.
///
/// The claimed figures must be the same to within [`SAME_FIGURE`] where they were made by this
/// version of the statistics; those of other versions are replaced. A load point's grade knows
/// things that its record does not hold: the worse of the claimed one and the one made here
/// stands. Records without samples, of the kinds that have none, are given back as they are.
///
/// # Errors
/// Names what does not fit.
pub fn recomputed(
    record: &Record,
    visit: impl Fn(RecordId) -> Option<Record>,
) -> Result<Record, Unsound> {
    plausible::check(record)?;
    let mut made = record.clone();
    if record.experiment.is_some() {
        judge(&mut made, visit)?;
    } else if record.serving.is_some() {
        serve(&mut made)?;
    } else {
        test(&mut made)?;
    }
    if record.statistics_version() == Some(STATISTICS_VERSION) {
        for (field, claimed, made) in [
            ("summary", value(&record.summary), value(&made.summary)),
            ("serving/summary", serving_summary(record), serving_summary(&made)),
            ("experiment", figures(record), figures(&made)),
        ] {
            same(field, &claimed, &made)?;
        }
    }
    Ok(made)
}

fn value(of: &impl serde::Serialize) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

fn serving_summary(record: &Record) -> Value {
    value(&record.serving.as_ref().map(|serving| &serving.summary))
}

fn figures(record: &Record) -> Value {
    value(&record.experiment.as_ref().map(|own| (&own.contests, &own.overall, &own.resources)))
}

fn test(record: &mut Record) -> Result<(), Unsound> {
    if record.samples.is_empty() {
        let has_samples = matches!(record.kind, RecordKind::Measured | RecordKind::Imported);
        if has_samples && record.summary.is_some() {
            return Err(Unsound::WithoutSamples { field: "summary" });
        }
        record.grade = None;
        return Ok(());
    }
    let n = u32::try_from(record.samples.len()).unwrap_or(u32::MAX);
    let ask = record.repetitions.unwrap_or(Repetitions::Fixed { n });
    let stop = record.summary.as_ref().map_or(StopReason::Fixed, |summary| summary.stop_reason);
    let summary = summarize(
        &record.test,
        &record.samples,
        &ask,
        stop,
        &record.memory,
        &record.probe_baseline_ns,
    );
    plausible::stopped(&ask, stop, summary.as_ref())?;
    record.grade = summary.as_ref().and_then(|summary| {
        grade(&GradeInput {
            kind: record.kind,
            status: record.status,
            repetitions: &ask,
            summary,
            samples: &record.samples,
            probe_baseline_ns: &record.probe_baseline_ns,
            n_cpus_allowed: Some(record.machine.cpu.n_allowed).filter(|&n| n > 0.0),
            ceiling_tps: None,
        })
    });
    record.summary = summary;
    Ok(())
}

fn serve(record: &mut Record) -> Result<(), Unsound> {
    let is_measured = matches!(record.kind, RecordKind::Measured | RecordKind::Imported);
    let Some(serving) = record.serving.as_mut() else { return Ok(()) };
    if serving.requests.is_empty() {
        if is_measured && serving.summary.is_some() {
            return Err(Unsound::WithoutSamples { field: "serving/summary" });
        }
        return Ok(());
    }
    let times = match &serving.events {
        Some(events) => {
            events.unpack().map_err(|error| Unsound::Events { reason: error.to_string() })?
        }
        None => Vec::new(),
    };
    let requests = RequestsWithEvents { requests: &serving.requests, times: &times };
    serving.summary = summarize_serving(&ServingInput {
        workload: &serving.workload,
        requests: &requests,
        cold: serving.cold.as_ref(),
    });
    let made = serving.summary.as_ref().map(|summary| {
        grade_serving(&ServingGradeInput {
            status: record.status,
            workload: &serving.workload,
            requests: &requests,
            summary,
            client: &serving.client,
            is_local: serving.server.is_local,
            // The record does not hold them: the claimed grade says what they did.
            other_cores: Some(0.0),
            stolen_share: None,
            asked_half_width: match record.repetitions {
                Some(Repetitions::Adaptive { half_width, .. }) => Some(half_width),
                _ => None,
            },
            abort_error_share: None,
            prefill_ceiling_tps: None,
        })
    });
    record.grade = match (record.grade.take(), made) {
        _ if record.kind != RecordKind::Measured => None,
        (Some(claimed), Some(made)) => Some(worse(claimed, made)),
        (_, made) => made,
    };
    Ok(())
}

/// The grade with the worse letter, the claimed one where they are the same.
fn worse(claimed: Grade, made: Grade) -> Grade {
    let decides = claimed.reasons.iter().map(|reason| reason.letter).max();
    let claimed =
        Grade { letter: claimed.letter.max(decides.unwrap_or(claimed.letter)), ..claimed };
    if made.letter > claimed.letter { made } else { claimed }
}

fn judge(record: &mut Record, visit: impl Fn(RecordId) -> Option<Record>) -> Result<(), Unsound> {
    let Some(experiment) = record.experiment.as_mut() else { return Ok(()) };
    let run_id = record.run_id;
    let mut counted = BTreeSet::new();
    let mut visits = Vec::with_capacity(experiment.visits.len());
    let mut resources = Vec::with_capacity(experiment.visits.len());
    let mut n_disturbed = 0;
    for made in &experiment.visits {
        let found = made.records.iter().map(|&id| visit(id).ok_or(Unsound::VisitMissing { id }));
        let records = found.collect::<Result<Vec<Record>, Unsound>>()?;
        for (n, found) in records.iter().enumerate() {
            let is_own = found.run_id == run_id && found.visit.as_ref() == Some(&made.visit);
            let test = experiment.design.tests.get(n);
            let is_of_test = found.serving.is_some() || test == Some(&found.test);
            let variant = experiment.variants.get(made.visit.variant as usize);
            let is_of_variant = variant.is_some_and(|variant| is_of(found, variant));
            if !is_own || !is_of_test || !is_of_variant || !counted.insert(found.id) {
                let why = "a record is of one visit of its own run, of its test and its variant";
                return Err(Unsound::Impossible { field: "experiment/visits".to_owned(), why });
            }
        }
        let times = visit_times(&records, &experiment.design.tests);
        n_disturbed += u32::from(records.iter().any(is_disturbed));
        resources.push(visit_resources(&made.visit, &records));
        visits.push(VisitTimes { visit: made.visit.clone(), times });
    }
    let is_measured: Vec<bool> =
        experiment.variants.iter().map(|variant| variant.failure.is_none()).collect();
    experiment.contests = judge_experiment(&experiment.design, &is_measured, &visits);
    experiment.resources = judge_resources(&experiment.design, &is_measured, &resources);
    experiment.overall = experiment.overall.map(|_| overall(&experiment.contests));
    experiment.n_disturbed = n_disturbed;
    experiment.statistics_version = STATISTICS_VERSION;
    // Its visits have grades; an experiment has verdicts.
    record.grade = None;
    Ok(())
}

/// The record may be of a visit to the variant: the same model file, where both say which.
fn is_of(visit: &Record, variant: &Variant) -> bool {
    let (own, other) = (&visit.model.sha256, &variant.model.sha256);
    let is_model = own == other || (variant.endpoint.is_some() && own.is_none());
    is_model && visit.experiment.is_none()
}

/// Whether two values in JSON are the same, numbers to within [`SAME_FIGURE`].
fn same(field: &str, claimed: &Value, made: &Value) -> Result<(), Unsound> {
    let differs = || {
        let shown = |value: &Value| {
            let text = value.to_string();
            text.char_indices()
                .nth(80)
                .map_or(text.clone(), |(at, _)| format!("{}...", &text[..at]))
        };
        Err(Unsound::Differs {
            field: field.to_owned(),
            claimed: shown(claimed),
            made: shown(made),
        })
    };
    match (claimed, made) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            let is_same = a == b || (a - b).abs() <= SAME_FIGURE * a.abs().max(b.abs());
            if is_same { Ok(()) } else { differs() }
        }
        (Value::Array(a), Value::Array(b)) => {
            if a.len() != b.len() {
                return differs();
            }
            let mut both = a.iter().zip(b).enumerate();
            both.try_for_each(|(n, (a, b))| same(&format!("{field}/{n}"), a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            for (name, b) in b {
                same(&format!("{field}/{name}"), a.get(name).unwrap_or(&Value::Null), b)?;
            }
            match a.keys().find(|name| !b.contains_key(*name)) {
                Some(name) => same(&format!("{field}/{name}"), &a[name], &Value::Null),
                None => Ok(()),
            }
        }
        (a, b) if a == b => Ok(()),
        _ => differs(),
    }
}
