//! Arguments as a record, a page or a comment may show them.

use std::path::Path;

use tokmark_command::shell;
use tokmark_compat::spelling;
use tokmark_hub::ModelUrl;
use tokmark_lab::{NOT_KEPT, is_secret};

use crate::args::is_web_address;

/// Flags that say who asks or where it is kept, and nothing of what is measured: left out with
/// their values.
const LEFT_OUT: [&str; 8] = [
    "--resume",
    "--db",
    "--hf-token",
    "--header",
    "--api-key",
    "--api-key-env",
    "--token",
    "--token-env",
];
/// The same of a flag whose value, an address with its scheme, may be absent.
const UPLOAD: &str = "--upload";
/// A switch that means something only beside it.
const SIGN: &str = "--sign";
/// Flags whose value is an address, with or without a scheme.
const ADDRESSES: [&str; 2] = ["--endpoint", "--url"];
/// Flags whose value is words of its own.
const VARIANTS: [&str; 2] = ["--a", "--b"];

/// The arguments of a command that does the same again.
pub(crate) fn arguments(given: &[String]) -> Vec<String> {
    words(given, Kept::Recorded)
}

/// The arguments of this call for its user to type again: with folders, without secrets.
pub(crate) fn to_type_again(given: &[String]) -> Vec<String> {
    words(&crate::args::without(given, &["--resume"]), Kept::Shown)
}

/// `text`, a variant or a single word, as a record may keep it: paths cut to their last part,
/// since folders hold user names, and what is no one's business taken out.
pub(crate) fn as_kept(text: &str) -> String {
    of_text(text, Kept::Recorded)
}

/// An address without user, password and query; what stands after a `#` names a model.
pub(crate) fn address(text: &str) -> String {
    if let Some((url, model)) = text.split_once('#') {
        return format!("{}#{model}", address(url));
    }
    let text = text.trim();
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    match ModelUrl::parse(&whole) {
        Ok(url) => {
            let shown = url.to_string();
            let shown = if text.contains("://") { &shown } else { &shown["http://".len()..] };
            shown.trim_end_matches('/').to_owned()
        }
        Err(_) => NOT_KEPT.to_owned(),
    }
}

/// For whom words are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// In a record, for everybody.
    Recorded,
    /// On the terminal of the user, who has to give the secrets again.
    Shown,
}

fn words(given: &[String], kept: Kept) -> Vec<String> {
    let mut words = Vec::new();
    let mut given = given.iter().peekable();
    while let Some(word) = given.next() {
        let (name, joined) = match word.split_once('=') {
            Some((name, value)) if name.starts_with('-') => (name, Some(value)),
            _ => (word.as_str(), None),
        };
        let flag = long(name);
        let of_value: fn(&str, Kept) -> String = match flag.as_str() {
            flag if LEFT_OUT.contains(&flag) => {
                let value = joined.or_else(|| given.next().map(String::as_str));
                if kept == Kept::Shown {
                    words.extend([name.to_owned(), secret_shown(flag, value.unwrap_or_default())]);
                }
                continue;
            }
            UPLOAD => {
                let next = || given.next_if(|word| is_web_address(word)).map(String::as_str);
                let value = joined.or_else(next);
                if kept == Kept::Shown {
                    words.push(name.to_owned());
                    words.extend(value.map(address));
                }
                continue;
            }
            SIGN if kept == Kept::Recorded => continue,
            flag if ADDRESSES.contains(&flag) => |value, _| address(value),
            flag if VARIANTS.contains(&flag) => of_text,
            _ => {
                words.push(of_word(word, kept));
                continue;
            }
        };
        match joined {
            Some(value) => words.push(format!("{name}={}", of_value(value, kept))),
            None => {
                words.push(name.to_owned());
                words.extend(given.next().map(|value| of_value(value, kept)));
            }
        }
    }
    words
}

/// The flag that `name` stands for, in its one spelling.
fn long(name: &str) -> String {
    match spelling::find(name) {
        Some(flag) => flag.long.to_owned(),
        None => name.to_owned(),
    }
}

/// Whether the store's place may be shown depends on what it is; a token never may.
fn secret_shown(flag: &str, value: &str) -> String {
    let is_plain_place = flag == "--db" && !value.contains("://");
    if is_plain_place { value.to_owned() } else { NOT_KEPT.to_owned() }
}

fn of_text(text: &str, kept: Kept) -> String {
    match shlex::split(text) {
        // A variant: words of its own.
        Some(own) if own.len() > 1 => shell::line(words(&own, kept)),
        _ => words(&[text.to_owned()], kept).concat(),
    }
}

fn of_word(word: &str, kept: Kept) -> String {
    match word.split_once('=') {
        Some((name, _)) if !name.starts_with('-') && !name.contains("://") && is_secret(name) => {
            format!("{name}={NOT_KEPT}")
        }
        Some((name, value)) if !name.contains("://") => format!("{name}={}", plain(value, kept)),
        _ => plain(word, kept),
    }
}

