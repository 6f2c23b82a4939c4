//! The flags of `tokmark load`, `gap` and `stub`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use clap::builder::PossibleValuesParser;
use tokmark_model::{Api, Arrivals, CacheMode, LatencyKind, ServiceLevel, Think};
use tokmark_stub::Dialect;

use super::quantity::{duration, percent, span};
use super::{MeasureArgs, SendArgs, StoreArgs};

/// What is asked of the server, and how often.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Workload")]
pub(crate) struct WorkloadArgs {
    /// Shapes of the requests: chat, rag, codegen, agent, or a YAML file; one list, in order
    #[arg(long, value_name = "NAME|FILE", value_delimiter = ',', default_value = "chat")]
    pub(crate) shape: Vec<String>,
    /// Requests at once; each value is a point of its own [default: the shape's, 1 and 4]
    #[arg(long, short = 'c', value_name = "N", value_delimiter = ',',
          value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub(crate) concurrency: Vec<u32>,
    /// Requests per second, whatever their turn and whether or not earlier ones have ended; each
    /// value is a point
    #[arg(long, value_name = "PER_S", value_delimiter = ',', value_parser = rate,
          allow_negative_numbers = true)]
    pub(crate) rate: Vec<f64>,
    /// Gaps between the requests of a rate: constant, poisson, or gamma:CV [default: poisson]
    #[arg(long, value_name = "KIND", value_parser = arrivals)]
    pub(crate) arrivals: Option<Arrivals>,
    /// Find the highest rate that keeps the service levels of --slo; --rate says where to begin
    #[arg(long, requires = "slo", conflicts_with = "concurrency")]
    pub(crate) ramp: bool,
    /// Replay a trace: our JSONL, Mooncake, or ShareGPT
    #[arg(long, value_name = "FILE", conflicts_with_all = [
          "shape", "rate", "ramp", "arrivals", "turns", "max_tokens", "prompt_tokens", "interval",
          "budget"])]
    pub(crate) trace: Option<PathBuf>,
    /// Due times of a trace are divided by this
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = rate,
          requires = "trace", conflicts_with = "concurrency")]
    pub(crate) speed: f64,
    /// Requests of one conversation, with its growing history [default: the shape's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) turns: Option<u32>,
    /// Most tokens of an answer [default: the shape's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_tokens: Option<u32>,
    /// Tokens of a prompt [default: the shape's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) prompt_tokens: Option<u32>,
    /// Sampling temperature [default: the shape's, else the server's]
    #[arg(long, value_name = "T", value_parser = temperature)]
    pub(crate) temperature: Option<f64>,
    /// Seed of prompts and arrivals
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub(crate) seed: u64,
    /// Repeat the prompts of an earlier run, by the nonce of its first record [default: new each
    /// run]
    #[arg(long, value_name = "N")]
    pub(crate) nonce: Option<u32>,
    /// Reasoning: as the server does by itself, on, or off (and checked)
    #[arg(long, value_name = "WHETHER", default_value = "auto", value_parser = think)]
    pub(crate) think: Think,
    /// The server's prefix cache: bust, share:P% of each prompt, own (what a point's prompts repeat
    /// of each other), or keep [default: bust; of a trace own]
    #[arg(long, value_name = "HOW", value_parser = cache)]
    pub(crate) cache: Option<CacheMode>,
    /// What a good request keeps, of ttft, ttfo, tpot, itl and e2e
    #[arg(long, value_name = "KIND=TIME", value_delimiter = ',', value_parser = service_level)]
    pub(crate) slo: Vec<ServiceLevel>,
}

