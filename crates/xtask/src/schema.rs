//! The record's JSON Schema, kept in the repository for readers in other languages.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Where it is kept, from the root.
pub(crate) const PATH: &str = "docs/record.schema.json";

/// The schema as it should stand in the file. Keys are sorted, so that it does not depend
/// on the features that `serde_json` happens to be built with.
fn text() -> Result<String> {
    let mut schema = schemars::schema_for!(tokmark_model::Record).to_value();
    schema.sort_all_objects();
    Ok(serde_json::to_string_pretty(&schema)? + "\n")
}

/// Writes the file.
///
/// # Errors
/// When it can't be written.
pub(crate) fn write(root: &Path) -> Result<()> {
    let path = root.join(PATH);
    fs::write(&path, text()?).with_context(|| format!("{} can't be written", path.display()))
}

/// Whether the file is not what [`write()`] would write; a missing file is stale.
///
/// # Errors
/// When the schema can't be made.
pub(crate) fn is_stale(root: &Path) -> Result<bool> {
    let kept = fs::read_to_string(root.join(PATH)).ok();
    Ok(kept != Some(text()?))
}

/// Says whether the file is up to date, and returns it.
///
/// # Errors
/// When the schema can't be made.
pub(crate) fn report(root: &Path) -> Result<bool> {
    let stale = is_stale(root)?;
    if stale {
        println!("{PATH}:1: stale or missing; run `cargo xtask schema`");
    } else {
        println!("{PATH} is up to date");
    }
    Ok(!stale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_changed_file_is_stale() {
        let root = tempfile::tempdir().unwrap();
        assert!(is_stale(root.path()).unwrap());
        fs::create_dir(root.path().join("docs")).unwrap();
        write(root.path()).unwrap();
        assert!(!is_stale(root.path()).unwrap());
        fs::write(root.path().join(PATH), "{}\n").unwrap();
        assert!(is_stale(root.path()).unwrap());
    }

    #[test]
    fn the_schema_describes_a_record() {
        let schema: serde_json::Value = serde_json::from_str(&text().unwrap()).unwrap();
        assert_eq!(schema["title"], "Record");
        assert_eq!(schema["type"], "object");
    }
}
