//! Keys from the bytes that a terminal sends.

use console::Key;

/// Bytes that are no key yet.
#[derive(Debug, Default)]
pub(super) struct KeyBytes {
    bytes: Vec<u8>,
}

impl KeyBytes {
    /// Adds what was read.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the next key. `paused`: no byte came for a while, so that the beginning of a
    /// longer sequence is a key of its own, as Escape is.
    pub(super) fn next(&mut self, paused: bool) -> Option<Key> {
        let (key, n_bytes) = decode(&self.bytes, paused)?;
        self.bytes.drain(..n_bytes);
        Some(key)
    }
}

/// The first key of `bytes` and how many of them it is.
fn decode(bytes: &[u8], paused: bool) -> Option<(Key, usize)> {
    let unfinished = |key: Key| paused.then_some((key, bytes.len()));
    match bytes {
        [] => None,
        [0x1b] => unfinished(Key::Escape),
        [0x1b, b'[', rest @ ..] => {
            let is_last = |byte: &u8| matches!(byte, 0x40..=0x7e);
            match rest.iter().position(is_last) {
                Some(last) => Some((sequence(&rest[..last], rest[last]), last + 3)),
                None => unfinished(Key::Unknown),
            }
        }
        [0x1b, b'O'] => unfinished(Key::Unknown),
        [0x1b, b'O', letter, ..] => Some((sequence(&[], *letter), 3)),
        [0x1b, 0x1b, ..] => Some((Key::Escape, 1)),
        // A letter with Alt.
        [0x1b, _, ..] => Some((Key::Unknown, 2)),
        [0x03, ..] => Some((Key::CtrlC, 1)),
        [b'\r' | b'\n', ..] => Some((Key::Enter, 1)),
        [b'\t', ..] => Some((Key::Tab, 1)),
        [0x08 | 0x7f, ..] => Some((Key::Backspace, 1)),
        [..0x20, ..] => Some((Key::Unknown, 1)),
        [first, ..] => {
            let length = match first {
                ..0xc0 => 1,
                0xc0..0xe0 => 2,
                0xe0..0xf0 => 3,
                0xf0.. => 4,
            };
            let Some(letter) = bytes.get(..length) else { return unfinished(Key::Unknown) };
            match std::str::from_utf8(letter).ok().and_then(|letter| letter.chars().next()) {
                Some(letter) => Some((Key::Char(letter), length)),
                None => Some((Key::Unknown, 1)),
            }
        }
    }
}

/// What follows `ESC [` or `ESC O`, as xterm, rxvt, Linux and tmux send it.
fn sequence(parameters: &[u8], last: u8) -> Key {
    match (parameters, last) {
        ([], b'A') => Key::ArrowUp,
        ([], b'B') => Key::ArrowDown,
        ([], b'C') => Key::ArrowRight,
        ([], b'D') => Key::ArrowLeft,
        ([], b'H') | (b"1" | b"7", b'~') => Key::Home,
        ([], b'F') | (b"4" | b"8", b'~') => Key::End,
        ([], b'M') => Key::Enter,
        ([], b'Z') => Key::BackTab,
        (b"3", b'~') => Key::Del,
        (b"5", b'~') => Key::PageUp,
        (b"6", b'~') => Key::PageDown,
        _ => Key::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut buffer = KeyBytes::default();
        buffer.push(bytes);
        std::iter::from_fn(|| buffer.next(false).or_else(|| buffer.next(true))).collect()
    }

    #[test]
    fn keys_are_read_in_both_cursor_modes() {
        use Key::{ArrowDown, ArrowLeft, ArrowRight, ArrowUp, BackTab, End, Home, PageDown};
        let normal = b"\x1b[A\x1b[B\x1b[C\x1b[D\x1b[H\x1b[F\x1b[Z\x1b[6~";
        let expected = [ArrowUp, ArrowDown, ArrowRight, ArrowLeft, Home, End, BackTab, PageDown];
        assert_eq!(keys(normal), expected);
        assert_eq!(keys(b"\x1bOA\x1bOB\x1bOC\x1bOD"), expected[..4]);
    }

    #[test]
    fn letters_and_controls_are_keys() {
        let expected = [
            Key::Char('q'),
            Key::Char('ä'),
            Key::Char('模'),
            Key::Enter,
            Key::Backspace,
            Key::Tab,
            Key::CtrlC,
            Key::Char(' '),
        ];
        assert_eq!(keys("qä模\r\x7f\t\x03 ".as_bytes()), expected);
    }

    #[test]
    fn escape_is_a_key_once_nothing_follows() {
        let mut buffer = KeyBytes::default();
        buffer.push(b"\x1b");
        assert_eq!(buffer.next(false), None);
        assert_eq!(buffer.next(true), Some(Key::Escape));
        buffer.push(b"\x1b");
        assert_eq!(buffer.next(false), None);
        buffer.push(b"[A");
        assert_eq!(buffer.next(false), Some(Key::ArrowUp));
        assert_eq!(keys(b"\x1b\x1b"), [Key::Escape, Key::Escape]);
    }

    #[test]
    fn a_letter_cut_in_two_is_one_letter() {
        let mut buffer = KeyBytes::default();
        buffer.push(&"ä".as_bytes()[..1]);
        assert_eq!(buffer.next(false), None);
        buffer.push(&"ä".as_bytes()[1..]);
        assert_eq!(buffer.next(false), Some(Key::Char('ä')));
    }

    #[test]
    fn what_is_not_known_is_swallowed_whole() {
        assert_eq!(keys(b"\x1b[1;5Cq"), [Key::Unknown, Key::Char('q')]);
        assert_eq!(keys(b"\x1b[200~q"), [Key::Unknown, Key::Char('q')]);
        assert_eq!(
            keys(b"\x1bxq\xff\x1b[1;"),
            [Key::Unknown, Key::Char('q'), Key::Unknown, Key::Unknown]
        );
        for byte in 0..=255 {
            assert!(keys(&[byte, byte, byte]).len() <= 3);
        }
    }
}