/// How long a point is measured.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Measuring")]
pub(crate) struct ExtentArgs {
    /// Exactly so many requests a point, every turn of a conversation counted
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) requests: Option<u64>,
    /// Requests become due for this long
    #[arg(long, value_name = "TIME", value_parser = span, conflicts_with = "requests")]
    pub(crate) duration: Option<Duration>,
    /// Without --requests and --duration: until the medians of TTFT and of the requests' rate
    /// are known to this
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = percent,
          conflicts_with_all = ["requests", "duration", "ramp"])]
    pub(crate) interval: f64,
    /// Longest time for that, and for each point of --ramp, which goes on until it is known
    /// whether 99 % of its requests keep the levels; warm-up left out
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = span,
          conflicts_with_all = ["requests", "duration"])]
    pub(crate) budget: Duration,
    /// Requests before the measured ones [default: as many as are under way at once]
    #[arg(long, value_name = "N")]
    pub(crate) warmup: Option<u32>,
    /// Longest time for those; what is under way then is cut
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) warmup_limit: Duration,
    /// Give a point up when more than this share of its requests fail [default: 50%; from 5% on
    /// they cost the grade]
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) abort_errors: Option<f64>,
    /// Check the client against a server of known times at the heaviest point's load
    #[arg(long, value_name = "WHEN", default_value = "auto",
          value_parser = PossibleValuesParser::new(["auto", "off"]))]
    pub(crate) calibrate: String,
}

/// How the server is reached.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// The model, where the server has several; part of its name is enough
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// chat, completions, ollama-chat or ollama-generate [default: the server's chat API]
    #[arg(long, value_name = "API", value_parser = api)]
    pub(crate) api: Option<Api>,
    /// Take answers whole instead of streamed
    #[arg(long)]
    pub(crate) no_stream: bool,
    /// A header for every request, NAME:VALUE; kept nowhere
    #[arg(long, value_name = "NAME:VALUE")]
    pub(crate) header: Vec<String>,
    /// Environment variable that holds the API key; the key is kept nowhere
    #[arg(long, value_name = "NAME")]
    pub(crate) api_key_env: Option<String>,
    /// Take any certificate
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Certificates in PEM to trust besides the usual ones
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// A new connection for every request
    #[arg(long)]
    pub(crate) no_reuse: bool,
    /// Longest time for one request
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = span)]
    pub(crate) timeout: Duration,
    /// Times that a refused request (429, 503, no connection) is tried again
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) retries: u32,
    /// tokenizer.json of the model: counts what usage doesn't, in place of the server's tokenizer
    #[arg(long, value_name = "FILE")]
    pub(crate) tokenizer: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LoadArgs {
    /// Base URLs of one model's replicas [default: whatever answers on this machine's usual ports]
    #[arg(value_name = "URL")]
    pub(crate) urls: Vec<String>,
    /// Start the servers of this recipe file (or a shipped one by name), one after the other
    #[arg(long, value_name = "FILE|NAME", conflicts_with = "urls")]
    pub(crate) recipe: Option<String>,
    /// With several recipes: measure their points in turn, block by block
    #[arg(long, requires = "recipe")]
    pub(crate) interleave: bool,
    /// A model for the recipe's {model}: a path, or a folder
    #[arg(long, value_name = "PATH", requires = "recipe")]
    pub(crate) recipe_model: Option<PathBuf>,
    /// Ask the server one of each question, and say where its answers differ from its dialect
    #[arg(long)]
    pub(crate) check_dialect: bool,
    #[command(flatten)]
    pub(crate) workload: WorkloadArgs,
    #[command(flatten)]
    pub(crate) extent: ExtentArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    /// How to print the result; jsonl gives a line a request
    #[arg(short, long, value_name = "FORMAT", default_value = "table",
          value_parser = PossibleValuesParser::new(["table", "json", "jsonl", "csv", "md"]))]
    pub(crate) output: String,
    /// Write a report with plots, one file that needs no other
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) send: SendArgs,
}

