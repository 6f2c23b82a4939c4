//! Whether anything reads the variables of a variant. A name with a typing error would make
//! two variants that differ in nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::bail;

use crate::output;

/// Prefixes of the engine's own variables.
const OF_ENGINE: [&str; 2] = ["GGML_", "LLAMA_"];
/// The variables that its source reads in some build.
const READ: &str = include_str!("engine_variables.txt");
/// Characters by which a name may differ from the one that was meant.
const NEAR: usize = 3;

/// Refuses names of the engine's that it does not know, and warns of others that stand in none of
/// the files that this process is made of: a driver that is loaded later may know them.
pub(super) fn check(name: &str, env: &BTreeMap<String, String>) -> anyhow::Result<()> {
    if env.is_empty() {
        return Ok(());
    }
    let files: Vec<Vec<u8>> = loaded_files().iter().filter_map(|f| fs::read(f).ok()).collect();
    let is_there = |variable: &str| files.iter().any(|file| contains_word(file, variable));
    for variable in env.keys() {
        if !OF_ENGINE.iter().any(|prefix| variable.starts_with(prefix)) {
            let meant = OF_ENGINE.iter().map(|prefix| format!("{prefix}{variable}"));
            let meant = meant.into_iter().find(|whole| read_by_engine().any(|own| own == *whole));
            if let Some(meant) = meant {
                bail!("{name}: the engine reads no variable {variable}; is it {meant}?");
            }
            if !is_there(variable) {
                output::say!(
                    "warning: {name}: nothing in this program reads {variable}; only a driver could"
                );
            }
            continue;
        }
        // Many more names of the engine's stand in its texts than it reads.
        if read_by_engine().any(|known| known == *variable) {
            if !is_there(variable) {
                bail!(
                    "{name}: this build of the engine reads no variable {variable}; another back \
                       end does"
                );
            }
            continue;
        }
        let near = read_by_engine()
            .map(|known| (distance(&known, variable), known))
            .filter(|(distance, known)| *distance <= NEAR && is_there(known))
            .min();
        let advice = near.map_or_else(String::new, |(_, known)| format!("; is it {known}?"));
        bail!("{name}: the engine reads no variable {variable}{advice}");
    }
    Ok(())
}

/// Every variable that the engine's source reads in some build.
fn read_by_engine() -> impl Iterator<Item = String> {
    let lines = READ.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.replace(' ', "_"))
}

/// This program and its libraries.
fn loaded_files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::env::current_exe().into_iter().collect();
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for line in maps.lines() {
        if let Some(at) = line.find('/') {
            let path = PathBuf::from(&line[at..]);
            if !files.contains(&path) {
                files.push(path);
            }
        }
    }
    files
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether `word` stands in `bytes` with no further letter of a name behind it. Compilers put texts
/// side by side, so that what stands before it says nothing.
fn contains_word(bytes: &[u8], word: &str) -> bool {
    let finder = memchr::memmem::Finder::new(word.as_bytes());
    finder.find_iter(bytes).any(|at| {
        let behind = bytes.get(at + word.len());
        !behind.is_some_and(|byte| is_name_byte(*byte))
    })
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    strsim::levenshtein(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_whole() {
        let bytes = b"\0GGML_NO_BACKTRACE\0GGML_CUDA_FORCE_MMQ";
        assert!(contains_word(bytes, "GGML_NO_BACKTRACE"));
        assert!(!contains_word(bytes, "GGML_NO_BACK"));
    }

    #[test]
    fn a_name_in_the_engines_texts_that_it_does_not_read_is_refused() {
        let env = |name: &str| BTreeMap::from([(name.to_owned(), "1".to_owned())]);
        for name in ["GGML_ASSERT", "GGML_TYPE_F16", "LLAMA_TOKEN_NULL"] {
            let error = check("--a", &env(name)).unwrap_err().to_string();
            assert!(error.contains("the engine reads no variable"), "{error}");
        }
    }

    #[test]
    fn a_typing_error_in_a_name_of_the_engines_is_refused() {
        let env = |name: &str| BTreeMap::from([(name.to_owned(), "1".to_owned())]);
        check("--a", &env("GGML_NO_BACKTRACE")).unwrap();
        let error = check("--a", &env("GGML_NO_BAKCTRACE")).unwrap_err().to_string();
        assert!(error.ends_with("; is it GGML_NO_BACKTRACE?"), "{error}");
    }
}
