//! Lines of a trace, with their numbers.

use serde::de::DeserializeOwned;

use crate::WorkloadError;

/// Longest line that is read: 64 MB (10^6 bytes each).
pub const MAX_LINE_BYTES: usize = 64_000_000;

/// The lines that are not blank, numbered from 1, as text.
pub(super) fn numbered_lines(
    bytes: &[u8],
) -> impl Iterator<Item = Result<(usize, &str), WorkloadError>> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace));
    lines.map(|(position, line)| {
        let number = position + 1;
        let fault = |problem: String| WorkloadError::Line { line: number, problem };
        if line.len() > MAX_LINE_BYTES {
            let n = line.len();
            return Err(fault(format!("{n} bytes, more than {MAX_LINE_BYTES}")));
        }
        let text = std::str::from_utf8(line)
            .map_err(|error| fault(format!("no UTF-8 at byte {}", error.valid_up_to() + 1)))?;
        Ok((number, text))
    })
}

/// Reads every line as one entry.
pub(super) fn entries<T: DeserializeOwned>(
    bytes: &[u8],
) -> impl Iterator<Item = Result<(usize, T), WorkloadError>> {
    numbered_lines(bytes).map(|line| {
        let (line, text) = line?;
        match serde_json::from_str(text) {
            Ok(entry) => Ok((line, entry)),
            Err(error) => Err(WorkloadError::Line { line, problem: json_problem(&error) }),
        }
    })
}

/// What the JSON reader said, without the line, which is always 1 there.
fn json_problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(problem) => format!("{problem} at column {}", error.column()),
        None => text,
    }
}
