//! llama-bench's spellings, in one table, and their way to long flags.

mod table;

use std::ffi::{OsStr, OsString};
use std::fmt;

use crate::CompatError;

pub use table::FLAGS;

/// What happens when a flag is given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// The values are added to those before.
    Append,
    /// The last one counts.
    Last,
}

/// The part of llama-bench's help in which a flag stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Options of the run.
    Options,
    /// Parameters of the tests; most take lists.
    TestParameters,
    /// Flags that llama-bench doesn't have.
    Beyond,
}

/// Something that not every build of an engine can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// Devices of other machines by ggml's RPC back end.
    Rpc,
    /// Fitting a model into device memory.
    Fit,
    /// A thread pool of its own: CPU mask, strict placement, polling.
    ThreadPool,
    /// Placing single tensors, or the experts, by hand.
    TensorOverrides,
    /// NUMA strategies.
    Numa,
    /// Loading tensors on demand.
    LazyMode,
}

impl Capability {
    /// What the user can do about its absence.
    pub fn remedy(self) -> &'static str {
        match self {
            Capability::Rpc => "build the engine with its RPC back end",
            _ => "use an engine that has it",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Capability::Rpc => "the RPC back end",
            Capability::Fit => "fitting to device memory",
            Capability::ThreadPool => "a configurable thread pool",
            Capability::TensorOverrides => "tensor placement by hand",
            Capability::Numa => "NUMA strategies",
            Capability::LazyMode => "on-demand loading of tensors",
        })
    }
}

/// One flag of llama-bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag {
    /// The canonical form, with its dashes: `--n-gpu-layers`.
    pub long: &'static str,
    /// Every spelling in the order of llama-bench's help: `-ngl`, `--n-gpu-layers`.
    pub spellings: &'static [&'static str],
    /// Placeholder of its value; `None` for a switch.
    pub value: Option<&'static str>,
    /// What happens when it is given again.
    pub repeat: Repeat,
    /// Where the help shows it.
    pub group: Group,
    /// The default as the help shows it; `None` for a switch, and for the number of
    /// threads, which depends on the machine.
    pub default: Option<&'static str>,
    /// What an engine must be able to do for it.
    pub needs: Option<Capability>,
    /// One line of help, without the default.
    pub help: &'static str,
}

impl Flag {
    /// Whether it is followed by a value.
    pub fn takes_value(&self) -> bool {
        self.value.is_some()
    }

    /// Checks that an engine with the capabilities for which `has` is true can do it.
    ///
    /// # Errors
    ///
    /// [`CompatError::Unsupported`] when it can't.
    pub fn check_supported(&self, has: impl Fn(Capability) -> bool) -> Result<(), CompatError> {
        match self.needs {
            Some(capability) if !has(capability) => {
                Err(CompatError::Unsupported { flag: self.long.to_owned(), capability })
            }
            _ => Ok(()),
        }
    }
}

/// The flag that `spelling` stands for, dashes included. Underscores count as dashes in
/// spellings that begin with two dashes, as in llama-bench.
pub fn find(spelling: &str) -> Option<&'static Flag> {
    let normal =
        if spelling.starts_with("--") { spelling.replace('_', "-") } else { spelling.to_owned() };
    FLAGS.iter().find(|flag| flag.long == normal || flag.spellings.contains(&normal.as_str()))
}

/// Rewrites every llama-bench spelling as its canonical long flag, with the value joined
/// to it: `-ngl -1` becomes `--n-gpu-layers=-1`.
///
/// What follows a flag that takes a value is its value, even when it begins with a dash.
/// `name=value` is taken too, which llama-bench doesn't. Anything unknown passes
/// untouched, and so does everything after `--`. Doing it twice changes nothing more. A flag
/// that lacks its value comes out alone, for the parser to complain about.
///
/// ```
/// use tokmark_compat::spelling::to_long_flags;
/// let args = ["bench", "-m", "a.gguf", "--n_gen", "8", "--seed", "1", "-v"].map(Into::into);
/// let long = ["bench", "--model=a.gguf", "--n-gen=8", "--seed", "1", "--verbose"];
/// assert_eq!(to_long_flags(args), long);
/// ```
pub fn to_long_flags(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args = args.into_iter();
    let mut long = Vec::new();
    while let Some(arg) = args.next() {
        if arg == "--" {
            long.push(arg);
            long.extend(args);
            break;
        }
        let Some((flag, value)) = recognize(&arg) else {
            long.push(arg);
            continue;
        };
        let value = match value {
            None if flag.takes_value() => args.next(),
            given => given.map(OsString::from),
        };
        long.push(join(flag.long, value.as_deref()));
    }
    long
}

/// The first word with a single dash that is no spelling of llama-bench, in arguments that
/// went through [`to_long_flags`]. A parser that takes letters one by one would name but a
/// part of it.
pub fn first_unknown(args: &[OsString]) -> Option<&OsStr> {
    let flags = args.iter().take_while(|arg| *arg != "--");
    let is_short = |arg: &OsStr| {
        let bytes = arg.as_encoded_bytes();
        bytes.len() > 1 && bytes[0] == b'-' && bytes[1] != b'-'
    };
    flags.map(OsString::as_os_str).find(|arg| is_short(arg))
}

/// What to write for a flag that older versions of llama-bench had.
pub fn replacement(spelling: &str) -> Option<&'static str> {
    match spelling {
        "-mmp" | "--mmap" => Some("-lm mmap for 1, -lm none for 0"),
        "-dio" | "--direct-io" => Some("-lm dio"),
        "-ncpumoe" => Some("-ncmoe"),
        _ => None,
    }
}

/// The flag in one argument, and the value joined to it by `=`.
fn recognize(arg: &OsStr) -> Option<(&'static Flag, Option<&str>)> {
    let arg = arg.to_str()?;
    if !arg.starts_with('-') {
        return None;
    }
    match arg.split_once('=') {
        Some((name, value)) => find(name).map(|flag| (flag, Some(value))),
        None => find(arg).map(|flag| (flag, None)),
    }
}

fn join(long: &str, value: Option<&OsStr>) -> OsString {
    let mut joined = OsString::from(long);
    if let Some(value) = value {
        joined.push("=");
        joined.push(value);
    }
    joined
}

#[cfg(test)]
mod tests;
