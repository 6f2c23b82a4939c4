use tokmark_host::BusyProcess;
use tokmark_model::{PlannedTest, Record, Status, Test, Visit};

use super::{Arm, ExperimentObserver};
use crate::session::{Observer, Phase, Session};
use crate::subject::Subject;

/// A model with settings on the local engine.
#[derive(Debug)]
pub struct LocalArm {
    session: Session,
    subject: Subject,
    planned: Vec<PlannedTest>,
    delay: f64,
}

impl LocalArm {
    /// `session` measures `planned` on `subject` in each visit; its run is the experiment's.
    pub fn new(session: Session, subject: Subject, planned: Vec<PlannedTest>) -> Self {
        LocalArm { session, subject, planned, delay: 0.0 }
    }

    /// The same with every step longer by a share in each visit, to plant a known difference.
    pub fn delayed(self, delay: f64) -> Self {
        LocalArm { delay, ..self }
    }
}

impl Arm for LocalArm {
    fn visit(
        &mut self,
        visit: &Visit,
        delay: f64,
        observer: &mut dyn ExperimentObserver,
    ) -> Vec<Record> {
        let mut records = Vec::new();
        self.session.begin_visit(visit, delay + self.delay);
        for planned in &self.planned {
            let observer = &mut Quiet { observer };
            let record = self.session.measure_one(&self.subject, planned, observer);
            let is_ok = record.status == Status::Ok;
            records.push(record);
            if !is_ok {
                break;
            }
        }
        self.session.end_visit();
        records
    }
}

/// Passes on only what matters between visits.
struct Quiet<'a> {
    observer: &'a mut dyn ExperimentObserver,
}

impl Observer for Quiet<'_> {
    fn test_started(&mut self, _: usize, _: usize, _: &Subject, _: &Test) {}

    fn phase(&mut self, _: Phase) {}

    fn disturbed(&mut self, other_cores: f64, by: &[BusyProcess]) {
        self.observer.disturbed(other_cores, by);
    }

    fn test_finished(&mut self, _: &Record) {}
}
