//! Flags of the commands around a server: serve, agent, upload, and of those that measure and
//! send.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::quantity::duration;
use super::{FilterArgs, StoreArgs};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ServeArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ServeCommand>,
    /// Address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) bind: SocketAddr,
    /// Name under which others ask for it; may be repeated. Any other Host is refused
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,
    /// May be read without a token, also from other machines
    #[arg(long)]
    pub(crate) public: bool,
    /// Start no agent: nothing is measured here
    #[arg(long)]
    pub(crate) no_agent: bool,
    /// Name of a key that signs records, KEY=NAME with the key's 64 digits; may be repeated
    #[arg(long, value_name = "KEY=NAME", value_parser = trusted_key)]
    pub(crate) trust: Vec<(String, String)>,
    /// What is written to standard error of each request, with its id: json or text lines, or
    /// none [default: json; on a terminal text, and only what went wrong]
    #[arg(long, value_name = "FORM", value_parser = PossibleValuesParser::new(["json", "text", "none"]))]
    pub(crate) log: Option<String>,
    /// How long an agent may say nothing before another may take its job
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) lease: Duration,
    /// End after this time
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) length: Option<Duration>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ServeCommand {
    /// Make a token, list them, or revoke one
    #[command(after_help = "Examples:
  tokmark serve token add laptop --scope submit --expires 30d
  tokmark serve token revoke laptop")]
    Token(TokenArgs),
    /// Copy an SQLite database whole while others use it
    #[command(after_help = "Examples:
  tokmark serve backup tokmark-backup.db
  tokmark serve backup tokmark-backup.db --db records.db")]
    Backup(BackupArgs),
    /// Put a backup in place of the SQLite database; the server must not run
    #[command(after_help = "Examples:
  tokmark serve restore tokmark-backup.db
  tokmark serve restore tokmark-backup.db --db records.db")]
    Restore(BackupArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// What to do
    #[arg(value_name = "WHAT", value_parser = PossibleValuesParser::new(["add", "list", "revoke"]))]
    pub(crate) what: String,
    /// The token's name
    #[arg(value_name = "NAME", required_if_eq_any([("what", "add"), ("what", "revoke")]))]
    pub(crate) name: Option<String>,
    /// What it may: read, also send records and start work, or everything
    #[arg(long, value_name = "SCOPE", default_value = "submit",
          value_parser = PossibleValuesParser::new(["read", "submit", "admin"]))]
    pub(crate) scope: String,
    /// How long it is good for
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) expires: Option<Duration>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The copy
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// Where `tokmark serve` listens unless told otherwise.
const SERVER: &str = "http://127.0.0.1:8080";
/// Variable of the environment that holds the token unless another is named.
const TOKEN_ENV: &str = "TOKMARK_TOKEN";

/// Which server, and with which token.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServerArgs {
    /// The server's address
    #[arg(long, value_name = "URL", default_value = SERVER)]
    pub(crate) server: String,
    /// Variable of the environment that holds the token
    #[arg(long, value_name = "NAME", default_value = TOKEN_ENV)]
    pub(crate) token_env: String,
}

/// Where what was measured goes besides the store.
#[derive(Debug, Clone, Args)]
pub(crate) struct SendArgs {
    /// Send what was measured to a server too; without a URL to http://127.0.0.1:8080
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = SERVER,
          value_parser = web_address)]
    pub(crate) upload: Option<String>,
    /// Variable of the environment that holds the server's token
    #[arg(long, value_name = "NAME", default_value = TOKEN_ENV, requires = "upload")]
    pub(crate) token_env: String,
    /// Sign it with this machine's key, which is made the first time
    #[arg(long, requires = "upload")]
    pub(crate) sign: bool,
}

/// Whether a word is an address with its scheme: only such a one is the value of `--upload`, so
/// that a model or a server to measure is never taken for it.
pub(crate) fn is_web_address(word: &str) -> bool {
    word.starts_with("http://") || word.starts_with("https://")
}

