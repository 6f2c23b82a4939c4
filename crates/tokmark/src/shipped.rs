//! The content that the program carries: published runs, families, machines.

use rust_embed::RustEmbed;
use tokmark_board::{BoardError, Content};

#[derive(RustEmbed)]
#[folder = "../../content/benchmarks/"]
#[include = "*.yaml"]
#[include = "*/*.yaml"]
struct Files;

/// The content, checked as any other.
///
/// # Errors
/// What is wrong with it; a test keeps it without faults.
pub(crate) fn content() -> Result<Content, BoardError> {
    let texts: Vec<(String, String)> = Files::iter()
        .filter_map(|name| {
            let file = Files::get(&name)?;
            Some((name.into_owned(), String::from_utf8(file.data.into_owned()).ok()?))
        })
        .collect();
    let (content, findings) =
        Content::check_texts(texts.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    if findings.is_empty() { Ok(content) } else { Err(findings.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shipped_has_no_faults() {
        let content = content().unwrap();
        assert!(content.runs.len() > 50 && content.hardware.len() == 4);
    }
}
