//! Records on their way to a server: `tokmark upload`, and `--upload` of the commands that
//! measure. Both put them into the outbox, and send what lies there.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context, bail};
use tokmark_agent::{Client, MachineKey, Outbox, RefusedRecord};
use tokmark_host::FactOptions;
use tokmark_model::{Record, RecordId, RecordKind};

use crate::args::serve::UploadArgs;
use crate::args::{SendArgs, StoreArgs};
use crate::exit::Exit;
use crate::output;
use crate::view::words::counted;
use crate::wiring::{self, Records};

/// Records that are read at once, an experiment's visits not counted.
const BATCH: usize = 100;
/// How often Ctrl-C is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// Sends the records that are asked for, and whatever waits.
pub(crate) fn run(args: &UploadArgs) -> anyhow::Result<Exit> {
    let sender = Sender::open(&To {
        server: args.server.server.clone(),
        token_env: args.server.token_env.clone(),
        outbox: args.outbox.clone(),
        sign: args.sign,
    })?;
    let records = Records::open_existing(&args.store)?.records()?;
    let ids: Vec<RecordId> = if args.ids.is_empty() {
        let filter = crate::history::filter(&args.filter)?;
        let rows = records.wait(records.store().list(&filter))?;
        rows.iter().map(|row| row.id).collect()
    } else {
        let found = args.ids.iter().map(|id| crate::history::find(&records, id));
        found.collect::<Result<_, _>>()?
    };
    if ids.is_empty() && sender.outbox.n_waiting()? == 0 {
        bail!("no records to send");
    }
    sender.queue(&records, &ids)?;
    Ok(if sender.send()? { Exit::Done } else { Exit::FailedRows })
}

/// Opens the store for `measure`, which keeps its records there, and then sends what it kept
/// where that is asked for. How it ends is `measure`'s word alone: a server that is away or
/// refuses a record makes no measurement fail.
pub(crate) fn measuring(
    store: &StoreArgs,
    send: &SendArgs,
    measure: impl FnOnce(&Records) -> anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    // What is wrong with address, token, outbox or key is said before hours are spent.
    let to = |server: &String| To {
        server: server.clone(),
        token_env: send.token_env.clone(),
        outbox: None,
        sign: send.sign,
    };
    let sender = send.upload.as_ref().map(|server| Sender::open(&to(server))).transpose()?;
    let records = Records::open_for_writing(store)?;
    let outcome = measure(&records);
    if let Some(sender) = sender
        && let Err(error) = sender.bring(&records)
    {
        output::say!(
            "what was measured is kept, but could not be sent: {error:#}; tokmark upload sends it"
        );
    }
    outcome
}

/// Where records go, and how.
struct To {
    server: String,
    token_env: String,
    /// The outbox, where it is not the usual one.
    outbox: Option<PathBuf>,
    sign: bool,
}

/// A server, with the folder in which records wait for it.
struct Sender {
    client: Client,
    outbox: Outbox,
    signer: Option<Signer>,
}

impl Sender {
    fn open(to: &To) -> anyhow::Result<Self> {
        Ok(Sender {
            client: client(&to.server, &to.token_env)?,
            outbox: outbox(to.outbox.as_deref())?,
            signer: if to.sign { Some(Signer::open()?) } else { None },
        })
    }

    /// Puts the records of these ids into the outbox, each once and an experiment after its
    /// visits: the server makes its verdicts anew, from the records of these.
    fn queue(&self, records: &Records, ids: &[RecordId]) -> anyhow::Result<()> {
        let mut seen = HashSet::new();
        let mut n_unsigned = 0u64;
        for ids in ids.chunks(BATCH) {
            let mut batch: Vec<Record> = Vec::new();
            for id in ids {
                let record = records.wait(records.store().get(*id))?;
                if let Some(experiment) = &record.experiment {
                    for visit in experiment.visits.iter().flat_map(|visit| &visit.records) {
                        if seen.insert(*visit) {
                            batch.push(records.wait(records.store().get(*visit))?);
                        }
                    }
                }
                if seen.insert(*id) {
                    batch.push(record);
                }
            }
            if let Some(signer) = &self.signer {
                n_unsigned +=
                    batch.iter_mut().map(|record| u64::from(!signer.sign(record))).sum::<u64>();
            }
            self.outbox.add(&batch)?;
        }
        if n_unsigned > 0 {
            let records = counted(n_unsigned, "record");
            output::say!("{records} not signed: measured on another machine, or imported");
        }
        Ok(())
    }

