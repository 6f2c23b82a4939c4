//! The content that the program carries: published runs, families, machines.

use anyhow::Context;
use rust_embed::RustEmbed;
use tokmark_board::Content;

#[derive(RustEmbed)]
#[folder = "../../content/benchmarks/"]
struct Files;

/// The content, read as any other folder of it.
pub(crate) fn content() -> anyhow::Result<Content> {
    let folder = tempfile::tempdir().context("cannot make a folder for the shipped runs")?;
    for name in Files::iter() {
        let Some(file) = Files::get(&name) else { continue };
        let path = folder.path().join(name.as_ref());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, file.data)?;
    }
    Ok(Content::read(folder.path())?)
}
