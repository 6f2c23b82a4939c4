//! `tokmark agent`: takes jobs from a server and runs them; `tokmark upload`: sends records.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, bail};
use tokmark_agent::{Agent, AgentEvent, AgentOptions, Client, Ending, Outbox, ProcessRunner, Stop};
use tokmark_host::FactOptions;
use tokmark_model::{AgentHello, Record, RecordId, Tool, Uuid};

use crate::args::serve::{AgentArgs, ServerArgs, UploadArgs};
use crate::exit::Exit;
use crate::output;
use crate::view::words::{counted, printable};
use crate::wiring::{self, Records};
use crate::wizard;

/// Records that go in one batch.
const BATCH: usize = 100;

pub(crate) fn run(args: &AgentArgs) -> anyhow::Result<Exit> {
    let client = client(&args.server)?;
    let outbox = outbox(args.outbox.clone())?;
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

fn refused_words(refused: &tokmark_agent::RefusedRecord) -> String {
    let id = refused.id.map_or_else(|| "a batch".to_owned(), |id| format!("record {id}"));
    format!("{id} was refused: {}; it lies in {}", refused.reason, refused.file.display())
}

fn client(args: &ServerArgs) -> anyhow::Result<Client> {
    let token = std::env::var(&args.token_env).ok().filter(|token| !token.is_empty());
    let address = match args.server.contains("://") {
        true => args.server.clone(),
        false => format!("http://{}", args.server),
    };
    Ok(Client::new(&address, token.as_deref())?)
}

fn outbox(folder: Option<PathBuf>) -> anyhow::Result<Outbox> {
    let folder = match folder {
        Some(folder) => folder,
        None => {
            let data = wiring::data_folder().context("name a folder by --outbox")?;
            data.join("outbox")
        }
    };
    Ok(Outbox::open(folder)?)
}

pub(crate) fn upload(args: &UploadArgs) -> anyhow::Result<Exit> {
    let (client, outbox) = (client(&args.server)?, outbox(args.outbox.clone())?);
    let records = Records::open_existing(&args.store)?.records()?;
    let ids: Vec<RecordId> = if args.ids.is_empty() {
        let filter = crate::history::filter(&args.filter)?;
        let rows = records.wait(records.store().list(&filter))?;
        rows.iter().map(|row| row.id).collect()
    } else {
        let found = args.ids.iter().map(|id| crate::history::find(&records, id));
        found.collect::<Result<_, _>>()?
    };
    if ids.is_empty() && outbox.n_waiting()? == 0 {
        bail!("no records to send");
    }
    for ids in ids.chunks(BATCH) {
        let mut batch: Vec<Record> = Vec::new();
        for id in ids {
            let record = records.wait(records.store().get(*id))?;
            // The server makes an experiment's verdicts anew, from the records of its visits.
            if let Some(experiment) = &record.experiment {
                for visit in experiment.visits.iter().flat_map(|visit| &visit.records) {
                    batch.push(records.wait(records.store().get(*visit))?);
                }
            }
            batch.push(record);
        }
        outbox.add(&batch)?;
    }
    let sent = outbox.send_all(&client)?;
    output::say!(
        "{} new at {}, {} known there",
        counted(sent.n_new, "record"),
        client.address(),
        sent.n_known
    );
    for refused in &sent.refused {
        output::say!("{}", refused_words(refused));
    }
    match &sent.stopped {
        Some(error) => {
            output::say!("{error}; what is left waits in the outbox, tokmark upload sends it");
            Ok(Exit::FailedRows)
        }
        None if !sent.refused.is_empty() => Ok(Exit::FailedRows),
        None => Ok(Exit::Done),
    }
}
