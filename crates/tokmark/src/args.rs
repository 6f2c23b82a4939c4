//! The command line.

pub(crate) mod diff;
mod experiment;
mod filter;
mod given;
mod llama_bench;
pub(crate) mod load;
mod quantity;
pub(crate) mod serve;
mod watch;
mod wrong;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser};
use tokmark_compat::spelling;

pub(crate) use diff::DiffArgs;
pub(crate) use experiment::{AbArgs, CompareArgs, ExperimentArgs, Repeat};
pub(crate) use filter::{FilterArgs, PlainFilterArgs};
pub(crate) use given::{given, without};
pub(crate) use llama_bench::{BothArgs, LlamaBenchArgs};
pub(crate) use load::{GapArgs, LoadArgs, StubArgs, WorkloadArgs};
use quantity::{duration, percent, size, span};
pub(crate) use serve::{SendArgs, is_web_address};
pub(crate) use watch::WatchArgs;
pub(crate) use wrong::{refused, unknown_flag};

/// What each command that compares is for, with two examples of one of them.
macro_rules! comparing {
    ($examples:literal) => {
        concat!(
            "Which command compares what:
  compare   models: which of 2 to 4 is the fastest here
  ab        variants of one thing: did a setting, a file or a variable change the speed; exit code for CI
  diff      two records that are there: what differs between them, and is that fair to compare
  watch     the history: when did a series change, and what changed with it; exit code for CI

Examples:
",
            $examples
        )
    };
}

