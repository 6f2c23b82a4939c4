//! Foreign text made harmless and cut to length.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const ELLIPSIS: char = '…';

/// `text` on one line, without what could steer a terminal, turn the direction of text that
/// follows, or is forbidden in XML, and without marks at its beginning, where nothing carries
/// them.
pub(crate) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            c if c.is_whitespace() || c.is_control() => {
                if !cleaned.ends_with(' ') {
                    cleaned.push(' ');
                }
            }
            '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{FEFF}' => {}
            '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {}
            '\u{FFFE}' | '\u{FFFF}' => cleaned.push('\u{FFFD}'),
            c => cleaned.push(c),
        }
    }
    let attaches = |c: char| c == ' ' || UnicodeWidthChar::width(c) == Some(0);
    cleaned.trim_end().trim_start_matches(attaches).to_owned()
}

/// `text` for XML and HTML, as content and inside quoted attributes.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// Upper estimate of the width of `text` in pixels at a font size: that of DejaVu Sans, the
/// widest of the usual faces.
pub(crate) fn pixels(text: &str, size: f64) -> f64 {
    text.chars().map(em).sum::<f64>() * size
}

fn em(character: char) -> f64 {
    match character {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 0.36,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' => 0.45,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 1.02,
        'A'..='Z' => 0.8,
        c if c.is_ascii() => 0.66,
        c => match c.width() {
            None | Some(0) => 0.0,
            Some(1) => 0.85,
            Some(_) => 1.4,
        },
    }
}

/// Columns of `text` in a terminal, never fewer than it takes.
pub(crate) fn columns(text: &str) -> usize {
    let by_characters = text.chars().filter_map(UnicodeWidthChar::width).sum();
    text.width().max(by_characters)
}

/// `text` if it fits, else as much of its beginning as fits with an ellipsis; empty if not
/// even that does.
pub(crate) fn shorten(text: &str, fits: impl Fn(&str) -> bool) -> Cow<'_, str> {
    if fits(text) {
        return Cow::Borrowed(text);
    }
    let boundaries: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let cut = |n: usize| -> String {
        let end = boundaries.get(n).copied().unwrap_or(text.len());
        let joins = |c: char| c == ' ' || c == '\u{200D}' || matches!(c, '\u{FE00}'..='\u{FE0F}');
        let mut cut = text[..end].trim_end_matches(joins).to_owned();
        cut.push(ELLIPSIS);
        cut
    };
    let (mut shortest, mut longest) = (0, boundaries.len());
    while shortest < longest {
        let middle = (shortest + longest).div_ceil(2);
        if fits(&cut(middle)) {
            shortest = middle;
        } else {
            longest = middle - 1;
        }
    }
    let shortened = cut(shortest);
    Cow::Owned(if fits(&shortened) { shortened } else { String::new() })
}

/// `text` broken between words into lines of at most `width` columns; a longer word is cut.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    wrap_by(text, |line| columns(line) <= width)
}

/// `text` broken between words into lines that all fit; a word that does not is cut.
pub(crate) fn wrap_by(text: &str, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let longer = lines.last().map(|line| format!("{line} {word}")).filter(|line| fits(line));
        match (lines.last_mut(), longer) {
            (Some(line), Some(longer)) => *line = longer,
            _ => lines.push(shorten(word, &fits).into_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_without_anything_to_stand_on_are_left_out() {
        assert_eq!(clean("\u{200d}\u{301}\u{301}"), "");
        assert_eq!(clean(" \u{301}e\u{301} "), "e\u{301}");
    }

    #[test]
    fn what_steers_a_terminal_or_turns_text_is_taken_out() {
        assert_eq!(clean("a\u{1b}[31mb\n\tc\r\n"), "a [31mb c");
        assert_eq!(clean("abc\u{202E}def\u{2066}\u{200F}"), "abcdef");
        assert_eq!(clean("a\u{0}\u{9b}b\u{FFFF}"), "a b\u{FFFD}");
        assert_eq!(clean("مرحبا 👩‍💻"), "مرحبا 👩‍💻");
    }

    #[test]
    fn markup_is_escaped() {
        assert_eq!(
            escape("<b a='1'>\"&\"</b>"),
            "&lt;b a=&#39;1&#39;&gt;&quot;&amp;&quot;&lt;/b&gt;"
        );
        assert!(matches!(escape("plain"), Cow::Borrowed("plain")));
    }

    #[test]
    fn long_text_is_cut_with_an_ellipsis() {
        let within = |n| move |text: &str| columns(text) <= n;
        assert_eq!(shorten("abcdef", within(6)), "abcdef");
        assert_eq!(shorten("abcdef", within(5)), "abcd…");
        assert_eq!(shorten("ab cdef", within(4)), "ab…");
        assert_eq!(shorten("漢字漢字", within(5)), "漢字…");
        assert_eq!(shorten("abc", within(1)), "…");
        assert_eq!(shorten("abc", within(0)), "");
    }

    #[test]
    fn an_emoji_of_several_parts_is_not_cut_behind_its_joint() {
        assert_eq!(shorten("👩‍💻👩‍💻", |text| text.chars().count() <= 4), "👩‍💻…");
        assert_eq!(shorten("👩‍💻👩‍💻", |text| text.chars().count() <= 3), "👩…");
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("incomprehensible", 5), ["inco…"]);
        assert!(wrap("", 5).is_empty());
    }
}
