use std::str::FromStr;

use tokmark_model::{EngineFacts, EngineParams, Nanos, Test};

use crate::{
    Engine, EngineError, Event, FakeClock, LoadRequest, Loaded, LocalEngine, NullEngine, Sink,
    Token, Vocabulary, Work,
};

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The engine returns an error.
    Error,
    /// The process aborts, as a failed assertion does.
    Abort,
    /// The process leaves with this exit code.
    Exit(i32),
    /// The engine never returns.
    Hang,
    /// The engine writes this to the process's protocol pipe.
    Rubbish,
    /// The engine allocates until it is stopped.
    Hoard,
}

/// What a [`FakeEngine`] does: how long each step takes, and what goes wrong when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Time of the prompt phase.
    pub prompt: Nanos,
    /// Times of decode steps, used in a cycle. Never empty.
    pub steps: Vec<Nanos>,
    /// Fault at the run with this number, counted from 0 over the engine's life.
    pub fault: Option<(u32, Fault)>,
}

impl Default for Script {
    fn default() -> Self {
        Script { prompt: Nanos(1_000_000), steps: vec![Nanos(1_000_000)], fault: None }
    }
}

impl FromStr for Script {
    type Err = String;

    /// `abort@3`, `exit7@0`, `hang@1`, `rubbish@0`, `error@2`, `hoard@0`, or nothing.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Script::default());
        }
        let unknown = || format!("'{text}' is no fault of the fake engine");
        let (name, run) = text.split_once('@').ok_or_else(unknown)?;
        let fault = match name {
            "error" => Fault::Error,
            "abort" => Fault::Abort,
            "hang" => Fault::Hang,
            "rubbish" => Fault::Rubbish,
            "hoard" => Fault::Hoard,
            exit => {
                let code = exit.strip_prefix("exit").and_then(|code| code.parse().ok());
                Fault::Exit(code.ok_or_else(unknown)?)
            }
        };
        let run = run.parse().map_err(|_| unknown())?;
        Ok(Script { fault: Some((run, fault)), ..Script::default() })
    }
}

/// Follows a script on a fake clock: no time passes but what the script says.
#[derive(Debug, Clone)]
pub struct FakeEngine {
    clock: FakeClock,
    script: Script,
    n_runs: u32,
    n_steps: usize,
}

impl FakeEngine {
    /// An engine that moves `clock` as `script` says.
    pub fn new(clock: FakeClock, script: Script) -> Self {
        FakeEngine { clock, script, n_runs: 0, n_steps: 0 }
    }

    fn misbehave(&self, fault: Fault) -> Result<(), EngineError> {
        match fault {
            Fault::Error => Err(EngineError::failed("the script says: error")),
            Fault::Abort => {
                eprintln!("the script says: abort");
                std::process::abort()
            }
            Fault::Exit(code) => std::process::exit(code),
            Fault::Hang => loop {
                std::thread::park();
            },
            Fault::Rubbish => {
                crate::worker::write_rubbish();
                Ok(())
            }
            Fault::Hoard => {
                let mut hoard: Vec<Vec<u8>> = Vec::new();
                loop {
                    let mut block = Vec::new();
                    if block.try_reserve_exact(16 << 20).is_err() {
                        eprintln!("the script says: out of memory");
                        std::process::abort();
                    }
                    block.resize(16 << 20, 1);
                    hoard.push(block);
                }
            }
        }
    }
}

impl Engine for FakeEngine {
    fn facts(&self) -> EngineFacts {
        EngineFacts { name: "fake".to_owned(), ..NullEngine.facts() }
    }

    fn prepare(&mut self, _work: &Work) -> Result<(), EngineError> {
        Ok(())
    }

    fn run(&mut self, work: &Work, sink: &mut dyn Sink) -> Result<(), EngineError> {
        let run = self.n_runs;
        self.n_runs += 1;
        if let Some((_, fault)) = self.script.fault.filter(|(at, _)| *at == run) {
            self.misbehave(fault)?;
        }
        let Work::Tokens(tokens) = work;
        if tokens.test.n_prompt > 0 {
            self.clock.advance(self.script.prompt);
            sink.event(Event::PromptDone);
        }
        for _ in 0..work.n_steps() {
            let step = self.script.steps[self.n_steps % self.script.steps.len()];
            self.n_steps += 1;
            self.clock.advance(step);
            sink.event(Event::Step);
        }
        sink.event(Event::End);
        Ok(())
    }
}

impl LocalEngine for FakeEngine {
    fn load(&mut self, request: &LoadRequest) -> Result<bool, EngineError> {
        NullEngine.load(request)
    }

    fn open_context(&mut self, test: &Test, params: &EngineParams) -> Result<Loaded, EngineError> {
        NullEngine.open_context(test, params)
    }

    fn close_context(&mut self) {}

    fn vocabulary(&self) -> Vocabulary {
        NullEngine.vocabulary()
    }

    fn tokenize(&self, text: &str) -> Result<Vec<Token>, EngineError> {
        NullEngine.tokenize(text)
    }

    fn settle(&mut self) -> Result<(), EngineError> {
        Ok(())
    }
}