    /// Sends what lies in the outbox and says what became of it. Whether the server has all of
    /// it now.
    fn send(&self) -> anyhow::Result<bool> {
        let sent = self.outbox.send_all(&self.client)?;
        output::say!(
            "{} new at {}, {} known there",
            counted(sent.n_new, "record"),
            self.client.address(),
            sent.n_known
        );
        for refused in &sent.refused {
            output::say!("{}", refused_words(refused));
        }
        if let Some(error) = &sent.stopped {
            output::say!("{error}; what is left waits in the outbox, tokmark upload sends it");
        }
        Ok(sent.stopped.is_none() && sent.refused.is_empty())
    }

    /// Sends what was just measured, and what waits, unless Ctrl-C wants the program's end.
    fn bring(self, records: &Records) -> anyhow::Result<()> {
        self.queue(records, &records.measured())?;
        if self.outbox.n_waiting()? == 0 {
            return Ok(());
        }
        let (done, sent) = mpsc::channel();
        // A slow server must not keep whoever asks for the end a second time. Should the program
        // end meanwhile, the outbox has what the server has not.
        std::thread::spawn(move || done.send(self.send()));
        loop {
            match sent.recv_timeout(LOOK) {
                Ok(sent) => return sent.map(|_| ()),
                Err(RecvTimeoutError::Timeout) if wiring::interrupt().is_idle_and_urgent() => {
                    output::say!("what was measured waits in the outbox, tokmark upload sends it");
                    return Ok(());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => bail!("sending broke off"),
            }
        }
    }
}

/// Signs what was measured on this machine.
struct Signer {
    key: MachineKey,
    machine: String,
}

impl Signer {
    /// With the key in the data folder, which is made the first time.
    fn open() -> anyhow::Result<Self> {
        let data = wiring::data_folder().context("there is no place for the signing key")?;
        let key = MachineKey::open(&data.join("signing.key"))?;
        output::say!(
            "the key that signs is {}; tokmark serve --trust KEY=NAME shows it by a name",
            key.public()
        );
        let machine = tokmark_host::machine_facts(&FactOptions { host_name: false }).fingerprint;
        Ok(Signer { key, machine })
    }

    /// Whether the record has a signature now. One that it has already stays; what was not
    /// measured here gets none. A server elsewhere, and an experiment, have no machine.
    fn sign(&self, record: &mut Record) -> bool {
        let machine = &record.machine.fingerprint;
        let is_ours = machine.is_empty() || *machine == self.machine;
        if record.signature.is_none() && record.kind == RecordKind::Measured && is_ours {
            self.key.sign(record);
        }
        record.signature.is_some()
    }
}

/// The client of a server, with the token that the variable `token_env` holds.
pub(crate) fn client(server: &str, token_env: &str) -> anyhow::Result<Client> {
    let token = std::env::var(token_env).ok().filter(|token| !token.is_empty());
    let address = match server.contains("://") {
        true => server.to_owned(),
        false => format!("http://{server}"),
    };
    Ok(Client::new(&address, token.as_deref())?)
}

/// The outbox in `folder`, or in the data folder.
pub(crate) fn outbox(folder: Option<&Path>) -> anyhow::Result<Outbox> {
    let folder = match folder {
        Some(folder) => folder.to_owned(),
        None => {
            let data = wiring::data_folder().context("there is no place for the outbox")?;
            data.join("outbox")
        }
    };
    Ok(Outbox::open(folder)?)
}

/// What is said of a record that the server will not have.
pub(crate) fn refused_words(refused: &RefusedRecord) -> String {
    let id = refused.id.map_or_else(|| "a batch".to_owned(), |id| format!("record {id}"));
    format!("{id} was refused: {}; it lies in {}", refused.reason, refused.file.display())
}
