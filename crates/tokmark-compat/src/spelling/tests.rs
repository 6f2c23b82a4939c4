use proptest::prelude::*;

use super::*;

const HELP: &str = include_str!("../../tests/fixtures/llama-bench-11434/help.txt");

fn long(args: &[&str]) -> Vec<String> {
    let args = args.iter().map(OsString::from);
    to_long_flags(args).into_iter().map(|arg| arg.into_string().unwrap()).collect()
}

#[test]
fn values_with_dashes_stay_values() {
    assert_eq!(
        long(&["-ngl", "-1", "--prio", "-1", "-p", "-5"]),
        ["--n-gpu-layers=-1", "--prio=-1", "--n-prompt=-5"]
    );
    // As in llama-bench, a flag takes whatever follows it, a flag's name too.
    assert_eq!(long(&["-m", "-p", "5"]), ["--model=-p", "5"]);
    assert_eq!(long(&["-m", "--", "-v"]), ["--model=--", "--verbose"]);
}

#[test]
fn underscores_count_as_dashes_in_names_only() {
    assert_eq!(
        long(&["--n_gpu_layers", "1_0", "--no_warmup", "--cache_type_k=q8_0"]),
        ["--n-gpu-layers=1_0", "--no-warmup", "--cache-type-k=q8_0"]
    );
    assert_eq!(long(&["--my_own_flag"]), ["--my_own_flag"]);
}

#[test]
fn joined_values_are_taken_and_empty_ones_too() {
    assert_eq!(
        long(&["-ngl=99", "-m=a=b", "--n-gen=8"]),
        ["--n-gpu-layers=99", "--model=a=b", "--n-gen=8"]
    );
    assert_eq!(long(&["--numa", "", "-ot", ""]), ["--numa=", "--override-tensor="]);
}

#[test]
fn the_unknown_passes_untouched() {
    let args = ["tokmark", "bench", "--tokens", "text", "-z", "-n128", "-", "file.gguf"];
    assert_eq!(long(&args), args);
    assert_eq!(long(&["-v", "--", "-ngl", "5"]), ["--verbose", "--", "-ngl", "5"]);
}

#[test]
fn a_missing_value_is_left_to_the_parser() {
    assert_eq!(long(&["-v", "-m"]), ["--verbose", "--model"]);
}

#[cfg(unix)]
#[test]
fn paths_need_not_be_utf8() {
    use std::os::unix::ffi::OsStringExt;
    let path = OsString::from_vec(b"/m/\xff.gguf".to_vec());
    let args = to_long_flags(["-m".into(), path.clone(), path.clone()]);
    assert_eq!(args[0], OsString::from_vec(b"--model=/m/\xff.gguf".to_vec()));
    assert_eq!(args[1], path);
}

/// Spellings, placeholder and default of every option in llama-bench's help.
fn options_of_help() -> Vec<(Vec<&'static str>, Option<&'static str>, Option<&'static str>)> {
    let mut options: Vec<(Vec<_>, Option<_>, Option<_>)> = Vec::new();
    for line in HELP.lines() {
        let default = line.split_once("(default: ").and_then(|(_, rest)| rest.strip_suffix(')'));
        if line.starts_with("  -") {
            let words = line.split([' ', ',']).filter(|word| !word.is_empty());
            let spellings = words.take_while(|word| word.starts_with('-')).collect();
            let value = line.find('<').map(|start| {
                let rest = &line[start..];
                rest.split_once("  ")
                    .or(rest.split_once(" (default"))
                    .map_or(rest, |(value, _)| value)
            });
            options.push((spellings, value.map(str::trim), default));
        } else if let (Some(default), Some(last)) = (default, options.last_mut()) {
            last.2 = Some(default);
        }
    }
    options
}

#[test]
fn every_option_of_llama_benchs_help_is_in_the_table() {
    let options = options_of_help();
    assert_eq!(options.len(), 46);
    for (spellings, value, default) in options {
        let flag = find(spellings[0]).unwrap_or_else(|| panic!("{spellings:?} is missing"));
        assert_eq!(flag.spellings, spellings);
        assert_eq!(flag.value, value, "{}", flag.long);
        match flag.long {
            // It depends on the machine.
            "--threads" => assert_eq!(default, Some("2")),
            // llama-bench's help says 4096, its code 0.
            "--fit-ctx" => assert_eq!((default, flag.default), (Some("4096"), Some("0"))),
            _ => assert_eq!(flag.default, default, "{}", flag.long),
        }
    }
}

