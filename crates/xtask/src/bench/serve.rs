//! `tokmark serve` over a large store: how fast it takes records, how soon it answers, what
//! memory it needs, and how soon its pages are painted.

mod addresses;
mod client;
mod generator;
mod ingest;
mod paint;
mod postgres;
mod reads;
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::harness;
use crate::workspace::Workspace;
use generator::World;
use ingest::Batches;
use server::Server;

/// Issue 5: records of a seeded store.
const ON_SQLITE: u64 = 200_000;
const ON_POSTGRES: u64 = 1_000_000;
/// Issue 5: records taken a second, in batches.
const INGEST_PER_S: f64 = 1_000.0;
/// Issue 5: 99 % quantile of each read at 50 requests a second.
const MAX_P99_MS: f64 = 100.0;
/// Issue 5: the server's memory.
const MAX_MEMORY_MB: f64 = 300.0;
/// A throw-away cluster, see `scripts/postgres.sh`.
const CLUSTER: &str = "TOKMARK_TEST_POSTGRES";

/// What is measured with.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The program [default: release/tokmark in the target folder]
    #[arg(long, value_name = "FILE")]
    tokmark: Option<PathBuf>,
    /// Records [default: 200000 on SQLite, 1000000 on PostgreSQL]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    records: Option<u64>,
    /// Machines that they are from
    #[arg(long, value_name = "N", default_value_t = 2_000,
          value_parser = clap::value_parser!(u64).range(1..))]
    machines: u64,
    /// Also on this PostgreSQL server, in a database that goes afterwards [default: the one that
    /// TOKMARK_TEST_POSTGRES names, if any]
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// On one database alone
    #[arg(long, value_name = "DATABASE", value_parser = ["sqlite", "postgres"])]
    only: Option<String>,
    /// Keep the SQLite store in this folder, and use it again
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Time of each open loop
    #[arg(long, value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Seed of the records
    #[arg(long, value_name = "N", default_value_t = 20_260_101)]
    seed: u64,
}

/// Prints every figure beside its limit; whether all were kept.
///
/// # Errors
/// When something could not be measured.
pub(crate) fn run(options: &Options, workspace: &Workspace) -> Result<bool> {
    let tokmark = harness::tokmark(options.tokmark.as_deref(), workspace)?;
    // The server has a working folder of its own.
    let tokmark = std::path::absolute(tokmark)?;
    let bench = Bench { tokmark, options };
    let given = options.postgres.clone().or_else(|| std::env::var(CLUSTER).ok());
    let postgres = given.filter(|url| !url.is_empty());
    let is_asked = |database: &str| options.only.as_deref().is_none_or(|only| only == database);
    let mut all = true;
    if is_asked("sqlite") {
        all &= bench.on_sqlite()?;
    }
    if is_asked("postgres") {
        match postgres {
            Some(cluster) => all &= bench.on_postgres(&cluster)?,
            None if options.only.is_some() => {
                bail!("no PostgreSQL is named; give --postgres, or set {CLUSTER}")
            }
            None => println!("PostgreSQL: left out; name one by --postgres or {CLUSTER}"),
        }
    }
    all &= paint::run(&bench.tokmark, options.seed)?;
    println!("{}", if all { "every limit was kept" } else { "A LIMIT WAS MISSED" });
    Ok(all)
}

struct Bench<'a> {
    tokmark: PathBuf,
    options: &'a Options,
}

impl Bench<'_> {
    fn world(&self) -> World {
        World { seed: self.options.seed, n_machines: self.options.machines }
    }

    fn on_sqlite(&self) -> Result<bool> {
        let n_records = self.options.records.unwrap_or(ON_SQLITE);
        let machines = self.options.machines;
        println!("SQLite, {n_records} records of {machines} machines:");
        let own = tempfile::tempdir().context("no temporary folder")?;
        let folder = std::path::absolute(self.options.keep.as_deref().unwrap_or(own.path()))?;
        fs::create_dir_all(&folder)
            .with_context(|| format!("{} can't be made", folder.display()))?;
        let name = format!("serve-{n_records}-{machines}-{}", self.options.seed);
        let file = folder.join(format!("{name}.db"));
        // Is there when all records are.
        let whole = folder.join(format!("{name}.whole"));
        let is_kept = whole.is_file() && file.is_file();
        if !is_kept {
            remove(&file)?;
        }
        let server = Server::start(&self.tokmark, &file.to_string_lossy())?;
        let mut all = true;
        if is_kept {
            println!("  ingest is not measured: {} is used again", file.display());
        } else {
            all &= self.ingest(&server, n_records)?;
            fs::write(&whole, "").with_context(|| format!("{} can't be made", whole.display()))?;
        }
        Ok(all & self.reads(&server)?)
    }

    fn on_postgres(&self, cluster: &str) -> Result<bool> {
        let n_records = self.options.records.unwrap_or(ON_POSTGRES);
        println!("PostgreSQL, {n_records} records of {} machines:", self.options.machines);
        let database = postgres::Database::create(cluster)?;
        let server = Server::start(&self.tokmark, &database.url)?;
        let all = self.ingest(&server, n_records)?;
        database.vacuum()?;
        Ok(all & self.reads(&server)?)
    }

    fn ingest(&self, server: &Server, n_records: u64) -> Result<bool> {
        let n_records = usize::try_from(n_records).context("too many records")?;
        let found = Batches::make(&self.world(), n_records)?.send(server)?;
        let at_least = |what, per_s: f64| {
            let figures = format!("{per_s:.0} records/s, at least {INGEST_PER_S:.0}");
            verdict(what, &figures, per_s >= INGEST_PER_S)
        };
        let mut all = at_least("ingest", found.per_s);
        all &= at_least("ingest, last tenth", found.last_per_s);
        Ok(all & memory(server, "memory after ingest")?)
    }

    fn reads(&self, server: &Server) -> Result<bool> {
        let mut all = true;
        let length = Duration::from_secs(self.options.seconds);
        for sort in addresses::find(server, &self.world())? {
            let found = reads::open_loop(&server.url, &sort.addresses, length)?;
            let figures = format!(
                "p50 {:.1}, p99 {:.1}, max {:.1} ms, p99 under {MAX_P99_MS:.0}; {} of {} failed",
                found.ms(0.5),
                found.ms(0.99),
                found.ms(1.0),
                found.n_errors,
                found.n_requests,
            );
            let kept = found.ms(0.99) < MAX_P99_MS && found.n_errors == 0;
            all &= verdict(sort.name, &figures, kept);
            if let Some(error) = found.first_error {
                println!("    the first: {error}");
            }
        }
        Ok(all & memory(server, "memory after reading")?)
    }
}

/// The server's peak since it was started.
fn memory(server: &Server, what: &str) -> Result<bool> {
    Ok(at_most(what, server.peak_memory()? as f64 / 1e6, MAX_MEMORY_MB, "MB"))
}

fn at_most(what: &str, own: f64, limit: f64, unit: &str) -> bool {
    verdict(what, &format!("{own:.1} {unit}, under {limit:.0}"), own < limit)
}

fn verdict(what: &str, figures: &str, kept: bool) -> bool {
    println!("  {what:<26}{figures:<74}{}", if kept { "KEPT" } else { "MISSED" });
    kept
}

/// Removes an SQLite database that is not whole.
fn remove(file: &Path) -> Result<()> {
    for end in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let file = Path::new(&name).display();
                return Err(error).with_context(|| format!("{file} can't be removed"));
            }
            _ => {}
        }
    }
    Ok(())
}
