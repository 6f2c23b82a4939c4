//! The recipes that are shipped, from the folder `recipes` of the repository.

use crate::Recipe;

/// A recipe that is shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// Its YAML, to be read or copied by users.
    pub text: &'static str,
}

const BUILTINS: [Builtin; 6] = [
    Builtin { name: "lemonade", text: include_str!("../../../recipes/lemonade.yaml") },
    Builtin { name: "llama-server", text: include_str!("../../../recipes/llama-server.yaml") },
    Builtin { name: "mlx_lm", text: include_str!("../../../recipes/mlx_lm.yaml") },
    Builtin { name: "ollama", text: include_str!("../../../recipes/ollama.yaml") },
    Builtin { name: "vllm", text: include_str!("../../../recipes/vllm.yaml") },
    Builtin { name: "xllamacpp", text: include_str!("../../../recipes/xllamacpp.yaml") },
];

/// Every recipe that is shipped, by name.
pub fn builtins() -> &'static [Builtin] {
    &BUILTINS
}

impl Builtin {
    /// The recipe.
    pub fn recipe(&self) -> Recipe {
        Recipe::parse(self.text)
            .ok()
            .and_then(|mut recipes| recipes.pop())
            .expect("the tests read every recipe that is shipped")
    }
}

impl Recipe {
    /// The shipped recipe of this name.
    pub fn builtin(name: &str) -> Option<Recipe> {
        BUILTINS.iter().find(|builtin| builtin.name == name).map(Builtin::recipe)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{Port, Values};

    fn values() -> Values {
        Values {
            model: Some("models/Small-Q4.gguf".to_owned()),
            home: Some(PathBuf::from("/home/user")),
            dir: Some(PathBuf::from("/data")),
            ..Values::default()
        }
    }

    #[test]
    fn each_is_a_recipe_of_its_own_name_with_a_free_port() {
        for builtin in builtins() {
            let recipes = Recipe::parse(builtin.text).unwrap();
            assert_eq!(recipes.len(), 1, "{}", builtin.name);
            assert_eq!(recipes[0].name, builtin.name);
            assert_eq!(recipes[0].port, Port::Auto);
            assert!(!recipes[0].description.is_empty());
            assert_eq!(Recipe::builtin(builtin.name), Some(recipes[0].clone()));
        }
        assert_eq!(Recipe::builtin("nothing"), None);
    }

    #[test]
    fn each_says_how_to_get_its_program() {
        for builtin in builtins() {
            let recipe = builtin.recipe();
            let need = recipe.needs.iter().find(|need| need.program == recipe.command[0]);
            assert!(need.is_some_and(|need| !need.hint.is_empty()), "{}", builtin.name);
        }
    }

    #[test]
    fn each_placeholder_has_a_value_and_the_port_is_passed_on() {
        for builtin in builtins() {
            let filled = builtin.recipe().fill(&values(), 40_123).unwrap();
            assert_eq!(filled.address.url, "http://127.0.0.1:40123", "{}", builtin.name);
            let words = filled.command.iter().chain(filled.env.values());
            assert!(words.into_iter().any(|word| word.contains("40123")), "{}", builtin.name);
        }
    }

    #[test]
    fn the_model_reaches_server_or_pull() {
        for builtin in builtins() {
            let filled = builtin.recipe().fill(&values(), 1).unwrap();
            let pull = filled.pull.map(|pull| pull.command).unwrap_or_default();
            let has_model = |word: &String| word == "models/Small-Q4.gguf";
            assert!(filled.command.iter().chain(&pull).any(has_model), "{}", builtin.name);
        }
    }

    #[test]
    fn slow_first_loads_have_a_limit_of_their_own() {
        for name in ["lemonade", "ollama", "mlx_lm"] {
            let recipe = Recipe::builtin(name).unwrap();
            assert!(recipe.first_load.is_some_and(|limit| limit.timeout > recipe.ready.timeout));
        }
    }
}
