//! Whether a record's parts fit each other and its figures come from its samples.

use tokmark_model::{Record, RecordKind};
use tokmark_stats::Unsound;

use crate::form::Fault;

/// A record that stands whole in a file, with the figures and the grade that its samples give.
///
/// # Errors
/// Every fault.
pub(super) fn sound(record: Record) -> Result<Record, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut fault = |field: &str, problem: &str, allowed: &str| {
        faults.push(Fault::new(&["record", field], problem, allowed));
    };
    match record.kind {
        RecordKind::Published | RecordKind::ImportedSummary => {
            if !record.samples.is_empty() {
                let allowed = "the kind `imported`, or no samples";
                fault("samples", "a record of this kind has no samples", allowed);
            }
            if record.grade.is_some() {
                fault("grade", "a record of this kind has no grade", "leave it out");
            }
            if record.kind == RecordKind::Published && record.published.is_none() {
                fault("kind", "a published record names no source", "the field `published`");
            }
        }
        RecordKind::Measured | RecordKind::Imported => {
            // An experiment's visits are records of their own, which need not stand here.
            if record.experiment.is_none() && faults.is_empty() {
                return recomputed(&record).map_err(|fault| vec![fault]);
            }
        }
    }
    if faults.is_empty() { Ok(record) } else { Err(faults) }
}

/// The record made anew, or the figure that its samples do not give.
fn recomputed(record: &Record) -> Result<Record, Fault> {
    tokmark_stats::recomputed(record, |_| None).map_err(|unsound| {
        let field = match &unsound {
            Unsound::Differs { field, .. } | Unsound::Impossible { field, .. } => field.as_str(),
            Unsound::WithoutSamples { field } => field,
            Unsound::Events { .. } => "serving/events",
            Unsound::VisitMissing { .. } => "experiment",
        };
        let path: Vec<&str> = ["record"].into_iter().chain(field.split('/')).collect();
        Fault::new(&path, unsound.to_string(), "figures as Tokmark wrote them")
    })
}
