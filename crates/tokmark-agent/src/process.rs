//! Jobs done by a process of this program.

mod group;
mod heard;
mod kept;

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tokmark_model::{Job, JobOutcome, JobProgress, Record, Status};

use crate::{AgentError, Ended, Runner, Running};
use group::{Exit, Group};
use heard::Heard;

/// Variable that has a measuring command write its progress as JSON to standard error.
const PROGRESS: (&str, &str) = ("TOKMARK_PROGRESS", "json");
/// Time to read the store of a job that has ended.
const COLLECTING: Duration = Duration::from_secs(120);

/// Runs jobs as processes of a program that knows the commands of [`crate::command_line`]:
/// this very one, or one that stands in for it.
///
/// Each job has a folder of its own, with a store that begins empty, and keeps it until it was
/// dropped. When its process has ended, however it did, `export` reads that store: so the
/// visits of an experiment are there too, and what was measured before a crash or a kill.
///
/// The process leads a group of its own, which the terminal's Ctrl-C does not reach, and which
/// ends with it. On Linux it dies with the *thread* that called [`Runner::start`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessRunner {
    program: PathBuf,
    folder: PathBuf,
    hidden: Vec<String>,
}

impl ProcessRunner {
    /// Runs `program`; the jobs' own folders are made in `folder`, and are removed.
    pub fn new(program: impl Into<PathBuf>, folder: impl Into<PathBuf>) -> Self {
        ProcessRunner { program: program.into(), folder: folder.into(), hidden: Vec::new() }
    }

    /// Keeps a variable of the environment, which holds the token, from what measures.
    #[must_use]
    pub fn hiding(mut self, variable: impl Into<String>) -> Self {
        self.hidden.push(variable.into());
        self
    }

    /// Runs this program.
    ///
    /// # Errors
    /// When the system does not say where it lies.
    pub fn of_this_program(folder: impl Into<PathBuf>) -> io::Result<Self> {
        Ok(ProcessRunner::new(std::env::current_exe()?, folder))
    }
}

impl Runner for ProcessRunner {
    fn start(&mut self, job: &Job, command: &[String]) -> Result<Box<dyn Running>, AgentError> {
        let folder = self.folder.join(job.id.to_string());
        let folder = Folder::make(folder.clone())
            .map_err(|error| AgentError::Start { program: folder, error })?;
        let program = self.program.clone();
        let process = Process::start(program.clone(), folder, command, &self.hidden);
        process
            .map(|process| Box::new(process) as Box<dyn Running>)
            .map_err(|error| AgentError::Start { program, error })
    }
}

/// The folder of one job, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    /// Makes it, empty.
    fn make(path: PathBuf) -> io::Result<Self> {
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&path)?,
        }
        Ok(Folder(path))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Where the process writes its result.
const OUTPUT: &str = "output.json";
/// Where it writes everything else.
const LOG: &str = "log.txt";
/// Its store.
const STORE: &str = "records.db";
/// What `export` found in that.
const EXPORTED: &str = "exported.json";

/// A job's process. Fields are dropped in this order: first the process, then its folder.
struct Process {
    stage: Stage,
    heard: Heard,
    n_cancels: u32,
    program: PathBuf,
    folder: Folder,
}

enum Stage {
    Measuring(Group),
    /// Its store is being read.
    Collecting {
        export: Group,
        measured: Exit,
        until: Instant,
    },
}

impl Process {
    fn start(
        program: PathBuf,
        folder: Folder,
        arguments: &[String],
        hidden: &[String],
    ) -> io::Result<Self> {
        let format = match arguments.first().map(String::as_str) {
            Some("bench") => "tokmark-json",
            _ => "json",
        };
        let log = File::create(folder.file(LOG))?;
        let heard = Heard::of(File::open(folder.file(LOG))?);
        let mut command = Command::new(&program);
        command
            .args(arguments)
            .args(["-o", format, "--db"])
            .arg(folder.file(STORE))
            .env(PROGRESS.0, PROGRESS.1)
            .stdin(Stdio::null())
            .stdout(File::create(folder.file(OUTPUT))?)
            .stderr(log);
        for variable in hidden {
            command.env_remove(variable);
        }
        let stage = Stage::Measuring(Group::spawn(&mut command)?);
        Ok(Process { stage, heard, n_cancels: 0, program, folder })
    }

