//! Who may know whom: the one table of allowed crate edges, and the walls around heavy
//! dependencies. The reasons stand in `ARCHITECTURE.md`.

use std::collections::BTreeSet;
use std::fs;

use super::Finding;
use crate::workspace::{Package, Workspace};

/// The vocabulary, which every crate may know.
const VOCABULARY: &str = "tokmark-model";

/// In a list of [`ROOMS`]: any crate of the workspace.
const ANY: &str = "*";

/// Crate, whom it may know beside [`VOCABULARY`], and whom its tests may know besides.
const ROOMS: &[(&str, &[&str], &[&str])] = &[
    ("tokmark", &[ANY], &[]),
    ("tokmark-agent", &[], &["tokmark-server", "tokmark-store"]),
    ("tokmark-board", &["tokmark-stats"], &[]),
    ("tokmark-command", &["tokmark-workload"], &[]),
    ("tokmark-compat", &[], &[]),
    ("tokmark-gguf", &[], &[]),
    ("tokmark-host", &[], &[]),
    ("tokmark-http", &["tokmark-run", "tokmark-wire", "tokmark-workload"], &["tokmark-stub"]),
    ("tokmark-hub", &[], &[]),
    (
        "tokmark-lab",
        &[
            "tokmark-gguf",
            "tokmark-host",
            "tokmark-http",
            "tokmark-hub",
            "tokmark-run",
            "tokmark-stats",
            "tokmark-stub",
            "tokmark-tokenizer",
            "tokmark-workload",
        ],
        &[],
    ),
    ("tokmark-llama", &["tokmark-run"], &["tokmark-gguf"]),
    ("tokmark-model", &[], &[]),
    ("tokmark-plot", &[], &[]),
    ("tokmark-recipe", &[], &[]),
    ("tokmark-run", &[], &[]),
    (
        "tokmark-server",
        &["tokmark-board", "tokmark-command", "tokmark-plot", "tokmark-stats", "tokmark-store"],
        &["tokmark-stub"],
    ),
    ("tokmark-stats", &[], &[]),
    ("tokmark-store", &["tokmark-stats"], &[]),
    ("tokmark-stub", &["tokmark-run"], &[]),
    ("tokmark-tokenizer", &[], &[]),
    ("tokmark-wire", &[], &[]),
    ("tokmark-workload", &[], &[]),
    ("xtask", &[ANY], &[]),
];

/// Dependency from outside, and the only crate that may see it.
const WALLS: &[(&str, &str)] = &[
    ("rustls", "tokmark-http"),
    ("tokio-rustls", "tokmark-http"),
    ("llama-cpp-2", "tokmark-llama"),
    ("llama-cpp-sys-2", "tokmark-llama"),
    ("sea-orm", "tokmark-store"),
    ("sea-orm-migration", "tokmark-store"),
    ("sqlx", "tokmark-store"),
    ("tokenizers", "tokmark-tokenizer"),
];

/// Every edge that [`ROOMS`] and [`WALLS`] do not allow.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let ours: BTreeSet<&str> = workspace.packages.iter().map(|p| p.name.as_str()).collect();
    workspace.packages.iter().flat_map(|package| check_package(workspace, package, &ours)).collect()
}

fn check_package(workspace: &Workspace, package: &Package, ours: &BTreeSet<&str>) -> Vec<Finding> {
    let file = workspace.relative(&package.manifest_path);
    let manifest = fs::read_to_string(&package.manifest_path).unwrap_or_default();
    let name = package.name.as_str();
    let Some((_, knows, in_tests)) = ROOMS.iter().find(|(room, ..)| *room == name) else {
        let message = format!("{name} is missing from the table in xtask's tidy/edges.rs");
        return vec![Finding::new(&file, 1, message)];
    };
    let mut findings = Vec::new();
    for dependency in &package.dependencies {
        let other = dependency.name.as_str();
        let among = |list: &[&str]| list.contains(&other) || list.contains(&ANY);
        let is_allowed = !ours.contains(other)
            || (other == VOCABULARY && name != VOCABULARY)
            || among(knows)
            || (dependency.is_for_tests() && among(in_tests));
        if !is_allowed {
            let message = format!("{name} may not know {other}");
            findings.push(Finding::new(&file, line_of(&manifest, other), message));
        }
        let wall = WALLS.iter().find(|(outside, owner)| *outside == other && *owner != name);
        if let Some((_, owner)) = wall {
            let message = format!("only {owner} may depend on {other}");
            findings.push(Finding::new(&file, line_of(&manifest, other), message));
        }
    }
    findings
}

