//! `env NAME=VALUE ... -t 2 -fa on`: one variant as the user writes it.

use std::collections::BTreeMap;
use std::ffi::OsString;

use anyhow::{Context, bail, ensure};
use clap::{Args, FromArgMatches};
use tokmark_compat::{Matrix, spelling};

use crate::args::LlamaBenchArgs;

/// Flags that say what is measured or shown, which is the same for both variants.
const FOR_BOTH: [&str; 14] = [
    "--n-prompt",
    "--n-gen",
    "--pg",
    "--n-depth",
    "--n-parallel",
    "--repetitions",
    "--output",
    "--output-err",
    "--delay",
    "--list-devices",
    "--progress",
    "--no-warmup",
    "--offline",
    "--verbose",
];

/// A variant's environment and flags.
#[derive(Debug, Clone, Default)]
pub(super) struct VariantWords {
    pub(super) env: BTreeMap<String, String>,
    pub(super) flags: LlamaBenchArgs,
}

/// Reads `text`; `name` is `--a` or `--b`.
pub(super) fn read(name: &str, text: &str) -> anyhow::Result<VariantWords> {
    let words = shlex::split(text)
        .with_context(|| format!("{name}: a quotation mark in '{text}' has no end"))?;
    let mut words = words.into_iter().peekable();
    let mut env = BTreeMap::new();
    if words.next_if(|word| word == "env").is_some() {
        while let Some(word) = words.next_if(|word| !word.starts_with('-')) {
            let Some((variable, value)) = word.split_once('=') else {
                bail!("{name}: '{word}' has no value; write NAME=VALUE after env");
            };
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            ensure!(
                !variable.is_empty() && variable.chars().all(is_name),
                "{name}: '{variable}' is no name of a variable"
            );
            ensure!(
                env.insert(variable.to_owned(), value.to_owned()).is_none(),
                "{name}: {variable} stands there twice"
            );
        }
        ensure!(!env.is_empty(), "{name}: env is followed by no NAME=VALUE");
    }
    if let Some(word) = words.peek().filter(|word| !word.starts_with('-')) {
        let advice = if word.contains('=') {
            format!("write env {word} to set a variable")
        } else {
            format!("a model is given by -m, as in -m {word}")
        };
        bail!("{name}: '{word}' is no flag; {advice}");
    }
    let long = spelling::to_long_flags(words.map(OsString::from));
    let command = LlamaBenchArgs::augment_args(clap::Command::new("variant"))
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_version_flag(true);
    let matches = command.try_get_matches_from(long).map_err(|error| {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        anyhow::anyhow!("{name}: {line}; tokmark bench --help lists the flags")
    })?;
    let flags = LlamaBenchArgs::from_arg_matches(&matches)?;
    if let Some((flag, _)) = flags.given().find(|(flag, _)| FOR_BOTH.contains(&flag.long)) {
        bail!("{name}: {} holds for both variants; give it outside", flag.long);
    }
    Ok(VariantWords { env, flags })
}

/// Checks that every setting of a variant has one value.
pub(super) fn check_single(name: &str, matrix: &Matrix) -> anyhow::Result<()> {
    let n_tests = |matrix: &Matrix| matrix.len();
    // No model at all stands for the default one.
    let models = if matrix.models.is_empty() { vec![String::new()] } else { matrix.models.clone() };
    let one_test = Matrix {
        models,
        n_prompt: vec![1],
        n_gen: vec![0],
        n_pg: Vec::new(),
        n_depth: vec![0],
        n_parallel: vec![1],
        ..matrix.clone()
    };
    ensure!(
        n_tests(&one_test) == 1,
        "{name}: a list stands for several settings; give each setting one value (tokmark bench \
         takes lists)"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_without_a_model_is_single_and_a_list_is_not() {
        let defaults = Matrix { models: Vec::new(), ..Matrix::defaults(2) };
        check_single("A", &defaults).unwrap();
        let list = Matrix { n_threads: vec![1, 2], ..defaults.clone() };
        assert!(check_single("A", &list).is_err());
        let two = Matrix { models: vec!["a".to_owned(), "b".to_owned()], ..defaults };
        assert!(check_single("A", &two).is_err());
    }

    fn refused(text: &str) -> String {
        read("--a", text).unwrap_err().to_string()
    }

    #[test]
    fn an_environment_and_flags_are_told_apart() {
        let words = read("--a", "env GGML_X=1 OMP_Y='a b' -t 2 -fa on").unwrap();
        assert_eq!(words.env["OMP_Y"], "a b");
        assert_eq!(words.env.len(), 2);
        assert_eq!(words.flags.last("--threads"), Some("2"));
        assert_eq!(words.flags.last("--flash-attn"), Some("on"));
        let nothing = read("--a", "").unwrap();
        assert!(nothing.env.is_empty() && nothing.flags.given().next().is_none());
    }

    #[test]
    fn what_is_no_variant_is_said() {
        insta::assert_snapshot!(refused("env GGML_X"), @"--a: 'GGML_X' has no value; write NAME=VALUE after env");
        insta::assert_snapshot!(refused("GGML_X=1"), @"--a: 'GGML_X=1' is no flag; write env GGML_X=1 to set a variable");
        insta::assert_snapshot!(refused("env -t 2"), @"--a: env is followed by no NAME=VALUE");
        insta::assert_snapshot!(refused("env A=1 A=2"), @"--a: A stands there twice");
        insta::assert_snapshot!(refused("env 'A B=1'"), @"--a: 'A B' is no name of a variable");
        insta::assert_snapshot!(refused("model.gguf"), @"--a: 'model.gguf' is no flag; a model is given by -m, as in -m model.gguf");
        insta::assert_snapshot!(refused("-p 512"), @"--a: --n-prompt holds for both variants; give it outside");
        insta::assert_snapshot!(refused("-t '2"), @"--a: a quotation mark in '-t '2' has no end");
        insta::assert_snapshot!(refused("--no-such 1"), @"--a: unexpected argument '--no-such' found; tokmark bench --help lists the flags");
    }
}
