//! A line of JSON for each request.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use tokmark_lab::large_log;
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
    /// In place of the requests: the file that has them, where it can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_file: Option<&'a str>,
    #[serde(flatten)]
    request: Option<&'a RequestSample>,
}

/// Writes every request as a line, with the run, the record and the point that it belongs to, in
/// the order of their due times. Those of a point that has too many for its record are read from
/// the folder `large_logs`; where that can't be, one line names the file.
pub(crate) fn request_lines(
    records: &[Record],
    large_logs: &Path,
    out: &mut dyn Write,
) -> io::Result<()> {
    for record in records {
        let Some(serving) = record.serving.as_deref() else { continue };
        let label = record.label();
        let line = Line {
            run_id: record.run_id,
            record_id: record.id,
            point: &label,
            recipe: serving.recipe.as_deref(),
            requests_file: None,
            request: None,
        };
        for request in &serving.requests {
            write_line(out, &Line { request: Some(request), ..line })?;
        }
        match large_log(serving, large_logs) {
            None => {}
            Some(Ok(log)) => {
                let mut written = Ok(());
                log.visit(&mut |request, _| {
                    if written.is_ok() {
                        written = write_line(out, &Line { request: Some(&request), ..line });
                    }
                })?;
                written?;
            }
            Some(Err(_)) => {
                write_line(out, &Line { requests_file: serving.requests_file(), ..line })?
            }
        }
    }
    out.flush()
}

fn write_line(out: &mut dyn Write, line: &Line<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}
