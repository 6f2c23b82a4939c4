use std::fmt;

/// What a file that is no GGUF resembles, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Looks {
    /// A web page, usually an error or login page saved under the model's name.
    Html,
    /// A zip archive; PyTorch checkpoints and wheels are zips too.
    Zip,
    /// A gzip stream.
    Gzip,
    /// A safetensors file.
    Safetensors,
    /// The small text that Git LFS leaves when the real file wasn't fetched.
    GitLfsPointer,
    /// A llama.cpp model from before GGUF (`ggml`, `ggmf`, `ggjt`).
    OldGgml,
    /// JSON text, often an error message of a server.
    Json,
    /// Other text.
    Text,
    /// Zero bytes, as an unfinished download with reserved space leaves.
    Zeros,
    /// None of the above.
    Unknown,
}

impl Looks {
    /// Judges by the first bytes; 512 suffice, fewer will do.
    ///
    /// Signatures: zip APPNOTE 4.3.7, RFC 1952, the safetensors README (a 64-bit length,
    /// then `{`), the Git LFS pointer specification, and llama.cpp's former magics.
    pub fn of(prefix: &[u8]) -> Looks {
        let text = prefix.trim_ascii_start();
        let begins_with =
            |word: &[u8]| text.len() >= word.len() && text[..word.len()].eq_ignore_ascii_case(word);
        if prefix.starts_with(b"PK\x03\x04") {
            Looks::Zip
        } else if prefix.starts_with(&[0x1f, 0x8b]) {
            Looks::Gzip
        } else if begins_with(b"<!doctype") || begins_with(b"<html") || begins_with(b"<head") {
            Looks::Html
        } else if begins_with(b"version https://git-lfs") {
            Looks::GitLfsPointer
        } else if [b"lmgg", b"fmgg", b"tjgg"].iter().any(|magic| prefix.starts_with(*magic)) {
            Looks::OldGgml
        } else if is_safetensors(prefix) {
            Looks::Safetensors
        } else if !prefix.is_empty() && prefix.iter().all(|&byte| byte == 0) {
            Looks::Zeros
        } else if begins_with(b"{") || begins_with(b"[") {
            Looks::Json
        } else if is_text(prefix) {
            Looks::Text
        } else {
            Looks::Unknown
        }
    }

    /// What to try next, as the end of a sentence.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Looks::Html | Looks::Json | Looks::Text => {
                "check the address, it must lead to the file itself, and download it again"
            }
            Looks::Zip | Looks::Gzip => "unpack it and give the .gguf inside",
            Looks::Safetensors => "convert it with convert_hf_to_gguf.py of llama.cpp",
            Looks::GitLfsPointer => "run `git lfs pull`, or download the file itself",
            Looks::OldGgml => "download the model as GGUF or convert it again",
            Looks::Zeros => "the download did not finish: download it again",
            Looks::Unknown => "give a .gguf file",
        }
    }
}

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Looks::Html => "an HTML page",
            Looks::Zip => "a zip archive",
            Looks::Gzip => "a gzip archive",
            Looks::Safetensors => "a safetensors file",
            Looks::GitLfsPointer => "a Git LFS pointer, not the file it points to",
            Looks::OldGgml => "a GGML model from before GGUF",
            Looks::Json => "JSON text",
            Looks::Text => "plain text",
            Looks::Zeros => "nothing but zero bytes",
            Looks::Unknown => "unknown binary data",
        })
    }
}

/// A length of at most 100 MB (the format's own limit), then a JSON object.
fn is_safetensors(prefix: &[u8]) -> bool {
    let Some((length, rest)) = prefix.split_first_chunk::<8>() else {
        return false;
    };
    let length = u64::from_le_bytes(*length);
    (2..=100_000_000).contains(&length) && rest.first() == Some(&b'{')
}

/// Printable ASCII and white space only.
fn is_text(prefix: &[u8]) -> bool {
    !prefix.is_empty() && prefix.iter().all(|&b| b.is_ascii_graphic() || b.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_mistakes_are_recognized() {
        let cases: [(&[u8], Looks); 10] = [
            (b"\n<!DOCTYPE html><html>", Looks::Html),
            (b"<HTML>", Looks::Html),
            (b"PK\x03\x04\x14\0", Looks::Zip),
            (b"\x1f\x8b\x08", Looks::Gzip),
            (b"\x40\x00\x00\x00\x00\x00\x00\x00{\"a\":", Looks::Safetensors),
            (b"version https://git-lfs.github.com/spec/v1\n", Looks::GitLfsPointer),
            (b"tjgg\x03\0\0\0", Looks::OldGgml),
            (b"{\"error\":\"not found\"}", Looks::Json),
            (b"Not Found", Looks::Text),
            (b"\0\0\0\0\0\0\0\0", Looks::Zeros),
        ];
        for (prefix, expected) in cases {
            assert_eq!(Looks::of(prefix), expected, "{prefix:?}");
        }
        assert_eq!(Looks::of(b"\x80\x02}q\x00"), Looks::Unknown);
        assert_eq!(Looks::of(b""), Looks::Unknown);
    }
}
