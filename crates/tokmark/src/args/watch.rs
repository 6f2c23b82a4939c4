//! Flags of `tokmark watch`.

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::quantity::percent;
use super::{PlainFilterArgs, StoreArgs};

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// End with exit code 1 where a series became worse and did not recover, with 2 without records
    #[arg(long, value_name = "WHAT", value_parser = PossibleValuesParser::new(["regression"]))]
    pub(crate) fail_on: Option<String>,
    /// Steps smaller than this are none
    #[arg(long, value_name = "PERCENT", default_value = "2%", value_parser = percent)]
    pub(crate) smallest_step: f64,
    /// Chance of a false alarm in a series without a change whose values are independent
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = percent)]
    pub(crate) alpha: f64,
    /// Seed of the permutations
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) permutation_seed: u64,
    /// Plot also series without a change
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) filter: PlainFilterArgs,
    /// Only the newest so many records, of all series together
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "table",
          value_parser = PossibleValuesParser::new(["table", "json", "md"]))]
    pub(crate) output: String,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}
