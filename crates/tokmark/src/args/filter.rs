//! Flags that say which records are meant.

use clap::Args;
use clap::builder::PossibleValuesParser;

/// Words of the record: how it came to be.
const KINDS: [&str; 4] = ["measured", "imported", "imported_summary", "published"];
/// Words of the record: grades, best first.
const GRADES: [&str; 6] = ["A", "B", "C", "D", "E", "F"];
/// Words of the record: how a test ended.
const STATUSES: [&str; 8] = [
    "ok",
    "failed",
    "crashed",
    "timed_out",
    "out_of_memory",
    "interrupted",
    "skipped",
    "unsupported",
];

/// What every list and series of records can be narrowed by.
#[derive(Debug, Args)]
pub(crate) struct PlainFilterArgs {
    /// Part of the model's name, file name or source
    #[arg(long, value_name = "TEXT")]
    pub(crate) model: Option<String>,
    /// Label of a test, e.g. pp512
    #[arg(long, value_name = "LABEL")]
    pub(crate) test: Option<String>,
    /// Name of the engine or of the server's dialect, e.g. llama.cpp
    #[arg(long, value_name = "NAME")]
    pub(crate) engine: Option<String>,
    /// Part of the back ends' names
    #[arg(long, value_name = "TEXT")]
    pub(crate) backend: Option<String>,
    /// Fingerprint of a machine
    #[arg(long, value_name = "HASH")]
    pub(crate) machine: Option<String>,
    /// This grade or better
    #[arg(long, value_name = "LETTER", value_parser = PossibleValuesParser::new(GRADES))]
    pub(crate) grade: Option<String>,
    /// A tag
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Option<String>,
    /// Begun at this date or time or later, e.g. 2026-11-01
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Begun before this date or time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

/// The same for lists.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    #[command(flatten)]
    pub(crate) plain: PlainFilterArgs,
    /// How records came to be
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(KINDS))]
    pub(crate) kind: Option<String>,
    /// How tests ended
    #[arg(long, value_name = "STATUS", value_parser = PossibleValuesParser::new(STATUSES))]
    pub(crate) status: Option<String>,
    /// The records of one run
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<uuid::Uuid>,
    /// Also the single visits of experiments; --run shows those of one
    #[arg(long)]
    pub(crate) visits: bool,
    /// At most so many
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// time, rate, model or test; newest, fastest or first letter first
    #[arg(long, value_name = "KEY", default_value = "time",
          value_parser = PossibleValuesParser::new(["time", "rate", "model", "test"]))]
    pub(crate) sort: String,
    /// The other end first
    #[arg(long)]
    pub(crate) reverse: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_filter_are_those_of_the_record() {
        fn read<T: serde::de::DeserializeOwned>(words: &[&str]) {
            for word in words {
                let json = serde_json::Value::String((*word).to_owned());
                assert!(serde_json::from_value::<T>(json).is_ok(), "{word}");
            }
        }
        read::<tokmark_model::RecordKind>(&KINDS);
        read::<tokmark_model::GradeLetter>(&GRADES);
        read::<tokmark_model::Status>(&STATUSES);
    }
}
