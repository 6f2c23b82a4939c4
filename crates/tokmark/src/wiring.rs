//! What several commands need: the store, the hub, the machine, Ctrl-C, a session.

use std::cell::RefCell;
use std::future::Future;
use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::Context;
use tokmark_host::FactOptions;
use tokmark_hub::{Hub, HubOptions, LocalModel, Secret, Source};
use tokmark_lab::{Session, SessionOptions, Subject};
use tokmark_model::{
    Bytes, MachineFacts, Nanos, PlannedTest, ProcessParams, Record, RecordId, Repetitions,
    TokenKind, TokenSource,
};
use tokmark_run::{Interrupt, Limits};
use tokmark_store::{Store, StoreError, StoreUrl};

use crate::args::{Conditions, MeasureArgs, StoreArgs};
use crate::exit::Exit;
use crate::view::download::DownloadBar;
use crate::worker;

/// The store with the runtime that drives it.
pub(crate) struct Records {
    runtime: tokio::runtime::Runtime,
    store: Store,
    place: String,
    /// What was measured since it was opened, in the order in which it was saved.
    measured: RefCell<Vec<RecordId>>,
}

impl Records {
    /// Opens the store that the arguments and the environment name.
    pub(crate) fn open(args: &StoreArgs) -> anyhow::Result<Self> {
        Records::open_at(&store_url(args)?)
    }

    /// Opens it where there is one already, and makes none.
    pub(crate) fn open_existing(args: &StoreArgs) -> anyhow::Result<Kept> {
        let url = store_url(args)?;
        match url.file().filter(|file| !file.exists()) {
            None => Ok(Kept::Records(Box::new(Records::open_at(&url)?))),
            Some(file) if args.db.as_deref().is_some_and(|db| !db.is_empty()) => {
                anyhow::bail!("no database at {}; check the path", file.display())
            }
            Some(_) => Ok(Kept::NothingYet(url.to_string())),
        }
    }

    fn open_at(url: &StoreUrl) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the store's runtime")?;
        let place = url.to_string();
        let store = runtime.block_on(Store::open(url))?;
        Ok(Records { runtime, store, place, measured: RefCell::default() })
    }

    /// Opens it and makes sure that records can be saved, before anything is measured.
    pub(crate) fn open_for_writing(args: &StoreArgs) -> anyhow::Result<Self> {
        let records = Records::open(args)?;
        records.wait(records.store.check_writable())?;
        Ok(records)
    }

    /// Saves what was just measured.
    pub(crate) fn save(&self, record: &Record) -> Result<(), StoreError> {
        self.wait(self.store.save(record))?;
        self.measured.borrow_mut().push(record.id);
        Ok(())
    }

    /// Saves what was just measured in place of the record `old`, which it continues.
    pub(crate) fn replace(&self, old: RecordId, record: &Record) -> Result<(), StoreError> {
        self.wait(self.store.replace(old, record))?;
        self.measured.borrow_mut().push(record.id);
        Ok(())
    }

    /// What was measured since it was opened, in the order in which it was saved.
    pub(crate) fn measured(&self) -> Vec<RecordId> {
        self.measured.borrow().clone()
    }

    /// The store.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Where it is, without a password.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Folder for what is too large for a record: beside the database, else in the data folder.
    pub(crate) fn large_logs(&self) -> PathBuf {
        let file = std::path::Path::new(&self.place);
        match file.parent().filter(|_| file.is_file()) {
            Some(folder) => folder.join("requests"),
            None => std::env::temp_dir().join("tokmark-requests"),
        }
    }

    /// Waits for something of the store's.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// How long each of these tests took the last time on this machine, whatever the settings.
    pub(crate) fn durations_before(
        &self,
        subjects: &[Subject],
        planned: &[PlannedTest],
        machine: &MachineFacts,
    ) -> Vec<Option<Nanos>> {
        let before = |planned: &PlannedTest| {
            let sha256 = subjects[planned.model].facts.sha256.as_deref()?;
            let found = self.store.expected_duration(sha256, &planned.test, &machine.fingerprint);
            self.wait(found).ok().flatten()
        };
        planned.iter().map(before).collect()
    }
}

/// What a store that may not exist yet holds.
pub(crate) enum Kept {
    /// It is there.
    Records(Box<Records>),
    /// It will be made there with the first record.
    NothingYet(String),
}