impl LoadArgs {
    /// Refuses flags that would change nothing, where the parser can't tell.
    ///
    /// # Errors
    /// Names the flag.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let flags = &self.workload;
        ensure!(!flags.ramp || flags.rate.len() < 2, "--ramp begins at one rate; give one --rate");
        ensure!(
            !flags.ramp || flags.shape.len() == 1,
            "--ramp searches one shape; give one --shape"
        );
        ensure!(
            flags.arrivals.is_none() || flags.ramp || !flags.rate.is_empty(),
            "--arrivals is about the gaps of a rate; give --rate or --ramp"
        );
        for (n, level) in flags.slo.iter().enumerate() {
            let is_again = flags.slo[..n].iter().any(|other| other.kind == level.kind);
            ensure!(!is_again, "--slo has two levels for {}; give one", level.kind.word());
        }
        let no_tls = !self.urls.is_empty() && self.urls.iter().all(|url| !is_tls(url));
        for (flag, is_given) in
            [("--ca", self.connection.ca.is_some()), ("--insecure", self.connection.insecure)]
        {
            ensure!(!(no_tls && is_given), "{flag} is about certificates, and http:// shows none");
        }
        let has_template = self.connection.api != Some(Api::Completions);
        ensure!(
            flags.think == Think::Auto || has_template,
            "--think is about a chat template, and --api completions has none"
        );
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(crate) struct GapArgs {
    /// Path, URL, hf:owner/repo:QUANT, or a name in the cache
    pub(crate) model: String,
    /// A running server of the same model [default: one is started by --recipe]
    #[arg(long, value_name = "URL", conflicts_with = "recipe")]
    pub(crate) url: Option<String>,
    /// Recipe of the server
    #[arg(long, value_name = "FILE|NAME", default_value = "xllamacpp")]
    pub(crate) recipe: String,
    /// The model's name at the server, where it has several; part of it is enough
    #[arg(long = "model", value_name = "NAME")]
    pub(crate) served_model: Option<String>,
    /// A header for every request, NAME:VALUE; kept nowhere
    #[arg(long, value_name = "NAME:VALUE")]
    pub(crate) header: Vec<String>,
    /// Environment variable that holds the API key; the key is kept nowhere
    #[arg(long, value_name = "NAME")]
    pub(crate) api_key_env: Option<String>,
    /// Prompt tokens
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub(crate) prompt_tokens: u32,
    /// Generated tokens
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub(crate) max_tokens: u32,
    /// CPU threads of both; a server at --url has its own [default: as llama-bench]
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
pub(crate) struct StubArgs {
    /// Port on the loopback; 0 for any free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) port: u16,
    /// Time to the first token
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = duration)]
    pub(crate) ttft: Duration,
    /// Time between tokens
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = duration)]
    pub(crate) itl: Duration,
    /// Events of an answer, where the request does not say
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub(crate) events: u32,
    /// Requests served at once; others wait [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) slots: Option<u32>,
    /// Whose server to look like: openai, llama.cpp, vllm or ollama
    #[arg(long, value_name = "NAME", default_value = "openai", value_parser = dialect)]
    pub(crate) dialect: Dialect,
    /// Misbehave: a list of modes, see docs/load.md
    #[arg(long, value_name = "MODES", default_value = "")]
    pub(crate) mode: String,
    /// Threads
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) threads: usize,
    /// End after this time [default: at Ctrl-C]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) run_for: Option<Duration>,
    /// End when the standard input does
    #[arg(long, hide = true)]
    pub(crate) tied: bool,
}

fn is_tls(url: &str) -> bool {
    url.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"))
}

fn dialect(text: &str) -> Result<Dialect, String> {
    let words: Vec<&str> = Dialect::ALL.into_iter().map(Dialect::word).collect();
    text.parse().map_err(|_| format!("give one of {}", words.join(", ")))
}

fn rate(text: &str) -> Result<f64, String> {
    let value = text.trim().parse::<f64>().ok();
    value
        .filter(|value| (1e-4..=1e6).contains(value))
        .ok_or_else(|| "give a number from 0.0001 to 1000000, e.g. 2.5".to_owned())
}

