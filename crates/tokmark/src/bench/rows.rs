//! Prints each record as soon as there is one.

use std::io::{self, Write};

use tokmark_compat::{Matrix, Printer};
use tokmark_model::{EngineFacts, Record, Status};

use super::{Bench, Output};
use crate::view::progress::ProgressView;
use crate::view::table;

/// Prints each record as soon as it is kept.
pub(super) struct RowPrinter<'a> {
    bench: &'a Bench<'a>,
    out: Option<Printer>,
    err: Option<Printer>,
    table: table::BenchTable,
    n_records: usize,
}

impl<'a> RowPrinter<'a> {
    pub(super) fn new(bench: &'a Bench<'a>) -> Self {
        RowPrinter {
            bench,
            out: None,
            err: None,
            table: table::BenchTable::default(),
            n_records: 0,
        }
    }

    /// The headers need the engine's facts, which the first record brings.
    fn printers(&mut self, engine: &EngineFacts) -> anyhow::Result<()> {
        let asked = &self.bench.asked;
        let matrix = asked.matrix_with_models(&self.bench.opened);
        let defaults = Matrix { models: matrix.models.clone(), ..asked.defaults.clone() };
        if let (Output::LlamaBench(format), None) = (&asked.output, &self.out) {
            let mut printer = Printer::new(*format, &matrix, &defaults, engine);
            printer.header(&mut io::stdout().lock())?;
            self.out = Some(printer);
        }
        if let (Some(format), None) = (asked.error_output, &self.err) {
            let mut printer = Printer::new(format, &matrix, &defaults, engine);
            printer.header(&mut io::stderr().lock())?;
            self.err = Some(printer);
        }
        Ok(())
    }

    pub(super) fn row(
        &mut self,
        record: &Record,
        name: &str,
        progress: &ProgressView,
    ) -> anyhow::Result<()> {
        progress.clear();
        if record.status != Status::Ok {
            let reason = record.status_reason.as_ref().map_or("", |reason| reason.message.as_str());
            crate::output::say!("error: {} {}: {reason}", name, record.label());
        }
        // Refused before an engine ran: the facts come with the first that did.
        if !record.engine.name.is_empty() {
            self.printers(&record.engine)?;
        }
        let mut stdout = io::stdout().lock();
        match (&self.bench.asked.output, &mut self.out) {
            (Output::Table, _) => self.table.add(record),
            (Output::Records, _) => {
                stdout.write_all(if self.n_records == 0 { b"[\n" } else { b",\n" })?;
                serde_json::to_writer_pretty(&mut stdout, record)?;
            }
            (Output::RecordLines, _) => {
                serde_json::to_writer(&mut stdout, record)?;
                stdout.write_all(b"\n")?;
            }
            (_, Some(printer)) => {
                printer.row(&mut stdout, record, name)?;
            }
            _ => {}
        }
        stdout.flush()?;
        if let Some(printer) = &mut self.err {
            printer.row(&mut io::stderr().lock(), record, name)?;
        }
        self.n_records += 1;
        Ok(())
    }

    /// Ends an array of our records, and nothing else.
    pub(super) fn close_records(&mut self) -> anyhow::Result<()> {
        match self.bench.asked.output {
            Output::Records => self.finish(),
            _ => Ok(()),
        }
    }

    pub(super) fn finish(&mut self) -> anyhow::Result<()> {
        self.printers(&EngineFacts::default())?;
        let mut stdout = io::stdout().lock();
        match (&self.bench.asked.output, &mut self.out) {
            (Output::Table, _) => {
                stdout.write_all(self.table.render(self.bench.records.place()).as_bytes())?;
            }
            (Output::Records, _) if self.n_records == 0 => stdout.write_all(b"[]\n")?,
            (Output::Records, _) => stdout.write_all(b"\n]\n")?,
            (_, Some(printer)) => printer.footer(&mut stdout)?,
            _ => {}
        }
        stdout.flush()?;
        if let Some(printer) = &mut self.err {
            printer.footer(&mut io::stderr().lock())?;
        }
        Ok(())
    }
}
