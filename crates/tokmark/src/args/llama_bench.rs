//! llama-bench's flags as arguments.

use clap::{ArgMatches, Args, FromArgMatches};
use tokmark_compat::spelling::{self, Flag, Group, Repeat};

/// llama-bench's flags, declared from its one table of spellings.
#[derive(Debug, Clone, Default)]
pub(crate) struct LlamaBenchArgs {
    /// The flags given, with their values in order; none for a switch.
    given: Vec<(&'static Flag, Vec<String>)>,
}

impl LlamaBenchArgs {
    /// Values of `long`, in the order given.
    pub(crate) fn values(&self, long: &str) -> &[String] {
        self.given
            .iter()
            .find(|(flag, _)| flag.long == long)
            .map_or(&[], |(_, values)| values.as_slice())
    }

    /// The last value of `long`.
    pub(crate) fn last(&self, long: &str) -> Option<&str> {
        self.values(long).last().map(String::as_str)
    }

    /// Whether the switch `long` was given.
    pub(crate) fn has(&self, long: &str) -> bool {
        self.given.iter().any(|(flag, _)| flag.long == long)
    }

    /// These flags, and those of `base` that are not among them.
    pub(crate) fn over(&self, base: &LlamaBenchArgs) -> LlamaBenchArgs {
        let mut given = self.given.clone();
        let others = base
            .given
            .iter()
            .filter(|(flag, _)| !self.given.iter().any(|(own, _)| own.long == flag.long));
        given.extend(others.cloned());
        LlamaBenchArgs { given }
    }

    /// Every flag given.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static Flag, &[String])> {
        self.given.iter().map(|(flag, values)| (*flag, values.as_slice()))
    }
}

/// What stands for the flag when it isn't given; without `--compat` not always llama-bench's.
fn default(flag: &Flag) -> Option<&'static str> {
    match flag.long {
        "--repetitions" => Some("as many as --interval needs"),
        "--output" => Some("table; also tokmark-json, tokmark-jsonl"),
        "--model" => Some("SmolLM2-135M-Instruct Q4_1"),
        _ => flag.default,
    }
}

fn name(flag: &Flag) -> &'static str {
    flag.long.trim_start_matches('-')
}

/// The same flags for `ab`, whose help lists only what it takes.
#[derive(Debug, Clone, Default)]
pub(crate) struct BothArgs(pub(crate) LlamaBenchArgs);

impl BothArgs {
    /// Flags that an experiment decides itself, or that show something else.
    pub(crate) const NO_USE: [&'static str; 6] =
        ["--output-err", "--delay", "--list-devices", "--progress", "--no-warmup", "--version"];
    /// Flags that no build obeys yet.
    const NOT_YET: [&'static str; 2] = ["--fit-target", "--fit-ctx"];
}

impl Args for BothArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        let command = LlamaBenchArgs::augment_args(command);
        let hidden = Self::NO_USE.iter().chain(&Self::NOT_YET);
        let command = hidden.fold(command, |command, long| {
            command.mut_arg(long.trim_start_matches('-'), |arg| arg.hide(true))
        });
        let command = spelling::FLAGS.iter().fold(command, |command, flag| {
            let heading = match flag.group {
                Group::Options => "llama-bench's options, for both variants",
                Group::TestParameters | Group::Beyond => {
                    "Test parameters, for both variants (-p, -n, -pg, -d and -np take lists)"
                }
            };
            command.mut_arg(name(flag), |arg| arg.help_heading(heading))
        });
        command
            .mut_arg("repetitions", |arg| {
                arg.help("how often a visit repeats each test (-r) [default: 3]")
            })
            .mut_arg("output", |arg| {
                arg.value_name("table|md|json")
                    .help("format of the result; md is a comment for a pull request (-o) [default: table]")
            })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for BothArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        LlamaBenchArgs::from_arg_matches(matches).map(BothArgs)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl Args for LlamaBenchArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        spelling::FLAGS.iter().fold(command, |command, flag| {
            let short: Vec<_> =
                flag.spellings.iter().filter(|spelling| **spelling != flag.long).copied().collect();
            let default = default(flag).filter(|default| !default.is_empty());
            let mut help = flag.help.to_owned();
            if !short.is_empty() {
                help += &format!(" ({})", short.join(", "));
            }
            if let Some(default) = default {
                help += &format!(" [default: {default}]");
            }
            let heading = match flag.group {
                Group::Options => "llama-bench's options",
                Group::TestParameters | Group::Beyond => {
                    "Test parameters (lists, ranges, repeated)"
                }
            };
            let arg = clap::Arg::new(name(flag)).long(name(flag)).help(help).help_heading(heading);
            let arg = match (flag.long, flag.value, flag.repeat) {
                ("--help", ..) => arg.action(clap::ArgAction::Help),
                (_, None, _) => arg.action(clap::ArgAction::SetTrue).overrides_with(name(flag)),
                (_, Some(value), Repeat::Append | Repeat::Last) => arg
                    .action(clap::ArgAction::Append)
                    .value_name(value.replace(['<', '>'], ""))
                    .allow_hyphen_values(true),
            };
            command.arg(arg)
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for LlamaBenchArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut args = LlamaBenchArgs::default();
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for flag in spelling::FLAGS {
            if flag.long == "--help" {
                continue;
            }
            if flag.takes_value() {
                if let Some(values) = matches.get_many::<String>(name(flag)) {
                    self.given.push((flag, values.cloned().collect()));
                }
            } else if matches.get_flag(name(flag)) {
                self.given.push((flag, Vec::new()));
            }
        }
        Ok(())
    }
}
