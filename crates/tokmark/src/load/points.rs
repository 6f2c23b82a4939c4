//! The points of a run: shapes times loads, a ramp, or a trace.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokmark_http::{Endpoint, ServerTokenizer};
use tokmark_lab::{Ramp, ramp, skipped_point};
use tokmark_model::{Arrivals, CacheMode, FoundRate, Load, Record, Status, Uuid, Workload};
use tokmark_tokenizer::LocalTokenizer;
use tokmark_workload::{CountTokens, Length, PromptSource, Shape, SourceOptions, Tokenizer, Trace};

use crate::args::{LoadArgs, WorkloadArgs, load::ExtentArgs};
use crate::output;
use crate::view::plan::duration;
use crate::view::words::counted;

/// Tokens of the text from which the characters of a token are learned.
const SAMPLE_TOKENS: u32 = 1_500;
/// Levels that hardly any request kept make heavier points hopeless.
const HOPELESS_SHARE: f64 = 0.05;

/// One load point with the text of its requests.
#[derive(Clone)]
pub(super) struct Point {
    pub(super) workload: Workload,
    pub(super) source: Arc<PromptSource>,
    pub(super) is_trace: bool,
}

/// What is still to be measured.
pub(super) struct Points {
    left: VecDeque<Point>,
    /// The search of `--ramp`, for each shape the rest of its points.
    ramp: Option<Ramp>,
    ramp_base: Option<Point>,
    /// The heaviest load of the search at which the client was checked.
    checked: Option<Load>,
    skipped: Vec<(Point, String)>,
    n: usize,
    /// The user's tokenizer.
    local: Option<Arc<LocalTokenizer>>,
}

/// Tokens of a text, where that can be told.
type CountText = Box<dyn FnMut(&str) -> Option<u32>>;

impl Points {
    /// The points that the flags ask for, lighter ones first.
    pub(super) fn from_args(
        args: &LoadArgs,
        endpoint: &Endpoint,
        local: Option<Arc<LocalTokenizer>>,
    ) -> anyhow::Result<Self> {
        let mut points = Points {
            local,
            left: VecDeque::new(),
            ramp: None,
            ramp_base: None,
            checked: None,
            skipped: Vec::new(),
            n: 0,
        };
        match &args.workload.trace {
            Some(file) => points.add_trace(file, args, endpoint)?,
            None => {
                for name in &args.workload.shape {
                    points.add_shape(name, args, endpoint)?;
                }
            }
        }
        points.n = points.left.len();
        Ok(points)
    }

    /// Whoever counts tokens before the requests are made: the user's tokenizer, else the
    /// server's; `None` without either.
    fn counter(&self, endpoint: &Endpoint) -> anyhow::Result<Option<CountText>> {
        if let Some(local) = self.local.clone() {
            return Ok(Some(Box::new(move |text| local.count(text))));
        }
        let server = ServerTokenizer::new(endpoint)?;
        Ok(server.map(|mut server| -> CountText { Box::new(move |text| server.count_text(text)) }))
    }

    fn tokenizer_like(
        &self,
        endpoint: &Endpoint,
        shape: &Shape,
    ) -> anyhow::Result<Option<Tokenizer>> {
        let counter = self.counter(endpoint)?;
        Ok(counter.and_then(|mut count| characters_as_in(shape, &mut count)))
    }

    fn add_shape(
        &mut self,
        name: &str,
        args: &LoadArgs,
        endpoint: &Endpoint,
    ) -> anyhow::Result<()> {
        let flags = &args.workload;
        let shape = shape(name, flags)?;
        let sha256 = shape.sha256();
        let concurrency = shape.concurrency.clone();
        let temperature = shape.temperature;
        let (turns, n_tools) = (shape.turns, shape.tools.len() as u32);
        let label = shape.name.clone();
        let tokenizer = self.tokenizer_like(endpoint, &shape)?;
        let cache = flags.cache.unwrap_or_default();
        let options =
            SourceOptions { seed: flags.seed, cache, tokenizer, ..SourceOptions::default() };
        let source = Arc::new(PromptSource::from_shape(shape, options)?);
        let base = Workload {
            shape: label,
            shape_sha256: Some(sha256),
            temperature,
            turns,
            n_tools,
            ..base_workload(args, endpoint, &source)
        };
        let point = |arrival: Load| {
            let n_warmup = args.extent.warmup.unwrap_or(match arrival {
                Load::Concurrency { n } => n,
                _ => 2,
            });
            let workload = Workload { arrival, n_warmup, ..base.clone() };
            Point { workload, source: source.clone(), is_trace: false }
        };
        let arrivals = flags.arrivals.unwrap_or(Arrivals::Poisson);
        if flags.ramp {
            let first = Load::Concurrency { n: 1 };
            self.ramp = Some(ramp(flags.rate.first().copied(), arrivals));
            self.ramp_base = Some(point(first));
            return Ok(());
        }
        let mut loads: Vec<Load> =
            flags.rate.iter().map(|&per_s| Load::Rate { per_s, arrivals }).collect();
        if loads.is_empty() || !flags.concurrency.is_empty() {
            let asked =
                if flags.concurrency.is_empty() { concurrency } else { flags.concurrency.clone() };
            let closed = asked.into_iter().map(|n| Load::Concurrency { n });
            loads.splice(0..0, closed);
        }
        self.left.extend(loads.into_iter().map(point));
        Ok(())
    }

