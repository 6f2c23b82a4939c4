use tokmark_model::{Nanos, Repetition};

use crate::{Clock, Engine, EngineError, Event, Sink, Work};

/// The runner's sink: stamps into memory that was allocated before the clock started.
#[derive(Debug)]
pub struct Recorder<C> {
    clock: C,
    start: Nanos,
    prompt_done: Option<Nanos>,
    steps: Vec<Nanos>,
    end: Option<Nanos>,
}

impl<C: Clock> Recorder<C> {
    /// A recorder with room for every stamp that `work` can cause.
    pub fn for_work(clock: C, work: &Work) -> Self {
        Recorder {
            clock,
            start: Nanos(0),
            prompt_done: None,
            steps: Vec::with_capacity(work.n_steps()),
            end: None,
        }
    }

    fn begin(&mut self) {
        self.prompt_done = None;
        self.end = None;
        self.steps.clear();
        self.start = self.clock.now();
    }

    /// When the last repetition began, on the recorder's clock.
    pub fn started_at(&self) -> Nanos {
        self.start
    }

    fn finish(&self, both_phases: bool) -> Result<Repetition, EngineError> {
        let end = self
            .end
            .ok_or_else(|| EngineError::failed("the engine returned before the work had ended"))?;
        let since = |later: Nanos, earlier: Nanos| Nanos(later.get().saturating_sub(earlier.get()));
        let mut previous = self.prompt_done.unwrap_or(self.start);
        let token_ns = self
            .steps
            .iter()
            .map(|&stamp| {
                let step = since(stamp, previous);
                previous = stamp;
                step
            })
            .collect();
        Ok(Repetition {
            duration_ns: since(end, self.start),
            prompt_ns: self.prompt_done.filter(|_| both_phases).map(|done| since(done, self.start)),
            token_ns,
            ..Repetition::default()
        })
    }
}

impl<C: Clock> Sink for Recorder<C> {
    fn event(&mut self, event: Event) {
        let now = self.clock.now();
        match event {
            Event::PromptDone => self.prompt_done = Some(now),
            Event::Step => self.steps.push(now),
            Event::End => self.end = Some(now),
        }
    }
}

/// Makes each span between two events longer by a share of it, before the stamp is taken: a
/// change of known size, to show that it would be found.
struct Delayed<'a, C> {
    recorder: &'a mut Recorder<C>,
    share: f64,
    since: Nanos,
}

impl<C: Clock> Sink for Delayed<'_, C> {
    fn event(&mut self, event: Event) {
        let now = self.recorder.clock.now().get();
        let longer = now.saturating_sub(self.since.get()) as f64 * self.share;
        self.recorder.clock.wait_until(Nanos(now.saturating_add(longer as u64)));
        self.recorder.event(event);
        self.since = self.recorder.clock.now();
    }
}

/// One timed repetition of `work`, which must have been prepared.
///
/// # Errors
/// The engine's, or that it ended without saying so.
pub fn measure_repetition<C: Clock>(
    engine: &mut (impl Engine + ?Sized),
    work: &Work,
    recorder: &mut Recorder<C>,
) -> Result<Repetition, EngineError> {
    recorder.begin();
    engine.run(work, recorder)?;
    recorder.finish(work.has_both_phases())
}

/// The same with each step longer by the share `delay`.
///
/// # Errors
/// As [`measure_repetition`].
pub fn measure_delayed_repetition<C: Clock>(
    engine: &mut (impl Engine + ?Sized),
    work: &Work,
    recorder: &mut Recorder<C>,
    delay: f64,
) -> Result<Repetition, EngineError> {
    recorder.begin();
    let since = recorder.start;
    engine.run(work, &mut Delayed { recorder, share: delay, since })?;
    recorder.finish(work.has_both_phases())
}