pub(crate) fn temperature(text: &str) -> Result<f64, String> {
    let value = text.trim().parse::<f64>().ok();
    value
        .filter(|value| (0.0..=10.0).contains(value))
        .ok_or_else(|| "give a number from 0 to 10, e.g. 0.7".to_owned())
}

fn arrivals(text: &str) -> Result<Arrivals, String> {
    match text.split_once(':') {
        None if text == "constant" => Ok(Arrivals::Constant),
        None if text == "poisson" => Ok(Arrivals::Poisson),
        Some(("gamma", cv)) => match cv.parse::<f64>() {
            Ok(cv) if (0.01..=100.0).contains(&cv) => Ok(Arrivals::Gamma { cv }),
            _ => Err("give gamma a coefficient of variation, e.g. gamma:2".to_owned()),
        },
        _ => Err("give constant, poisson, or gamma:CV".to_owned()),
    }
}

pub(crate) fn think(text: &str) -> Result<Think, String> {
    match text {
        "auto" => Ok(Think::Auto),
        "on" => Ok(Think::On),
        "off" => Ok(Think::Off),
        _ => Err("give auto, on or off".to_owned()),
    }
}

fn cache(text: &str) -> Result<CacheMode, String> {
    match text.split_once(':') {
        None if text == "bust" => Ok(CacheMode::Bust),
        None if text == "own" => Ok(CacheMode::Own),
        None if text == "keep" => Ok(CacheMode::Keep),
        Some(("share", share)) => percent(share)
            .ok()
            .filter(|share| *share < 1.0)
            .map(|share| CacheMode::Share { share })
            .ok_or_else(|| "give share a percentage below 100, e.g. share:80%".to_owned()),
        _ => Err("give bust, share:P%, own, or keep".to_owned()),
    }
}

pub(crate) fn api(text: &str) -> Result<Api, String> {
    match text {
        "chat" => Ok(Api::Chat),
        "completions" => Ok(Api::Completions),
        "ollama-chat" => Ok(Api::OllamaChat),
        "ollama-generate" => Ok(Api::OllamaGenerate),
        _ => Err("give chat, completions, ollama-chat or ollama-generate".to_owned()),
    }
}

fn service_level(text: &str) -> Result<ServiceLevel, String> {
    let (kind, limit) = text.split_once('=').ok_or("give KIND=TIME, e.g. ttft=500ms")?;
    let kind = match kind.trim() {
        "ttft" => LatencyKind::Ttft,
        "ttfo" => LatencyKind::Ttfo,
        "tpot" => LatencyKind::Tpot,
        "itl" => LatencyKind::Itl,
        "e2e" => LatencyKind::E2e,
        other => return Err(format!("{other} is none of ttft, ttfo, tpot, itl, e2e")),
    };
    // Elsewhere a number alone is seconds, of latencies people mean milliseconds.
    if limit.trim().parse::<f64>().is_ok() {
        return Err(format!("{limit} of what? give a unit, e.g. 500ms or 0.5s"));
    }
    Ok(ServiceLevel { kind, limit_ns: duration(limit)?.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_are_read_as_people_write_them() {
        assert_eq!(arrivals("gamma:0.5"), Ok(Arrivals::Gamma { cv: 0.5 }));
        assert!(arrivals("gamma").is_err() && arrivals("gamma:0").is_err());
        assert_eq!(cache("share:80%"), Ok(CacheMode::Share { share: 0.8 }));
        assert!(cache("share:100%").is_err() && cache("share").is_err());
        let level = service_level("ttft=500ms").unwrap();
        assert_eq!((level.kind.word(), level.limit_ns.0), ("ttft", 500_000_000));
        assert!(service_level("ttft=500").is_err_and(|error| error.contains("unit")));
        assert!(service_level("ttft").is_err() && service_level("speed=1s").is_err());
        assert!(rate("0").is_err() && rate("inf").is_err());
    }
}
