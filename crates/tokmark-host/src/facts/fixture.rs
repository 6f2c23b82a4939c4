//! A small tree of `/proc` and `/sys` files for tests.

use std::fs;
use std::path::Path;

use crate::tree::Tree;

/// Files below a temporary folder that goes away with the fixture.
pub(crate) struct Fixture {
    folder: tempfile::TempDir,
    tree: Tree,
}

impl Fixture {
    /// Writes each `(path, text)`.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tree = Tree::fixture(folder.path());
        let fixture = Self { folder, tree };
        for (path, text) in files {
            fixture.write(path, text);
        }
        fixture
    }

    pub(crate) fn write(&self, path: &str, contents: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }
}
