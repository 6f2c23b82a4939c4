//! `tokmark agent`: takes jobs from a server and runs them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;
use tokmark_agent::{Agent, AgentEvent, AgentOptions, Ending, ProcessRunner, Stop};
use tokmark_host::FactOptions;
use tokmark_model::{AgentHello, Tool, Uuid};

use crate::args::serve::AgentArgs;
use crate::exit::Exit;
use crate::output;
use crate::upload::{client, outbox, refused_words};
use crate::view::words::{counted, printable};
use crate::wiring;
use crate::wizard;

pub(crate) fn run(args: &AgentArgs) -> anyhow::Result<Exit> {
    let client = client(&args.server.server, &args.server.token_env)?;
    let outbox = outbox(args.outbox.as_deref())?;
    let machine = tokmark_host::machine_facts(&FactOptions { host_name: false });
    let (models, facts) = models()?;
    let n_models = facts.len();
    let tool = Tool { name: "tokmark".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let id = Uuid::now_v7();
    let options = AgentOptions {
        id,
        hello: AgentHello { machine, models: facts, tool },
        models,
        seed: id.as_u64_pair().1,
    };
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
    agent.run(&mut runner, &mut stop.clone(), &mut |event| tell(&event))?;
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

/// The models that lie here: where, and what they are.
fn models() -> anyhow::Result<(BTreeMap<String, PathBuf>, Vec<tokmark_model::ModelFacts>)> {
    let hub = wiring::open_hub(false, None)?;
    let here = std::env::current_dir().context("cannot read the working directory")?;
    let (mut places, mut facts) = (BTreeMap::new(), Vec::new());
    for candidate in wizard::candidates(&hub, &here)? {
        let Ok(found) = candidate.facts else { continue };
        places.insert(candidate.name.clone(), PathBuf::from(candidate.given));
        facts.push(tokmark_model::ModelFacts { name: candidate.name, ..found });
    }
    Ok((places, facts))
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
