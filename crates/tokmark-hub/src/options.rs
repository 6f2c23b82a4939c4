//! How a hub is set up, and the few things of the outside world that a test replaces.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A text that must not be shown. Its `Debug` form hides it, and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself, for the one place that sends it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Through which proxy the network is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ProxyChoice {
    /// As `ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say.
    #[default]
    Environment,
    /// None, whatever the environment says.
    Direct,
    /// This one: `http://host:port`, with user and password where needed.
    Url(Secret),
}

/// Says how many bytes a folder's file system still takes.
pub type FreeSpace = Arc<dyn Fn(&Path) -> io::Result<u64> + Send + Sync>;

/// The parts of the outside world that decide what a download does and that a test
/// therefore replaces.
#[derive(Clone)]
pub struct Outside {
    /// Waits so long. Called between attempts, and while another process holds a file.
    pub sleep: Arc<dyn Fn(Duration) + Send + Sync>,
    /// Bytes that this user may still write in the file system of an existing folder.
    pub free_space: FreeSpace,
}

impl Default for Outside {
    fn default() -> Self {
        Outside {
            sleep: Arc::new(std::thread::sleep),
            free_space: Arc::new(|folder| fs4::available_space(folder)),
        }
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Outside")
    }
}

/// Settings of a [`crate::Hub`]. [`HubOptions::default`] reads no environment;
/// [`HubOptions::from_env`] does, and a field set afterwards (from a flag) wins over it.
#[derive(Debug, Clone, Default)]
pub struct HubOptions {
    /// Folder of the cache, made when first needed. `None`: `tokmark/models` in the
    /// platform's cache folder.
    pub cache_dir: Option<PathBuf>,
    /// Use only what is on this machine.
    pub offline: bool,
    /// Sent to [`hf_endpoint`](Self::hf_endpoint) and to no other host.
    pub hf_token: Option<Secret>,
    /// Base address of Hugging Face or of a mirror. `None`: `https://huggingface.co`.
    pub hf_endpoint: Option<String>,
    /// Hugging Face's own cache (the folder that holds `models--owner--repo`). It is
    /// read, never written. `None`: not looked at.
    pub hf_cache_dir: Option<PathBuf>,
    /// How the network is reached.
    pub proxy: ProxyChoice,
    /// Replaced in tests only.
    pub outside: Outside,
}

impl HubOptions {
    /// Takes `TOKMARK_CACHE`, `HF_TOKEN`, `HF_ENDPOINT`, `HF_HUB_OFFLINE`,
    /// `HF_HUB_CACHE` (else `HF_HOME/hub`, else `huggingface/hub` in `XDG_CACHE_HOME` or
    /// `~/.cache`) and, through [`ProxyChoice::Environment`], the proxy variables. An
    /// empty variable counts as unset.
    pub fn from_env() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// [`from_env`](Self::from_env) with the variables given by `variable`.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let folder = |name: &str| set(name).map(PathBuf::from);
        let hf_cache_dir = folder("HF_HUB_CACHE")
            .or_else(|| folder("HF_HOME").map(|home| home.join("hub")))
            .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("huggingface/hub")))
            .or_else(|| folder("HOME").map(|home| home.join(".cache/huggingface/hub")));
        HubOptions {
            cache_dir: folder("TOKMARK_CACHE"),
            offline: set("HF_HUB_OFFLINE").is_some_and(|value| is_true(&value)),
            hf_token: set("HF_TOKEN").map(|token| Secret::new(token.trim())),
            hf_endpoint: set("HF_ENDPOINT"),
            hf_cache_dir,
            ..HubOptions::default()
        }
    }
}

/// Hugging Face's own notion of a set switch.
fn is_true(value: &str) -> bool {
    matches!(value.trim().to_ascii_uppercase().as_str(), "1" | "ON" | "YES" | "TRUE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_fills_the_options() {
        let options = HubOptions::from_variables(|name| {
            let value = match name {
                "TOKMARK_CACHE" => "/models",
                "HF_TOKEN" => "hf_abc\n",
                "HF_ENDPOINT" => "",
                "HF_HOME" => "/hf",
                "HF_HUB_OFFLINE" => "1",
                _ => return None,
            };
            Some(value.to_owned())
        });
        assert_eq!(options.cache_dir, Some(PathBuf::from("/models")));
        assert_eq!(options.hf_token, Some(Secret::new("hf_abc")));
        assert_eq!(options.hf_endpoint, None);
        assert_eq!(options.hf_cache_dir, Some(PathBuf::from("/hf/hub")));
        assert!(options.offline);
    }

    #[test]
    fn a_secret_is_not_shown() {
        let options = HubOptions {
            hf_token: Some(Secret::new("hf_abc")),
            proxy: ProxyChoice::Url(Secret::new("http://user:hf_abc@proxy")),
            ..HubOptions::default()
        };
        assert!(!format!("{options:?}").contains("hf_abc"));
    }
}