    fn add_trace(
        &mut self,
        file: &Path,
        args: &LoadArgs,
        endpoint: &Endpoint,
    ) -> anyhow::Result<()> {
        let counter = RefCell::new(self.counter(endpoint)?);
        let count = |text: &str| {
            let mut counter = counter.borrow_mut();
            counter.as_mut().and_then(|count| count(text)).map(|n| n as usize)
        };
        let trace = read_trace(file, counter.borrow().is_some().then_some(&count as _))?;
        for note in &trace.notes {
            output::say!("note: {note}");
        }
        let has_times = trace.has_times();
        let sha256 = trace.sha256.clone();
        let n_requests = trace.n_requests();
        let cache = args.workload.cache.unwrap_or(CacheMode::Own);
        let seed = args.workload.seed;
        let tokenizer = self.tokenizer_like(endpoint, &Shape::builtin("chat")?)?;
        let options = SourceOptions { seed, cache, tokenizer, ..SourceOptions::default() };
        let source = Arc::new(PromptSource::from_trace(trace, options)?);
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let base = Workload {
            shape: stem.unwrap_or_else(|| "trace".to_owned()),
            shape_sha256: Some(sha256),
            cache,
            repeated_share: source.repeated_share(),
            turns: source.most_turns(),
            n_warmup: args.extent.warmup.unwrap_or(0),
            ..base_workload(args, endpoint, &source)
        };
        let closed = |n: u32| Load::Concurrency { n };
        let loads: Vec<Load> = if !args.workload.concurrency.is_empty() {
            args.workload.concurrency.iter().map(|&n| closed(n)).collect()
        } else if has_times {
            vec![Load::Replay { speed: args.workload.speed }]
        } else {
            ensure!(args.workload.speed == 1.0, "the trace has no times that --speed could divide");
            output::say!("note: the trace has no times; its {n_requests} requests run one by one");
            vec![closed(1)]
        };
        let is_replay = matches!(loads.first(), Some(Load::Replay { .. }));
        if let Some(note) = how_often(n_requests as u64, is_replay, &args.extent) {
            output::say!("note: {note}");
        }
        self.left.extend(loads.into_iter().map(|arrival| Point {
            workload: Workload { arrival, ..base.clone() },
            source: source.clone(),
            is_trace: true,
        }));
        Ok(())
    }

    /// The next point, if one is wanted.
    pub(super) fn next(&mut self) -> Option<Point> {
        if let (Some(ramp), Some(base)) = (&self.ramp, &self.ramp_base) {
            let workload = ramp.next(&base.workload)?;
            return Some(Point { workload, ..base.clone() });
        }
        self.left.pop_front()
    }

