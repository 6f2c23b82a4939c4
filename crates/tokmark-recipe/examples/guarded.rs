//! Starts the server of a recipe file under a guard, prints its address and its processes,
//! and stops it when the input ends: `cargo run --example guarded -- recipe.yaml LOGS MODEL`.
//! Kill this program with SIGKILL, and the server ends all the same.

use std::io::Read;
use std::net::TcpStream;
use std::path::Path;
use std::process::ExitCode;

use tokmark_recipe::{
    Address, GUARD, GuardCommand, Readiness, Recipe, Running, StartOptions, Values, guard_main,
};

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let Some(first) = args.next() else {
        eprintln!("usage: guarded RECIPE.yaml [LOGS [MODEL]]");
        return ExitCode::from(2);
    };
    if first == GUARD {
        return guard_main(args);
    }
    let logs = args.next().map_or_else(std::env::temp_dir, Into::into);
    let model = args.next().map(|model| model.to_string_lossy().into_owned());
    match run(Path::new(&first), &logs, model) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(
    recipe: &Path,
    logs: &Path,
    model: Option<String>,
) -> Result<(), Box<dyn std::error::Error>> {
    let values = Values { model, dir: Some(logs.to_owned()), ..Values::default() };
    let options =
        StartOptions { guard: Some(GuardCommand::of_this_program()?), ..StartOptions::new(logs) };
    for recipe in Recipe::read(recipe)? {
        let server = Running::start(&recipe, &values, &options, &mut accepts, &|| false)?;
        println!("{} {:?}", server.url(), server.pids());
        std::io::stdin().read_to_end(&mut Vec::new())?;
        let report = server.stop();
        println!("clean: {}, took {:?}", report.is_clean(), report.took);
    }
    Ok(())
}

/// A server that takes connections counts as ready here; a client would ask over HTTP.
fn accepts(address: &Address) -> Readiness {
    match TcpStream::connect((address.host.as_str(), address.port)) {
        Ok(_) => Readiness::Ready,
        Err(error) => Readiness::NotYet(error.to_string()),
    }
}
