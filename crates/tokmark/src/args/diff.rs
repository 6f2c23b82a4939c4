//! Flags of `tokmark diff`.

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::StoreArgs;

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The first record, A: its id, its first digits, `last`, or `last~1` for the one before
    #[arg(value_name = "ID")]
    pub(crate) first: String,
    /// The second record, B
    #[arg(value_name = "ID")]
    pub(crate) second: String,
    /// Every difference, with its whole text
    #[arg(long)]
    pub(crate) all: bool,
    /// How to print it; json always has every difference
    #[arg(short, long, value_name = "FORMAT", default_value = "table",
          value_parser = PossibleValuesParser::new(["table", "json", "md"]))]
    pub(crate) output: String,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}
