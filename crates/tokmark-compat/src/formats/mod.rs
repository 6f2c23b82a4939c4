//! llama-bench's five output formats, written from records.
//!
//! With parallel sequences in the matrix, a field `n_parallel` follows `n_depth`; without
//! them the fields are llama-bench's and no others. Other additions of ours:
//! - SQL strings double their single quotes, which llama-bench leaves to break.
//! - JSON keeps letters beyond ASCII, which llama-bench turns into `\uffffff`.
//! - A value that isn't known is empty in csv and md, `NULL` in sql and `null` in json.

mod figures;
mod markdown;
mod number;
mod row;
mod write;

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use tokmark_model::{EngineFacts, Record};

use crate::lists::invalid;
use crate::{CompatError, Matrix};
use markdown::Column;
use row::{Row, field_names};

/// An output format of llama-bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// A line of names, then one line a test; everything quoted.
    Csv,
    /// One array, with the samples.
    Json,
    /// One object a line, with the samples.
    Jsonl,
    /// A table for people.
    Md,
    /// A table and its rows as statements.
    Sql,
}

impl Format {
    /// Every format, in the order of llama-bench's help.
    pub const ALL: &[Format] = &[Format::Csv, Format::Json, Format::Jsonl, Format::Md, Format::Sql];

    /// The word for it: `jsonl`.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Json => "json",
            Format::Jsonl => "jsonl",
            Format::Md => "md",
            Format::Sql => "sql",
        }
    }

    /// Reads the value of `--output` or `--output-err`; `none` is no format.
    ///
    /// # Errors
    ///
    /// Any other word.
    pub fn read(flag: &str, word: &str) -> Result<Option<Format>, CompatError> {
        if word == "none" {
            return Ok(None);
        }
        word.parse().map(Some).map_err(|()| invalid(flag, word, "csv, json, jsonl, md or sql"))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Format::ALL.iter().copied().find(|format| format.as_str() == word).ok_or(())
    }
}

/// Writes one run: the header, a row for each record, the footer.
///
/// Each call writes at once and whole; flushing is the caller's.
#[derive(Debug)]
pub struct Printer {
    format: Format,
    columns: Vec<Column>,
    with_parallel: bool,
    commit: String,
    build_number: u64,
    is_first: bool,
}

impl Printer {
    /// A printer for a run of `matrix`, made whole by [`Matrix::or_defaults`]. Columns of
    /// the md table appear where it differs from `defaults`, and as the back ends of
    /// `engine` demand.
    pub fn new(format: Format, matrix: &Matrix, defaults: &Matrix, engine: &EngineFacts) -> Self {
        Printer {
            format,
            columns: markdown::columns(matrix, defaults, &engine.backends),
            with_parallel: matrix.n_parallel != defaults.n_parallel,
            commit: row::build_commit(engine),
            build_number: row::build_number(engine),
            is_first: true,
        }
    }

    /// What comes before the first row. jsonl has nothing there.
    ///
    /// # Errors
    ///
    /// Whatever `out` says.
    pub fn header(&mut self, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        let fields = field_names(self.with_parallel);
        let text = match self.format {
            Format::Csv => write::csv_header(&fields),
            Format::Json => "[\n".to_owned(),
            Format::Jsonl => String::new(),
            Format::Md => markdown::header(&self.columns),
            Format::Sql => write::sql_header(&fields),
        };
        out.write_all(text.as_bytes())
    }

    /// One record. `model_filename` is the model as the user named it, e.g.
    /// `models/a.gguf`; the record itself holds no folder.
    ///
    /// Returns whether a row was written: llama-bench has none for a test that failed, and
    /// so a record appears here only if it is ok, or was interrupted after at least one
    /// repetition. The caller reports the others elsewhere.
    ///
    /// # Errors
    ///
    /// Whatever `out` says.
    pub fn row(
        &mut self,
        out: &mut (impl Write + ?Sized),
        record: &Record,
        model_filename: &str,
    ) -> io::Result<bool> {
        let Some(row) = Row::of(record, model_filename, self.with_parallel) else {
            return Ok(false);
        };
        let text = match self.format {
            Format::Csv => write::csv_row(&row),
            Format::Json => write::json_row(&row, self.is_first),
            Format::Jsonl => write::jsonl_row(&row),
            Format::Md => markdown::row(&self.columns, &row, record),
            Format::Sql => write::sql_row(&row),
        };
        self.is_first = false;
        out.write_all(text.as_bytes())?;
        Ok(true)
    }

    /// What comes after the last row: the end of the array in json, the build in md.
    ///
    /// # Errors
    ///
    /// Whatever `out` says.
    pub fn footer(&mut self, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        match self.format {
            Format::Json => out.write_all(b"\n]\n"),
            Format::Md => {
                let text = format!("\nbuild: {} ({})\n", self.commit, self.build_number);
                out.write_all(text.as_bytes())
            }
            Format::Csv | Format::Jsonl | Format::Sql => Ok(()),
        }
    }
}
