//! The worker: this same binary, holding an engine and speaking over a pipe.

use std::ffi::{OsStr, OsString};
use std::io::{BufReader, stdin};
use std::process::ExitCode;

use tokmark_lab::HostGuard;
use tokmark_llama::LlamaEngine;
use tokmark_model::{Nanos, ProcessParams};
use tokmark_run::{
    FakeClock, FakeEngine, MonotonicClock, NoGuard, NullEngine, Script, WorkerCommand,
    claim_stdout, serve,
};

/// First argument of a worker.
pub(crate) const NAME: &str = "__worker";

/// How to start a worker with `engine`: `llama`, `null`, or `fake:FAULT@RUN`.
pub(crate) fn command(engine: &str, process: &ProcessParams) -> anyhow::Result<WorkerCommand> {
    let parent = std::process::id().to_string();
    // The environment goes its own way: arguments can be read by everybody.
    let without_env = ProcessParams { env: Default::default(), ..process.clone() };
    let process_json = serde_json::to_string(&without_env)?;
    // A failed assertion would otherwise start a debugger for its backtrace.
    let mut env: Vec<(OsString, OsString)> = vec![("GGML_NO_BACKTRACE".into(), "1".into())];
    env.extend(process.env.iter().map(|(name, value)| (name.into(), value.into())));
    Ok(WorkerCommand {
        program: std::env::current_exe()?,
        args: [NAME, engine, &parent, &process_json].map(OsString::from).to_vec(),
        env,
        verbose: process.verbose,
    })
}

/// How to start a server of known times that ends with its standard input.
pub(crate) fn stub_command() -> anyhow::Result<WorkerCommand> {
    Ok(WorkerCommand {
        program: std::env::current_exe()?,
        args: ["stub", "--tied"].map(OsString::from).to_vec(),
        env: Vec::new(),
        verbose: false,
    })
}

/// The worker's own main: `args` are engine, parent and process settings.
pub(crate) fn main(args: &[OsString]) -> ExitCode {
    match serve_engine(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            crate::output::say!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn serve_engine(args: &[OsString]) -> Result<(), String> {
    let texts: Vec<&str> = args.iter().filter_map(|arg| OsStr::to_str(arg)).collect();
    let [engine, parent, process] = texts[..] else {
        return Err("the worker is started by tokmark itself".to_owned());
    };
    let parent: u32 = parent.parse().map_err(|_| "no parent".to_owned())?;
    let process: ProcessParams = serde_json::from_str(process).map_err(|e| e.to_string())?;
    let output = claim_stdout().map_err(|error| error.to_string())?;
    let input = BufReader::new(stdin());
    let clock = MonotonicClock::new();
    let served = match engine {
        "llama" => {
            let engine = LlamaEngine::start(&process).map_err(|error| error.to_string())?;
            serve(engine, HostGuard::new(&[parent]), clock, input, output)
        }
        "null" => serve(NullEngine, HostGuard::new(&[parent]), clock, input, output),
        fake => {
            let script = fake
                .strip_prefix("fake")
                .map(|fault| fault.trim_start_matches(':').parse())
                .unwrap_or_else(|| Err(format!("there is no engine '{fake}'")))?;
            let clock = FakeClock::default();
            serve(FakeEngine::new(clock.clone(), paced(script)), NoGuard, clock, input, output)
        }
    };
    served.map_err(|error| error.to_string())
}

/// Per cent of the script's times that the fake engine takes, for tests of environments.
const FAKE_PACE: &str = "TOKMARK_FAKE_PACE";

fn paced(script: Script) -> Script {
    let percent: Option<u64> = std::env::var(FAKE_PACE).ok().and_then(|text| text.parse().ok());
    let percent = percent.unwrap_or(100);
    let scaled = |time: Nanos| Nanos(time.get() * percent / 100);
    let steps = script.steps.iter().copied().map(scaled).collect();
    Script { prompt: scaled(script.prompt), steps, ..script }
}
