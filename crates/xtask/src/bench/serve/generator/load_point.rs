//! Load points of a run: a closed loop whose slots are always in use.

use anyhow::Result;
use tokmark_model::{
    ClientCheck, CountSource, EngineParams, LengthControl, Load, Nanos, Record, RequestSample,
    ServerFacts, Serving, Test, TokenCount, Workload,
};
use tokmark_stats::{ServingGradeInput, grade_serving};

use super::{Run, sound};

/// Tokens of a prompt, and of an answer.
const PROMPT: u32 = 512;
const OUTPUT: u32 = 64;
/// Requests of a point at least, and of each slot.
const FEWEST: u32 = 8;
const FEWEST_OF_SLOT: u32 = 3;
/// A step takes so much longer for each further request in its batch.
const SHARING: f64 = 0.08;

impl Run {
    /// The point with `n` requests under way. Times of single events are not kept.
    pub(super) fn load_point(&mut self, n: u32) -> Result<Record> {
        let requests = self.requests(n);
        let model = self.model.name.clone();
        let build = self.build;
        let serving = Serving {
            workload: Workload {
                n_prompt: Some(PROMPT),
                n_output: Some(OUTPUT),
                length_control: LengthControl::IgnoreEos,
                seed: 42,
                ..Workload::new("chat", Load::Concurrency { n })
            },
            server: ServerFacts {
                dialect: "llama.cpp".to_owned(),
                evidence: "/props answered with build_info".to_owned(),
                version: Some(format!("b{}", 3_600 + 550 * build)),
                models: vec![model.clone()],
                model,
                n_slots: Some(n),
                n_ctx: Some(8_192),
                urls: vec!["http://127.0.0.1:8080".to_owned()],
                is_local: true,
                ..ServerFacts::default()
            },
            requests,
            events: None,
            cold: None,
            summary: None,
            found_rate: None,
            speed_ups: Vec::new(),
            client: ClientCheck {
                wakeup_p99_ns: Some(self.nanos(90_000.0, 0.2)),
                wakeup_max_ns: Some(self.nanos(400_000.0, 0.2)),
                cpu_cores: Some(0.05),
                n_threads: 2,
                ..ClientCheck::default()
            },
            timeline: Vec::new(),
            recipe: None,
        };
        let test = Test { n_prompt: PROMPT, n_gen: OUTPUT, n_depth: 0, n_parallel: n };
        let mut record = sound(&Record {
            params: EngineParams::default(),
            repetitions: None,
            tokens: None,
            load: None,
            serving: Some(Box::new(serving)),
            ..self.blank(test)
        })?;
        record.grade = grade(&record, self.other_cores);
        Ok(record)
    }

    /// In the order of their due times: each slot asks again as soon as it has its answer.
    fn requests(&mut self, n_slots: u32) -> Vec<RequestSample> {
        let others = f64::from(n_slots - 1);
        let step = (1.0 + SHARING * others) * self.machine.step_ns(&self.model, self.build);
        let prompt = self.machine.prompt_ns(&self.model, self.build, PROMPT);
        let n_of_slot = FEWEST.div_ceil(n_slots).max(FEWEST_OF_SLOT);
        let mut requests = Vec::new();
        for slot in 0..n_slots {
            let mut sent = 0;
            for turn in 0..n_of_slot {
                let waits = 1.0 + 0.5 * others * self.dice.uniform();
                let first = sent + self.nanos(prompt * waits, 0.02).get();
                let last = first + self.nanos(step * f64::from(OUTPUT - 1), 0.02).get();
                let end = last + 200_000;
                requests.push(RequestSample {
                    headers_ns: Some(Nanos(first - (first - sent) / 2)),
                    session: turn * n_slots + slot,
                    connected: turn == 0,
                    ..answer(sent, first, last, end)
                });
                sent = end;
            }
        }
        requests.sort_by_key(|request| (request.due_ns, request.session));
        requests
    }
}

fn answer(sent: u64, first: u64, last: u64, end: u64) -> RequestSample {
    let count = |n| Some(TokenCount { n, source: CountSource::Usage });
    RequestSample {
        due_ns: Nanos(sent),
        sent_ns: Nanos(sent),
        first_text_ns: Some(Nanos(first)),
        first_answer_ns: Some(Nanos(first)),
        last_text_ns: Some(Nanos(last)),
        last_answer_ns: Some(Nanos(last)),
        end_ns: Nanos(end),
        n_text_events: OUTPUT,
        first_event_tokens: Some(1),
        prompt_tokens: count(PROMPT),
        output_tokens: count(OUTPUT),
        body_bytes: 240 * u64::from(OUTPUT),
        finish: Some("length".to_owned()),
        ..RequestSample::default()
    }
}

/// The grade that the sender of the point gives; the server takes it over.
fn grade(record: &Record, other_cores: f64) -> Option<tokmark_model::Grade> {
    let serving = record.serving.as_ref()?;
    let requests = serving.requests.as_slice();
    Some(grade_serving(&ServingGradeInput {
        status: record.status,
        workload: &serving.workload,
        requests: &requests,
        summary: serving.summary.as_ref()?,
        client: &serving.client,
        is_local: true,
        other_cores: Some(other_cores),
        stolen_share: Some(0.0),
        asked_half_width: None,
        abort_error_share: None,
        prefill_ceiling_tps: None,
    }))
}
