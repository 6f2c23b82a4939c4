//! Text of others, made fit for a terminal, a log and one line.

/// Most characters of a foreign text that are shown, escapes included.
const MOST: usize = 500;

/// `text` without blanks around it, cut to [`MOST`] characters, with control characters and
/// those that turn or hide other text escaped.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::new();
    let mut n = 0;
    for c in text.trim().chars() {
        let piece: String = match c {
            '\0'..='\u{1f}' | '\u{7f}' => c.escape_default().collect(),
            _ if c.is_control() || is_unseen(c) => c.escape_unicode().collect(),
            _ => c.into(),
        };
        n += piece.chars().count();
        if n >= MOST {
            shown.push('…');
            break;
        }
        shown.push_str(&piece);
    }
    shown
}

/// Characters of no width, and those that change the direction of their neighbours.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_hidden_ones_are_escaped() {
        let hostile = " a\u{1b}[2Jb\nc\u{202e}d\u{200b}\u{9b}é ";
        assert_eq!(shown(hostile), r"a\u{1b}[2Jb\nc\u{202e}d\u{200b}\u{9b}é");
    }

    #[test]
    fn no_more_than_500_characters_are_shown_escapes_included() {
        assert_eq!(shown(&"x".repeat(499)).chars().count(), 499);
        assert_eq!(shown(&"x".repeat(100_000)).chars().count(), 500);
        assert!(shown(&"\u{1b}".repeat(1000)).chars().count() <= 500);
    }
}
