//! What is said of a `bench` or `ab` command line that cannot be read.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use tokmark_compat::spelling;

/// The message for a word with a single dash that is no flag, named whole.
pub(crate) fn unknown_flag(args: &[OsString]) -> Option<String> {
    super::takes_llama_bench_flags(args).then_some(())?;
    // The variants of `ab` are values that look like flags.
    let text = |arg: &OsString| arg.to_string_lossy().into_owned();
    let given: Vec<String> = args[2..].iter().map(text).collect();
    let plain = super::without(&given, &["--a", "--b"]);
    let plain: Vec<OsString> = plain.into_iter().map(OsString::from).collect();
    let word = spelling::first_unknown(&plain)?.to_string_lossy();
    Some(of_word(&word, super::is_compat(args)))
}

/// The message for what the parser refused, where it can be said better than by the parser.
pub(crate) fn refused(error: &clap::Error, args: &[OsString]) -> Option<String> {
    super::takes_llama_bench_flags(args).then_some(())?;
    let is_compat = super::is_compat(args);
    match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(word))) => {
            let word = word.split('=').next().unwrap_or(word);
            let better = is_compat || !word.starts_with('-') || has_replacement(word);
            better.then(|| of_word(word, is_compat))
        }
        // The parser's own way to say it shows another program's usage.
        _ if is_compat => error.to_string().lines().next().map(|line| format!("{line}\n")),
        _ => None,
    }
}

fn has_replacement(word: &str) -> bool {
    spelling::replacement(word).is_some()
}

fn of_word(word: &str, is_compat: bool) -> String {
    let advice = match spelling::replacement(word) {
        Some(new) => format!("write {new}"),
        None if !word.starts_with('-') => format!("a model is given by -m, as in -m {word}"),
        None if is_compat => "llama-bench --help lists the flags".to_owned(),
        None => "tokmark bench --help lists the flags".to_owned(),
    };
    if is_compat {
        return format!("error: invalid parameter for argument: {word}; {advice}\n");
    }
    let what = if word.starts_with('-') { "flag" } else { "argument" };
    format!("error: unknown {what} '{word}'; {advice}\n")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, normalize};

    fn said(args: &[&str]) -> String {
        let args = [&["tokmark", "bench"], args].concat();
        let args = normalize(args.into_iter().map(OsString::from).collect());
        unknown_flag(&args).unwrap_or_else(|| {
            let error = Cli::try_parse_from(&args).unwrap_err();
            refused(&error, &args).unwrap_or_else(|| error.to_string())
        })
    }

    #[test]
    fn an_old_flag_is_named_whole_with_what_replaced_it() {
        insta::assert_snapshot!(said(&["-p", "8", "-mmp", "0"]), @"error: unknown flag '-mmp'; write -lm mmap for 1, -lm none for 0");
        insta::assert_snapshot!(said(&["--mmap", "0"]), @"error: unknown flag '--mmap'; write -lm mmap for 1, -lm none for 0");
        insta::assert_snapshot!(said(&["-dio", "1"]), @"error: unknown flag '-dio'; write -lm dio");
        insta::assert_snapshot!(said(&["-ncpumoe", "1"]), @"error: unknown flag '-ncpumoe'; write -ncmoe");
        insta::assert_snapshot!(said(&["-xyz"]), @"error: unknown flag '-xyz'; tokmark bench --help lists the flags");
        insta::assert_snapshot!(said(&["model.gguf"]), @"error: unknown argument 'model.gguf'; a model is given by -m, as in -m model.gguf");
    }

    #[test]
    fn as_llama_bench_it_is_said_in_its_manner() {
        insta::assert_snapshot!(said(&["--compat", "-mmp", "0"]), @"error: invalid parameter for argument: -mmp; write -lm mmap for 1, -lm none for 0");
        insta::assert_snapshot!(said(&["--compat", "-xyz"]), @"error: invalid parameter for argument: -xyz; llama-bench --help lists the flags");
        insta::assert_snapshot!(said(&["--compat", "--no-such"]), @"error: invalid parameter for argument: --no-such; llama-bench --help lists the flags");
        insta::assert_snapshot!(said(&["--compat", "model.gguf"]), @"error: invalid parameter for argument: model.gguf; a model is given by -m, as in -m model.gguf");
        assert!(!said(&["--compat", "-p"]).contains("Usage"));
    }
}
