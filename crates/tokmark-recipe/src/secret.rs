//! Values that are shown to nobody: those of variables named for a key, a token, a secret or
//! a password.

use std::collections::BTreeMap;

/// What stands in a secret's place.
pub(crate) const HIDDEN: &str = "***";

/// Shorter values are hidden beside their name, but not searched for in text: `1` and `on`
/// are no secrets, and every `1` of a log would be lost with them.
const SHORTEST: usize = 4;

/// Whether the value of a variable of this name is a secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["KEY", "TOKEN", "SECRET", "PASSWORD"].iter().any(|part| name.contains(part))
}

/// Values that must not be seen. Cannot be printed.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// The secret ones of these variables.
    pub(crate) fn of(variables: &BTreeMap<String, String>) -> Self {
        let mut secrets = Secrets::default();
        for (name, value) in variables {
            secrets.learn(name, value);
        }
        secrets
    }

    /// Adds the value of the variable `name`, if the name says it is one.
    pub(crate) fn learn(&mut self, name: &str, value: &str) {
        if is_secret_name(name) && value.len() >= SHORTEST {
            self.0.push(value.to_owned());
            // A secret that holds another one must be found first.
            self.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    /// What looks like a secret in the text of a recipe that cannot be read.
    pub(crate) fn in_yaml(text: &str) -> Self {
        let mut secrets = Secrets::default();
        for line in text.lines() {
            for (at, _) in line.match_indices(':') {
                let before = line[..at].trim_end_matches(['"', '\'', ' ']);
                let name = before.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next();
                let after = line[at + 1..].split([',', '}', '#']).next().unwrap_or_default();
                let value = after.trim_matches(['"', '\'', ' ', '\t', '[', ']', '{']);
                secrets.learn(name.unwrap_or_default(), value);
            }
        }
        secrets
    }

    /// `text` with every secret replaced.
    pub(crate) fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

/// Variables as they may be shown: without the values of secret ones, and without those
/// values where others repeat them.
pub(crate) fn shown_variables(
    variables: &BTreeMap<String, String>,
    secrets: &Secrets,
) -> BTreeMap<String, String> {
    let shown = |name: &String, value: &String| {
        if is_secret_name(name) { HIDDEN.to_owned() } else { secrets.hide(value) }
    };
    variables.iter().map(|(name, value)| (name.clone(), shown(name, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide_in_any_case() {
        for name in ["OPENAI_API_KEY", "HF_TOKEN", "client_secret", "DbPassword"] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["PATH", "OLLAMA_HOST", "HF_HUB_OFFLINE"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn a_secret_inside_another_leaves_nothing_behind() {
        let mut secrets = Secrets::default();
        secrets.learn("A_KEY", "abcd");
        secrets.learn("B_KEY", "abcdefgh");
        secrets.learn("HOST", "localhost");
        assert_eq!(secrets.hide("abcdefgh abcd at localhost"), "*** *** at localhost");
    }

    #[test]
    fn short_values_are_hidden_by_name_only() {
        let mut secrets = Secrets::default();
        secrets.learn("USE_KEYS", "1");
        assert_eq!(secrets.hide("exit code 1"), "exit code 1");
        let variables = [("USE_KEYS".to_owned(), "1".to_owned())].into();
        assert_eq!(shown_variables(&variables, &secrets)["USE_KEYS"], "***");
    }

    #[test]
    fn secrets_are_found_in_broken_yaml() {
        for text in [
            "env:\n  API_KEY: hidden-1",
            "env: {A: 1, \"API_KEY\": 'hidden-1', B: 2}",
            "API_KEY: [hidden-1",
        ] {
            assert_eq!(Secrets::in_yaml(text).hide("<hidden-1>"), "<***>", "{text}");
        }
        assert!(!format!("{:?}", Secrets::in_yaml("API_KEY: hidden-1")).contains("hidden-1"));
    }
}
