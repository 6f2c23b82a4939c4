//! One streamed answer: which bytes go out when, and what is recorded of it.

use std::sync::Arc;
use std::time::Duration;

use crate::account::{Received, Stamps};
use crate::behaviour::{Beginning, Fault};
use crate::http::{Framing, response_head};
use crate::plan::{Plan, Shape};
use crate::script::{Next, Piece};
use crate::trailer::Trailer;
use crate::truth::{Outcome, Summary};

/// What goes out next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Head,
    Opening,
    /// The comment before text event `k`, or after the last one.
    Comment(u32),
    Text(u32),
    Finish,
    /// The usage event and everything after it.
    Usage,
    /// Nothing more.
    Over,
}

/// What was given out and is on its way to the kernel.
#[derive(Debug, Clone, Copy)]
enum InHand {
    Head,
    Opening,
    Comment(u32),
    Text {
        k: u32,
        n: u32,
        due_ns: u64,
    },
    /// An event that is no text event for a client.
    Faulty(u32),
    Finish,
    /// The last bytes.
    End,
}

/// One streamed answer under way.
#[derive(Debug)]
pub(crate) struct Stream {
    plan: Arc<Plan>,
    shape: Shape,
    received: Received,
    stamps: Stamps,
    first_due_ns: u64,
    itl_ns: u64,
    part: Part,
    in_hand: InHand,
    outcome: Outcome,
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// From the start of an answer to its first text event.
pub(crate) fn first_wait_ns(plan: &Plan, received: &Received) -> u64 {
    let behaviour = &plan.behaviour;
    let uncached = received.n_prompt.saturating_sub(received.n_cached.unwrap_or(0));
    let prefill = nanoseconds(behaviour.prefill_per_token).saturating_mul(uncached.into());
    let hidden =
        nanoseconds(behaviour.itl).saturating_mul(behaviour.hidden_reasoning_tokens.into());
    nanoseconds(behaviour.ttft).saturating_add(prefill).saturating_add(hidden)
}

impl Stream {
    /// An answer of this shape that begins when [`Stream::start`] says so.
    pub(crate) fn new(plan: Arc<Plan>, shape: Shape, received: Received) -> Self {
        let itl_ns = nanoseconds(plan.behaviour.itl);
        Stream {
            plan,
            shape,
            received,
            stamps: Stamps::default(),
            first_due_ns: u64::MAX,
            itl_ns,
            part: Part::Head,
            in_hand: InHand::Head,
            outcome: Outcome::Complete,
        }
    }

    /// Fixes its schedule.
    pub(crate) fn start(&mut self, now_ns: u64) {
        self.stamps.started_ns = now_ns;
        self.first_due_ns = now_ns.saturating_add(first_wait_ns(&self.plan, &self.received));
    }

    /// What to do at `now_ns`. What it gives out must be written before it is asked again.
    #[inline]
    pub(crate) fn next(&mut self, now_ns: u64) -> Next {
        loop {
            let due_ns = self.due_ns(self.part);
            if due_ns > now_ns {
                return Next::Wait(due_ns);
            }
            return match self.part {
                Part::Head => self.give(InHand::Head, self.head()),
                Part::Opening => {
                    let line = self.plan.opening_line().unwrap_or_default();
                    self.give(InHand::Opening, self.plan.framed(&line))
                }
                Part::Comment(k) => {
                    self.in_hand = InHand::Comment(k);
                    Next::Write(Piece::Planned(self.plan.comment_frame()))
                }
                Part::Text(k) => self.text(k, due_ns),
                Part::Finish => match self.finish() {
                    Some(next) => next,
                    None => continue,
                },
                Part::Usage => {
                    let mut bytes = Vec::new();
                    let trailer = self.trailer();
                    trailer.add_usage(&mut bytes);
                    trailer.add_end(&mut bytes);
                    self.give(InHand::End, bytes)
                }
                Part::Over => {
                    let closes = !self.received.keep_alive
                        || !self.plan.is_chunked
                        || self.outcome == Outcome::Broken;
                    Next::Over { closes }
                }
            };
        }
    }

    /// Takes note that what was given out last is with the kernel.
    #[inline]
    pub(crate) fn written(&mut self, stamp_ns: u64, sums: &mut Summary) {
        self.part = match self.in_hand {
            InHand::Head if self.has_late_opening() => Part::Opening,
            InHand::Head | InHand::Opening => self.after_events(0),
            InHand::Comment(k) => self.text_or_finish(k),
            InHand::Text { k, n, due_ns } => {
                if self.stamps.first_answer_ns.is_none() && k + n > self.plan.n_reasoning() {
                    self.stamps.first_answer_ns = Some(stamp_ns);
                }
                self.stamps.add_text(n, due_ns, stamp_ns, self.received.at_ns, sums);
                self.after_events(k + n)
            }
            InHand::Faulty(k) => self.after_events(k + 1),
            InHand::Finish => Part::Usage,
            InHand::End => {
                self.stamps.end_ns = Some(stamp_ns);
                Part::Over
            }
        };
    }

    /// The bytes of a piece that was given out.
    pub(crate) fn frame(&self, number: usize) -> &[u8] {
        self.plan.frame(number)
    }

    /// Whether the bytes given out last go to the kernel one by one.
    pub(crate) fn splits_bytes(&self) -> bool {
        self.plan.behaviour.split_bytes && !matches!(self.in_hand, InHand::Head)
    }

    /// What the truth will have of it.
    pub(crate) fn account(&self) -> (&Received, &Stamps, Outcome) {
        (&self.received, &self.stamps, self.outcome)
    }

