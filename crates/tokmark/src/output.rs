//! Standard output: data, and nothing else. Standard error: everything else; that it was
//! closed ends nothing.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;

use crate::exit::Exit;

/// Prints `text` whole.
pub(crate) fn print(text: &str) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(Exit::Done)
}

/// Has `write` write to standard output, a piece at a time.
pub(crate) fn stream(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<Exit> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    write(&mut out)?;
    out.flush()?;
    Ok(Exit::Done)
}

/// Columns of the terminal that shows standard output; `None` where that is none.
pub(crate) fn width() -> Option<usize> {
    console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns))
}

/// Prints `value` as indented JSON.
pub(crate) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<Exit> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    print(&text)
}

/// Prints a line to standard error.
macro_rules! say {
    ($($arg:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($arg)*);
    }};
}

/// Prints to standard error without ending the line.
macro_rules! say_bare {
    ($($arg:tt)*) => {{
        use std::io::Write as _;
        let _ = write!(std::io::stderr(), $($arg)*);
    }};
}

pub(crate) use {say, say_bare};

/// Whether a report can be written at the end; leaves the file as it is.
pub(crate) fn check_report(file: &Path) -> anyhow::Result<()> {
    let is_there = file.exists();
    let opened = std::fs::OpenOptions::new().append(true).create(true).open(file);
    opened.with_context(|| format!("cannot write {}", file.display()))?;
    if !is_there {
        std::fs::remove_file(file).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// Writes a report; whether nothing went wrong with it. Its records are kept anyway.
pub(crate) fn write_report(file: &Path, page: &str) -> bool {
    let written = std::fs::write(file, page);
    if let Err(error) = &written {
        say!("cannot write {}: {error}; the records are kept", file.display());
    }
    written.is_ok()
}
