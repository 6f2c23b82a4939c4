//! A line of JSON for each request.

use serde::Serialize;
use tokmark_model::{Record, RecordId, RequestSample, Uuid};

/// What stands before the request's own fields.
#[derive(Clone, Copy, Serialize)]
struct Line<'a> {
    run_id: Uuid,
    record_id: RecordId,
    /// `chat x 4`.
    point: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipe: Option<&'a str>,
    /// In place of the requests: the file that has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_file: Option<&'a str>,
    #[serde(flatten)]
    request: Option<&'a RequestSample>,
}

/// Every request as a line, with the run, the record and the point that it belongs to, in the
/// order of their due times. A point that has too many for its record has one line, which names
/// the file.
pub(crate) fn request_lines(records: &[Record]) -> anyhow::Result<String> {
    let mut text = String::new();
    for record in records {
        let Some(serving) = record.serving.as_deref() else { continue };
        let label = record.label();
        let line = Line {
            run_id: record.run_id,
            record_id: record.id,
            point: &label,
            recipe: serving.recipe.as_deref(),
            requests_file: serving.events.as_ref().and_then(|events| events.file.as_deref()),
            request: None,
        };
        if line.requests_file.is_some() {
            text += &serde_json::to_string(&line)?;
            text.push('\n');
        }
        for request in &serving.requests {
            text += &serde_json::to_string(&Line {
                request: Some(request),
                requests_file: None,
                ..line
            })?;
            text.push('\n');
        }
    }
    Ok(text)
}