/// How well does this language model run here?
#[derive(Debug, Parser)]
#[command(name = "tokmark", version = version(), disable_help_subcommand = true)]
#[command(after_help = "Examples:
  tokmark quick
  tokmark bench -m model.gguf -p 512 -n 128 -fa on,off")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Subcommand {
    /// Measure pp512 and tg128 of one model, and say what it is good for
    #[command(after_help = "Examples:
  tokmark quick
  tokmark quick model.gguf --budget 10s")]
    Quick(Box<QuickArgs>),
    /// Measure a matrix of tests; takes llama-bench's flags and speaks its formats
    #[command(disable_help_flag = true, disable_version_flag = true)]
    #[command(after_help = "Examples:
  tokmark bench -m model.gguf -p 512 -n 128 -t 1,2
  tokmark bench --full -o md")]
    Bench(Box<BenchArgs>),
    /// Measure a server: latencies, rates and goodput of chat, rag, codegen or agent requests
    #[command(after_help = "Examples:
  tokmark load 127.0.0.1:8080
  tokmark load 127.0.0.1:8080 --shape chat --concurrency 1,4 --slo ttft=500ms,tpot=50ms")]
    Load(Box<LoadArgs>),
    /// Measure a model embedded and through a server, and where the difference goes
    #[command(after_help = "Examples:
  tokmark gap model.gguf
  tokmark gap model.gguf --url 127.0.0.1:8080 --budget 10s")]
    Gap(Box<GapArgs>),
    /// Compare 2 to 4 models in turn, and say which is faster where that can be told
    #[command(after_help = comparing!("  tokmark compare model.gguf other.gguf --repetitions 4
  tokmark compare model.gguf other.gguf --context 256 --generate 32 --budget 1m --html report.html"))]
    Compare(Box<CompareArgs>),
    /// Compare two variants of settings, models or environments, A B B A; exit code 1 where B is worse
    #[command(disable_help_flag = true, disable_version_flag = true, after_help = comparing!("  tokmark ab -m model.gguf -p 64 -n 16 --a '-t 1' --b '-t 2' --budget 1m
  tokmark ab -m model.gguf -p 64 -n 16 --b 'env GGML_NO_BACKTRACE=1' --budget 1m -o md"))]
    Ab(Box<AbArgs>),
    /// Find where the history of each series changed, and what changed with it; exit code for CI
    #[command(after_help = comparing!("  tokmark watch --model smollm2
  tokmark watch --since 2026-01-01 --fail-on regression"))]
    Watch(Box<WatchArgs>),
    /// Be a server of known times, to check any load client against
    #[command(after_help = "Examples:
  tokmark stub --port 8123 --ttft 50ms --itl 10ms --for 2s
  tokmark stub --dialect llama.cpp --mode drafted=60 --for 2s")]
    Stub(Box<StubArgs>),
    /// List what was measured
    #[command(after_help = "Examples:
  tokmark history --model smollm2 --sort rate
  tokmark history --since 2026-11-01 -o csv")]
    History(HistoryArgs),
    /// Show one record whole: figures, reasons, samples, notes
    #[command(after_help = "Examples:
  tokmark show last
  tokmark show last -o json")]
    Show(ShowArgs),
    /// Explain why two records differ, and what can be said of their figures
    #[command(after_help = comparing!("  tokmark diff last~1 last
  tokmark diff last~1 last --all -o md"))]
    Diff(DiffArgs),
    /// Add a dated note to a record
    #[command(after_help = "Examples:
  tokmark note last \"F16 accumulation: no gain, reverted\"
  tokmark note last \"BIOS updated before this run\"")]
    Note(NoteArgs),
    /// Add tags to a record, or take them away
    #[command(after_help = "Examples:
  tokmark tag last baseline night
  tokmark tag last --remove baseline")]
    Tag(TagArgs),
    /// Remove records from the store
    #[command(after_help = "Examples:
  tokmark rm last
  tokmark rm last --db records.db")]
    Rm(RmArgs),
    /// Write records as JSON
    #[command(after_help = "Examples:
  tokmark export --out records.json
  tokmark export --model smollm2 --out smollm2.jsonl")]
    Export(ExportArgs),
    /// Read records that `export` or `-o tokmark-json` wrote, or results of AIPerf, GuideLLM, vLLM bench
    #[command(after_help = "Examples:
  tokmark import records.json
  tokmark import records.json smollm2.jsonl --db records.db")]
    Import(ImportArgs),
    /// List the models in the cache, or add one
    #[command(after_help = "Examples:
  tokmark models
  tokmark models add model.gguf")]
    Models(ModelsArgs),
    /// Show what is kept in a browser, take records and jobs by HTTP
    #[command(after_help = "Examples:
  tokmark serve --for 2s
  tokmark serve --bind 127.0.0.1:0 --no-agent --for 1s")]
    Serve(serve::ServeArgs),
    /// Take jobs from a server and measure them here
    #[command(after_help = "Examples:
  tokmark agent --server http://127.0.0.1:8080
  tokmark agent --server https://bench.example.org --token-env BENCH_TOKEN")]
    Agent(serve::AgentArgs),
    /// Send records to a server; what can't be sent now waits and is sent later
    #[command(after_help = "Examples:
  tokmark upload last --server http://127.0.0.1:8080
  tokmark upload --model smollm2 --server http://127.0.0.1:8080")]
    Upload(serve::UploadArgs),
    /// Check, add and import runs kept as YAML
    #[command(after_help = "Examples:
  tokmark board check
  tokmark board add last")]
    Board(serve::BoardArgs),
    /// Build a static leaderboard of runs kept as YAML
    #[command(after_help = "Examples:
  tokmark site build --out site
  tokmark site build --out site --embed")]
    Site(serve::SiteArgs),
}

/// Where records are kept.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArgs {
    /// SQLite file or postgres:// URL [default: DATABASE_URL, else a file in the data folder]
    #[arg(long, value_name = "FILE|URL")]
    pub(crate) db: Option<String>,
}

/// How a test is measured, beyond what llama-bench knows.
#[derive(Debug, Clone, Args)]
pub(crate) struct MeasureArgs {
    /// Repeat until the 95 % interval of the rate is this narrow
    #[arg(long, value_name = "PERCENT", default_value = "2%", value_parser = percent)]
    pub(crate) interval: f64,
    /// Time for one test, warm-up included
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) budget: Duration,
    #[command(flatten)]
    pub(crate) conditions: Conditions,
}

