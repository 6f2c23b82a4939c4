//! Placeholders in words: `{port}`, `{env:HOME}`; `{{` and `}}` for braces.

use std::fmt;

/// What the words of a recipe may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placeholder<'a> {
    Host,
    Port,
    Model,
    Dir,
    Home,
    Name,
    Threads,
    Env(&'a str),
}

impl<'a> Placeholder<'a> {
    fn parse(word: &'a str) -> Option<Self> {
        Some(match word {
            "host" => Placeholder::Host,
            "port" => Placeholder::Port,
            "model" => Placeholder::Model,
            "dir" => Placeholder::Dir,
            "home" => Placeholder::Home,
            "name" => Placeholder::Name,
            "threads" => Placeholder::Threads,
            _ => Placeholder::Env(word.strip_prefix("env:").filter(|name| !name.is_empty())?),
        })
    }
}

impl fmt::Display for Placeholder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Placeholder::Host => "{host}",
            Placeholder::Port => "{port}",
            Placeholder::Model => "{model}",
            Placeholder::Dir => "{dir}",
            Placeholder::Home => "{home}",
            Placeholder::Name => "{name}",
            Placeholder::Threads => "{threads}",
            Placeholder::Env(name) => return write!(f, "{{env:{name}}}"),
        })
    }
}

/// Replaces every placeholder of `word` by what `lookup` gives for it.
///
/// # Errors
/// A sentence: the placeholder is unknown, a brace stands alone, or `lookup` has no value.
pub(crate) fn fill(
    word: &str,
    mut lookup: impl FnMut(Placeholder<'_>) -> Result<String, String>,
) -> Result<String, String> {
    let mut filled = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find(['{', '}']) {
        filled.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            filled.push_str(brace);
            rest = after;
        } else if brace == "}" {
            return Err("a `}` stands alone; write `}}` for a brace".to_owned());
        } else {
            let (inside, after) =
                rest.split_once('}').ok_or("a `{` is not closed; write `{{` for a brace")?;
            let placeholder = Placeholder::parse(inside).ok_or_else(|| unknown(inside))?;
            filled.push_str(&lookup(placeholder)?);
            rest = after;
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

fn unknown(inside: &str) -> String {
    let inside: String = inside.chars().take(40).collect();
    format!(
        "the placeholder {{{inside}}} is unknown; there are {{host}}, {{port}}, {{model}}, \
         {{name}}, {{threads}}, {{dir}}, {{home}} and {{env:NAME}}, and {{{{ }}}} for braces"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn echo(word: &str) -> Result<String, String> {
        fill(word, |placeholder| Ok(format!("<{placeholder}>")))
    }

    #[test]
    fn every_placeholder_is_replaced() {
        assert_eq!(
            echo("a{host}:{port} {model}{name}{threads}{dir}{home}{env:A_B}z").unwrap(),
            "a<{host}>:<{port}> <{model}><{name}><{threads}><{dir}><{home}><{env:A_B}>z"
        );
    }

    #[test]
    fn doubled_braces_stand_for_braces() {
        assert_eq!(echo(r#"{{"on": {{}}, "p": {port}}}"#).unwrap(), r#"{"on": {}, "p": <{port}>}"#);
    }

    #[test]
    fn what_a_value_holds_is_not_filled_again() {
        assert_eq!(fill("{model}", |_| Ok("{port}".to_owned())).unwrap(), "{port}");
    }

    #[test]
    fn an_unknown_placeholder_is_named() {
        let error = echo("--port {prot}").unwrap_err();
        assert!(error.contains("{prot} is unknown") && error.contains("{port}"), "{error}");
        for word in ["{}", "{env:}", "{Port}", "{ port}", "{\"a\":1}"] {
            assert!(echo(word).unwrap_err().contains("unknown"), "{word}");
        }
    }

    #[test]
    fn lone_braces_are_refused() {
        assert!(echo("a } b").unwrap_err().contains("`}}`"));
        assert!(echo("a {port").unwrap_err().contains("`{{`"));
        assert!(echo("{").unwrap_err().contains("`{{`"));
    }

    proptest! {
        #[test]
        fn text_with_its_braces_doubled_comes_back(text in ".*") {
            let doubled = text.replace('{', "{{").replace('}', "}}");
            prop_assert_eq!(echo(&doubled).unwrap(), text);
        }

        #[test]
        fn no_text_panics(text in "[{}a-z:é]*") {
            let _ = echo(&text);
        }
    }
}
