//! Whether anything reads the variables of a variant. A name with a typing error would make
//! two variants that differ in nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::bail;

use crate::output;

/// Prefixes of the engine's own variables: those stand in this program, or nothing reads them.
const OF_ENGINE: [&str; 2] = ["GGML_", "LLAMA_"];
/// Characters by which a name may differ from the one that was meant.
const NEAR: usize = 3;

/// Refuses names of the engine's that it does not know, and warns of others that stand in none of
/// the files that this process is made of: a driver that is loaded later may know them.
pub(super) fn check(name: &str, env: &BTreeMap<String, String>) -> anyhow::Result<()> {
    if env.is_empty() {
        return Ok(());
    }
    let files: Vec<Vec<u8>> = loaded_files().iter().filter_map(|f| fs::read(f).ok()).collect();
    let is_known = |variable: &str| files.iter().any(|file| contains_word(file, variable));
    for variable in env.keys().filter(|variable| !is_known(variable)) {
        if !OF_ENGINE.iter().any(|prefix| variable.starts_with(prefix)) {
            output::say!(
                "warning: {name}: nothing in this program reads {variable}; only a driver could"
            );
            continue;
        }
        let known = files.iter().flat_map(|file| names_with_prefix(file));
        let near = known
            .map(|known| (distance(&known, variable), known))
            .filter(|(distance, _)| *distance <= NEAR)
            .min();
        let advice = near.map_or_else(String::new, |(_, known)| format!("; is it {known}?"));
        bail!("{name}: the engine reads no variable {variable}{advice}");
    }
    Ok(())
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

/// Whether `word` stands in `bytes` with no further letter before or behind it. Compilers put
/// texts side by side, so that only a name's own characters count as letters.
fn contains_word(bytes: &[u8], word: &str) -> bool {
    let finder = memchr::memmem::Finder::new(word.as_bytes());
    finder.find_iter(bytes).any(|at| {
        let behind = bytes.get(at + word.len());
        !behind.is_some_and(|byte| is_name_byte(*byte))
    })
}

/// Names in `bytes` that begin as the engine's do.
fn names_with_prefix(bytes: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for prefix in OF_ENGINE {
        for at in memchr::memmem::find_iter(bytes, prefix.as_bytes()) {
            let rest = bytes[at..].iter().take_while(|byte| is_name_byte(**byte));
            let name: String = rest.take(64).map(|byte| char::from(*byte)).collect();
            if name.len() > prefix.len() && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
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
        assert_eq!(names_with_prefix(bytes), ["GGML_NO_BACKTRACE", "GGML_CUDA_FORCE_MMQ"]);
    }

    #[test]
    fn a_typing_error_in_a_name_of_the_engines_is_refused() {
        let env = |name: &str| BTreeMap::from([(name.to_owned(), "1".to_owned())]);
        check("--a", &env("GGML_NO_BACKTRACE")).unwrap();
        let error = check("--a", &env("GGML_NO_BAKCTRACE")).unwrap_err().to_string();
        assert!(error.ends_with("; is it GGML_NO_BACKTRACE?"), "{error}");
    }
}
