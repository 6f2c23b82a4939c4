//! `tokmark stub`: a server of known times.

use std::io::Read;
use std::time::{Duration, Instant};

use tokmark_stub::{Options, Stub};

use crate::args::StubArgs;
use crate::exit::Exit;
use crate::{output, wiring};

/// How often it is looked whether to end.
const NAP: Duration = Duration::from_millis(50);

pub(crate) fn run(args: &StubArgs) -> anyhow::Result<Exit> {
    let interrupt = wiring::interrupt();
    let mut options = Options::of(args.dialect);
    options.listen.set_port(args.port);
    options.n_threads = args.threads;
    options.n_slots = args.slots;
    options.behaviour.ttft = args.ttft;
    options.behaviour.itl = args.itl;
    options.behaviour.n_events = args.events;
    options.behaviour.apply(&args.mode)?;
    let stub = Stub::start(options)?;
    output::print(&format!("listening on http://{}\n", stub.address()))?;
    let until = args.run_for.map(|time| Instant::now() + time);
    let parent_is_gone = args.tied.then(watch_stdin);
    while !interrupt.is_raised() && until.is_none_or(|until| Instant::now() < until) {
        if parent_is_gone.as_ref().is_some_and(std::thread::JoinHandle::is_finished) {
            break;
        }
        std::thread::sleep(NAP);
    }
    Ok(Exit::Done)
}

/// A thread that ends with the standard input, which whoever started this holds open.
fn watch_stdin() -> std::thread::JoinHandle<()> {
    std::thread::spawn(|| {
        let mut buffer = [0; 64];
        while matches!(std::io::stdin().read(&mut buffer), Ok(n) if n > 0) {}
    })
}