/// The line of a manifest that begins with a dependency's name; 1 where there is none.
fn line_of(manifest: &str, dependency: &str) -> usize {
    let begins = |line: &str| {
        line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with([' ', '.', '=']))
    };
    manifest.lines().position(begins).map_or(1, |position| position + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crate with its dependencies as (name, kind).
    type Fake = (&'static str, &'static [(&'static str, Option<&'static str>)]);

    fn workspace(packages: &[Fake]) -> Workspace {
        let packages: Vec<_> = packages
            .iter()
            .map(|(name, dependencies)| {
                let dependencies: Vec<_> = dependencies
                    .iter()
                    .map(|(name, kind)| serde_json::json!({ "name": name, "kind": kind }))
                    .collect();
                serde_json::json!({
                    "name": name,
                    "manifest_path": format!("/nowhere/crates/{name}/Cargo.toml"),
                    "dependencies": dependencies,
                    "targets": [],
                })
            })
            .collect();
        let metadata = serde_json::json!({
            "workspace_root": "/nowhere",
            "target_directory": "/nowhere/target",
            "packages": packages,
        });
        serde_json::from_value(metadata).unwrap()
    }

    fn messages(packages: &[Fake]) -> Vec<String> {
        check(&workspace(packages)).into_iter().map(|finding| finding.message).collect()
    }

    const MODEL: Fake = ("tokmark-model", &[("serde", None)]);

    #[test]
    fn listed_edges_and_outside_crates_are_allowed() {
        let found = messages(&[
            MODEL,
            ("tokmark-stats", &[("tokmark-model", None), ("serde", None)]),
            ("tokmark-run", &[("tokmark-model", None)]),
            ("tokmark-lab", &[("tokmark-run", None), ("tokmark-stats", None)]),
            ("tokmark-llama", &[("tokmark-run", None), ("llama-cpp-sys-2", None)]),
            ("tokmark", &[("tokmark-llama", None), ("tokmark-run", None)]),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn an_unlisted_edge_is_found() {
        let found = messages(&[
            ("tokmark-model", &[("tokmark-stats", None)]),
            ("tokmark-stats", &[("tokmark-run", Some("build"))]),
            ("tokmark-run", &[]),
        ]);
        let expected =
            ["tokmark-model may not know tokmark-stats", "tokmark-stats may not know tokmark-run"];
        assert_eq!(found, expected);
    }

    #[test]
    fn an_edge_for_tests_is_no_edge_for_the_crate() {
        let gguf: Fake = ("tokmark-gguf", &[]);
        let test = messages(&[gguf, ("tokmark-llama", &[("tokmark-gguf", Some("dev"))])]);
        assert!(test.is_empty(), "{test:?}");
        let plain = messages(&[gguf, ("tokmark-llama", &[("tokmark-gguf", None)])]);
        assert_eq!(plain, ["tokmark-llama may not know tokmark-gguf"]);
    }

    #[test]
    fn walls_hold_even_for_tests() {
        let found = messages(&[("tokmark", &[("sea-orm", Some("dev")), ("llama-cpp-2", None)])]);
        let expected = [
            "only tokmark-store may depend on sea-orm",
            "only tokmark-llama may depend on llama-cpp-2",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn an_unknown_crate_must_be_entered() {
        let found = messages(&[("tokmark-new", &[])]);
        assert_eq!(found, ["tokmark-new is missing from the table in xtask's tidy/edges.rs"]);
    }

    #[test]
    fn a_dependency_is_found_in_its_manifest() {
        let manifest = "[dependencies]\nserde_json = \"1\"\nserde.workspace = true\n";
        assert_eq!(line_of(manifest, "serde"), 3);
        assert_eq!(line_of(manifest, "libc"), 1);
    }
}
