use std::sync::Arc;

use tokmark_host::BusyProcess;
use tokmark_http::Endpoint;
use tokmark_model::{Record, Status, Visit, Workload};
use tokmark_workload::PromptSource;

use super::{Arm, ExperimentObserver};
use crate::load::{Live, LoadObserver, LoadOptions, measure_point, skipped_point};

/// Conversations of one visit: no prompt comes twice.
const SESSIONS_PER_VISIT: u64 = 1 << 16;

/// A server, asked one request at a time.
pub struct EndpointArm {
    endpoint: Endpoint,
    source: Arc<PromptSource>,
    workload: Workload,
    options: LoadOptions,
}

impl EndpointArm {
    /// The requests of `workload` on `endpoint` in each visit; the run of `options` is the
    /// experiment's.
    pub fn new(
        endpoint: Endpoint,
        source: Arc<PromptSource>,
        workload: Workload,
        options: LoadOptions,
    ) -> Self {
        EndpointArm { endpoint, source, workload, options }
    }
}

impl Arm for EndpointArm {
    fn visit(
        &mut self,
        visit: &Visit,
        _delay: f64,
        observer: &mut dyn ExperimentObserver,
    ) -> Vec<Record> {
        let first = u64::from(visit.position) * SESSIONS_PER_VISIT;
        let observer = &mut Quiet { observer };
        let (endpoint, workload) = (&self.endpoint, &self.workload);
        let point = measure_point(endpoint, &self.source, workload, first, &self.options, observer);
        let point = point.unwrap_or_else(|error| {
            let reason = error.to_string();
            let run_id = self.options.run_id;
            let record = skipped_point(run_id, workload, endpoint.facts(), &reason);
            Record { status: Status::Failed, ..record }
        });
        vec![Record { visit: Some(visit.clone()), ..point }]
    }
}

/// Passes on only what matters between visits.
struct Quiet<'a> {
    observer: &'a mut dyn ExperimentObserver,
}

impl LoadObserver for Quiet<'_> {
    fn warming_up(&mut self, _: &Workload) {}

    fn warm_up_cut(&mut self, _: std::time::Duration, _: u64) {}

    fn live(&mut self, _: &Live) {}

    fn counting(&mut self, _: u64) {}

    fn disturbed(&mut self, other_cores: f64, by: &[BusyProcess]) {
        self.observer.disturbed(other_cores, by);
    }
}
