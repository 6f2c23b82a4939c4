//! One request from due to its end: sends, reads, stamps, and sorts what went wrong.

mod answer;
mod refusal;
mod retry_after;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use tokmark_model::{Api, Message, Nanos, RequestError, RequestSample, ServerTimes};
use tokmark_wire::{Assembled, Correction, Decoder, Delta, Frame, Usage};
use tokmark_workload::PlannedRequest;

use self::answer::read_answer;
use self::refusal::{refuse, short};
use crate::clock::Clock;
use crate::connection::{Broken, Connection, Head};
use crate::counts::{Seen, take_counts};
use crate::pool::{Lent, Pool};
use crate::target::Target;

/// Longest body of an answer that is no stream, or of a refusal.
const MAX_BODY: usize = 32 << 20;
/// A kept connection that ends so soon after a request was sent had ended before the server saw
/// it. A server that ends it later had the request and dropped it.
const ENDED_BEFORE: Duration = Duration::from_millis(250);
/// Longest pause before another attempt, whatever the server asks for.
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(30);

/// A request ready to be sent.
pub(crate) struct Ready {
    pub(crate) index: u64,
    pub(crate) session: u32,
    pub(crate) turn: u32,
    pub(crate) replica: usize,
    pub(crate) bytes: Vec<u8>,
    pub(crate) max_tokens: u32,
}

/// What all requests of a point have in common.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) api: Api,
    pub(crate) stream: bool,
    pub(crate) timeout: Duration,
    pub(crate) n_retries: u32,
    pub(crate) expects_open_think: bool,
}

/// A request that is over.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Number of the request, sent as `x-request-id`.
    pub index: u64,
    /// Its times and counts.
    pub sample: RequestSample,
    /// Times of its text events since it was sent.
    pub events: Vec<Nanos>,
    /// What the model said, reasoning left out.
    pub answer: Message,
    /// Its reasoning.
    pub reasoning: String,
    /// What was asked, where it was answered and the server did not count the prompt's tokens.
    pub prompt: Option<Arc<PlannedRequest>>,
    /// Text of the first of several text events, where the server did not count its tokens.
    pub first_event: String,
}

/// What was read so far; outlives an attempt that is broken off.
struct Reading {
    clock: Clock,
    sample: RequestSample,
    events: Vec<Nanos>,
    assembled: Assembled,
    first_event: String,
    usage: Option<Usage>,
    retry_after: Option<Duration>,
    /// The status of the refusal that is read or waited after, and when it came.
    refused: Option<(u16, Nanos)>,
    is_done: bool,
    /// The event that ended the answer was also the first with text.
    ended_with_first: bool,
    /// When all was said, where the connection went on after it.
    ended_ns: Option<Nanos>,
}

/// Sends `ready` and reads its answer, within the time limit, retries included. When `cut_now`
/// is over, so is the request: what was read of it until then stays.
pub(crate) async fn exchange(
    pool: &Pool,
    target: &Target,
    ready: &Ready,
    due: Nanos,
    rules: &Rules,
    clock: Clock,
    cut_now: impl Future<Output = ()>,
) -> Finished {
    let reading = RefCell::new(Reading::new(clock, ready, due));
    let broken_off = tokio::select! {
        biased;
        () = attempts(pool, target, ready, rules, &reading) => None,
        () = tokio::time::sleep(rules.timeout) => Some(RequestError::Timeout),
        () = cut_now => Some(RequestError::Cut),
    };
    let mut reading = reading.into_inner();
    match (broken_off, reading.refused) {
        // It was over when it was refused; what the limit ended is the wait for another attempt.
        (Some(RequestError::Timeout), Some((code, at))) => {
            reading.sample.error = Some(RequestError::Status { code });
            reading.sample.end_ns = at;
        }
        (Some(error), _) => {
            reading.sample.error = Some(error);
            reading.sample.end_ns = clock.now();
        }
        (None, _) => {}
    }
    if let Some(message) = &mut reading.sample.message {
        *message = target.without_secrets(message);
    }
    reading.finish(ready)
}

