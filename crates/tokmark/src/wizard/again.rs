//! From the results back to the settings.
//!
//! The wizard becomes the command that was chosen. That command, once it has shown its results,
//! offers to become the wizard again; what was chosen goes there and back in the environment.

use std::io;
use std::process::Command;

use console::Key;
use serde::{Deserialize, Serialize};
use tokmark_run::Interrupt;

use super::command_line::Choice;
use super::terminal::{Event, RawTerminal, Terminal};

/// Holds a [`Trail`] as JSON in a command that the wizard became, and in a wizard that such a
/// command became.
const VARIABLE: &str = "TOKMARK_WIZARD";

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trail {
    pub(super) choice: Choice,
    /// Further flags of the call.
    pub(super) flags: Vec<String>,
}

impl Trail {
    /// That which this process was given.
    pub(crate) fn of_this_process() -> Option<Trail> {
        let text = std::env::var(VARIABLE).ok()?;
        serde_json::from_str(&text).ok().filter(|_| super::is_possible())
    }

    /// The models, in the order in which they were chosen.
    pub(crate) fn models(&self) -> &[String] {
        &self.choice.models
    }

    /// Waits for a key after the results: whether the user wants back to the settings.
    ///
    /// # Errors
    /// When the terminal can't be read or written.
    pub(crate) fn wants_back(&self, interrupt: &Interrupt) -> io::Result<bool> {
        if interrupt.is_raised() {
            return Ok(false);
        }
        crate::output::say!("Backspace, Left or Esc goes back to the settings, Enter or q ends");
        let mut terminal = RawTerminal::in_place(interrupt.clone())?;
        loop {
            match terminal.next()? {
                Event::Key(
                    Key::Backspace | Key::ArrowLeft | Key::Char('h' | 'b') | Key::Escape,
                ) => return Ok(true),
                Event::Key(Key::Enter | Key::Char('q')) | Event::Stopped => return Ok(false),
                Event::Key(_) => {}
                Event::Resized => terminal.is_seen()?,
            }
        }
    }

    /// Becomes the wizard at its settings. Comes back only with the reason why that failed.
    pub(crate) fn go_back(&self) -> io::Error {
        let Choice { context, generate, repetitions, .. } = &self.choice;
        let numbers = [("--context", Some(context)), ("--generate", Some(generate))];
        let all = numbers.into_iter().chain([("--repetitions", repetitions.as_ref())]);
        let mut arguments = vec!["compare".to_owned()];
        for (flag, value) in all.filter_map(|(flag, value)| Some((flag, value?))) {
            arguments.extend([flag.to_owned(), value.to_string()]);
        }
        arguments.extend(self.flags.iter().cloned());
        self.become_command(&arguments)
    }

    /// Becomes the comparison that was chosen, as if it had been typed, so that whatever it says of
    /// its own command line is whole. Comes back only with the reason why that failed.
    pub(super) fn start(&self) -> io::Error {
        let mut arguments = self.choice.arguments();
        arguments.extend(self.flags.iter().cloned());
        self.become_command(&arguments)
    }

    #[cfg(unix)]
    fn become_command(&self, arguments: &[String]) -> io::Error {
        use std::os::unix::process::CommandExt;
        let trail = serde_json::to_string(self).unwrap_or_default();
        match std::env::current_exe() {
            Ok(program) => Command::new(program).args(arguments).env(VARIABLE, trail).exec(),
            Err(error) => error,
        }
    }

    /// Not there, as the wizard is not.
    #[cfg(not(unix))]
    fn become_command(&self, _arguments: &[String]) -> io::Error {
        io::ErrorKind::Unsupported.into()
    }
}