    /// Takes in what came of a point: of a hopeless one the heavier ones of its kind are
    /// skipped.
    pub(super) fn report(&mut self, record: &Record) {
        if let Some(ramp) = &mut self.ramp {
            let unjudged = ramp.report(record);
            if !unjudged.is_empty() {
                let levels: Vec<&str> = unjudged.iter().map(|kind| kind.word()).collect();
                output::say!(
                    "the search ends: no request can be held to the service level {}; leave it \
                     out, or ask for longer answers",
                    levels.join(", ")
                );
            }
            return;
        }
        let Some(serving) = &record.serving else { return };
        let (shape, arrival) = (serving.workload.shape.clone(), serving.workload.arrival.clone());
        let goodput = serving.summary.as_ref().and_then(|summary| summary.goodput);
        let reason = match (record.status, goodput) {
            (Status::Failed, _) => "the lighter point failed".to_owned(),
            (Status::Ok, Some(goodput)) if goodput.share_high < HOPELESS_SHARE => format!(
                "at the lighter point only {:.0} % of the requests kept the service levels",
                goodput.share * 100.0
            ),
            _ => return,
        };
        let (hopeless, rest): (Vec<Point>, Vec<Point>) = self.left.drain(..).partition(|point| {
            point.workload.shape == shape && is_heavier(&point.workload.arrival, &arrival)
        });
        self.left = rest.into();
        self.skipped.extend(hopeless.into_iter().map(|point| (point, reason.clone())));
    }

    /// Leaves out all that is still to come, for this reason.
    pub(super) fn give_up(&mut self, reason: &str) {
        (self.ramp, self.ramp_base) = (None, None);
        self.skipped.extend(self.left.drain(..).map(|point| (point, reason.to_owned())));
    }

    /// Rows for the points that were not measured.
    pub(super) fn skipped(&self, run_id: Uuid, endpoint: &Endpoint) -> Vec<Record> {
        let row = |(point, reason): &(Point, String)| {
            skipped_point(run_id, &point.workload, endpoint.facts(), reason)
        };
        self.skipped.iter().map(row).collect()
    }

    /// What a search has found so far.
    pub(super) fn found_rate(&self) -> Option<FoundRate> {
        self.ramp.as_ref().map(Ramp::found)
    }

    /// What will be done and how long it may take.
    pub(super) fn describe(&self, args: &LoadArgs) -> String {
        let trace = self.left.front().filter(|point| point.is_trace);
        let once = trace.and_then(|point| point.source.n_requests());
        let per_point = match (args.extent.requests, args.extent.duration) {
            (Some(n), _) => {
                let (points, requests) =
                    (counted(self.n.max(1) as u64, "point"), counted(n, "request"));
                return format!("{points} of {requests}");
            }
            (None, Some(time)) => time,
            (None, None) => match once {
                Some(n) => {
                    let points = counted(self.n as u64, "point");
                    return format!("{points} of the trace's {}", counted(n, "request"));
                }
                None => args.extent.budget,
            },
        };
        if self.ramp.is_some() {
            return format!("a search over rates, some 10 points of up to {}", duration(per_point));
        }
        let all: Duration = per_point * self.n.max(1) as u32;
        let labels: Vec<String> = self.left.iter().map(|point| point.workload.label()).collect();
        let points = counted(self.n as u64, "point");
        format!("{points}, at most {}: {}", duration(all), labels.join(", "))
    }

    /// The point that asks most of the client, of those with a load of their own. A search does
    /// not know it before.
    pub(super) fn heaviest(&self) -> Option<&Point> {
        let weight = |point: &&Point| match point.workload.arrival {
            Load::Concurrency { n } => f64::from(n),
            Load::Rate { per_s, .. } => per_s,
            Load::Replay { .. } => 0.0,
        };
        self.left.iter().max_by(|a, b| weight(a).total_cmp(&weight(b)))
    }

    /// `point`, where a search comes to a heavier load than at any time before, at which the
    /// client has to be checked again.
    pub(super) fn unchecked<'a>(&mut self, point: &'a Point) -> Option<&'a Point> {
        self.ramp.as_ref()?;
        let arrival = &point.workload.arrival;
        if self.checked.as_ref().is_some_and(|checked| !is_heavier(arrival, checked)) {
            return None;
        }
        self.checked = Some(arrival.clone());
        Some(point)
    }
}

/// Reads the files of shapes or of the trace, before any server is started or asked for them.
pub(super) fn check_files(flags: &WorkloadArgs) -> anyhow::Result<()> {
    match &flags.trace {
        Some(file) => read_trace(file, None).map(drop),
        None => flags.shape.iter().try_for_each(|name| shape(name, flags).map(drop)),
    }
}

fn read_trace(file: &Path, count: Option<CountTokens<'_>>) -> anyhow::Result<Trace> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Trace::read(&bytes, count).with_context(|| format!("{} is no trace", file.display()))
}

