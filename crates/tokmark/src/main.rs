//! The `tokmark` command: arguments, wiring, progress and exit codes. Nothing is computed
//! here; see `ARCHITECTURE.md` for where things live.

mod agent;
mod args;
mod bench;
mod board;
mod dialect_check;
mod diff;
mod exit;
mod experiment;
mod gap;
mod history;
mod import;
mod load;
mod models;
mod output;
mod quick;
mod serve;
mod shipped;
mod stub;
mod upload;
mod view;
mod watch;
mod wiring;
mod wizard;
mod worker;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Subcommand};
use exit::Exit;

fn main() -> ExitCode {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    if args.get(1).is_some_and(|arg| arg == worker::NAME) {
        return worker::main(&args[2..]);
    }
    if args.get(1).is_some_and(|arg| arg == tokmark_recipe::GUARD) {
        return tokmark_recipe::guard_main(args.into_iter().skip(2));
    }
    if args::is_called_llama_bench(&args) {
        args.splice(1..1, ["bench", "--compat"].map(OsString::from));
    }
    let args = args::normalize(args);
    let compat = args::is_compat(&args);
    exit::code(run(args), compat)
}

fn run(args: Vec<OsString>) -> anyhow::Result<Exit> {
    if let Some(text) = args::compat_help(&args) {
        return output::print(&text);
    }
    if let Some(message) = args::unknown_flag(&args) {
        crate::output::say_bare!("{message}");
        return Ok(Exit::Usage);
    }
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            let message = args::refused(&error, &args).unwrap_or_else(|| error.to_string());
            crate::output::say_bare!("{message}");
            return Ok(Exit::Usage);
        }
        Err(help) => return output::print(&help.to_string()),
    };
    match cli.command {
        Subcommand::Quick(args) => quick::run(&args),
        Subcommand::Bench(args) => bench::run(&args),
        Subcommand::Load(args) => load::run(&args),
        Subcommand::Gap(args) => gap::run(&args),
        Subcommand::Compare(args) => experiment::compare::run(&args),
        Subcommand::Ab(args) => experiment::ab::run(&args),
        Subcommand::Watch(args) => watch::run(&args),
        Subcommand::Stub(args) => stub::run(&args),
        Subcommand::History(args) => history::list(&args),
        Subcommand::Show(args) => history::show(&args),
        Subcommand::Diff(args) => diff::run(&args),
        Subcommand::Note(args) => history::note(&args),
        Subcommand::Tag(args) => history::tag(&args),
        Subcommand::Rm(args) => history::remove(&args),
        Subcommand::Export(args) => history::export(&args),
        Subcommand::Import(args) => import::run(&args),
        Subcommand::Models(args) => models::run(args),
        Subcommand::Serve(args) => serve::run(&args),
        Subcommand::Agent(args) => agent::run(&args),
        Subcommand::Upload(args) => upload::run(&args),
        Subcommand::Board(args) => board::run(&args),
        Subcommand::Site(args) => board::site(&args),
    }
}