impl Kept {
    /// For a command that is about a record.
    ///
    /// # Errors
    /// When nothing was kept yet.
    pub(crate) fn records(self) -> anyhow::Result<Records> {
        match self {
            Kept::Records(records) => Ok(*records),
            Kept::NothingYet(place) => {
                anyhow::bail!("no records yet in {place}; measure one, or name another with --db")
            }
        }
    }
}

/// The store that the arguments and the environment name.
pub(crate) fn store_url(args: &StoreArgs) -> anyhow::Result<StoreUrl> {
    Ok(StoreUrl::from_arg(
        args.db.as_deref(),
        std::env::var("DATABASE_URL").ok().as_deref(),
        std::env::var_os("TOKMARK_DATA").as_deref(),
    )?)
}

/// Where this user's data lie.
pub(crate) fn data_folder() -> anyhow::Result<PathBuf> {
    Ok(tokmark_store::default_data_folder(std::env::var_os("TOKMARK_DATA").as_deref())?)
}

/// The hub as environment and flags say.
pub(crate) fn open_hub(offline: bool, hf_token: Option<&str>) -> anyhow::Result<Hub> {
    let mut options = HubOptions::from_env();
    options.offline |= offline;
    if let Some(token) = hf_token {
        options.hf_token = Some(Secret::new(token));
    }
    Ok(Hub::open(options)?)
}

/// Makes the model of `source` lie here, showing a download's progress.
pub(crate) fn fetch(hub: &Hub, source: &Source) -> anyhow::Result<LocalModel> {
    Ok(hub.resolve(source, &mut DownloadBar::new(interrupt()))?)
}

/// The default model.
pub(crate) fn fetch_default(hub: &Hub) -> anyhow::Result<LocalModel> {
    let fetched = hub.default_model(&mut DownloadBar::new(interrupt()));
    fetched.context("cannot get the default model; name one that is on this machine")
}

/// Reads what is known of a model that lies here.
pub(crate) fn open_subject(
    hub: &Hub,
    local: &LocalModel,
    asked_as: &str,
) -> anyhow::Result<Subject> {
    crate::view::tell_of_hashing(hub, local);
    Ok(Subject::open(hub, local, asked_as)?)
}

/// Ctrl-C and termination, counted from the first call on.
pub(crate) fn interrupt() -> Interrupt {
    static INTERRUPT: OnceLock<Interrupt> = OnceLock::new();
    INTERRUPT
        .get_or_init(|| {
            let interrupt = Interrupt::default();
            let raised = interrupt.clone();
            // Without a handler Ctrl-C ends the program at once, which loses at most one test.
            let _ = ctrlc::set_handler(move || {
                raised.raise();
                // While a file is hashed, say: nothing here would ever look. Where a worker was
                // killed for it, its record is being saved.
                if raised.is_unheard() {
                    std::process::exit(i32::from(Exit::Interrupted.number(false)));
                }
            });
            interrupt
        })
        .clone()
}

/// The machine as records keep it.
pub(crate) fn machine(args: &Conditions) -> MachineFacts {
    tokmark_host::machine_facts(&FactOptions { host_name: args.host_name })
}

/// What the measuring commands differ in.
pub(crate) struct Measuring {
    pub(crate) process: ProcessParams,
    pub(crate) repetitions: Repetitions,
    pub(crate) warm_up: Option<std::time::Duration>,
    pub(crate) delay: std::time::Duration,
}

/// A session as the arguments say.
pub(crate) fn session(
    args: &Conditions,
    measuring: Measuring,
    machine: MachineFacts,
) -> anyhow::Result<Session> {
    let kind = if args.tokens == "text" { TokenKind::Text } else { TokenKind::Random };
    Ok(Session::new(SessionOptions {
        worker: worker::command(&args.engine, &measuring.process)?,
        limits: Limits { memory: args.memory_limit.map(Bytes) },
        interrupt: interrupt(),
        process: measuring.process,
        repetitions: measuring.repetitions,
        tokens: TokenSource { kind, seed: args.seed, sha256: None },
        warm_up: measuring.warm_up,
        timeout: Some(args.timeout),
        delay: measuring.delay,
        wait_quiet: args.wait_quiet,
        cold: args.cold,
        machine,
    }))
}

/// Adaptive repetitions as the arguments say.
pub(crate) fn adaptive(args: &MeasureArgs, at_least: u32) -> Repetitions {
    let budget_ns = args.budget.into();
    Repetitions::Adaptive { half_width: args.interval, budget_ns, at_least }
}
