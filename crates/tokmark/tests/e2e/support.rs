use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tokmark_gguf::{TinyLlama, tiny_llama};
use tokmark_model::Record;

/// A home folder of its own, with a store and a tiny model in it.
pub struct Home {
    folder: tempfile::TempDir,
}

/// What a call printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Home {
    pub fn new() -> Self {
        Home { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A model that the real engine loads in a moment.
    pub fn tiny(&self) -> PathBuf {
        self.write("tiny.gguf", &tiny_llama(&TinyLlama::default()))
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The command, in this home and with nothing else of the environment that matters.
    pub fn command(&self, args: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tokmark"));
        self.dress(&mut command);
        command.args(args);
        command
    }

    pub fn dress(&self, command: &mut Command) {
        for name in [
            "DATABASE_URL",
            "TOKMARK_DATA",
            "TOKMARK_CACHE",
            "HF_TOKEN",
            "HF_ENDPOINT",
            "HF_HOME",
            "HF_HUB_CACHE",
            "HF_HUB_OFFLINE",
            "XDG_DATA_HOME",
            "XDG_CACHE_HOME",
            "XDG_CONFIG_HOME",
        ] {
            command.env_remove(name);
        }
        command.env("HOME", self.folder.path()).current_dir(self.folder.path());
    }

    pub fn run(&self, args: &[impl AsRef<OsStr>]) -> Ran {
        ran(self.command(args).stdin(Stdio::null()).output().unwrap())
    }

    /// The same with more of an environment.
    pub fn run_with(&self, args: &[impl AsRef<OsStr>], env: &[(&str, PathBuf)]) -> Ran {
        let mut command = self.command(args);
        command.envs(env.iter().map(|(name, value)| (name, value)));
        ran(command.stdin(Stdio::null()).output().unwrap())
    }

    /// `bench` on the tiny model with the engine that follows a script.
    pub fn bench(&self, engine: &str, args: &[&str]) -> Ran {
        self.run(&self.bench_args(engine, args))
    }

    pub fn bench_args(&self, engine: &str, args: &[&str]) -> Vec<String> {
        let tiny = self.tiny().to_string_lossy().into_owned();
        let fixed = ["bench", "-m", &tiny, "--engine", engine];
        fixed.iter().chain(args).map(|arg| (*arg).to_owned()).collect()
    }

    /// Every record in the default store, oldest first.
    pub fn records(&self) -> Vec<Record> {
        let ran = self.run(&["export", "--reverse"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// Every record that `export` gives with these filters, oldest first.
    pub fn records_with(&self, filters: &[&str]) -> Vec<Record> {
        let ran = self.run(&[&["export", "--reverse"], filters].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// How many records are kept so far, while another call keeps more.
    pub fn n_kept(&self) -> usize {
        let ran = self.run(&["history", "-o", "csv", "--visits"]);
        ran.stdout.lines().count().saturating_sub(1)
    }

    /// Starts a call and leaves it running.
    pub fn start(&self, args: &[impl AsRef<OsStr>]) -> Child {
        self.command(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

pub fn ran(output: Output) -> Ran {
    let ran = Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    ran
}

/// The real default model.
pub fn real_model() -> PathBuf {
    std::env::var_os("TOKMARK_TEST_MODEL")
        .expect("TOKMARK_TEST_MODEL names the default model's file; ./x test fetches it")
        .into()
}

/// The folder of the servers that `./x test` installs.
pub fn servers() -> PathBuf {
    std::env::var_os("TOKMARK_TEST_SERVERS")
        .expect("TOKMARK_TEST_SERVERS names the folder of servers; ./x test fetches them")
        .into()
}

/// Looks every few milliseconds until `found` is there. The caller's test fails by the
/// runner's own time limit if it never comes.
pub fn wait_for<T>(mut found: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = found() {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// The worker of a running call.
pub fn worker_of(parent: u32) -> u32 {
    wait_for(|| {
        let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).ok()?;
        tasks.flatten().find_map(|task| {
            let children = std::fs::read_to_string(task.path().join("children")).ok()?;
            children.split_whitespace().next()?.parse().ok()
        })
    })
}

/// Whether a process runs, zombies not counted.
pub fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| {
        !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z')
    })
}

pub fn signal(pid: u32, signal: &str) {
    let status = Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).status();
    assert!(status.unwrap().success());
}

/// Interrupts a call as soon as it says `word` on standard error.
pub fn interrupted_at(mut child: Child, word: &str) -> Output {
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(word) {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it ended early");
    }
    signal(child.id(), "INT");
    let drain = std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    let output = child.wait_with_output().unwrap();
    drain.join().unwrap().unwrap();
    output
}

pub fn exists(path: &Path) -> bool {
    path.exists()
}
