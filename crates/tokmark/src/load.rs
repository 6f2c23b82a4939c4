//! `tokmark load`: plan, endpoint, points, records, views.

mod points;
pub(crate) mod secrets;
pub(crate) mod subjects;

use std::sync::Arc;

use anyhow::{bail, ensure};
use tokmark_host::machine_facts;
use tokmark_http::{Endpoint, EndpointOptions, TargetOptions, discover, usual_ports};
use tokmark_lab::{
    Calibration, LoadExtent, LoadOptions, calibrate, failed_point, mark_crashed, measure_point,
    prefill_ceiling, searched_name, speed_ups,
};
use tokmark_model::{
    Arrivals, Load, Record, ServerFacts, Status, Think, TokensPerSecond, Uuid, Workload,
};
use tokmark_store::{Filter, Sort, SortKey};
use tokmark_tokenizer::LocalTokenizer;

use crate::args::LoadArgs;
use crate::exit::Exit;
use crate::output;
use crate::upload;
use crate::view::{live::LiveView, load as view, report};
use crate::wiring::{self, Records};
use points::{Point, Points};
pub(crate) use points::{base_workload, tokenizer_like};
use subjects::{Servers, Serving, Unopened};

/// Records from which the ceiling of prompt rates is taken, at most.
const MOST_COMPARED: u64 = 50;
/// Conversations of one point; those of the next begin after them.
const SESSIONS_PER_POINT: u64 = 1 << 22;

/// What makes the prompts of a run others than those of all runs before.
pub(crate) fn new_nonce(run_id: Uuid) -> u32 {
    // The lower half of such an id is random.
    run_id.as_u128() as u32
}

pub(crate) fn run(args: &LoadArgs) -> anyhow::Result<Exit> {
    args.check()?;
    let tokenizer = args.connection.tokenizer.as_deref().map(LocalTokenizer::open).transpose()?;
    if args.check_dialect {
        return crate::dialect_check::run(args);
    }
    if let Some(file) = &args.html {
        output::check_report(file)?;
    }
    let tokenizer = tokenizer.map(Arc::new);
    upload::measuring(&args.store, &args.send, |records| measure(args, records, tokenizer))
}

fn measure(
    args: &LoadArgs,
    records: &Records,
    tokenizer: Option<Arc<LocalTokenizer>>,
) -> anyhow::Result<Exit> {
    points::check_files(&args.workload)?;
    let mut servers = Servers::from_args(args)?;
    let run_id = Uuid::now_v7();
    let mut run = Run {
        args,
        records,
        run_id,
        nonce: args.workload.nonce.unwrap_or_else(|| new_nonce(run_id)),
        machine: machine_facts(&Default::default()),
        tokenizer,
        measured: Vec::new(),
        interrupted: false,
    };
    let outcome = run.all(&mut servers);
    drop(servers);
    run.show()?;
    let is_reported = run.report();
    outcome?;
    match run.exit() {
        Exit::Done if !is_reported => Ok(Exit::FailedRows),
        exit => Ok(exit),
    }
}

/// A server with what is still to be measured of it.
struct Lane {
    serving: Serving,
    endpoint: Endpoint,
    points: Points,
    view: LiveView,
    is_fresh: bool,
    n_points: u64,
    calibration: Option<Calibration>,
    prefill_ceiling: Option<TokensPerSecond>,
}

/// The records of one command line.
struct Run<'a> {
    args: &'a LoadArgs,
    records: &'a Records,
    run_id: Uuid,
    nonce: u32,
    machine: tokmark_model::MachineFacts,
    tokenizer: Option<Arc<LocalTokenizer>>,
    measured: Vec<Record>,
    interrupted: bool,
}

