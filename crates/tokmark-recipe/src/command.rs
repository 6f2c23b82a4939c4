//! Programs on PATH.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::{Filled, Recipe, RecipeError};

/// Where `program` lies: itself where it holds a slash, else in the first folder of `path`
/// (written as the variable PATH is) that has it as something to execute.
pub fn find_program(program: &str, path: &OsStr) -> Option<PathBuf> {
    let with_suffix = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    let in_folder = |folder: &Path| {
        [program, &with_suffix].iter().map(|name| folder.join(name)).find(|it| is_executable(it))
    };
    if program.contains(std::path::is_separator) {
        return in_folder(Path::new(""));
    }
    std::env::split_paths(path).find_map(|folder| in_folder(&folder))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

/// Looks for everything that the recipe needs, on the PATH that its server would get.
pub(crate) fn check_needs(recipe: &Recipe, filled: &Filled) -> Result<(), RecipeError> {
    let own = std::env::var_os("PATH").unwrap_or_default();
    let path = filled.env.get("PATH").map_or(own.as_os_str(), |path| OsStr::new(path.as_str()));
    match recipe.needs.iter().find(|need| find_program(&need.program, path).is_none()) {
        None => Ok(()),
        Some(need) => Err(RecipeError::Missing {
            recipe: recipe.name.clone(),
            program: need.program.clone(),
            hint: need.hint.clone(),
        }),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_what_can_be_executed_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let (program, text) = (folder.path().join("serve"), folder.path().join("notes"));
        for (file, mode) in [(&program, 0o755), (&text, 0o644)] {
            std::fs::write(file, "#!/bin/sh\n").unwrap();
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let path = std::env::join_paths([Path::new("/nonexistent"), folder.path()]).unwrap();
        assert_eq!(find_program("serve", &path), Some(program.clone()));
        assert_eq!(find_program(program.to_str().unwrap(), OsStr::new("")), Some(program));
        assert_eq!(find_program("notes", &path), None);
        assert_eq!(find_program("serve", OsStr::new("")), None);
    }

    #[test]
    fn a_missing_program_is_named_with_its_hint() {
        let text = "name: a\ncommand: [b]\nneeds:\n- program: sh\n- program: no-such-program\n  hint: install it with `make`\n";
        let recipe = Recipe::parse(text).unwrap().remove(0);
        let filled = recipe.fill(&crate::Values::default(), 1).unwrap();
        assert_eq!(
            check_needs(&recipe, &filled).unwrap_err().to_string(),
            "recipe a needs no-such-program, which is not on PATH; install it with `make`"
        );
    }

    #[test]
    fn the_recipes_own_path_counts() {
        let text = "name: a\ncommand: [b]\nenv: {PATH: /nonexistent}\nneeds: [{program: sh}]";
        let recipe = Recipe::parse(text).unwrap().remove(0);
        let filled = recipe.fill(&crate::Values::default(), 1).unwrap();
        assert!(matches!(check_needs(&recipe, &filled), Err(RecipeError::Missing { .. })));
    }
}
