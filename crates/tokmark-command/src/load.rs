//! `tokmark load`: the command lines that repeat a run.

use tokmark_model::{
    Api, CacheMode, Load, Nanos, Record, Repetitions, ServiceLevel, Serving, Think, Workload,
};
use tokmark_workload::Shape;

use crate::shell;

/// Defaults of `tokmark load`, which need not be said.
const USUAL_TIMEOUT: Nanos = Nanos(600_000_000_000);
const USUAL_BUDGET: Nanos = Nanos(60_000_000_000);
const USUAL_HALF_WIDTH: f64 = 0.05;
const USUAL_SEED: u64 = 42;
const USUAL_WARMUP_OF_RATES: u32 = 2;

/// One command line: points that differ in load alone are one.
#[derive(Debug, Clone, PartialEq)]
struct Command {
    server: Vec<String>,
    shapes: Vec<String>,
    /// What makes a shipped shape another one; or the trace.
    changes: Vec<String>,
    concurrency: Vec<String>,
    rates: Vec<String>,
    arrivals: Option<String>,
    rest: Vec<String>,
}

/// As few commands as make the same points; of records that are no load points none.
pub fn commands(records: &[Record]) -> Vec<String> {
    let mut commands: Vec<Command> = Vec::new();
    for record in records {
        let Some(serving) = record.serving.as_deref() else { continue };
        let command = command(record, serving);
        if !commands.iter_mut().any(|other| other.take_load(&command)) {
            commands.push(command);
        }
    }
    let mut merged: Vec<Command> = Vec::new();
    for command in commands {
        if !merged.iter_mut().any(|other| other.take_shape(&command)) {
            merged.push(command);
        }
    }
    merged.iter().map(Command::line).collect()
}

impl Command {
    /// Takes the load of `other` in, if they differ in nothing else.
    fn take_load(&mut self, other: &Command) -> bool {
        let arrivals = self.arrivals.clone().or_else(|| other.arrivals.clone());
        let agrees = other.arrivals.is_none() || other.arrivals == arrivals;
        let is_same = self.server == other.server
            && self.shapes == other.shapes
            && self.changes == other.changes
            && self.rest == other.rest;
        if !is_same || !agrees {
            return false;
        }
        self.arrivals = arrivals;
        let new = |own: &[String], theirs: &[String]| -> Vec<String> {
            theirs.iter().filter(|load| !own.contains(load)).cloned().collect()
        };
        self.concurrency.extend(new(&self.concurrency, &other.concurrency));
        self.rates.extend(new(&self.rates, &other.rates));
        true
    }

    /// Takes the shape of `other` in, if both are shipped and they differ in nothing else.
    fn take_shape(&mut self, other: &Command) -> bool {
        let is_plain = self.changes.is_empty() && other.changes.is_empty();
        let alone = Command { shapes: self.shapes.clone(), ..other.clone() };
        if !is_plain || *self != alone {
            return false;
        }
        self.shapes.extend(other.shapes.iter().cloned());
        true
    }

    fn line(&self) -> String {
        let mut words = vec!["tokmark".to_owned(), "load".to_owned()];
        words.extend(self.server.iter().cloned());
        let mut add = |flag: &str, values: &[String]| {
            if !values.is_empty() {
                words.extend([flag.to_owned(), values.join(",")]);
            }
        };
        add("--shape", &self.shapes);
        add("--concurrency", &self.concurrency);
        add("--rate", &self.rates);
        add("--arrivals", self.arrivals.as_slice());
        words.extend(self.changes.iter().chain(&self.rest).cloned());
        shell::line(&words)
    }
}

fn command(record: &Record, serving: &Serving) -> Command {
    let workload = &serving.workload;
    let (shapes, changes) = shape(workload);
    let mut command = Command {
        server: server(serving),
        shapes,
        changes,
        concurrency: Vec::new(),
        rates: Vec::new(),
        arrivals: None,
        rest: rest(record, serving),
    };
    match &workload.arrival {
        Load::Concurrency { n } => command.concurrency.push(n.to_string()),
        Load::Rate { per_s, arrivals } => {
            command.rates.push(per_s.to_string());
            command.arrivals = Some(arrivals.label()).filter(|label| label != "poisson");
        }
        Load::Replay { speed } if *speed != 1.0 => {
            command.changes.extend(["--speed".to_owned(), speed.to_string()]);
        }
        Load::Replay { .. } => {}
    }
    command
}

fn server(serving: &Serving) -> Vec<String> {
    let mut words = match &serving.recipe {
        Some(recipe) => vec!["--recipe".to_owned(), recipe.clone()],
        None => serving.server.urls.clone(),
    };
    if serving.server.models.len() > 1 {
        words.extend(["--model".to_owned(), serving.server.model.clone()]);
    }
    words
}

