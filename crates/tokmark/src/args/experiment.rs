//! The commands that compare: `ab` and `compare`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::quantity::{duration, percent};
use super::{BothArgs, Conditions, SendArgs, StoreArgs};
use crate::wizard::ranges::{
    CONTEXT, GENERATE, REPETITIONS, USUAL_CONTEXT, USUAL_GENERATE, of_flag,
};

/// One seed decides all that is drawn.
const SEED: &str = "Seed of the tokens, of the order of visits and of which blocks have a delay";

/// What every experiment takes.
#[derive(Debug, Clone, Args)]
#[command(mut_arg("seed", |arg| arg.help(SEED)))]
pub(crate) struct ExperimentArgs {
    /// Time for the visits: it ends with the block under way then, earlier when every verdict is there
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub(crate) budget: Duration,
    /// Continue the experiment with this id, or the `last` one; the other arguments as before
    #[arg(long, value_name = "ID")]
    pub(crate) resume: Option<String>,
    /// Write a report with plots, one file that needs no other
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) conditions: Conditions,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) send: SendArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AbArgs {
    /// The first variant: `env NAME=VALUE ...` and llama-bench's flags, beyond those for both
    #[arg(
        long,
        value_name = "VARIANT",
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    pub(crate) a: String,
    /// The second variant, whose speed over the first's is told
    #[arg(
        long,
        value_name = "VARIANT",
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    pub(crate) b: String,
    /// Call variants the same where the interval of their ratio lies within this
    #[arg(long, value_name = "PERCENT", default_value = "2%", value_parser = percent)]
    pub(crate) tolerance: f64,
    /// Make at most so many pairs of visits [default: as many as the budget allows, up to 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(6..=1000))]
    pub(crate) pairs: Option<u32>,
    /// In one block of four the worker delays itself by this, to say what would be found
    #[arg(long, value_name = "PERCENT", default_value = "3%", value_parser = percent)]
    pub(crate) power: f64,
    /// Share by which the second variant delays itself; for measurements of Tokmark itself
    #[arg(long, hide = true, value_name = "PERCENT", default_value_t = 0.0)]
    pub(crate) plant: f64,
    /// Make no blocks with a delay
    #[arg(long)]
    pub(crate) no_power: bool,
    #[command(flatten)]
    pub(crate) both: BothArgs,
    #[command(flatten)]
    pub(crate) experiment: ExperimentArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// 2 to 4 models: path, URL, hf:owner/repo:QUANT, or a name in the cache [default: ask]
    #[arg(value_name = "MODEL")]
    pub(crate) models: Vec<String>,
    /// A server beside the models, asked one request at a time; may be repeated. After a # the
    /// name of the model, or part of it, where the server has several
    #[arg(long, value_name = "URL[#MODEL]")]
    pub(crate) endpoint: Vec<String>,
    /// Environment variable that holds the endpoints' API key; the key is kept nowhere
    #[arg(long, value_name = "NAME")]
    pub(crate) api_key_env: Option<String>,
    /// Prompt tokens
    #[arg(long, value_name = "N", default_value_t = USUAL_CONTEXT,
          value_parser = clap::value_parser!(u32).range(of_flag(&CONTEXT)))]
    pub(crate) context: u32,
    /// Tokens generated after the prompt
    #[arg(long, value_name = "N", default_value_t = USUAL_GENERATE,
          value_parser = clap::value_parser!(u32).range(of_flag(&GENERATE)))]
    pub(crate) generate: u32,
    /// How often all models are measured, there and back, whatever the budget: 1 to 5, or adaptive;
    /// 4 can decide between 2 or 3 models, 5 between 4
    #[arg(long, value_name = "N", default_value = "adaptive", value_parser = repetitions)]
    pub(crate) repetitions: Repeat,
    /// Call models the same where the interval of their ratio lies within this
    #[arg(long, value_name = "PERCENT", default_value = "2%", value_parser = percent)]
    pub(crate) same_within: f64,
    /// CPU threads [default: as llama-bench]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) threads: Option<u32>,
    /// How to print the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table",
          value_parser = PossibleValuesParser::new(["table", "json", "md"]))]
    pub(crate) output: String,
    #[command(flatten)]
    pub(crate) experiment: ExperimentArgs,
}

/// How often `compare` measures all models, there and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Until every verdict is there, or the budget is spent.
    Adaptive,
    /// So many times.
    Times(u32),
}

fn repetitions(text: &str) -> Result<Repeat, String> {
    if text == "adaptive" {
        return Ok(Repeat::Adaptive);
    }
    match text.parse() {
        Ok(n) if REPETITIONS.contains(&n) => Ok(Repeat::Times(n)),
        _ => {
            let (from, to) = (REPETITIONS.start(), REPETITIONS.end());
            Err(format!("give {from} to {to}, or adaptive"))
        }
    }
}
