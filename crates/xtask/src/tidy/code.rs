//! Rust source with everything blanked that is no code: comments and literals, and tests
//! where asked. Lines stay where they are.

use std::ops::Range;

/// `source` with comments, strings and characters replaced by spaces, of the same length.
pub(super) fn without_literals(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => line_end(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'\'' => character_end(bytes, at),
            _ => at + 1,
        };
        if end > at + 1 {
            blank(&mut code, at..end);
        }
        at = end;
    }
    String::from_utf8_lossy(&code).into_owned()
}

fn blank(code: &mut [u8], range: Range<usize>) {
    for byte in &mut code[range] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |n| at + n)
}

fn comment_end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// The end of the string that opens at `at`; raw if `r` and `#`s stand before it.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let n_hashes = bytes[..at].iter().rev().take_while(|&&byte| byte == b'#').count();
    let before = &bytes[..at - n_hashes];
    let is_raw = before.last() == Some(&b'r') && {
        let prefix = &before[..before.len() - 1];
        let prefix = prefix.strip_suffix(b"b").or(prefix.strip_suffix(b"c")).unwrap_or(prefix);
        !prefix.last().is_some_and(|&byte| is_word(byte))
    };
    let mut end = at + 1;
    while end < bytes.len() {
        match bytes[end] {
            b'\\' if !is_raw => end += 2,
            b'"' if !is_raw => return end + 1,
            b'"' if bytes[end + 1..].iter().take_while(|&&b| b == b'#').count() >= n_hashes => {
                return end + 1 + n_hashes;
            }
            _ => end += 1,
        }
    }
    bytes.len()
}

/// The end of the character that opens at `at`; the next byte if it is a lifetime.
fn character_end(bytes: &[u8], at: usize) -> usize {
    let closing = |from: usize| {
        bytes.get(from..)?.iter().position(|&byte| byte == b'\'').map(|n| from + n + 1)
    };
    match bytes.get(at + 1) {
        Some(b'\\') => closing(at + 3).unwrap_or(bytes.len()),
        Some(&first) => {
            let length = match first {
                0..0x80 => 1,
                0x80..0xE0 => 2,
                0xE0..0xF0 => 3,
                _ => 4,
            };
            if bytes.get(at + 1 + length) == Some(&b'\'') { at + length + 2 } else { at + 1 }
        }
        None => at + 1,
    }
}

/// Whether `byte` may stand inside a name.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Attributes that make the next item one for tests only.
const TEST_ATTRIBUTES: [&str; 2] = ["#[cfg(test)]", "#[cfg(all(test"];

/// Code (from [`without_literals`]) without its tests.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tested {
    /// The code with all items for tests blanked.
    pub(super) code: String,
    /// Modules for tests only that stand in files of their own.
    pub(super) test_modules: Vec<String>,
}

/// Takes the items for tests out of `code`.
pub(super) fn without_tests(code: &str) -> Tested {
    if code.contains("#![cfg(test)]") {
        let mut bytes = code.as_bytes().to_vec();
        let all = 0..bytes.len();
        blank(&mut bytes, all);
        let code = String::from_utf8_lossy(&bytes).into_owned();
        return Tested { code, test_modules: Vec::new() };
    }
    let mut bytes = code.as_bytes().to_vec();
    let mut test_modules = Vec::new();
    let mut from = 0;
    while let Some(start) = first_test(code, from) {
        let end = item_end(code.as_bytes(), start);
        test_modules.extend(module_name(&code[start..end]));
        blank(&mut bytes, start..end);
        from = end;
    }
    Tested { code: String::from_utf8_lossy(&bytes).into_owned(), test_modules }
}

fn first_test(code: &str, from: usize) -> Option<usize> {
    TEST_ATTRIBUTES
        .iter()
        .filter_map(|attribute| code[from..].find(attribute))
        .min()
        .map(|n| from + n)
}

/// The end of the item whose first attribute opens at `start`: after its block or `;`.
fn item_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0u32;
    for (n, byte) in bytes[start..].iter().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'}' if depth <= 1 => return start + n + 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return start + n + 1,
            _ => {}
        }
    }
    bytes.len()
}

/// `name` of `mod name;`.
fn module_name(item: &str) -> Option<String> {
    let (_, name) = item.strip_suffix(';')?.rsplit_once("mod ")?;
    let name = name.trim();
    name.bytes().all(is_word).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> String {
        without_literals(source).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_and_literals_are_blanked() {
        assert_eq!(words("a(); // .unwrap()\n/// .unwrap()\nb();"), "a(); b();");
        assert_eq!(words("a /* x /* y */ z */ b"), "a b");
        assert_eq!(
            words(r#"f("todo!\" //", 'x', '\'', '\u{1F}', '"', 'é') + 1"#),
            "f( , , , , , ) + 1"
        );
        assert_eq!(words(r###"f(r#"a " b"#, br"\", "") g"###), "f(r# , br , ) g");
    }

    #[test]
    fn lifetimes_are_code() {
        assert_eq!(
            words("fn f<'a>(x: &'a str) -> &'static str {}"),
            "fn f<'a>(x: &'a str) -> &'static str {}"
        );
    }

    #[test]
    fn lines_stay_where_they_are() {
        let source = "let a = \"one\n two\"; /*\n*/ b();\n";
        let code = without_literals(source);
        assert_eq!(code.len(), source.len());
        assert_eq!(code.lines().nth(2).unwrap().trim(), "b();");
    }

    #[test]
    fn items_for_tests_are_taken_out_and_the_rest_stays() {
        let source =
            "a.unwrap();\n#[cfg(test)]\nmod tests { fn f(x: [u8; 2]) { b.unwrap() } }\nc.unwrap();";
        let tested = without_tests(&without_literals(source));
        let words: Vec<_> = tested.code.split_whitespace().collect();
        assert_eq!(words, ["a.unwrap();", "c.unwrap();"]);
        assert!(tested.test_modules.is_empty());
    }

    #[test]
    fn test_modules_in_their_own_files_are_named() {
        let source = "#[cfg(test)]\npub(crate) mod fixture;\nmod real;\n#[cfg(all(test, unix))]\nmod tests;\n";
        let tested = without_tests(source);
        assert_eq!(tested.test_modules, ["fixture", "tests"]);
        assert_eq!(tested.code.trim(), "mod real;");
    }

    #[test]
    fn a_file_for_tests_only_is_blank() {
        assert_eq!(without_tests("#![cfg(test)]\nfn f() { a.unwrap() }").code.trim(), "");
    }
}