impl Run<'_> {
    /// Every server: one after the other, or their points in turn, A B B A.
    fn all(&mut self, servers: &mut Servers) -> anyhow::Result<()> {
        if !self.args.interleave {
            while let Some(mut lane) = self.next_lane(servers)? {
                while self.step(&mut lane)? {}
                self.close(lane)?;
                if self.interrupted {
                    break;
                }
            }
            return Ok(());
        }
        let mut lanes = Vec::new();
        while let Some(lane) = self.next_lane(servers)? {
            lanes.push(lane);
        }
        loop {
            let mut any = false;
            for lane in &mut lanes {
                any |= !self.interrupted && self.step(lane)?;
            }
            lanes.reverse();
            if !any {
                break;
            }
        }
        lanes.into_iter().try_for_each(|lane| self.close(lane))
    }

    /// The next server that can be measured. One of a recipe that can't is a row of its own, and
    /// the next one's turn comes.
    fn next_lane(&mut self, servers: &mut Servers) -> anyhow::Result<Option<Lane>> {
        loop {
            let recipe = servers.next_recipe();
            let opened = match servers.next(self.args) {
                Ok(None) => return Ok(None),
                Ok(Some(serving)) => self.open(serving),
                Err(error) => Err(error.into()),
            };
            let failed = match opened {
                Ok(lane) => return Ok(Some(lane)),
                Err(failed) => failed,
            };
            if wiring::interrupt().is_raised() {
                self.interrupted = true;
                return Ok(None);
            }
            let Some(recipe) = recipe.filter(|_| servers.has_several() || failed.is_the_servers())
            else {
                return Err(failed.error);
            };
            let record = self.unstarted(&recipe, &failed);
            output::say!("{recipe}: {}", view::rows::ending(&record));
            self.records.save(&record)?;
            self.measured.push(record);
        }
    }

    /// The row of a server that can't be measured: of the first point that it was wanted for.
    fn unstarted(&self, recipe: &str, failed: &Unopened) -> Record {
        let flags = &self.args.workload;
        let trace = flags.trace.as_ref().and_then(|file| file.file_stem());
        let trace = trace.map(|stem| stem.to_string_lossy().into_owned());
        let shape = trace.or_else(|| flags.shape.first().cloned()).unwrap_or_default();
        let closed = flags.concurrency.first().map(|&n| Load::Concurrency { n });
        let arrivals = flags.arrivals.unwrap_or(Arrivals::Poisson);
        let open = flags.rate.first().map(|&per_s| Load::Rate { per_s, arrivals });
        let arrival = closed.or(open).unwrap_or(Load::Concurrency { n: 1 });
        let workload = Workload::new(&shape, arrival);
        let (status, reason) = failed.ending();
        failed_point(self.run_id, &workload, recipe, status, reason)
    }

    fn open(&self, serving: Serving) -> Result<Lane, Unopened> {
        match self.look_at(&serving) {
            Ok((endpoint, points, calibration, prefill_ceiling)) => Ok(Lane {
                view: LiveView::new(&serving.name()),
                is_fresh: serving.is_fresh(),
                serving,
                endpoint,
                points,
                n_points: 0,
                calibration,
                prefill_ceiling,
            }),
            Err(error) => Err(serving.unopened(error)),
        }
    }

    fn look_at(
        &self,
        serving: &Serving,
    ) -> anyhow::Result<(Endpoint, Points, Option<Calibration>, Option<TokensPerSecond>)> {
        let args = &serving.settings(self.args)?;
        let endpoint = serving.open(args)?;
        output::say!("{}", view::server(endpoint.facts()));
        check_think(args.workload.think, &endpoint)?;
        let points = Points::from_args(args, &endpoint, self.tokenizer.clone())?;
        output::say!("{}", points.describe(args));
        let calibration = match points.heaviest() {
            Some(heaviest) => self.check_client(heaviest)?,
            None => None,
        };
        let prefill_ceiling = self.prefill_ceiling(endpoint.facts())?;
        Ok((endpoint, points, calibration, prefill_ceiling))
    }

    /// What the embedded engine's records of the same model on this machine tell.
    fn prefill_ceiling(&self, server: &ServerFacts) -> anyhow::Result<Option<TokensPerSecond>> {
        let Some(model) = searched_name(server).filter(|_| server.is_local) else {
            return Ok(None);
        };
        let filter = Filter {
            model: Some(model),
            machine: Some(self.machine.fingerprint.clone()),
            status: Some(Status::Ok),
            limit: Some(MOST_COMPARED),
            sort: Sort { key: SortKey::Rate, ..Sort::default() },
            ..Filter::default()
        };
        let known = self.records.wait(self.records.store().records(&filter))?;
        Ok(prefill_ceiling(&known, server, &self.machine))
    }

    /// Measures the next point of a server; whether there was one.
    fn step(&mut self, lane: &mut Lane) -> anyhow::Result<bool> {
        if wiring::interrupt().is_raised() {
            self.interrupted = true;
        }
        if self.interrupted {
            return Ok(false);
        }
        let Some(point) = lane.points.next() else { return Ok(false) };
        // Until the record is saved.
        let _attention = wiring::interrupt().attend();
        if let Some(heavier) = lane.points.unchecked(&point) {
            lane.calibration = self.check_client(heavier)?;
        }
        lane.view.begin(&point.workload);
        let mut record = self.point(lane, &point)?;
        lane.is_fresh = false;
        lane.view.clear();
        lane.points.report(&record);
        if let Some(reason) =
            lane.serving.crashed().filter(|_| record.status != Status::Interrupted)
        {
            mark_crashed(&mut record, reason);
            lane.points.give_up("the server crashed before");
        }
        let speed_ups = speed_ups(&record, &self.measured, &self.records.large_logs())
            .unwrap_or_else(|error| {
                output::say!("no speed-up: the requests of a point can't be read again: {error}");
                Vec::new()
            });
        if let Some(serving) = &mut record.serving {
            serving.found_rate = lane.points.found_rate();
            serving.speed_ups = speed_ups;
        }
        output::say!("{}", view::line(&record));
        self.records.save(&record)?;
        self.interrupted |= record.status == Status::Interrupted;
        self.measured.push(record);
        Ok(true)
    }

    fn close(&mut self, lane: Lane) -> anyhow::Result<()> {
        for skipped in lane.points.skipped(self.run_id, &lane.endpoint) {
            self.records.save(&skipped)?;
            self.measured.push(skipped);
        }
        if let Some(found) = lane.points.found_rate() {
            output::say!("{}", view::found_rate(&found));
        }
        if let Some(told) = lane.serving.stop() {
            output::say!("{told}");
        }
        Ok(())
    }

    fn point(&mut self, lane: &mut Lane, point: &Point) -> anyhow::Result<Record> {
        // The same prompts for the same point of every server: their requests make pairs.
        let first_session = if point.is_trace { 0 } else { lane.n_points * SESSIONS_PER_POINT };
        let nonce = self.nonce.wrapping_add(lane.n_points as u32);
        lane.n_points += 1;
        let options = LoadOptions {
            run_id: self.run_id,
            machine: self.machine.clone(),
            extent: self.extent(point),
            abort_errors: self.args.extent.abort_errors,
            interrupt: wiring::interrupt(),
            server_pids: lane.serving.pids(&lane.endpoint),
            calibration: lane.calibration,
            prefill_ceiling: lane.prefill_ceiling,
            recipe: lane.serving.recipe_name(),
            is_fresh_server: lane.is_fresh,
            first_load: lane.serving.first_load_limit(),
            warm_up_limit: self.args.extent.warmup_limit,
            large_logs: self.records.large_logs(),
            tokenizer: self.tokenizer.clone(),
        };
        let (endpoint, view) = (&lane.endpoint, &mut lane.view);
        let workload = Workload { nonce: Some(nonce), ..point.workload.clone() };
        let source = Arc::new(point.source.with_nonce(nonce));
        Ok(measure_point(endpoint, &source, &workload, first_session, &options, view)?)
    }

    fn extent(&self, point: &Point) -> LoadExtent {
        let extent = &self.args.extent;
        // A trace runs whole, however well its figures are known before.
        let once = point.source.n_requests().filter(|_| point.is_trace);
        match (extent.requests, extent.duration) {
            (Some(n), _) => LoadExtent::Requests(n),
            (None, Some(time)) => LoadExtent::For(time),
            (None, None) if once.is_some() => LoadExtent::Requests(once.unwrap_or_default()),
            (None, None) if self.args.workload.ramp => LoadExtent::Judged(extent.budget),
            (None, None) => {
                LoadExtent::Until { half_width: extent.interval, budget: extent.budget }
            }
        }
    }

    /// Checks the client at the load of a point, against a server of known times.
    fn check_client(&self, point: &Point) -> anyhow::Result<Option<Calibration>> {
        if self.args.extent.calibrate == "off" {
            return Ok(None);
        }
        let Point { workload, source, .. } = point;
        let stub = crate::worker::stub_command()?;
        let found = calibrate(&stub, source, workload, &wiring::interrupt());
        match &found {
            Some(found) => output::say!("{}", view::calibration(found, &workload.label())),
            None => output::say!("the client could not be checked against a server of known times"),
        }
        Ok(found)
    }

    fn show(&self) -> anyhow::Result<()> {
        let points = self.measured.iter().filter_map(|record| record.serving.as_ref());
        for found in points.flat_map(|serving| &serving.speed_ups) {
            output::say!("{}", view::speed_up(found));
        }
        match self.args.output.as_str() {
            "json" => output::print_json(&self.measured)?,
            "jsonl" => {
                let folder = self.records.large_logs();
                output::stream(|out| view::request_lines(&self.measured, &folder, out))?
            }
            "csv" => output::print(&view::csv(&self.measured))?,
            "md" => output::print(&view::markdown(&self.measured))?,
            _ => {
                output::print(&view::table(&self.measured, self.records.place(), output::width()))?
            }
        };
        Ok(())
    }

    /// Writes the report; whether nothing went wrong with it. Its records are kept anyway.
    fn report(&self) -> bool {
        let Some(file) = &self.args.html else { return true };
        output::write_report(file, &report::page(&self.measured, &self.records.large_logs()))
    }

    fn exit(&self) -> Exit {
        let is_failed = |record: &&Record| {
            !matches!(record.status, Status::Ok | Status::Interrupted | Status::Skipped)
        };
        let n_failed = self.measured.iter().filter(is_failed).count();
        let n_skipped = self.measured.iter().filter(|r| r.status == Status::Skipped).count();
        match () {
            () if self.interrupted => Exit::Interrupted,
            () if n_failed > 0 => Exit::FailedRows,
            () if n_skipped > 0 => Exit::Hopeless,
            () => Exit::Done,
        }
    }
}

