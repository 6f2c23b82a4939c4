//! Pages in a real browser: how soon they are painted, and what they transfer.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tokmark_stats::median;

use super::generator::World;
use super::server::Server;
use super::{at_most, ingest};

/// Rows of the leaderboard.
const ROWS: u64 = 1_200;
/// Issue 5: first contentful paint of the leaderboard with so many rows.
const MAX_PAINT_MS: f64 = 1_000.0;
/// Issue 5: what a page with charts transfers, kB.
const MAX_WITH_CHARTS_KB: f64 = 500.0;
/// Issue 5: what one without transfers.
const MAX_WITHOUT_KB: f64 = 150.0;
/// Folder of what drives the browser.
const MODULES: &str = "TOKMARK_TEST_BROWSER";
const SCRIPT: &str = include_str!("paint.mjs");

/// What the script prints.
#[derive(Deserialize)]
struct Painted {
    leaderboard: Vec<Visit>,
    run: Visit,
}

#[derive(Deserialize)]
struct Visit {
    paint_ms: f64,
    bytes: f64,
    /// Rows of the leaderboard, charts of a run page.
    n: u64,
}

/// Prints paint and weight beside their limits; whether they were kept.
///
/// # Errors
/// When server or browser can't be run.
pub(super) fn run(tokmark: &Path, seed: u64) -> Result<bool> {
    let Some(modules) = std::env::var_os(MODULES).filter(|folder| !folder.is_empty()) else {
        println!("browser: left out; {MODULES} names no folder (./x bench serve makes one)");
        return Ok(true);
    };
    println!("browser, a store of {ROWS} configurations:");
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let server = Server::start(tokmark, &folder.path().join("tokmark.db").to_string_lossy())?;
    let records = World { seed, n_machines: ROWS }.rows(ROWS)?;
    ingest::send_records(&server, &records)?;
    let record = records.first().context("no record")?;
    let painted =
        visit(&server.url, &format!("/benchmarks/{}", record.id), folder.path(), &modules)?;
    let first = painted.leaderboard.first().context("the browser saw no leaderboard")?;
    println!("  the leaderboard has {} rows, the run page {} charts", first.n, painted.run.n);
    ensure!(
        first.n >= ROWS * 9 / 10 && painted.run.n > 0,
        "these are not the pages that are meant"
    );
    let of = |figure: fn(&Visit) -> f64| {
        let values: Vec<f64> = painted.leaderboard.iter().map(figure).collect();
        median(&values).unwrap_or(f64::NAN)
    };
    let (paint_ms, bytes) = (of(|visit| visit.paint_ms), of(|visit| visit.bytes));
    let mut all = at_most("leaderboard, first paint", paint_ms, MAX_PAINT_MS, "ms");
    all &= at_most("leaderboard, transferred", bytes / 1e3, MAX_WITHOUT_KB, "kB");
    all &= at_most("run page, transferred", painted.run.bytes / 1e3, MAX_WITH_CHARTS_KB, "kB");
    Ok(all)
}

fn visit(url: &str, run_page: &str, folder: &Path, modules: &OsStr) -> Result<Painted> {
    let script = folder.join("paint.mjs");
    std::fs::write(&script, SCRIPT).context("the script can't be written")?;
    let output = Command::new("node")
        .arg(&script)
        .args([url, run_page])
        .env(MODULES, modules)
        .output()
        .context("node can't be run; ./x bench serve installs it")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the browser failed: {}", said.trim());
    serde_json::from_slice(&output.stdout).context("the script's answer is not understood")
}