    fn due_ns(&self, part: Part) -> u64 {
        let after_last = |delay: Duration| self.last_due_ns().saturating_add(nanoseconds(delay));
        let behaviour = &self.plan.behaviour;
        match part {
            Part::Head if behaviour.beginning == Beginning::LateHead => self.first_due_ns,
            Part::Head | Part::Comment(_) | Part::Over => self.stamps.started_ns,
            Part::Opening => self.first_due_ns,
            Part::Text(k) => self.text_due_ns(k + self.n_together(k) - 1),
            Part::Finish => after_last(behaviour.finish_delay),
            Part::Usage => after_last(behaviour.finish_delay + behaviour.usage_delay),
        }
    }

    fn text_due_ns(&self, k: u32) -> u64 {
        self.first_due_ns.saturating_add(self.itl_ns.saturating_mul(k.into()))
    }

    fn last_due_ns(&self) -> u64 {
        self.text_due_ns(self.shape.n_events.saturating_sub(1))
    }

    /// Text events from `k` that go out together. A fault half way has its event for itself.
    fn n_together(&self, k: u32) -> u32 {
        let most = self.plan.behaviour.events_per_write;
        if most == 1 || self.plan.behaviour.fault.is_some() {
            return 1;
        }
        most.min(self.shape.n_events.saturating_sub(k)).max(1)
    }

    fn give(&mut self, in_hand: InHand, bytes: Vec<u8>) -> Next {
        self.in_hand = in_hand;
        Next::Write(Piece::Made(bytes))
    }

    fn has_late_opening(&self) -> bool {
        self.plan.behaviour.beginning == Beginning::LateOpening
            && self.plan.opening_line().is_some()
    }

    fn head(&self) -> Vec<u8> {
        let framing = if self.plan.is_chunked { Framing::Chunks } else { Framing::UntilClose };
        let content_type =
            if self.plan.voice.is_ollama() { "application/x-ndjson" } else { "text/event-stream" };
        let id = self.received.id.map(|id| format!("x-request-id: {id}\r\n")).unwrap_or_default();
        let keep_alive = self.received.keep_alive && self.plan.is_chunked;
        let mut bytes = response_head(200, content_type, framing, keep_alive, &id);
        if self.plan.behaviour.beginning != Beginning::LateOpening
            && let Some(line) = self.plan.opening_line()
        {
            bytes.extend_from_slice(&self.plan.framed(&line));
        }
        bytes
    }

    /// What comes when all text events before `k` are out.
    fn after_events(&self, k: u32) -> Part {
        if self.plan.behaviour.comments && !self.plan.voice.is_ollama() {
            return Part::Comment(k);
        }
        self.text_or_finish(k)
    }

    fn text_or_finish(&self, k: u32) -> Part {
        if k < self.shape.n_events { Part::Text(k) } else { Part::Finish }
    }

    #[inline]
    fn text(&mut self, k: u32, due_ns: u64) -> Next {
        if let Some(fault) = self.plan.behaviour.fault
            && k == self.shape.n_events / 2
            && let Some(next) = self.fault_half_way(fault, k, due_ns)
        {
            return next;
        }
        let n = self.n_together(k);
        self.in_hand = InHand::Text { k, n, due_ns };
        if n == 1 {
            return Next::Write(match self.plan.frame_of(k, &self.shape) {
                Some(number) => Piece::Planned(number),
                None => Piece::Made(self.plan.framed(&self.event_line(k))),
            });
        }
        let lines: Vec<u8> = (k..k + n).flat_map(|k| self.event_line(k)).collect();
        Next::Write(Piece::Made(self.plan.framed(&lines)))
    }

    fn event_line(&self, k: u32) -> Vec<u8> {
        self.plan.event_line(k, &self.shape)
    }

    fn fault_half_way(&mut self, fault: Fault, k: u32, due_ns: u64) -> Option<Next> {
        match fault {
            Fault::Cut => {
                let mut bytes = self.plan.framed(&self.event_line(k));
                bytes.truncate(bytes.len() / 2);
                self.outcome = Outcome::Broken;
                Some(self.give(InHand::End, bytes))
            }
            Fault::ErrorEvent => {
                let error = self.plan.voice.error(500, "the stub was told to fail half way");
                let mut bytes = self.plan.framed(&self.plan.line(&error));
                if self.plan.is_chunked {
                    bytes.extend_from_slice(b"0\r\n\r\n");
                }
                self.outcome = Outcome::Broken;
                Some(self.give(InHand::End, bytes))
            }
            Fault::Stall => {
                self.outcome = Outcome::Broken;
                Some(Next::Park)
            }
            Fault::LongLine { .. } => {
                self.in_hand = InHand::Text { k, n: 1, due_ns };
                Some(Next::Write(Piece::Planned(self.plan.faulty_frame())))
            }
            Fault::InvalidUtf8 | Fault::Malformed => {
                self.in_hand = InHand::Faulty(k);
                Some(Next::Write(Piece::Planned(self.plan.faulty_frame())))
            }
            _ => None,
        }
    }

    fn trailer(&self) -> Trailer<'_> {
        Trailer {
            plan: &self.plan,
            shape: &self.shape,
            received: &self.received,
            stamps: &self.stamps,
        }
    }

    /// The finish event, and all after it unless that comes later; `None` where there is no
    /// finish event and the rest comes later.
    fn finish(&mut self) -> Option<Next> {
        let mut bytes = Vec::new();
        let trailer = self.trailer();
        trailer.add_finish(&mut bytes);
        let waits = trailer.sends_usage() && !self.plan.behaviour.usage_delay.is_zero();
        if waits && bytes.is_empty() {
            self.part = Part::Usage;
            return None;
        }
        if waits {
            return Some(self.give(InHand::Finish, bytes));
        }
        trailer.add_usage(&mut bytes);
        trailer.add_end(&mut bytes);
        Some(self.give(InHand::End, bytes))
    }
}