fn trusted_key(text: &str) -> Result<(String, String), String> {
    let (key, name) = text.split_once('=').ok_or("give KEY=NAME")?;
    let (key, name) = (key.trim().to_ascii_lowercase(), name.trim());
    if key.len() != 64 || !key.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("a key has 64 hexadecimal digits; tokmark upload --sign shows it".to_owned());
    }
    if name.is_empty() {
        return Err("the key's name is empty".to_owned());
    }
    Ok((key, name.to_owned()))
}

fn web_address(text: &str) -> Result<String, String> {
    match is_web_address(text) {
        true => Ok(text.to_owned()),
        false => Err("give an address that begins with http:// or https://, or none and put the \
                      flag last"
            .to_owned()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Folder in which results wait for the server [default: in the data folder]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) outbox: Option<PathBuf>,
    /// End when standard input is closed
    #[arg(long, hide = true)]
    pub(crate) while_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UploadArgs {
    /// Ids of records, their first digits, or `last` [default: all under the filters]
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Sign what was measured here with this machine's key, which is made the first time
    #[arg(long)]
    pub(crate) sign: bool,
    /// Folder in which records wait for the server [default: in the data folder]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) outbox: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct BoardArgs {
    #[command(subcommand)]
    pub(crate) command: BoardCommand,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum BoardCommand {
    /// Check a folder of runs: every fault with file, line and column
    #[command(after_help = "Examples:
  tokmark board check
  tokmark board check content/benchmarks")]
    Check(BoardCheckArgs),
    /// Write records of the store as YAML into the folder
    #[command(after_help = "Examples:
  tokmark board add last
  tokmark board add last --content content/benchmarks")]
    Add(BoardAddArgs),
    /// Read somebody else's YAML by a map of its fields, and write runs
    #[command(after_help = "Examples:
  tokmark board import theirs.yaml --map map.yaml
  tokmark board import theirs.yaml --map map.yaml --content content/benchmarks")]
    Import(BoardImportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct BoardCheckArgs {
    /// The folder that holds runs/, families.yaml, hardware/ and planned.yaml
    #[arg(value_name = "FOLDER", default_value = CONTENT)]
    pub(crate) content: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct BoardAddArgs {
    /// Ids of records, their first digits, or `last`
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
    /// The folder that holds runs/
    #[arg(long, value_name = "FOLDER", default_value = CONTENT)]
    pub(crate) content: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct BoardImportArgs {
    /// The foreign YAML
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Which of its fields are which of ours
    #[arg(long, value_name = "FILE")]
    pub(crate) map: PathBuf,
    /// The folder that holds runs/
    #[arg(long, value_name = "FOLDER", default_value = CONTENT)]
    pub(crate) content: PathBuf,
}

/// Where runs lie in a repository.
const CONTENT: &str = "content/benchmarks";

#[derive(Debug, Args)]
pub(crate) struct SiteArgs {
    #[command(subcommand)]
    pub(crate) command: SiteCommand,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum SiteCommand {
    /// Build the leaderboard as static files
    #[command(after_help = "Examples:
  tokmark site build --out site
  tokmark site build --out site --base-path /benchmarks --site-url https://example.org")]
    Build(SiteBuildArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SiteBuildArgs {
    /// Folder to write to
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// The folder that holds runs/, families.yaml, hardware/ and planned.yaml
    #[arg(long, value_name = "FOLDER", default_value = CONTENT)]
    pub(crate) content: PathBuf,
    /// What every address begins with
    #[arg(long, value_name = "PATH", default_value = "")]
    pub(crate) base_path: String,
    /// Pieces for another generator instead of whole pages
    #[arg(long)]
    pub(crate) embed: bool,
    /// Address of the site, for its feed
    #[arg(long, value_name = "URL")]
    pub(crate) site_url: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trusted_key_has_64_digits_and_a_name() {
        let key = "3F".repeat(32);
        let read = trusted_key(&format!("{key}=lab=1")).unwrap();
        assert_eq!(read, ("3f".repeat(32), "lab=1".to_owned()));
        for wrong in ["", "3f=lab", &key, &format!("{key}="), &format!("{}=lab", "é".repeat(32))] {
            assert!(trusted_key(wrong).is_err(), "{wrong}");
        }
    }
}