#[test]
fn the_table_has_no_spelling_twice_and_only_known_extras() {
    let mut seen = std::collections::HashSet::new();
    for flag in FLAGS {
        assert!(flag.long.starts_with("--"), "{}", flag.long);
        for spelling in flag.spellings {
            assert!(seen.insert(spelling), "{spelling} stands twice");
            assert_eq!(find(spelling), Some(flag));
        }
        assert_eq!(find(flag.long), Some(flag));
    }
    let in_help: Vec<_> = options_of_help().into_iter().flat_map(|option| option.0).collect();
    let extra: Vec<_> = seen.into_iter().filter(|spelling| !in_help.contains(spelling)).collect();
    let mut extra: Vec<_> = extra.into_iter().copied().collect();
    extra.sort_unstable();
    // llama-bench shows `-rpc` only when it was built with that back end.
    assert_eq!(extra, ["--n-parallel", "--parallel", "--rpc", "-np", "-rpc"]);
}

#[test]
fn of_these_flags_the_last_value_counts() {
    let last: Vec<_> = FLAGS
        .iter()
        .filter(|flag| flag.takes_value() && flag.repeat == Repeat::Last)
        .map(|flag| flag.long)
        .collect();
    assert_eq!(
        last,
        [
            "--numa",
            "--repetitions",
            "--prio",
            "--delay",
            "--output",
            "--output-err",
            "--hf-token",
            "--main-gpu"
        ]
    );
}

#[test]
fn a_flag_that_the_engine_cannot_do_is_a_clear_error() {
    let rpc = find("-rpc").unwrap();
    let error = rpc.check_supported(|capability| capability != Capability::Rpc).unwrap_err();
    insta::assert_snapshot!(
        error,
        @"--rpc needs the RPC back end, which this engine lacks: leave --rpc out, or build the engine with its RPC back end"
    );
    assert_eq!(rpc.check_supported(|_| true), Ok(()));
    assert_eq!(find("-m").unwrap().check_supported(|_| false), Ok(()));
    insta::assert_snapshot!(find("-fitt").unwrap().check_supported(|_| false).unwrap_err(), @"--fit-target needs fitting to device memory, which this engine lacks: leave --fit-target out, or use an engine that has it");
}

#[test]
fn a_word_that_is_no_flag_is_found_whole() {
    let unknown = |args: &[&str]| {
        let args = to_long_flags(args.iter().map(OsString::from));
        first_unknown(&args).map(|word| word.to_str().unwrap().to_owned())
    };
    assert_eq!(unknown(&["-p", "8", "-mmp", "0"]).as_deref(), Some("-mmp"));
    assert_eq!(unknown(&["-vv"]).as_deref(), Some("-vv"));
    // Values, long flags, a lone dash and what follows `--` are left to the parser.
    assert_eq!(unknown(&["-ngl", "-1", "-m", "-x", "--seed", "-", "--", "-mmp"]), None);
    for old in ["-mmp", "--mmap", "-dio", "--direct-io", "-ncpumoe"] {
        assert!(find(old).is_none() && replacement(old).is_some(), "{old}");
    }
    assert_eq!(replacement("-p"), None);
}

fn any_argument() -> impl Strategy<Value = String> {
    let spellings: Vec<_> = FLAGS.iter().flat_map(|flag| flag.spellings.iter().copied()).collect();
    prop_oneof![
        3 => prop::sample::select(spellings.clone()).prop_map(str::to_owned),
        1 => prop::sample::select(spellings).prop_map(|spelling| format!("{spelling}=1")),
        1 => Just("--".to_owned()),
        2 => "-{0,2}[a-z_=0-9-]{0,6}",
        1 => any::<String>(),
    ]
}

proptest! {
    #[test]
    fn twice_is_the_same_as_once(args in prop::collection::vec(any_argument(), 0..12)) {
        let once = to_long_flags(args.iter().map(OsString::from));
        prop_assert_eq!(to_long_flags(once.clone()), once);
    }
}