async fn attempts(
    pool: &Pool,
    target: &Target,
    ready: &Ready,
    rules: &Rules,
    reading: &RefCell<Reading>,
) {
    loop {
        let result = attempt(pool, target, ready, rules, reading).await;
        let pause = {
            let mut reading = reading.borrow_mut();
            let ended_ns = reading.ended_ns.take();
            reading.sample.end_ns = ended_ns.unwrap_or_else(|| reading.clock.now());
            reading.sample.error = result.err();
            let refused = matches!(
                reading.sample.error,
                Some(RequestError::Status { code: 429 | 503 } | RequestError::Connect)
            );
            if !refused || reading.sample.n_retries >= rules.n_retries {
                return;
            }
            let n = reading.sample.n_retries;
            let default = Duration::from_millis(250) * 2u32.saturating_pow(n.min(6));
            reading.retry_after.take().unwrap_or(default).min(MAX_RETRY_PAUSE)
        };
        tokio::time::sleep(pause).await;
        reading.borrow_mut().start_again(ready);
    }
}

async fn attempt(
    pool: &Pool,
    target: &Target,
    ready: &Ready,
    rules: &Rules,
    reading: &RefCell<Reading>,
) -> Result<(), RequestError> {
    let clock = reading.borrow().clock;
    reading.borrow_mut().sample.sent_ns = clock.now();
    let (mut connection, head) = match pool.take(ready.replica).await {
        Some(lent) => match open_answer(pool, lent, ready, reading).await {
            Err(Broken::Closed) if reading.borrow().sent_within(ENDED_BEFORE) => {
                reading.borrow_mut().send_anew();
                first_answer(pool, target, ready, reading).await?
            }
            other => other.map_err(|broken| broken.kind())?,
        },
        None => first_answer(pool, target, ready, reading).await?,
    };
    reading.borrow_mut().sample.headers_ns = Some(clock.at(connection.arrived));
    if !(200..300).contains(&head.status) {
        let arrived = clock.at(connection.arrived);
        reading.borrow_mut().refused = Some((head.status, arrived));
        refuse(&mut connection, &head, reading).await;
        pool.give_back(ready.replica, connection);
        return Err(RequestError::Status { code: head.status });
    }
    let result = read_answer(&mut connection, &head, rules, pool, reading).await;
    pool.give_back(ready.replica, connection);
    result
}

async fn first_answer(
    pool: &Pool,
    target: &Target,
    ready: &Ready,
    reading: &RefCell<Reading>,
) -> Result<(Connection, Head), RequestError> {
    let lent = pool.open(target).await.map_err(|broken| {
        if let Broken::Tls(reason) = &broken {
            reading.borrow_mut().sample.message = short(reason);
        }
        broken.kind()
    })?;
    open_answer(pool, lent, ready, reading).await.map_err(|broken| broken.kind())
}

/// Sends the request and waits for the head of the answer.
async fn open_answer(
    pool: &Pool,
    lent: Lent,
    ready: &Ready,
    reading: &RefCell<Reading>,
) -> Result<(Connection, Head), Broken> {
    let Lent { mut connection, opened_in } = lent;
    let sent = pool.in_turn(connection.send(&ready.bytes)).await.map_err(|_| Broken::Closed)?;
    {
        let mut reading = reading.borrow_mut();
        reading.sample.connected = opened_in.is_some();
        reading.sample.connect_ns = opened_in.map(Nanos::from);
        reading.sample.sent_ns = reading.clock.at(sent);
    }
    let head = connection.head(false).await?;
    Ok((connection, head))
}

impl Reading {
    fn new(clock: Clock, ready: &Ready, due: Nanos) -> Self {
        let mut reading = Reading {
            clock,
            sample: RequestSample { due_ns: due, ..RequestSample::default() },
            events: Vec::new(),
            assembled: Assembled::default(),
            first_event: String::new(),
            usage: None,
            retry_after: None,
            refused: None,
            is_done: false,
            ended_with_first: false,
            ended_ns: None,
        };
        reading.start_again(ready);
        reading
    }

    fn sent_within(&self, span: Duration) -> bool {
        self.clock.now().0.saturating_sub(self.sample.sent_ns.0) < Nanos::from(span).0
    }

    /// The connection had ended before the server saw the request.
    fn send_anew(&mut self) {
        self.sample.first_sent_ns = Some(self.sample.first_sent());
        self.sample.resent = true;
    }