/// Under which conditions tests run, whatever decides how often.
#[derive(Debug, Clone, Args)]
pub(crate) struct Conditions {
    /// End a test that takes longer than this, loading included
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = span)]
    pub(crate) timeout: Duration,
    /// Private memory that the engine may use, e.g. 4GiB; mapped model files don't count
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) memory_limit: Option<u64>,
    /// Wait this long at most until other processes are quiet, before each test
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) wait_quiet: Option<Duration>,
    /// Random tokens, or a shipped text
    #[arg(long, value_name = "KIND", default_value = "random",
          value_parser = PossibleValuesParser::new(["random", "text"]))]
    pub(crate) tokens: String,
    /// Seed of the tokens
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub(crate) seed: u64,
    /// Drop the model from the page cache before loading it
    #[arg(long)]
    pub(crate) cold: bool,
    /// Put this machine's host name into the records
    #[arg(long)]
    pub(crate) host_name: bool,
    /// Engine of the worker; for tests of Tokmark itself
    #[arg(long, hide = true, default_value = "llama", value_name = "NAME")]
    pub(crate) engine: String,
}

#[derive(Debug, Args)]
pub(crate) struct QuickArgs {
    /// Path, URL, hf:owner/repo:QUANT, or a name in the cache, by default SmolLM2-135M-Instruct Q4_1
    pub(crate) model: Option<String>,
    /// Use only what is on this machine
    #[arg(long)]
    pub(crate) offline: bool,
    /// CPU threads [default: as llama-bench]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) threads: Option<u32>,
    /// How to print the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table",
          value_parser = PossibleValuesParser::new(["table", "json"]))]
    pub(crate) output: String,
    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) send: SendArgs,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    pub(crate) llama_bench: LlamaBenchArgs,
    /// The full suite: prompts 512, 1024, 4096; generations 128, 256; at least 5 repetitions
    #[arg(long)]
    pub(crate) full: bool,
    /// llama-bench's defaults, output and exit codes
    #[arg(long, conflicts_with = "upload")]
    pub(crate) compat: bool,
    /// Run however many tests the lists stand for
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) send: SendArgs,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// How to print it; json and jsonl give whole records
    #[arg(short, long, value_name = "FORMAT", default_value = "table",
          value_parser = PossibleValuesParser::new(["table", "json", "jsonl", "csv", "md"]))]
    pub(crate) output: String,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The record's id, its first digits, `last`, or `last~1` for the one before
    pub(crate) id: String,
    /// How to print it; jsonl gives a line for each request of a load point
    #[arg(short, long, value_name = "FORMAT", default_value = "table",
          value_parser = PossibleValuesParser::new(["table", "json", "jsonl"]))]
    pub(crate) output: String,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct NoteArgs {
    /// The record's id, its first digits, `last`, or `last~1` for the one before
    pub(crate) id: String,
    /// What to remark
    pub(crate) text: String,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TagArgs {
    /// The record's id, its first digits, `last`, or `last~1` for the one before
    pub(crate) id: String,
    /// Tags, without blanks and commas
    #[arg(required = true)]
    pub(crate) tags: Vec<String>,
    /// Take these tags away
    #[arg(long)]
    pub(crate) remove: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// Ids of records, their first digits, `last`, or `last~1` for the one before
    #[arg(required = true)]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// File to write, .json or .jsonl [default: standard output, as JSON]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Files to read, as JSON or JSON lines; - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ModelsCommand>,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ModelsCommand {
    /// Copy a model file into the cache
    #[command(after_help = "Examples:
  tokmark models add model.gguf
  tokmark models add model.gguf --sha256 b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53")]
    Add {
        /// The file
        file: PathBuf,
        /// What its SHA-256 must be
        #[arg(long, value_name = "HASH")]
        sha256: Option<String>,
    },
}

/// Whether the program was called by llama-bench's name.
pub(crate) fn is_called_llama_bench(args: &[OsString]) -> bool {
    let program = args.first().map(Path::new).and_then(Path::file_stem);
    program.is_some_and(|name| name == "llama-bench")
}

/// Turns llama-bench's spellings into long flags, for the command that takes them.
pub(crate) fn normalize(args: Vec<OsString>) -> Vec<OsString> {
    if !takes_llama_bench_flags(&args) {
        return args;
    }
    let mut args = args.into_iter();
    let mut long: Vec<OsString> = args.by_ref().take(2).collect();
    long.extend(spelling::to_long_flags(args));
    long
}

/// Whether the command takes llama-bench's flags.
fn takes_llama_bench_flags(args: &[OsString]) -> bool {
    args.get(1).is_some_and(|command| command == "bench" || command == "ab")
}

/// Whether llama-bench's manner was asked for.
pub(crate) fn is_compat(args: &[OsString]) -> bool {
    args.get(1).is_some_and(|command| command == "bench")
        && args.iter().any(|arg| arg == "--compat")
}

/// llama-bench's own help, where that was asked for in its manner.
pub(crate) fn compat_help(args: &[OsString]) -> Option<String> {
    (is_compat(args) && args.iter().any(|arg| arg == "--help"))
        .then(|| tokmark_compat::usage("llama-bench", tokmark_host::n_math_threads()))
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_switch_may_be_given_again() {
        for switch in ["-v", "--progress", "--offline", "--no-warmup"] {
            let args = ["tokmark", "bench", switch, switch];
            let args = normalize(args.map(OsString::from).to_vec());
            let Subcommand::Bench(bench) = Cli::try_parse_from(args).unwrap().command else {
                panic!("bench was asked for")
            };
            assert_eq!(bench.llama_bench.given().count(), 1, "{switch}");
        }
    }

    #[test]
    fn an_upload_has_an_address_that_is_no_model_and_no_place_in_llama_bench() {
        type Given = (Option<String>, Option<String>);
        let upload = |args: &[&str]| -> Result<Given, clap::Error> {
            let args = [&["tokmark"], args].concat();
            let args = normalize(args.into_iter().map(OsString::from).collect());
            match Cli::try_parse_from(args)?.command {
                Subcommand::Quick(quick) => Ok((quick.model, quick.send.upload)),
                Subcommand::Bench(bench) => Ok((None, bench.send.upload)),
                other => panic!("{other:?}"),
            }
        };
        let (here, there) = ("http://127.0.0.1:8080", "https://bench.example.org");
        let model = || Some("m.gguf".to_owned());
        assert_eq!(upload(&["quick", "m.gguf"]).unwrap(), (model(), None));
        let named = upload(&["quick", "m.gguf", "--upload"]).unwrap();
        assert_eq!(named, (model(), Some(here.to_owned())));
        let elsewhere = upload(&["quick", "--upload", there, "m.gguf"]).unwrap();
        assert_eq!(elsewhere, (model(), Some(there.to_owned())));
        let before_a_flag = upload(&["bench", "--upload", "-p", "8"]).unwrap();
        assert_eq!(before_a_flag.1, Some(here.to_owned()));
        let swallowed = upload(&["quick", "--upload", "m.gguf"]).unwrap_err();
        assert!(swallowed.to_string().contains("http://"), "{swallowed}");
        assert!(upload(&["quick", "--token-env", "BENCH_TOKEN"]).is_err());
        assert!(upload(&["bench", "--compat", "--upload"]).is_err());
    }

    #[test]
    fn llama_bench_spellings_reach_the_table() {
        let args = ["tokmark", "bench", "-ngl", "-1", "-p", "8,16", "-p", "32", "--no-warmup"];
        let args = normalize(args.map(OsString::from).to_vec());
        let Subcommand::Bench(bench) = Cli::try_parse_from(args).unwrap().command else {
            panic!("bench was asked for")
        };
        assert_eq!(bench.llama_bench.values("--n-gpu-layers"), ["-1"]);
        assert_eq!(bench.llama_bench.values("--n-prompt"), ["8,16", "32"]);
        assert!(bench.llama_bench.has("--no-warmup") && !bench.llama_bench.has("--progress"));
    }
}
