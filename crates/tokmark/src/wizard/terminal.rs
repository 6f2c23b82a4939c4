//! The terminal around the state machine: raw keys in, lines out.

use std::io::{self, Write};

use console::Key;
use tokmark_run::Interrupt;

use super::keys::KeyBytes;

/// What came from the terminal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A key.
    Key(Key),
    /// It has another size now.
    Resized,
    /// The user or the system ends the program.
    Stopped,
}

/// Keys and a screen.
pub(super) trait Terminal {
    /// Columns and lines.
    ///
    /// # Errors
    /// When there is no terminal any more.
    fn size(&self) -> io::Result<(usize, usize)>;

    /// Shows `lines`, of which the first is a title, in place of what was shown.
    ///
    /// # Errors
    /// When it can't be written.
    fn draw(&mut self, lines: &[String]) -> io::Result<()>;

    /// Waits for something to happen.
    ///
    /// # Errors
    /// When it can't be read.
    fn next(&mut self) -> io::Result<Event>;
}

/// Standard input and standard error, which are as before once this is dropped.
pub(super) struct RawTerminal {
    interrupt: Interrupt,
    keys: KeyBytes,
    mode: mode::Raw,
    shown: (usize, usize),
    /// No sequences: a terminal that can only write on.
    is_dumb: bool,
    /// Whether the second screen is shown.
    is_apart: bool,
    is_bold: bool,
}

/// A second screen; what was on the first comes back with it.
const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";

impl RawTerminal {
    /// Takes the terminal and shows a second screen. `interrupt` ends the waiting, and Ctrl-C raises
    /// it.
    ///
    /// # Errors
    /// When standard input is no terminal, or standard error can't be written.
    pub(super) fn open(interrupt: Interrupt) -> io::Result<Self> {
        let mut terminal = RawTerminal::in_place(interrupt)?;
        if !terminal.is_dumb {
            terminal.is_apart = true;
            io::stderr().write_all(ENTER.as_bytes())?;
        }
        Ok(terminal)
    }

    /// Takes the keys, and leaves what is shown.
    ///
    /// # Errors
    /// When standard input is no terminal.
    pub(super) fn in_place(interrupt: Interrupt) -> io::Result<Self> {
        let terminal = RawTerminal {
            interrupt,
            keys: KeyBytes::default(),
            mode: mode::Raw::enter()?,
            shown: (0, 0),
            is_dumb: std::env::var_os("TERM").is_none_or(|term| term == "dumb"),
            is_apart: false,
            is_bold: console::colors_enabled_stderr(),
        };
        Ok(terminal)
    }

    /// For the current size nothing need be drawn.
    ///
    /// # Errors
    /// When there is no terminal any more.
    pub(super) fn is_seen(&mut self) -> io::Result<()> {
        self.shown = self.size()?;
        Ok(())
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // Where nothing can be written any more, nobody looks.
        if self.is_apart {
            let _ = io::stderr().write_all(LEAVE.as_bytes());
        }
    }
}

impl Terminal for RawTerminal {
    fn size(&self) -> io::Result<(usize, usize)> {
        mode::size()
    }

    fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let size = self.size()?;
        self.shown = size;
        let text = match self.is_dumb {
            true => format!("\n{}\n", lines.join("\n")),
            false => drawn(lines, size.1, self.is_bold),
        };
        io::stderr().write_all(text.as_bytes())
    }

    fn next(&mut self) -> io::Result<Event> {
        let mut paused = false;
        loop {
            if self.interrupt.is_raised() {
                return Ok(Event::Stopped);
            }
            match self.keys.next(paused) {
                Some(Key::CtrlC) => {
                    self.interrupt.raise();
                    return Ok(Event::Stopped);
                }
                Some(key) => return Ok(Event::Key(key)),
                None => {}
            }
            if self.size()? != self.shown {
                return Ok(Event::Resized);
            }
            let mut bytes = [0; 64];
            let n_bytes = self.mode.read(&mut bytes)?;
            self.keys.push(&bytes[..n_bytes]);
            paused = n_bytes == 0;
        }
    }
}

/// The bytes that show `lines` on `height` lines. Every line is cleared before it is written, so
/// that nothing blinks and nothing old stays. The cursor rests on the line with the mark, where
/// a screen reader looks for it. Weight is all the style there is, and it says nothing.
fn drawn(lines: &[String], height: usize, is_bold: bool) -> String {
    let mut text = String::new();
    let mut cursor = 1;
    for row in 1..=height.max(lines.len()) {
        text += &format!("\x1b[{row};1H\x1b[2K");
        let Some(line) = lines.get(row - 1) else { continue };
        let is_marked = line.starts_with('>');
        if is_marked {
            cursor = row;
        }
        match is_bold && (is_marked || row == 1) {
            true => text += &format!("\x1b[1m{line}\x1b[0m"),
            false => text += line,
        }
    }
    text + &format!("\x1b[{cursor};1H")
}

#[cfg(unix)]
mod mode {
    use std::io;

    use rustix::io::Errno;
    use rustix::termios::{
        OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
    };

    /// Tenths of a second after which reading gives up, to look at size and interrupt. Also
    /// how long an Escape may be the beginning of something else.
    const PATIENCE: u8 = 1;

    /// Standard input without line editing, echo and signals.
    pub(super) struct Raw {
        before: Termios,
    }

    impl Raw {
        pub(super) fn enter() -> io::Result<Self> {
            let before = tcgetattr(io::stdin())?;
            let mut raw = before.clone();
            raw.make_raw();
            // Line feeds still begin lines, for whatever else writes.
            raw.output_modes = before.output_modes;
            raw.special_codes[SpecialCodeIndex::VMIN] = 0;
            raw.special_codes[SpecialCodeIndex::VTIME] = PATIENCE;
            tcsetattr(io::stdin(), OptionalActions::Drain, &raw)?;
            Ok(Raw { before })
        }

        /// 0 when nothing came for a while.
        pub(super) fn read(&self, bytes: &mut [u8]) -> io::Result<usize> {
            match rustix::io::read(io::stdin(), bytes) {
                Err(Errno::INTR) => Ok(0),
                read => Ok(read?),
            }
        }
    }

    impl Drop for Raw {
        fn drop(&mut self) {
            // Keys that nobody waited for don't reach the shell.
            let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
        }
    }

    /// Columns and lines; those of a usual terminal where it doesn't say.
    pub(super) fn size() -> io::Result<(usize, usize)> {
        let size = tcgetwinsize(io::stderr())?;
        match (size.ws_col, size.ws_row) {
            (0, _) | (_, 0) => Ok((80, 24)),
            (columns, lines) => Ok((columns.into(), lines.into())),
        }
    }
}

#[cfg(not(unix))]
mod mode {
    use std::io;

    /// Not there: [`super::super::is_possible`] says no.
    pub(super) struct Raw;

    impl Raw {
        pub(super) fn enter() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) fn read(&self, _bytes: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    pub(super) fn size() -> io::Result<(usize, usize)> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