/// Refuses a wish for reasoning where nothing is known that the server would take it by.
fn check_think(think: Think, endpoint: &Endpoint) -> anyhow::Result<()> {
    ensure!(
        think != Think::On || endpoint.takes_think_on(),
        "--think on: no switch is known by which {} takes that; leave it out",
        endpoint.facts().dialect
    );
    Ok(())
}

/// How the endpoint is reached, from the flags and the environment.
pub(crate) fn endpoint_options(args: &LoadArgs) -> anyhow::Result<EndpointOptions> {
    let connection = &args.connection;
    Ok(EndpointOptions {
        target: TargetOptions {
            headers: secrets::headers(&connection.header)?,
            api_key: secrets::api_key(connection.api_key_env.as_deref())?,
            insecure: connection.insecure,
            ca_file: connection.ca.clone(),
        },
        model: connection.model.clone(),
        api: connection.api,
    })
}

/// The addresses of the flags, or whatever answers on this machine.
pub(crate) fn addresses(args: &LoadArgs) -> anyhow::Result<Vec<String>> {
    if !args.urls.is_empty() {
        return Ok(args.urls.clone());
    }
    let found = discover(&endpoint_options(args)?.target)?;
    let ports: Vec<String> = usual_ports().iter().map(u16::to_string).collect();
    ensure!(
        !found.is_empty(),
        "nothing answers on 127.0.0.1 at the ports {}; give the server's address, \
         e.g. tokmark load http://127.0.0.1:9000",
        ports.join(", ")
    );
    for (url, facts) in &found {
        output::say!("found {} at {url}", facts.dialect);
    }
    match found.as_slice() {
        [(only, _)] => Ok(vec![only.clone()]),
        _ => bail!("{} servers answer; name the one to measure", found.len()),
    }
}