    /// Forgets a refused attempt but for its number and when the first was sent.
    fn start_again(&mut self, ready: &Ready) {
        let was_refused = self.sample.error.is_some();
        let n_retries = if was_refused { self.sample.n_retries + 1 } else { 0 };
        self.sample = RequestSample {
            due_ns: self.sample.due_ns,
            sent_ns: self.clock.now(),
            first_sent_ns: was_refused.then(|| self.sample.first_sent()),
            replica: ready.replica as u32,
            session: ready.session,
            turn: ready.turn,
            n_retries,
            ..RequestSample::default()
        };
        self.events.clear();
        self.assembled = Assembled::default();
        self.first_event.clear();
        (self.usage, self.is_done, self.ended_with_first) = (None, false, false);
        self.refused = None;
    }

    fn take(
        &mut self,
        decoder: &mut Decoder,
        frame: Frame<'_>,
        at: Nanos,
    ) -> Result<(), RequestError> {
        match frame {
            Frame::Done => self.is_done = true,
            Frame::Data(bytes) => {
                let delta = decoder.decode(bytes).map_err(|_| RequestError::Malformed)?;
                let is_first = delta.is_text && self.sample.first_text_ns.is_none();
                self.note(&delta, at)?;
                if is_first && delta.n_tokens.is_none() {
                    self.keep_first(&delta);
                }
            }
            Frame::Cut(_) => return Err(RequestError::BrokenStream),
            Frame::TooLong => return Err(RequestError::Malformed),
        }
        Ok(())
    }

    /// One event that arrived at `at`.
    fn note(&mut self, delta: &Delta<'_>, at: Nanos) -> Result<(), RequestError> {
        if let Some(error) = &delta.error {
            self.sample.message = short(&error.message);
            return Err(RequestError::Server);
        }
        let sample = &mut self.sample;
        sample.closed_unopened |= matches!(delta.correction, Correction::AnswerWasReasoning { .. });
        if delta.withdraws_answer() {
            (sample.first_answer_ns, sample.last_answer_ns) = (None, None);
        }
        if delta.is_text {
            sample.n_text_events += 1;
            if sample.first_text_ns.is_none() {
                sample.first_text_ns = Some(at);
                sample.first_event_tokens = delta.n_tokens;
            }
            sample.last_text_ns = Some(at);
            if delta.is_answer() {
                sample.first_answer_ns.get_or_insert(at);
                sample.last_answer_ns = Some(at);
            }
            self.events.push(Nanos(at.0.saturating_sub(sample.sent_ns.0)));
        }
        if let Some(finish) = &delta.finish {
            sample.finish = Some(finish.to_string());
            self.ended_with_first = delta.is_text && sample.n_text_events == 1;
        }
        if let Some(usage) = &delta.usage {
            self.usage = Some(*usage);
        }
        if let Some(times) = delta.times {
            sample.server = Some(times);
        }
        self.assembled.add(delta);
        Ok(())
    }

    /// The few letters of the first text event, to be counted when the point is over.
    fn keep_first(&mut self, delta: &Delta<'_>) {
        let calls = delta.tool_calls.iter().flat_map(|call| [&call.name, &call.arguments]);
        for part in [&delta.reasoning, &delta.answer].into_iter().chain(calls) {
            self.first_event.push_str(part);
        }
    }

    /// Whether a stream that ended without a fault was a whole answer.
    fn check_stream(&mut self) -> Result<(), RequestError> {
        if !self.is_done && self.sample.finish.is_none() {
            return Err(RequestError::BrokenStream);
        }
        if self.sample.n_text_events == 0 { Err(RequestError::Empty) } else { Ok(()) }
    }

    fn finish(self, ready: &Ready) -> Finished {
        let Reading { mut sample, events, assembled, mut first_event, usage, .. } = self;
        let reasoning = assembled.reasoning.clone();
        let answer = assembled.to_message();
        let seen = Seen {
            max_tokens: ready.max_tokens,
            n_request_bytes: ready.bytes.len(),
            answer: &answer,
            reasoning: &reasoning,
        };
        let times: ServerTimes = sample.server.unwrap_or_default();
        take_counts(&mut sample, usage, &times, &seen);
        sample.has_reasoned = !reasoning.trim().is_empty();
        let n_reasoning = sample.reasoning_tokens.map_or(0, |tokens| tokens.n);
        sample.hidden_reasoning = n_reasoning > 0 && reasoning.is_empty();
        // A single event has no gaps that its tokens would count in.
        if sample.n_text_events < 2 {
            first_event = String::new();
        }
        Finished {
            index: ready.index,
            sample,
            events,
            answer,
            reasoning,
            prompt: None,
            first_event,
        }
    }
}
