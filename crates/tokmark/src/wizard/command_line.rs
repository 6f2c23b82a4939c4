//! What was chosen, and the command line that chooses the same.

use serde::{Deserialize, Serialize};

use super::ranges::{USUAL_CONTEXT, USUAL_GENERATE};
use crate::args;
use tokmark_command::shell;

/// Flags of which the wizard decides, each with a value.
const DECIDED: [&str; 3] = ["--context", "--generate", "--repetitions"];

/// What the user wants compared, and how. Every number is in its range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Choice {
    /// 2 to 4 models as `tokmark compare` takes them: paths or names.
    pub(crate) models: Vec<String>,
    /// Tokens of prompt.
    pub(crate) context: u32,
    /// Tokens generated.
    pub(crate) generate: u32,
    /// How often; `None`: as often as the interval needs.
    pub(crate) repetitions: Option<u32>,
}

impl Choice {
    /// `compare A.gguf B.gguf --context 512 --generate 128`, without the program's name and
    /// not quoted. Numbers are said though they are the usual ones, so that the line means the
    /// same later; no repetitions means adaptive.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["compare".to_owned()];
        arguments.extend(self.models.iter().cloned());
        arguments.extend(["--context".to_owned(), self.context.to_string()]);
        arguments.extend(["--generate".to_owned(), self.generate.to_string()]);
        if let Some(repetitions) = self.repetitions {
            arguments.extend(["--repetitions".to_owned(), repetitions.to_string()]);
        }
        arguments
    }
}

/// With what the wizard begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Preset {
    /// Tokens of prompt.
    pub(crate) context: u32,
    /// Tokens to generate.
    pub(crate) generate: u32,
    /// How often; `None`: adaptive.
    pub(crate) repetitions: Option<u32>,
    /// Further flags of this call, to be repeated as they are; see [`other_flags`].
    pub(crate) flags: Vec<String>,
}

impl Default for Preset {
    fn default() -> Self {
        Preset {
            context: USUAL_CONTEXT,
            generate: USUAL_GENERATE,
            repetitions: None,
            flags: Vec::new(),
        }
    }
}

/// Of the arguments after `tokmark compare` those of which the wizard decides nothing.
pub(crate) fn other_flags(arguments: &[String]) -> Vec<String> {
    args::without(arguments, &DECIDED)
}

/// The line to type for `choice` and the further `flags`, quoted for a shell.
pub(crate) fn command_line(choice: &Choice, flags: &[String]) -> String {
    words(choice, flags).join(" ")
}

/// Its words, each quoted.
pub(super) fn words(choice: &Choice, flags: &[String]) -> Vec<String> {
    let mut words = vec!["tokmark".to_owned()];
    words.extend(choice.arguments().iter().chain(flags).map(|word| shell::quoted(word)));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(repetitions: Option<u32>) -> Choice {
        let models = vec!["A.gguf".to_owned(), "my models/B's.gguf".to_owned()];
        Choice { models, context: 512, generate: 128, repetitions }
    }

    #[test]
    fn the_command_line_says_every_choice_and_the_flags_that_were_given() {
        let flags = ["--db".to_owned(), "a b.db".to_owned()];
        assert_eq!(
            command_line(&choice(Some(3)), &flags),
            r"tokmark compare A.gguf 'my models/B'\''s.gguf' --context 512 --generate 128 --repetitions 3 --db 'a b.db'"
        );
        let arguments = choice(None).arguments();
        assert_eq!(arguments[..3], ["compare", "A.gguf", "my models/B's.gguf"]);
        assert_eq!(arguments[3..], ["--context", "512", "--generate", "128"]);
    }

    #[test]
    fn flags_of_which_the_wizard_decides_are_not_repeated() {
        let given = "--engine fake --context 1024 --generate=64 --db x.db --repetitions 3 --cold";
        let words: Vec<String> = given.split(' ').map(str::to_owned).collect();
        let others = other_flags(&words);
        assert_eq!(others, ["--engine", "fake", "--db", "x.db", "--cold"]);
        assert!(other_flags(&["--context".to_owned()]).is_empty());
    }
}
