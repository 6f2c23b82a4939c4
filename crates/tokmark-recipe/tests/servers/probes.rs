//! A folder for a test, servers of a line of shell, and looks at processes.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokmark_recipe::{
    Address, GUARD, GuardCommand, Readiness, Recipe, RecipeError, Running, StartOptions, Values,
};

/// Far longer than anything here takes.
pub const LONG: Duration = Duration::from_secs(120);

/// Long, but shorter than those processes run by themselves whose end is to be seen.
pub const SOON: Duration = Duration::from_secs(20);

/// Waits until `found` has something.
pub fn until<T>(what: &str, found: impl FnMut() -> Option<T>) -> T {
    until_within(LONG, what, found)
}

/// Waits until `found` has something, not longer than `limit`.
pub fn until_within<T>(limit: Duration, what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(it) = found() {
            return it;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the process runs; a zombie does not.
pub fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.trim_start().starts_with(['Z', 'X']))
}

pub fn until_gone(pids: &[u32]) {
    until(&format!("{pids:?} are gone"), || (!pids.iter().any(|&pid| is_alive(pid))).then_some(()));
}

pub fn send(pid: u32, signal: i32) {
    // SAFETY: a plain system call, to a process that the test started.
    assert_eq!(unsafe { libc::kill(pid as i32, signal) }, 0);
}

/// The example of this package, which is also a guard.
pub fn example() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let path = here.parent().unwrap().parent().unwrap().join("examples/guarded");
    assert!(path.exists(), "build the examples first: cargo build --examples");
    path
}

/// Files of one test.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The process whose number a server wrote to the file `name`.
    pub fn pid(&self, name: &str) -> u32 {
        until(&format!("{name} holds a process"), || {
            let text = std::fs::read_to_string(self.path().join(name)).ok()?;
            text.strip_suffix('\n')?.parse().ok()
        })
    }

    /// Whether nobody lives any more of a server that is [`KEEPS_MOVING`]. A look at all
    /// processes could not tell: it misses who moves meanwhile.
    pub fn is_unlocked(&self) -> bool {
        std::fs::File::open(self.path().join("lock")).unwrap().try_lock().is_ok()
    }

    pub fn values(&self) -> Values {
        Values { dir: Some(self.path().to_owned()), ..Values::default() }
    }

    pub fn options(&self, is_guarded: bool) -> StartOptions {
        let guard = GuardCommand { program: example(), args: vec![GUARD.into()] };
        StartOptions {
            guard: is_guarded.then_some(guard),
            ..StartOptions::new(self.path().join("logs"))
        }
    }

    /// Starts `recipe`, ready when its server has printed `up`.
    pub fn start(&self, recipe: &Recipe, is_guarded: bool) -> Result<Running, RecipeError> {
        let mut ready = |_: &Address| self.has_printed_up();
        let options = self.options(is_guarded);
        Running::start(recipe, &self.values(), &options, &mut ready, &|| false)
    }

    /// Ready once any server of this folder has printed `up`.
    pub fn has_printed_up(&self) -> Readiness {
        let has_up = |log: std::fs::DirEntry| {
            std::fs::read_to_string(log.path()).is_ok_and(|text| text.lines().any(|it| it == "up"))
        };
        if std::fs::read_dir(self.path().join("logs")).unwrap().flatten().any(has_up) {
            Readiness::Ready
        } else {
            Readiness::NotYet("nothing printed".to_owned())
        }
    }
}

/// Python script of a server with an orphan that moves to a new process and a new session
/// about 500 times a second. Each holds the lock on the file `lock`, as long as it lives; the
/// server writes its parent to `guard`. All end by themselves.
pub const KEEPS_MOVING: &str = "import fcntl, os, signal, time\n\
    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n\
    end = time.monotonic() + 30\n\
    lock = open('{dir}/lock', 'w')\n\
    fcntl.flock(lock, fcntl.LOCK_EX)\n\
    with open('{dir}/guard', 'w') as file: print(os.getppid(), file=file)\n\
    print('up', flush=True)\n\
    if os.fork(): time.sleep(30)\n\
    while time.monotonic() < end:\n\
    \x20 os.setsid()\n\
    \x20 time.sleep(0.001)\n\
    \x20 if os.fork(): os._exit(0)";

/// A server that is a script for the shell; `more` is added to the recipe.
pub fn shell(script: &str, more: &str) -> Recipe {
    let script = serde_json::to_string(script).unwrap();
    recipe(&format!("command: [sh, -c, {script}]\n{more}"))
}

/// A server that is a Python script; `more` is added to the recipe.
pub fn python(script: &str, more: &str) -> Recipe {
    let script = serde_json::to_string(script).unwrap();
    recipe(&format!("command: [python3, -c, {script}]\n{more}"))
}

/// The recipe `test` with these fields. Its limits are long unless they say otherwise.
pub fn recipe(fields: &str) -> Recipe {
    let ready = if fields.contains("ready:") { "" } else { "ready: {timeout: 2m}\n" };
    let stop = if fields.contains("stop:") { "" } else { "stop: {grace: 2m}\n" };
    Recipe::parse(&format!("name: test\n{ready}{stop}{fields}")).unwrap().remove(0)
}

/// A server that prints `up` and stays.
pub fn stays() -> Recipe {
    shell("echo up; exec sleep 1000", "")
}

/// Runs a test with the server held by this process, then held by a guard.
pub fn in_both_ways(test: impl Fn(&Folder, bool)) {
    for is_guarded in [false, true] {
        test(&Folder::new(), is_guarded);
    }
}
