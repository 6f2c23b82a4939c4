//! Lines that fit a screen.

use console::measure_text_width;

/// What stands where something was cut.
const CUT: &str = "...";

/// Columns in which a piece of a long word is worth beginning.
const LEAST: usize = 8;
/// Columns below which nothing is indented.
const TINY: usize = 8;

/// `text` in at most `width` columns.
pub(super) fn cut(text: &str, width: usize) -> String {
    if measure_text_width(text) <= width {
        return text.to_owned();
    }
    let mark = &CUT[..CUT.len().min(width)];
    let kept = if width > mark.len() { split(text, width - mark.len()).0 } else { "" };
    format!("{}{mark}", kept.trim_end())
}

/// `text` and blanks up to `width` columns, cut where it is longer.
pub(super) fn pad(text: &str, width: usize) -> String {
    let text = cut(text, width);
    let n_blanks = width.saturating_sub(measure_text_width(&text));
    text + &" ".repeat(n_blanks)
}

/// The first `n` of `lines`, with a sign that there were more.
pub(super) fn at_most(mut lines: Vec<String>, n: usize, width: usize) -> Vec<String> {
    if let Some(last) = n.checked_sub(1).filter(|last| last + 1 < lines.len()) {
        let room = width.saturating_sub(CUT.len());
        let kept = split(&lines[last], measure_text_width(&lines[last]).min(room)).0;
        lines[last] = cut(&format!("{kept}{CUT}"), width);
    }
    lines.truncate(n);
    lines
}

/// `text` as it is where it fits `width` columns; else its words on several lines, all but the
/// first after `indent` blanks. A longer word is cut in pieces.
pub(super) fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
    if !text.trim().is_empty() && measure_text_width(text) <= width {
        return vec![text.trim_end().to_owned()];
    }
    let lead_columns = text.len() - text.trim_start().len();
    let lead = " ".repeat(lead_columns.min(width / 2));
    join(text.split_whitespace().map(str::to_owned), width, &lead, indent, "")
}

/// Words of a command line on lines of at most `width` columns, to be copied as they are:
/// each but the last ends in a backslash. A flag stays with its value.
pub(super) fn wrap_command(words: &[String], width: usize, indent: usize) -> Vec<String> {
    let mut units: Vec<String> = Vec::new();
    for word in words {
        match units.last_mut() {
            Some(flag)
                if flag.starts_with("--") && !flag.contains(' ') && !word.starts_with('-') =>
            {
                *flag += " ";
                *flag += word;
            }
            _ => units.push(word.clone()),
        }
    }
    join(units.into_iter(), width, &" ".repeat(indent.min(width / 2)), indent + 2, " \\")
}

