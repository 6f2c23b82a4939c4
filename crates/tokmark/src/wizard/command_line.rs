//! What was chosen, and the command line that chooses the same.

use std::ffi::OsString;

use super::ranges::{USUAL_CONTEXT, USUAL_GENERATE};

/// Flags of which the wizard decides, each with a value.
const DECIDED: [&str; 3] = ["--context", "--generate", "--repetitions"];

/// What the user wants compared, and how. Every number is in its range.
#[derive(Debug, Clone, PartialEq, Eq)]
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
pub(crate) fn other_flags(arguments: impl IntoIterator<Item = OsString>) -> Vec<String> {
    let mut others = Vec::new();
    let mut arguments =
        arguments.into_iter().map(|argument| argument.to_string_lossy().into_owned());
    while let Some(argument) = arguments.next() {
        let name = argument.split_once('=').map_or(argument.as_str(), |(name, _)| name);
        match (DECIDED.contains(&name), name == argument) {
            (false, _) => others.push(argument),
            (true, false) => {}
            (true, true) => _ = arguments.next(),
        }
    }
    others
}

/// The line to type for `choice` and the further `flags`, quoted for a shell.
pub(crate) fn command_line(choice: &Choice, flags: &[String]) -> String {
    words(choice, flags).join(" ")
}

/// Its words, each quoted.
pub(super) fn words(choice: &Choice, flags: &[String]) -> Vec<String> {
    let mut words = vec!["tokmark".to_owned()];
    words.extend(choice.arguments().iter().chain(flags).map(|word| quoted(word)));
    words
}

/// `word` for a POSIX shell; with control characters as bash, zsh and ksh read them.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    if !word.chars().any(char::is_control) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let mut text = String::from("$'");
    for c in word.chars() {
        match c {
            '\'' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    text += &format!("\\{byte:03o}");
                }
            }
            c => text.push(c),
        }
    }
    text.push('\'');
    text
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
    fn a_shell_reads_back_what_was_quoted() {
        for word in ["", "a", "~", "$HOME", "a\"b", "it's", "*", "a;b", "ä ö", "\\n", "#a", "!a"]
        {
            let script = format!("printf %s {}", quoted(word));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert_eq!(quoted("a\u{1b}[2J'\\\n"), r"$'a\033[2J\'\\\012'");
        assert!(!quoted("\u{9b}2J").contains('\u{9b}'));
    }

    #[test]
    fn flags_of_which_the_wizard_decides_are_not_repeated() {
        let given = "--engine fake --context 1024 --generate=64 --db x.db --repetitions 3 --cold";
        let others = other_flags(given.split(' ').map(OsString::from));
        assert_eq!(others, ["--engine", "fake", "--db", "x.db", "--cold"]);
        assert!(other_flags([OsString::from("--context")]).is_empty());
    }
}
