//! An answer that is not streamed: it goes out whole when its last text event would.

use std::sync::Arc;
use std::time::Duration;

use crate::account::{Received, Stamps};
use crate::behaviour::Fault;
use crate::http::{Framing, response_head};
use crate::plan::{Plan, Shape, without_utf8};
use crate::script::{Next, Piece};
use crate::stream::first_wait_ns;
use crate::trailer::Trailer;
use crate::truth::{Outcome, Summary};
use crate::voice::{Whole, quoted};

/// One whole answer under way.
#[derive(Debug)]
pub(crate) struct WholeAnswer {
    plan: Arc<Plan>,
    shape: Shape,
    received: Received,
    stamps: Stamps,
    first_due_ns: u64,
    last_due_ns: u64,
    due_ns: u64,
    is_given: bool,
    outcome: Outcome,
}

impl WholeAnswer {
    /// An answer of this shape that begins when [`WholeAnswer::start`] says so.
    pub(crate) fn new(plan: Arc<Plan>, shape: Shape, received: Received) -> Self {
        let outcome = match plan.behaviour.fault {
            Some(Fault::Cut | Fault::ErrorEvent | Fault::Stall) => Outcome::Broken,
            _ => Outcome::Complete,
        };
        WholeAnswer {
            plan,
            shape,
            received,
            stamps: Stamps::default(),
            first_due_ns: u64::MAX,
            last_due_ns: u64::MAX,
            due_ns: u64::MAX,
            is_given: false,
            outcome,
        }
    }

    /// Fixes its schedule.
    pub(crate) fn start(&mut self, now_ns: u64) {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let n_gaps = u64::from(self.shape.n_events.saturating_sub(1));
        let behaviour = &self.plan.behaviour;
        self.stamps.started_ns = now_ns;
        self.first_due_ns = now_ns.saturating_add(first_wait_ns(&self.plan, &self.received));
        let generation_ns = nanoseconds(behaviour.itl).saturating_mul(n_gaps);
        self.last_due_ns = self.first_due_ns.saturating_add(generation_ns);
        self.due_ns = self.last_due_ns.saturating_add(nanoseconds(behaviour.finish_delay));
    }

    /// What to do at `now_ns`.
    pub(crate) fn next(&mut self, now_ns: u64) -> Next {
        if self.due_ns > now_ns {
            return Next::Wait(self.due_ns);
        }
        if self.is_given {
            return Next::Over { closes: !self.keeps_alive() };
        }
        if self.plan.behaviour.fault == Some(Fault::Stall) {
            return Next::Park;
        }
        self.is_given = true;
        Next::Write(Piece::Made(self.response()))
    }

    /// Takes note that it is with the kernel.
    pub(crate) fn written(&mut self, stamp_ns: u64, sums: &mut Summary) {
        self.stamps.end_ns = Some(stamp_ns);
        if self.shape.n_events == 0 || self.outcome == Outcome::Broken {
            return;
        }
        if self.shape.n_events > self.plan.n_reasoning() {
            self.stamps.first_answer_ns = Some(stamp_ns);
        }
        self.stamps.add_text(1, self.due_ns, stamp_ns, self.received.at_ns, sums);
    }

    /// What the truth will have of it.
    pub(crate) fn account(&self) -> (&Received, &Stamps, Outcome) {
        (&self.received, &self.stamps, self.outcome)
    }

    fn keeps_alive(&self) -> bool {
        self.received.keep_alive
            && !self.plan.behaviour.until_close
            && self.outcome != Outcome::Broken
    }

    fn response(&self) -> Vec<u8> {
        if self.plan.behaviour.fault == Some(Fault::ErrorEvent) {
            let body = self.plan.voice.error(500, "the stub was told to fail half way");
            return self.with_head(500, body.into_bytes());
        }
        // What the server says of its times is the schedule: nothing was sent yet.
        let stamps = Stamps {
            first_text_ns: Some(self.first_due_ns),
            last_text_ns: Some(self.last_due_ns),
            ..self.stamps
        };
        let trailer = Trailer {
            plan: &self.plan,
            shape: &self.shape,
            received: &self.received,
            stamps: &stamps,
        };
        let reason = self.plan.finish_reason(&self.shape);
        let mut body = self.plan.voice.whole(&self.text(), reason, &trailer.whole()).into_bytes();
        match self.plan.behaviour.fault {
            Some(Fault::Malformed) => body.truncate(body.len() / 2),
            Some(Fault::InvalidUtf8) => body = without_utf8(body),
            _ => {}
        }
        let n_body = body.len();
        let mut bytes = self.with_head(200, body);
        if self.plan.behaviour.fault == Some(Fault::Cut) {
            bytes.truncate(bytes.len() - n_body / 2);
        }
        bytes
    }

    fn with_head(&self, status: u16, body: Vec<u8>) -> Vec<u8> {
        let framing = if self.plan.behaviour.until_close {
            Framing::UntilClose
        } else {
            Framing::Length(body.len())
        };
        let id = self.received.id.map(|id| format!("x-request-id: {id}\r\n")).unwrap_or_default();
        let mut bytes = response_head(status, "application/json", framing, self.keeps_alive(), &id);
        bytes.extend_from_slice(&body);
        bytes
    }

    fn text(&self) -> Whole {
        let mut whole = Whole::default();
        for k in 0..self.shape.n_events {
            let text = self.plan.text_of(k, &self.shape);
            match self.plan.reasoning_field() {
                Some(field) if k < self.plan.n_reasoning() => {
                    whole.reasoning_field = field;
                    whole.reasoning += &text;
                }
                _ => whole.answer += &text,
            }
        }
        match self.plan.behaviour.fault {
            Some(Fault::InvalidUtf8) => whole.answer += "@@",
            Some(Fault::LongLine { n_bytes }) => whole.answer += &"a".repeat(n_bytes as usize),
            _ => {}
        }
        if self.plan.calls_tool() {
            whole.arguments = Some(format!("{{\"text\":{}}}", quoted(&whole.answer)));
            whole.answer.clear();
        }
        whole
    }
}
