//! Counts tokens with a model's own tokenizer, read from its `tokenizer.json`.
//!
//! A [`LocalTokenizer`] counts where a server does not. The crate walls off the `tokenizers`
//! library and deliberately knows no chat template, no model's weights, no network and no
//! cache of models: what it counts is the text that it is given.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use tokmark_tokenizer::LocalTokenizer;
//!
//! let tokenizer = LocalTokenizer::open(Path::new("tokenizer.json"))?;
//! println!("{:?}", tokenizer.count("How many tokens are this?"));
//! # Ok::<(), tokmark_tokenizer::TokenizerError>(())
//! ```

use std::fmt;
use std::path::{Path, PathBuf};

use tokenizers::Tokenizer;

/// Why a file can't count tokens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// The file can't be read.
    #[error("cannot read the tokenizer {}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is no tokenizer of a kind that is known.
    #[error(
        "{} is no tokenizer: {reason}; give the tokenizer.json of the model's repository",
        file.display()
    )]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// A tokenizer in the format of Hugging Face's `tokenizers` library.
pub struct LocalTokenizer {
    tokenizer: Tokenizer,
}

impl fmt::Debug for LocalTokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalTokenizer").finish_non_exhaustive()
    }
}

impl LocalTokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// When the file can't be read or is none.
    pub fn open(file: &Path) -> Result<Self, TokenizerError> {
        let bytes = std::fs::read(file)
            .map_err(|source| TokenizerError::Read { file: file.to_owned(), source })?;
        let malformed =
            |reason: String| TokenizerError::Malformed { file: file.to_owned(), reason };
        let mut tokenizer =
            Tokenizer::from_bytes(&bytes).map_err(|error| malformed(error.to_string()))?;
        // Files often carry the limits of a training run, which would cut or fill every text.
        tokenizer.with_truncation(None).map_err(|error| malformed(error.to_string()))?;
        tokenizer.with_padding(None);
        Ok(LocalTokenizer { tokenizer })
    }

    /// Tokens of `text` alone, without the special tokens at its ends. `None` where the
    /// tokenizer fails, and where it finds none in a text that is not blank, because it drops
    /// what it does not know.
    pub fn count(&self, text: &str) -> Option<u32> {
        let encoding = self.tokenizer.encode_fast(text, false).ok()?;
        let n = u32::try_from(encoding.len()).ok()?;
        (n > 0 || text.trim().is_empty()).then_some(n)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde_json::json;

    use super::*;

    /// A tokenizer of whole words whose file says `truncation`, with `[CLS]` before each text.
    fn words(
        unknown: &str,
        truncation: serde_json::Value,
    ) -> Result<LocalTokenizer, TokenizerError> {
        let text = json!({
            "version": "1.0",
            "truncation": truncation,
            "padding": null,
            "added_tokens": [],
            "normalizer": null,
            "pre_tokenizer": {"type": "Whitespace"},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [
                    {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                    {"Sequence": {"id": "A", "type_id": 0}}
                ],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}],
                "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}}
            },
            "decoder": null,
            "model": {
                "type": "WordLevel",
                "vocab": {"[UNK]": 0, "[CLS]": 1, "river": 2, "stone": 3},
                "unk_token": unknown
            }
        });
        open(text.to_string().as_bytes())
    }

    fn open(bytes: &[u8]) -> Result<LocalTokenizer, TokenizerError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        LocalTokenizer::open(file.path())
    }

    #[test]
    fn words_are_counted_without_special_tokens_and_without_the_files_limits() {
        let limit = json!({
            "direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0
        });
        let tokenizer = words("[UNK]", limit).unwrap();
        assert_eq!(tokenizer.count("river stone, cloud river"), Some(5));
        assert_eq!((tokenizer.count(""), tokenizer.count(" \n")), (Some(0), Some(0)));
    }

    #[test]
    fn a_text_that_the_tokenizer_does_not_know_has_no_count() {
        let tokenizer = words("[MISSING]", json!(null)).unwrap();
        assert_eq!(tokenizer.count("river"), Some(1));
        assert_eq!(tokenizer.count("cloud"), None);
    }

    /// Merges of bytes, as the vocabularies of today's models have them.
    #[test]
    fn pairs_of_bytes_are_merged() {
        let text = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
            "normalizer": null,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {
                    "type": "Split", "behavior": "Isolated", "invert": false,
                    "pattern": {"Regex": "\\s+(?!\\S)|\\p{N}{1,3}| ?[^\\s\\p{N}]+|\\s+"}
                },
                {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
                    "use_regex": false}
            ]},
            "post_processor": null, "decoder": {"type": "ByteLevel", "add_prefix_space": false,
                "trim_offsets": true, "use_regex": false},
            "model": {
                "type": "BPE", "dropout": null, "unk_token": null, "fuse_unk": false,
                "continuing_subword_prefix": null, "end_of_word_suffix": null,
                "byte_fallback": false, "ignore_merges": false,
                "vocab": {"a": 0, "b": 1, "Ġ": 2, "ab": 3, "Ġab": 4},
                "merges": [["a", "b"], ["Ġ", "ab"]]
            }
        });
        let tokenizer = open(text.to_string().as_bytes()).unwrap();
        assert_eq!(tokenizer.count("ab ab"), Some(2));
        assert_eq!(tokenizer.count("aab"), Some(2));
    }

    #[test]
    fn what_is_no_tokenizer_is_refused_with_its_name_and_advice() {
        let missing = LocalTokenizer::open(Path::new("/nowhere/tokenizer.json")).unwrap_err();
        assert!(missing.to_string().contains("/nowhere/tokenizer.json"), "{missing}");
        for bytes in [&b"GGUF\x03\0\0\0"[..], b"", b"{}", br#"{"version": "1.0"}"#] {
            let error = open(bytes).unwrap_err().to_string();
            assert!(
                error.contains("is no tokenizer") && error.contains("tokenizer.json"),
                "{error}"
            );
        }
    }
}