/// A shipped shape by its name with what was changed of it; anything else by a file to name.
fn shape(workload: &Workload) -> (Vec<String>, Vec<String>) {
    let shipped = Shape::builtin(&workload.shape).ok().filter(|_| !is_trace(workload));
    let Some(shipped) = shipped else {
        let flag = if is_trace(workload) { "--trace" } else { "--shape" };
        return (Vec::new(), vec![flag.to_owned(), "FILE".to_owned()]);
    };
    let mut changes = Vec::new();
    let mut differ = |flag: &str, asked: Option<u32>, usual: u32| {
        if let Some(asked) = asked.filter(|asked| *asked != usual) {
            changes.extend([flag.to_owned(), asked.to_string()]);
        }
    };
    differ("--prompt-tokens", workload.n_prompt, shipped.prompt_tokens.mean());
    differ("--max-tokens", workload.n_output, shipped.output_tokens.mean());
    differ("--turns", Some(workload.turns), shipped.turns);
    if workload.temperature != shipped.temperature {
        let temperature = workload.temperature.map(|value| value.to_string());
        changes
            .extend(temperature.into_iter().flat_map(|value| ["--temperature".to_owned(), value]));
    }
    (vec![workload.shape.clone()], changes)
}

/// Everything that belongs to no single load.
fn rest(record: &Record, serving: &Serving) -> Vec<String> {
    let workload = &serving.workload;
    let mut words: Vec<String> = Vec::new();
    let mut add = |flag: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|value| [flag.to_owned(), value]));
    };
    add("--slo", levels(&workload.service_levels));
    match &record.repetitions {
        Some(Repetitions::Fixed { n }) => add("--requests", Some(n.to_string())),
        Some(Repetitions::Adaptive { half_width, budget_ns, .. }) => {
            let width = Some(half_width).filter(|width| **width != USUAL_HALF_WIDTH);
            add("--interval", width.map(|width| percent(*width)));
            add("--budget", Some(*budget_ns).filter(|time| *time != USUAL_BUDGET).map(duration));
        }
        None => {}
    }
    add("--duration", workload.duration_ns.map(duration));
    add("--warmup", warmup(workload));
    add("--seed", Some(workload.seed).filter(|seed| *seed != USUAL_SEED).map(|n| n.to_string()));
    add("--think", think(workload.think));
    add("--cache", cache(workload));
    add("--api", api(serving));
    add("--timeout", workload.timeout_ns.filter(|time| *time != USUAL_TIMEOUT).map(duration));
    add("--retries", Some(workload.n_retries).filter(|n| *n > 0).map(|n| n.to_string()));
    words.extend((!workload.stream).then(|| "--no-stream".to_owned()));
    words.extend((!workload.reuse_connections).then(|| "--no-reuse".to_owned()));
    words
}

fn warmup(workload: &Workload) -> Option<String> {
    let usual = match workload.arrival {
        // At whatever load.
        _ if is_trace(workload) => 0,
        Load::Concurrency { n } => n,
        Load::Rate { .. } => USUAL_WARMUP_OF_RATES,
        Load::Replay { .. } => 0,
    };
    (workload.n_warmup != usual).then(|| workload.n_warmup.to_string())
}

fn levels(levels: &[ServiceLevel]) -> Option<String> {
    let level =
        |level: &ServiceLevel| format!("{}={}", level.kind.word(), duration(level.limit_ns));
    let levels: Vec<String> = levels.iter().map(level).collect();
    (!levels.is_empty()).then(|| levels.join(","))
}

fn think(think: Think) -> Option<String> {
    match think {
        Think::Auto => None,
        Think::On => Some("on".to_owned()),
        Think::Off => Some("off".to_owned()),
    }
}

/// Whether what was asked stands in a file that the command has to be given.
pub fn needs_file(workload: &Workload) -> bool {
    Shape::builtin(&workload.shape).is_err() || is_trace(workload)
}

/// Whether the requests come from a trace. Only a trace has due times, says what it repeats, or
/// has no length of its prompts; and where it has none of these it is not warmed up, as every
/// shape is by itself, and its prompts are its own, as no shape's are by themselves.
fn is_trace(workload: &Workload) -> bool {
    let is_shipped = Shape::builtin(&workload.shape).is_ok();
    workload.repeated_share.is_some()
        || matches!(workload.arrival, Load::Replay { .. })
        || workload.n_prompt.is_none()
        || (!is_shipped && (workload.n_warmup == 0 || workload.cache == CacheMode::Own))
}

fn cache(workload: &Workload) -> Option<String> {
    let is_trace = is_trace(workload);
    match workload.cache {
        CacheMode::Bust => is_trace.then(|| "bust".to_owned()),
        CacheMode::Own => (!is_trace).then(|| "own".to_owned()),
        CacheMode::Share { share } => Some(format!("share:{}", percent(share))),
        CacheMode::Keep => Some("keep".to_owned()),
    }
}

fn api(serving: &Serving) -> Option<String> {
    let usual = if serving.server.dialect == "ollama" { Api::OllamaChat } else { Api::Chat };
    let word = match serving.workload.api {
        Api::Chat => "chat",
        Api::Completions => "completions",
        Api::OllamaChat => "ollama-chat",
        Api::OllamaGenerate => "ollama-generate",
    };
    (serving.workload.api != usual).then(|| word.to_owned())
}

/// `500ms`, `60s`.
fn duration(time: Nanos) -> String {
    if time.0.is_multiple_of(1_000_000_000) {
        format!("{}s", time.0 / 1_000_000_000)
    } else {
        format!("{}ms", time.0 as f64 / 1e6)
    }
}

/// `5%`, without the last digits that a share loses on its way through binary.
fn percent(share: f64) -> String {
    format!("{}%", (share * 1e8).round() / 1e6)
}