/// Where a trace is not run exactly once, or that is not as asked: a sentence.
fn how_often(n_trace: u64, is_replay: bool, extent: &ExtentArgs) -> Option<String> {
    match (extent.requests, extent.duration) {
        (Some(n), _) if n > n_trace && is_replay => {
            Some(format!("the trace is replayed once; it has {n_trace} requests, not {n}"))
        }
        (Some(n), _) if n > n_trace => {
            Some(format!("the trace has {n_trace} requests and begins again until {n} were made"))
        }
        (None, Some(_)) if !is_replay => {
            Some(format!("the trace has {n_trace} requests and begins again for as long as asked"))
        }
        _ => None,
    }
}

/// Whether `load` asks more of the server than `other`, of the same kind.
fn is_heavier(load: &Load, other: &Load) -> bool {
    match (load, other) {
        (Load::Concurrency { n }, Load::Concurrency { n: other }) => n > other,
        (Load::Rate { per_s, .. }, Load::Rate { per_s: other, .. }) => per_s > other,
        _ => false,
    }
}

/// A built-in shape or a file, with what the flags change.
fn shape(name: &str, flags: &WorkloadArgs) -> anyhow::Result<Shape> {
    let path = Path::new(name);
    let is_file = path.extension().is_some() || name.contains('/') || path.is_file();
    let mut shape = if is_file {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        Shape::from_yaml(&text, &stem.unwrap_or_default())
            .with_context(|| format!("{name} is no shape"))?
    } else {
        Shape::builtin(name)?
    };
    if let Some(n) = flags.prompt_tokens {
        shape.prompt_tokens = Length::Fixed(n);
    }
    if let Some(n) = flags.max_tokens {
        shape.output_tokens = Length::Fixed(n);
    }
    if let Some(temperature) = flags.temperature {
        shape.temperature = Some(temperature);
    }
    if let Some(turns) = flags.turns {
        shape.turns = turns;
        let usual = shape.follow_up_tokens.unwrap_or(Length::Fixed(FOLLOW_UP));
        shape.follow_up_tokens = (turns > 1).then_some(usual);
    }
    shape.check()?;
    Ok(shape)
}

/// Tokens of a later message, where a shape of single requests is asked for several turns.
const FOLLOW_UP: u32 = 30;

/// Everything of a workload but its shape and arrival.
pub(crate) fn base_workload(
    args: &LoadArgs,
    endpoint: &Endpoint,
    source: &PromptSource,
) -> Workload {
    let flags = &args.workload;
    Workload {
        shape: String::new(),
        shape_sha256: None,
        arrival: Load::Concurrency { n: 1 },
        n_prompt: source.mean_prompt_tokens(),
        n_output: Some(source.mean_output_tokens()),
        turns: 1,
        n_tools: 0,
        api: endpoint.api(),
        stream: !args.connection.no_stream,
        temperature: flags.temperature,
        seed: flags.seed,
        nonce: None,
        think: flags.think,
        cache: flags.cache.unwrap_or_default(),
        repeated_share: None,
        length_control: endpoint.abilities().length_control,
        n_warmup: 0,
        duration_ns: args.extent.duration.map(Into::into),
        timeout_ns: Some(args.connection.timeout.into()),
        n_retries: args.connection.retries,
        reuse_connections: !args.connection.no_reuse,
        service_levels: flags.slo.clone(),
    }
}

/// Counts tokens by the characters that a token of this server has in text of this shape, so
/// that nothing is asked of the server while it is measured. `None` where it has no tokenizer.
pub(crate) fn tokenizer_like(endpoint: &Endpoint, shape: &Shape) -> Option<Tokenizer> {
    characters_as_in(shape, &mut |text| endpoint.count_tokens(text))
}

/// The same by whoever counts.
fn characters_as_in(
    shape: &Shape,
    count: &mut dyn FnMut(&str) -> Option<u32>,
) -> Option<Tokenizer> {
    let sample = Shape { prompt_tokens: Length::Fixed(SAMPLE_TOKENS), ..shape.clone() };
    let sample = PromptSource::from_shape(sample, SourceOptions::default()).ok()?;
    let messages = sample.request(u64::from(u32::MAX)).messages;
    let text: String = messages.iter().map(|message| message.content.as_str()).collect();
    let n_characters = text.chars().count();
    let n_tokens = count(&text).filter(|n| *n > 0)?;
    let characters_per_token = n_characters as f64 / f64::from(n_tokens);
    Some(Arc::new(move |text: &str| {
        Some((text.chars().count() as f64 / characters_per_token).round() as usize)
    }))
}