fn join(
    words: impl Iterator<Item = String>,
    width: usize,
    lead: &str,
    indent: usize,
    end: &str,
) -> Vec<String> {
    let width = width.max(1);
    let (lead, indent, end) =
        if width < TINY { ("", 0, "") } else { (lead, indent.min(width / 2), end) };
    let indent = " ".repeat(indent);
    let room = width.saturating_sub(end.len()).max(1);
    let mut lines = Vec::new();
    let mut line = lead.to_owned();
    let mut is_empty = true;
    for word in words {
        let mut word = word.as_str();
        let columns = measure_text_width(word);
        let is_over = measure_text_width(&line) + 1 + columns > room;
        // A word that fits no line begins wherever there is room.
        let fits_a_line = indent.len() + columns <= room;
        let is_full = measure_text_width(&line) + LEAST > room;
        if !is_empty && is_over && (fits_a_line || is_full) {
            lines.push(std::mem::replace(&mut line, indent.clone()) + end);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        while measure_text_width(&line) + measure_text_width(word) > room {
            let (piece, rest) = piece(word, room.saturating_sub(measure_text_width(&line)));
            if rest.is_empty() {
                break;
            }
            line += piece;
            lines.push(std::mem::replace(&mut line, indent.clone()));
            word = rest;
        }
        line += word;
        is_empty = false;
    }
    if !is_empty {
        lines.push(line);
    }
    lines
}

/// The beginning of a word in at most `width` columns, up to a sign that joins where there is
/// one in its second half, and the rest.
fn piece(word: &str, width: usize) -> (&str, &str) {
    let (piece, rest) = split(word, width);
    match piece.rfind(['-', '_', '/']) {
        Some(at) if !rest.is_empty() && at + 1 > piece.len() / 2 => word.split_at(at + 1),
        _ => (piece, rest),
    }
}

/// The first `width` columns of `text`, at least one character, and the rest.
fn split(text: &str, width: usize) -> (&str, &str) {
    let mut columns = 0;
    for (at, c) in text.char_indices() {
        columns += measure_text_width(c.encode_utf8(&mut [0; 4]));
        if columns > width && at > 0 {
            return text.split_at(at);
        }
    }
    (text, "")
}

/// A screen of at most `height` lines: `head`, `elastic`, `tail`. Where they are more, blank
/// lines go first, then the end of `elastic`, which says so, then the beginning of `head`.
pub(super) fn fit(
    height: usize,
    mut head: Vec<String>,
    mut elastic: Vec<String>,
    mut tail: Vec<String>,
) -> Vec<String> {
    if head.len() + elastic.len() + tail.len() > height {
        for part in [&mut head, &mut elastic, &mut tail] {
            part.retain(|line| !line.is_empty());
        }
    }
    let room = height.saturating_sub(head.len() + tail.len());
    if elastic.len() > room {
        let n_missing = elastic.len() - room.saturating_sub(1);
        elastic.truncate(room.saturating_sub(1));
        if room > 0 {
            elastic.push(format!("  ({n_missing} more lines)"));
        }
    }
    let mut lines = head;
    lines.append(&mut elastic);
    lines.append(&mut tail);
    let n_too_many = lines.len().saturating_sub(height);
    lines.drain(..n_too_many);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abc...");
        assert_eq!(cut("abcdefg", 2), "..");
        assert_eq!(cut("abc", 0), "");
        let lines = || ["abcdef", "ghijkl", "m"].map(str::to_owned).to_vec();
        assert_eq!(at_most(lines(), 2, 6), ["abcdef", "ghi..."]);
        assert_eq!(at_most(lines(), 2, 20), ["abcdef", "ghijkl..."]);
        assert_eq!(at_most(lines(), 3, 6), lines());
        assert_eq!(cut("模型模型", 6), "模...");
        assert_eq!(pad("模", 4), "模  ");
    }

    #[test]
    fn words_stay_whole_where_they_fit() {
        assert_eq!(wrap("one two three", 8, 2), ["one two", "  three"]);
        assert_eq!(wrap("  one two", 8, 2), ["  one", "  two"]);
        assert_eq!(wrap("abcdefghijklmn", 8, 1), ["abcdefgh", " ijklmn"]);
        assert_eq!(wrap("abcdefg", 4, 1), ["abcd", "efg"]);
        assert_eq!(
            wrap("1 SmolLM2-135M-Instruct-Q4_1", 16, 0),
            ["1 SmolLM2-135M-", "Instruct-Q4_1"]
        );
        assert!(wrap("", 4, 0).is_empty());
    }

    #[test]
    fn a_command_on_several_lines_is_still_one_command() {
        let words: Vec<String> =
            ["tokmark", "compare", "A.gguf", "B.gguf"].map(str::to_owned).into();
        let lines = wrap_command(&words, 20, 2);
        assert_eq!(lines, ["  tokmark compare \\", "    A.gguf B.gguf"]);
        assert_eq!(wrap_command(&words, 80, 2), ["  tokmark compare A.gguf B.gguf"]);
    }

    #[test]
    fn nothing_is_wider_than_the_screen() {
        let words = ["tokmark".to_owned(), "模型模型模型模型.gguf".to_owned(), "x".to_owned()];
        for width in 2..40 {
            let mut lines = wrap_command(&words, width, 2);
            lines.extend(wrap(&words.join(" "), width, 4));
            for line in lines {
                assert!(measure_text_width(&line) <= width, "{width}: {line:?}");
            }
        }
    }

    #[test]
    fn blank_lines_give_way_first_then_the_middle_then_the_top() {
        let lines = |text: &str| text.split('\n').map(str::to_owned).collect::<Vec<_>>();
        let screen = |height| fit(height, lines("a\n"), lines("b\nc\nd"), lines("\ne"));
        assert_eq!(screen(7).len(), 7);
        assert_eq!(screen(5), ["a", "b", "c", "d", "e"]);
        assert_eq!(screen(4), ["a", "b", "  (2 more lines)", "e"]);
        assert_eq!(screen(2), ["a", "e"]);
        assert_eq!(screen(1), ["e"]);
        assert!(screen(0).is_empty());
    }
}
