//! Headers and keys. Their values enter no message.

use anyhow::{Context, ensure};

/// `NAME:VALUE`, one a header.
pub(crate) fn headers(flags: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let header = |(position, flag): (usize, &String)| {
        let parts = flag.split_once(':');
        let (name, value) = parts.with_context(|| {
            format!("the {}. --header has no colon; give NAME:VALUE", position + 1)
        })?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    flags.iter().enumerate().map(header).collect()
}

/// The key that the environment variable holds.
pub(crate) fn api_key(variable: Option<&str>) -> anyhow::Result<Option<String>> {
    let Some(variable) = variable else { return Ok(None) };
    let key = std::env::var(variable)
        .ok()
        .with_context(|| format!("the environment has no {variable}; --api-key-env names it"))?;
    ensure!(!key.trim().is_empty(), "{variable} is empty; --api-key-env names it");
    Ok(Some(key.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_without_a_colon_is_not_shown() {
        let error = headers(&["Bearer sk-123".to_owned()]).unwrap_err().to_string();
        assert!(!error.contains("sk-123") && error.contains("1. --header"), "{error}");
        assert_eq!(headers(&["a: b:c".to_owned()]).unwrap(), [("a".to_owned(), "b:c".to_owned())]);
    }
}
