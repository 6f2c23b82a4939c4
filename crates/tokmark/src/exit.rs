use std::io;
use std::process::ExitCode;

use tokmark_lab::Tally;

/// How the program ends; the numbers are listed in `docs/cli.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All done.
    Done,
    /// The second variant is worse than the first.
    Worse,
    /// Wrong usage, or nothing could run: no record was kept.
    Usage,
    /// Finished, with failed or timed-out rows.
    FailedRows,
    /// Finished, with steps skipped as hopeless.
    Hopeless,
    /// The user stopped it; what was done is kept.
    Interrupted,
}

impl Exit {
    /// Of a run whose tests ended so.
    pub(crate) fn of(tally: &Tally) -> Self {
        match tally {
            _ if tally.interrupted => Exit::Interrupted,
            _ if tally.n_failed == 0 => Exit::Done,
            _ => Exit::FailedRows,
        }
    }

    /// llama-bench knows only 0 and 1.
    pub(crate) fn number(self, compat: bool) -> u8 {
        match (self, compat) {
            (Exit::Done, _) => 0,
            (Exit::Interrupted, _) => 130,
            (_, true) => 1,
            (Exit::Worse, false) => 1,
            (Exit::Usage, false) => 2,
            (Exit::FailedRows, false) => 3,
            (Exit::Hopeless, false) => 4,
        }
    }
}

/// Prints an error with its causes in one line, and gives the exit code. A closed pipe is
/// quiet.
pub(crate) fn code(result: anyhow::Result<Exit>, compat: bool) -> ExitCode {
    let exit = match result {
        Ok(exit) => exit,
        Err(error) if is_closed_pipe(&error) => Exit::Done,
        Err(_) if crate::wiring::interrupt().is_raised() => Exit::Interrupted,
        Err(error) => {
            crate::output::say!("error: {error:#}");
            Exit::Usage
        }
    };
    ExitCode::from(exit.number(compat))
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_failure_is_a_failed_row_also_where_nothing_else_was_measured() {
        let only_failed = Tally { n_ok: 0, n_failed: 1, interrupted: false };
        assert_eq!(Exit::of(&only_failed).number(false), 3);
        assert_eq!(Exit::of(&only_failed).number(true), 1);
        let interrupted = Tally { interrupted: true, ..only_failed };
        assert_eq!(Exit::of(&interrupted).number(false), 130);
    }
}