    /// Begins to read the store, if there is one.
    fn export(&self) -> Option<Group> {
        let store = self.folder.file(STORE);
        if !store.exists() {
            return None;
        }
        let mut command = Command::new(&self.program);
        command
            .args(["export", "--visits", "--db"])
            .arg(store)
            .stdin(Stdio::null())
            .stdout(File::create(self.folder.file(EXPORTED)).ok()?)
            .stderr(Stdio::null());
        Group::spawn(&mut command).ok()
    }

    /// All that was measured, and how it ended.
    fn ended(&mut self, exit: Exit) -> Ended {
        self.heard.listen();
        let records = kept::records(&[&self.folder.file(EXPORTED), &self.folder.file(OUTPUT)]);
        let (outcome, message) = verdict(exit, &records, self.heard.last_words());
        Ended { outcome, message, records }
    }
}

impl Running for Process {
    fn progress(&mut self) -> JobProgress {
        self.heard.listen();
        self.heard.progress()
    }

    fn poll(&mut self) -> Option<Ended> {
        let exit = match &mut self.stage {
            Stage::Measuring(group) => {
                let measured = group.ended()?;
                let Some(export) = self.export() else { return Some(self.ended(measured)) };
                let until = Instant::now() + COLLECTING;
                self.stage = Stage::Collecting { export, measured, until };
                return None;
            }
            Stage::Collecting { export, measured, until } => {
                if export.ended().is_none() {
                    if Instant::now() > *until {
                        export.kill();
                    }
                    return None;
                }
                *measured
            }
        };
        Some(self.ended(exit))
    }

    fn cancel(&mut self) {
        let Stage::Measuring(group) = &mut self.stage else { return };
        self.n_cancels += 1;
        if self.n_cancels > 2 { group.kill() } else { group.interrupt() }
    }
}

/// What an exit means; the codes are those of `docs/cli.md`. 1 is a verdict, not a failure.
fn verdict(exit: Exit, records: &[Record], last: Option<String>) -> (JobOutcome, Option<String>) {
    let is_good = |record: &Record| record.status == Status::Ok;
    let failed = |message: String| (JobOutcome::Failed, Some(last.clone().unwrap_or(message)));
    match exit {
        Exit { code: Some(0 | 1), .. } if !records.is_empty() => (JobOutcome::Done, None),
        Exit { code: Some(0 | 1), .. } => failed("it gave no record that can be read".to_owned()),
        Exit { code: Some(3 | 4), .. } if records.iter().any(is_good) => {
            let reason = records.iter().find(|record| !is_good(record)).map(why);
            (JobOutcome::Done, reason.or(last))
        }
        Exit { code: Some(130), .. } => (JobOutcome::Cancelled, None),
        Exit { code: Some(code), .. } => {
            let reason = records.iter().find(|record| !is_good(record)).map(why);
            failed(reason.unwrap_or_else(|| format!("it left with exit code {code}")))
        }
        Exit { signal: Some(signal), .. } if group::is_ours(signal) => {
            (JobOutcome::Cancelled, Some("it was killed".to_owned()))
        }
        Exit { signal: Some(signal), .. } => failed(format!("it died of signal {signal}")),
        Exit { .. } => failed("nobody saw how it ended".to_owned()),
    }
}

/// Which test failed, and why.
fn why(record: &Record) -> String {
    let reason = record.status_reason.as_ref().map_or("no reason given", |r| r.message.as_str());
    format!("{}: {reason}", record.label())
}
