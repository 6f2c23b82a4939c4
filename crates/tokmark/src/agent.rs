//! `tokmark agent`: takes jobs from a server and runs them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokmark_agent::{Agent, AgentEvent, AgentOptions, Ending, Offer, ProcessRunner, Stop};
use tokmark_host::FactOptions;
use tokmark_hub::Hub;
use tokmark_model::{AgentHello, ModelFacts, Tool, Uuid};

use crate::args::serve::AgentArgs;
use crate::exit::Exit;
use crate::output;
use crate::upload::{client, outbox, refused_words};
use crate::view::words::{counted, printable};
use crate::wiring;
use crate::wizard::{self, SeenFile};

/// How often an agent without work looks whether models came or went.
const LOOK: Duration = Duration::from_secs(5);

pub(crate) fn run(args: &AgentArgs) -> anyhow::Result<Exit> {
    let client = client(&args.server.server, &args.server.token_env)?;
    let outbox = outbox(args.outbox.as_deref())?;
    let machine = tokmark_host::machine_facts(&FactOptions { host_name: false });
    let tool = Tool { name: "tokmark".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let mut shelf = Shelf {
        hub: wiring::open_hub(false, None)?,
        here: std::env::current_dir().context("cannot read the working directory")?,
        hello: AgentHello { machine, models: Vec::new(), tool },
        seen: None,
        looked: Instant::now(),
    };
    let first = shelf.look()?;
    let n_models = first.hello.models.len();
    let mut first = Some(first);
    let id = Uuid::now_v7();
    let options = AgentOptions { id, seed: id.as_u64_pair().1 };
    let stop = Stop::default();
    listen(&stop, args.while_stdin)?;
    let folder = tempfile::tempdir().context("cannot make a folder for the jobs")?;
    let mut runner = ProcessRunner::of_this_program(folder.path())?.hiding(&args.server.token_env);
    output::say!(
        "agent {id} asks {} for work; {} lie here",
        client.address(),
        counted(n_models as u64, "model")
    );
    let agent = Agent { client: &client, outbox: &outbox, options: &options };
    let mut offers = || first.take().or_else(|| shelf.changed());
    agent.run(&mut runner, &mut stop.clone(), &mut offers, &mut |event| tell(&event))?;
    Ok(Exit::Done)
}

/// Ctrl-C, termination and the end of standard input stop the agent.
fn listen(stop: &Stop, while_stdin: bool) -> anyhow::Result<()> {
    let raised = stop.clone();
    ctrlc::set_handler(move || raised.raise()).context("cannot wait for Ctrl-C")?;
    if while_stdin {
        let raised = stop.clone();
        std::thread::spawn(move || {
            // Nothing is ever sent: it ends with whoever holds the other end.
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            raised.raise();
        });
    }
    Ok(())
}

/// The models that lie here. Their headers are read again when a file came, went or changed.
struct Shelf {
    hub: Hub,
    here: PathBuf,
    /// Without models.
    hello: AgentHello,
    seen: Option<Vec<SeenFile>>,
    looked: Instant,
}

impl Shelf {
    fn changed(&mut self) -> Option<Offer> {
        if self.looked.elapsed() < LOOK {
            return None;
        }
        self.looked = Instant::now();
        // What can't be read now may be again; meanwhile what was offered holds.
        let files = wizard::files(&self.hub, &self.here).ok()?;
        if self.seen.as_ref() == Some(&files) {
            return None;
        }
        let offer = self.look().ok()?;
        output::say!("{} lie here now", counted(offer.hello.models.len() as u64, "model"));
        Some(offer)
    }

    fn look(&mut self) -> anyhow::Result<Offer> {
        let files = wizard::files(&self.hub, &self.here)?;
        let mut offer = Offer { hello: self.hello.clone(), ..Offer::default() };
        for candidate in wizard::candidates(&self.hub, &self.here)? {
            let Ok(found) = candidate.facts else { continue };
            offer.models.insert(candidate.name.clone(), PathBuf::from(candidate.given));
            offer.hello.models.push(ModelFacts { name: candidate.name, ..found });
        }
        self.seen = Some(files);
        Ok(offer)
    }
}

fn tell(event: &AgentEvent) {
    match event {
        AgentEvent::Took { job, command } => {
            output::say!("job {}: tokmark {}", job.id, printable(&command.join(" ")));
        }
        AgentEvent::Ending { job, why } => {
            let why = match why {
                Ending::Ordered => "its user cancelled it",
                Ending::LeaseLost => "another agent has it, or it is over",
                Ending::Stopped => "this agent was told to stop",
            };
            output::say!("job {job} is ended: {why}");
        }
        AgentEvent::ServerAway { error, wait } => {
            output::say!("{error}; asked again in {:.0} s", wait.as_secs_f64().ceil());
        }
        AgentEvent::ServerBack => output::say!("the server answers again"),
        AgentEvent::NotDone { error } => output::say!("{error}"),
        AgentEvent::Refused { records } => {
            for refused in records {
                output::say!("{}", refused_words(refused));
            }
        }
        AgentEvent::Left { n_batches } => {
            output::say!("{} wait in the outbox", counted(*n_batches as u64, "batch"));
        }
        AgentEvent::Ended { job, outcome, message } => {
            let message = message.as_deref().map_or_else(String::new, |text| format!(": {text}"));
            output::say!("job {job} is over, {outcome:?}{}", printable(&message));
        }
    }
}
