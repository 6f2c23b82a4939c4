//! The guided wizard of `tokmark compare`: choose models, set the figures, start.
//!
//! [`State`] is the whole of it: a key changes it, a screen is computed from it. It knows no
//! terminal, file or clock. Around it stand [`candidates()`], which looks at what lies on this
//! machine, [`RawTerminal`], which reads keys and draws, and [`Trail`], which leads from the
//! results, shown by the command that the wizard becomes, back to the settings.

mod again;
mod candidates;
mod command_line;
mod keys;
mod layout;
pub(crate) mod ranges;
mod selection;
mod settings;
mod specification;
mod state;
mod terminal;
#[cfg(test)]
mod tests;

use std::io;

use tokmark_run::Interrupt;

pub(crate) use again::Trail;
pub(crate) use candidates::{Candidate, SeenFile, candidates, files, too_few};
pub(crate) use command_line::{Choice, Preset, command_line, other_flags};
use state::{State, Step};
use terminal::{Event, RawTerminal, Terminal};

/// Whether somebody can be asked: keys come from a terminal, and standard error is one.
pub(crate) fn is_possible() -> bool {
    use std::io::IsTerminal;
    cfg!(unix) && io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on the terminal what to compare, beginning with `preset`; with `marked` models at the
/// settings. `None` when the user left; by Ctrl-C or a signal, `interrupt` is raised then.
///
/// # Errors
/// When the terminal can't be read or written. It is as it was before, whatever happens.
pub(crate) fn run(
    candidates: &[Candidate],
    preset: Preset,
    marked: &[String],
    interrupt: &Interrupt,
) -> io::Result<Option<Choice>> {
    let mut state = State::new(candidates.to_vec(), preset);
    state.mark(marked);
    ask(&mut RawTerminal::open(interrupt.clone())?, state)
}

/// Becomes the command that `choice` and the further `flags` stand for. Comes back only with the
/// reason why that failed.
pub(crate) fn start(choice: &Choice, flags: &[String]) -> io::Error {
    Trail { choice: choice.clone(), flags: flags.to_vec() }.start()
}

fn ask(terminal: &mut impl Terminal, mut state: State) -> io::Result<Option<Choice>> {
    loop {
        let (width, height) = terminal.size()?;
        terminal.draw(&state.screen(width, height))?;
        let key = match terminal.next()? {
            Event::Key(key) => key,
            Event::Resized => continue,
            Event::Stopped => return Ok(None),
        };
        match state.key(key) {
            Step::Stay => {}
            Step::Leave => return Ok(None),
            Step::Start(choice) => return Ok(Some(choice)),
        }
    }
}