/// A word that is neither a flag's secret nor a variable's.
fn plain(word: &str, kept: Kept) -> String {
    match word.split_once("://") {
        Some(("hf", _)) => word.to_owned(),
        Some(("http" | "https", _)) => address(word),
        Some(_) if word.contains(['@', '?']) => NOT_KEPT.to_owned(),
        Some(_) => word.to_owned(),
        None if word.starts_with("hf:") || kept == Kept::Shown || !word.contains('/') => {
            word.to_owned()
        }
        None => match Path::new(word).file_name() {
            Some(name) => name.to_string_lossy().into_owned(),
            None => word.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(line: &str) -> String {
        shell::line(arguments(&shlex::split(line).unwrap()))
    }

    #[test]
    fn folders_are_cut_and_addresses_kept() {
        assert_eq!(as_kept("-m /home/a/m.gguf -t 2"), "-m m.gguf -t 2");
        assert_eq!(as_kept("hf:owner/repo:Q4_0"), "hf:owner/repo:Q4_0");
        assert_eq!(as_kept("http://host/v1"), "http://host/v1");
        assert_eq!(as_kept("--html=/home/a/r.html"), "--html=r.html");
        assert_eq!(kept("compare /home/a/x.gguf y.gguf"), "compare x.gguf y.gguf");
    }

    #[test]
    fn secrets_of_an_environment_are_taken_out() {
        let text = as_kept("env HF_TOKEN='a b' GGML_X=1 -t 2");
        assert_eq!(text, "env 'HF_TOKEN=(not kept)' GGML_X=1 -t 2");
        assert_eq!(as_kept("API_KEY=hush"), "API_KEY=(not kept)");
        let proxy = as_kept("env https_proxy=http://u:pw@proxy:3128/ -t 2");
        assert_eq!(proxy, "env https_proxy=http://proxy:3128 -t 2");
        let store = as_kept("env DATABASE_URL=postgres://u:pw@h/d -t 2");
        assert_eq!(store, "env 'DATABASE_URL=(not kept)' -t 2");
    }

    #[test]
    fn the_store_is_left_out() {
        assert_eq!(kept("ab --db postgres://u:pass@h/d -t 2"), "ab -t 2");
        assert_eq!(kept("ab --db=postgres://u:pass@h/d -t 2"), "ab -t 2");
        assert_eq!(kept("compare a b --db records.db"), "compare a b");
    }

    #[test]
    fn tokens_are_left_out_in_every_spelling() {
        for token in [
            "-hft hf_xxx",
            "--hf-token hf_xxx",
            "--hf-token=hf_xxx",
            "--hf_token hf_xxx",
            "-hft=hf_xxx",
        ] {
            assert_eq!(kept(&format!("ab {token} -t 2")), "ab -t 2", "{token}");
            assert_eq!(as_kept(&format!("{token} -t 2")), "-t 2", "{token}");
            assert_eq!(kept(&format!("ab --a '{token}' -t 2")), "ab --a '' -t 2", "{token}");
            assert_eq!(kept(&format!("ab '--b={token} -v' -t 2")), "ab --b=-v -t 2", "{token}");
        }
        assert_eq!(kept("ab --tokens text"), "ab --tokens text");
    }

    #[test]
    fn where_it_was_sent_is_no_part_of_the_same_again() {
        for sent in ["--upload", "--upload http://h:1 --sign", "--upload=http://h:1 --token-env X"]
        {
            assert_eq!(kept(&format!("compare {sent} -t 2 a b")), "compare -t 2 a b", "{sent}");
        }
        assert_eq!(kept("compare a b --upload"), "compare a b");
        let again = shell::line(to_type_again(
            &shlex::split("ab --upload 'http://u:pw@h:1/?k=x' -t 2 --token-env X").unwrap(),
        ));
        assert_eq!(again, "ab --upload http://h:1 -t 2 --token-env '(not kept)'");
    }

    #[test]
    fn headers_are_left_out() {
        assert_eq!(kept("compare a --header 'Authorization: Bearer x' b"), "compare a b");
        assert_eq!(kept("compare a --header='X-Key: x' b"), "compare a b");
    }

    #[test]
    fn addresses_lose_user_and_query() {
        let line = "compare a --endpoint 'http://u:pw@h:8080/v1?key=x'";
        assert_eq!(kept(line), "compare a --endpoint http://h:8080/v1");
        assert_eq!(kept("compare --endpoint=u:pw@h:1/?key=x"), "compare --endpoint=h:1");
        assert_eq!(kept("compare 'https://h/m.gguf?sig=x' b"), "compare https://h/m.gguf b");
        assert_eq!(address("http://[bad?key=x"), "(not kept)");
        assert_eq!(address("127.0.0.1:8080"), "127.0.0.1:8080");
        assert_eq!(address("u:pw@h:1/?key=x#qwen3:8b"), "h:1#qwen3:8b");
    }

    #[test]
    fn what_was_resumed_is_no_part_of_the_same_again() {
        assert_eq!(kept("ab --resume last -t 2"), "ab -t 2");
        assert_eq!(kept("ab -t 2 --resume=01a2"), "ab -t 2");
    }

    #[test]
    fn a_command_to_type_again_has_its_folders_and_no_secrets() {
        let given = "ab -m /home/a/m.gguf --db r.db -hft hf_x --resume last --a 'env A_KEY=x -t 2'";
        let shown = shell::line(to_type_again(&shlex::split(given).unwrap()));
        insta::assert_snapshot!(
            shown,
            @r"ab -m /home/a/m.gguf --db r.db -hft '(not kept)' --a 'env '\''A_KEY=(not kept)'\'' -t 2'"
        );
    }
}
