//! `tokmark load`: plan, endpoint, points, records, views.

mod points;
mod secrets;
pub(crate) mod subjects;

use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use tokmark_host::machine_facts;
use tokmark_http::{Endpoint, EndpointOptions, TargetOptions, discover, usual_ports};
use tokmark_lab::{Calibration, LoadExtent, LoadOptions, calibrate, measure_point, speed_ups};
use tokmark_model::{Record, Status, Uuid};
use tokmark_tokenizer::LocalTokenizer;

use crate::args::LoadArgs;
use crate::exit::Exit;
use crate::output;
use crate::view::{live::LiveView, load as view, report};
use crate::wiring::{self, Records};
use points::{Point, Points};
pub(crate) use points::{base_workload, tokenizer_like};
use subjects::{Servers, Serving};

/// Conversations of one point; those of the next begin after them.
const SESSIONS_PER_POINT: u64 = 1 << 22;

pub(crate) fn run(args: &LoadArgs) -> anyhow::Result<Exit> {
    let tokenizer = args.connection.tokenizer.as_deref().map(LocalTokenizer::open).transpose()?;
    if args.check_dialect {
        return crate::dialect_check::run(args);
    }
    let records = Records::open_for_writing(&args.store)?;
    let mut servers = Servers::from_args(args)?;
    let mut run = Run {
        args,
        records: &records,
        run_id: Uuid::now_v7(),
        machine: machine_facts(&Default::default()),
        tokenizer: tokenizer.map(Arc::new),
        measured: Vec::new(),
        interrupted: false,
    };
    let outcome = run.all(&mut servers);
    drop(servers);
    run.show()?;
    outcome?;
    Ok(run.exit())
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
}

/// The records of one command line.
struct Run<'a> {
    args: &'a LoadArgs,
    records: &'a Records,
    run_id: Uuid,
    machine: tokmark_model::MachineFacts,
    tokenizer: Option<Arc<LocalTokenizer>>,
    measured: Vec<Record>,
    interrupted: bool,
}

impl Run<'_> {
    /// Every server: one after the other, or their points in turn, A B B A.
    fn all(&mut self, servers: &mut Servers) -> anyhow::Result<()> {
        if !self.args.interleave {
            while let Some(serving) = servers.next(self.args)? {
                let mut lane = self.open(serving)?;
                while self.step(&mut lane)? {}
                self.close(lane)?;
                if self.interrupted {
                    break;
                }
            }
            return Ok(());
        }
        let mut lanes = Vec::new();
        while let Some(serving) = servers.next(self.args)? {
            lanes.push(self.open(serving)?);
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

    fn open(&self, serving: Serving) -> anyhow::Result<Lane> {
        let args = &serving.settings(self.args)?;
        let endpoint = serving.open(args)?;
        output::say!("{}", view::server(endpoint.facts()));
        let points = Points::from_args(args, &endpoint)?;
        output::say!("{}", points.describe(args));
        let calibration = self.check_client(&points)?;
        let view = LiveView::new(&serving.name());
        let is_fresh = serving.is_fresh();
        Ok(Lane { serving, endpoint, points, view, is_fresh, n_points: 0, calibration })
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
        lane.view.begin(&point.workload);
        let record = self.point(lane, &point)?;
        lane.is_fresh = false;
        lane.view.clear();
        lane.points.report(&record);
        output::say!("{}", view::line(&record));
        self.records.wait(self.records.store().save(&record))?;
        self.interrupted |= record.status == Status::Interrupted;
        self.measured.push(record);
        Ok(true)
    }

    fn close(&mut self, lane: Lane) -> anyhow::Result<()> {
        for skipped in lane.points.skipped(self.run_id, &lane.endpoint) {
            self.records.wait(self.records.store().save(&skipped))?;
            self.measured.push(skipped);
        }
        if let Some(sentence) = lane.points.conclusion() {
            output::say!("{sentence}");
        }
        lane.serving.stop();
        Ok(())
    }

    fn point(&mut self, lane: &mut Lane, point: &Point) -> anyhow::Result<Record> {
        // The same prompts for the same point of every server: their requests make pairs.
        let first_session = if point.is_trace { 0 } else { lane.n_points * SESSIONS_PER_POINT };
        lane.n_points += 1;
        let options = LoadOptions {
            run_id: self.run_id,
            machine: self.machine.clone(),
            extent: self.extent(),
            abort_errors: self.args.extent.abort_errors,
            interrupt: wiring::interrupt(),
            server_pids: lane.serving.pids(&lane.endpoint),
            calibration: lane.calibration,
            recipe: lane.serving.recipe_name(),
            is_fresh_server: lane.is_fresh,
            first_load: lane.serving.first_load_limit(),
            warm_up_limit: self.args.extent.warmup_limit,
            large_logs: self.records.large_logs(),
            tokenizer: self.tokenizer.clone(),
        };
        let (endpoint, view) = (&lane.endpoint, &mut lane.view);
        let workload = &point.workload;
        Ok(measure_point(endpoint, &point.source, workload, first_session, &options, view)?)
    }

    fn extent(&self) -> LoadExtent {
        let extent = &self.args.extent;
        match (extent.requests, extent.duration) {
            (Some(n), _) => LoadExtent::Requests(n),
            (None, Some(time)) => LoadExtent::For(time),
            (None, None) => {
                LoadExtent::Until { half_width: extent.interval, budget: extent.budget }
            }
        }
    }

    /// Checks the client at the load of the heaviest point, against a server of known times.
    fn check_client(&self, points: &Points) -> anyhow::Result<Option<Calibration>> {
        let heaviest = points.heaviest().filter(|_| self.args.extent.calibrate != "off");
        let Some(Point { workload, source, .. }) = heaviest else { return Ok(None) };
        let stub = crate::worker::stub_command()?;
        let found = calibrate(&stub, source, workload, &wiring::interrupt());
        match &found {
            Some(found) => output::say!("{}", view::calibration(found, &workload.label())),
            None => output::say!("the client could not be checked against a server of known times"),
        }
        Ok(found)
    }

    fn show(&self) -> anyhow::Result<()> {
        if let Some(file) = &self.args.html {
            let page = report::page(&self.measured);
            std::fs::write(file, page)
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        for found in speed_ups(&self.measured) {
            output::say!("{}", view::speed_up(&found));
        }
        match self.args.output.as_str() {
            "json" => output::print_json(&self.measured)?,
            "jsonl" => output::print(&view::request_lines(&self.measured)?)?,
            "csv" => output::print(&view::csv(&self.measured))?,
            "md" => output::print(&view::markdown(&self.measured))?,
            _ => {
                output::print(&view::table(&self.measured, self.records.place(), output::width()))?
            }
        };
        Ok(())
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
