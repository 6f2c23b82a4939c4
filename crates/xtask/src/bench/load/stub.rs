//! A stub in a process of its own, and what it recorded.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use serde::Deserialize;

/// A running `tokmark stub`; ends with this value.
pub(super) struct Stub {
    child: Child,
    pub(super) url: String,
}

/// The rows of `/stub/truth`, by the names of their columns.
pub(super) struct Truth {
    rows: Vec<Row>,
}

/// Times in ns on the stub's clock.
struct Row {
    received: f64,
    first_text: f64,
    first_answer: f64,
    last_text: f64,
    n_events: f64,
}

#[derive(Deserialize)]
struct Document {
    columns: Vec<String>,
    rows: Vec<Vec<serde_json::Value>>,
}

impl Stub {
    pub(super) fn start(tokmark: &Path, args: &[&str]) -> Result<Self> {
        let mut child = Command::new(tokmark)
            .args(["stub", "--tied"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the stub can't run")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let url = line.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        Ok(Stub { child, url })
    }

    pub(super) fn truth(&self) -> Result<Truth> {
        let address = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address)?;
        let request = format!("GET /stub/truth HTTP/1.0\r\nhost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let start = answer.windows(4).position(|w| w == b"\r\n\r\n").context("no HTTP answer")?;
        let document: Document = serde_json::from_slice(&answer[start + 4..])?;
        let column = |name: &str| {
            let position = document.columns.iter().position(|own| own == name);
            position.with_context(|| format!("the stub has no column {name}"))
        };
        let names = ["received_ns", "first_text_ns", "first_answer_ns", "last_text_ns", "n_events"];
        let [received, first_text, first_answer, last_text, n_events] = {
            let mut positions = [0; 5];
            for (position, name) in positions.iter_mut().zip(names) {
                *position = column(name)?;
            }
            positions
        };
        let row = |values: &Vec<serde_json::Value>| {
            Some(Row {
                received: values.get(received)?.as_f64()?,
                first_text: values.get(first_text)?.as_f64()?,
                first_answer: values.get(first_answer)?.as_f64()?,
                last_text: values.get(last_text)?.as_f64()?,
                n_events: values.get(n_events)?.as_f64()?,
            })
        };
        Ok(Truth { rows: document.rows.iter().filter_map(row).collect() })
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Truth {
    /// From received to the first text event, ascending.
    pub(super) fn ttft_ms(&self) -> Vec<f64> {
        self.sorted(|row| row.first_text - row.received)
    }

    /// From received to the first answer event, ascending.
    pub(super) fn ttfo_ms(&self) -> Vec<f64> {
        self.sorted(|row| row.first_answer - row.received)
    }

    /// From received to the last text event, ascending.
    pub(super) fn e2e_ms(&self) -> Vec<f64> {
        self.sorted(|row| row.last_text - row.received)
    }

    /// Mean gaps of the requests, ascending.
    pub(super) fn itl_ms(&self) -> Vec<f64> {
        self.sorted(|row| (row.last_text - row.first_text) / (row.n_events - 1.0).max(1.0))
    }

    /// Time per token after the first event, where each event has so many, ascending.
    pub(super) fn tpot_ms(&self, tokens_per_event: f64) -> Vec<f64> {
        self.sorted(|row| {
            let later = (row.n_events - 1.0) * tokens_per_event;
            (row.last_text - row.first_text) / later.max(1.0)
        })
    }

    /// Fewest and most tokens of an answer.
    pub(super) fn tokens(&self, tokens_per_event: f64) -> (f64, f64) {
        let n = self.rows.iter().map(|row| row.n_events * tokens_per_event);
        n.fold((f64::INFINITY, 0.0), |(least, most), n| (least.min(n), most.max(n)))
    }

    fn sorted(&self, span_ns: impl Fn(&Row) -> f64) -> Vec<f64> {
        let mut values: Vec<f64> = self.rows.iter().map(|row| span_ns(row) / 1e6).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    }
}
