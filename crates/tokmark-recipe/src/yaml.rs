//! Recipes from YAML, checked.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::secret::Secrets;
use crate::{Recipe, RecipeError, placeholder};

/// Tells a file of several recipes from one that is a recipe.
#[derive(Deserialize)]
struct Probe {
    #[serde(default)]
    recipes: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    recipes: Vec<Recipe>,
}

impl Recipe {
    /// The recipes of a YAML text: a mapping that is a recipe, or one whose `recipes` is a
    /// list of them. At least one, in their order, each with a name of its own.
    ///
    /// # Errors
    /// [`RecipeError::Yaml`] for what is no YAML, has an unknown or missing field or a value
    /// of the wrong kind; [`RecipeError::Invalid`] for a recipe that makes no sense.
    pub fn parse(text: &str) -> Result<Vec<Recipe>, RecipeError> {
        parse_named(text, "the recipe")
    }

    /// The recipes of a file, as [`Recipe::parse`] reads them.
    ///
    /// # Errors
    /// [`RecipeError::Read`] when it cannot be read, and those of [`Recipe::parse`].
    pub fn read(path: &Path) -> Result<Vec<Recipe>, RecipeError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| RecipeError::Read { path: path.to_owned(), source })?;
        parse_named(&text, &path.display().to_string())
    }

    fn check(&self) -> Result<(), RecipeError> {
        let invalid = |problem: String| {
            let problem = Secrets::of(&self.env).hide(&problem);
            RecipeError::Invalid { recipe: self.name.clone(), problem }
        };
        check_name(&self.name).map_err(invalid)?;
        check_command("command", &self.command).map_err(invalid)?;
        if let Some(pull) = &self.pull {
            check_command("pull.command", &pull.command).map_err(invalid)?;
            if let Some(command) = &pull.unless_succeeds {
                check_command("pull.unless_succeeds", command).map_err(invalid)?;
            }
        }
        if let Some(name) = self.env.keys().find(|name| name.is_empty() || name.contains('=')) {
            return Err(invalid(format!("env: `{name}` is no name of a variable")));
        }
        if self.host.is_empty() || self.host.contains(['/', ' ']) {
            return Err(invalid(format!("host: `{}` is no address; write 127.0.0.1", self.host)));
        }
        if !self.url.starts_with("http://") && !self.url.starts_with("https://") {
            let problem = "url: it begins neither with http:// nor https://";
            return Err(invalid(problem.to_owned()));
        }
        if !self.ready.path.starts_with('/') {
            return Err(invalid(format!("ready.path: `{}` has no leading /", self.ready.path)));
        }
        if !(100..600).contains(&self.ready.status) {
            return Err(invalid(format!("ready.status: {} is no status", self.ready.status)));
        }
        for (field, word) in self.words() {
            if word.contains('\0') {
                return Err(invalid(format!("{field}: it holds a null character")));
            }
            placeholder::fill(word, |_| Ok(String::new()))
                .map_err(|problem| invalid(format!("{field}: {problem}")))?;
        }
        Ok(())
    }

    /// Every text that may hold placeholders, with the name of its field.
    fn words(&self) -> Vec<(String, &String)> {
        let mut words = Vec::new();
        words.extend(self.command.iter().map(|word| ("command".to_owned(), word)));
        words.extend(self.env.iter().map(|(name, word)| (format!("env.{name}"), word)));
        words.extend(self.load.iter().map(|(name, word)| (format!("load.{name}"), word)));
        words.extend(self.working_dir.iter().map(|word| ("working_dir".to_owned(), word)));
        words.extend(self.model.iter().map(|word| ("model".to_owned(), word)));
        words.extend(self.log.iter().map(|word| ("log".to_owned(), word)));
        words.push(("url".to_owned(), &self.url));
        words.push(("ready.path".to_owned(), &self.ready.path));
        if let Some(pull) = &self.pull {
            words.extend(pull.command.iter().map(|word| ("pull.command".to_owned(), word)));
            let path = pull.unless_exists.iter();
            words.extend(path.map(|word| ("pull.unless_exists".to_owned(), word)));
            let command = pull.unless_succeeds.iter().flatten();
            words.extend(command.map(|word| ("pull.unless_succeeds".to_owned(), word)));
        }
        words
    }
}

fn parse_named(text: &str, source_name: &str) -> Result<Vec<Recipe>, RecipeError> {
    let recipes = match from_yaml::<Probe>(text, source_name)? {
        Probe { recipes: Some(_) } => from_yaml::<File>(text, source_name)?.recipes,
        Probe { recipes: None } => vec![from_yaml::<Recipe>(text, source_name)?],
    };
    if recipes.is_empty() {
        return Err(yaml_error(source_name, "`recipes` is empty".to_owned()));
    }
    let mut names = BTreeSet::new();
    for recipe in &recipes {
        recipe.check()?;
        if !names.insert(&recipe.name) {
            let problem = "two recipes have this name; rename one".to_owned();
            return Err(RecipeError::Invalid { recipe: recipe.name.clone(), problem });
        }
    }
    Ok(recipes)
}

fn from_yaml<T: DeserializeOwned>(text: &str, source_name: &str) -> Result<T, RecipeError> {
    // A snippet would show the lines around the fault, and with them what must stay hidden.
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| yaml_error(source_name, Secrets::in_yaml(text).hide(&error.to_string())))
}

fn yaml_error(source_name: &str, problem: String) -> RecipeError {
    RecipeError::Yaml { source_name: source_name.to_owned(), problem }
}

fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.starts_with('.') || name.len() > 100 || !name.chars().all(is_plain) {
        return Err("name: use up to 100 letters, digits, `.`, `_` and `-`".to_owned());
    }
    Ok(())
}

fn check_command(field: &str, command: &[String]) -> Result<(), String> {
    match command.first() {
        None => Err(format!("{field}: it is empty; write the program and its arguments")),
        Some(program) if program.trim().is_empty() => {
            Err(format!("{field}: its first word is empty; it names the program"))
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
