//! How long a job will take, said before it is submitted: by what its machine measured before.

use std::time::Duration;

use tokmark_model::{
    EXPERIMENT_BUDGET, JobSpec, MachineFacts, ModelFacts, REPETITIONS_IN_VISIT, RecordKind,
    Repetitions, Status, TEST_BUDGET, Test,
};
use tokmark_plot::duration;
use tokmark_stats::{DEFAULT_HALF_WIDTH, Length, Pace, compared_rounds};
use tokmark_store::{AgentRow, Filter, RecordRow};

use crate::error::ServerError;
use crate::state::State;

/// Newest records of a machine that are looked through.
const ROWS: u64 = 1_000;

/// A model, how fast it is, and whether that was measured or follows from another's file size.
struct Paced<'m> {
    facts: &'m ModelFacts,
    pace: Option<Pace>,
    is_scaled: bool,
}

/// The estimated duration of a job, as a sentence. The job itself, the machine that is asked for
/// (empty: any) and the agents that are there.
///
/// # Errors
/// What is wrong with the job, as its submission would say it.
pub(super) async fn sentence(
    state: &State,
    spec: &JobSpec,
    machine: &str,
    agents: &[AgentRow],
) -> Result<String, ServerError> {
    spec.check().map_err(|unsound| {
        ServerError::bad("job", format!("{}: {}", unsound.field, unsound.reason))
    })?;
    let has_models = |agent: &&AgentRow| {
        let known = |name: &String| agent.hello.models.iter().any(|facts| facts.name == *name);
        spec.models().iter().all(known)
    };
    let able = agents.iter().filter(has_models);
    let mut able: Vec<&AgentRow> = match machine {
        "" => able.collect(),
        chosen => able.filter(|agent| agent.hello.machine.fingerprint == chosen).collect(),
    };
    // Several agents of one machine are one machine.
    able.sort_by_key(|agent| &agent.hello.machine.fingerprint);
    able.dedup_by_key(|agent| &agent.hello.machine.fingerprint);
    let agent = match able.as_slice() {
        [] => return Ok("No connected machine has all of these models.".to_owned()),
        [one] => one,
        _ => {
            return Ok("How long it takes depends on the machine; choose one to see it.".to_owned());
        }
    };
    let facts = |name: &String| agent.hello.models.iter().find(|facts| facts.name == *name);
    let models: Vec<&ModelFacts> = spec.models().iter().filter_map(facts).collect();
    let paced = paces(state, &agent.hello.machine, models).await?;
    let Some(length) = length(spec, &paced) else {
        let before = "Nothing comparable was measured on this machine yet";
        return Ok(match spec {
            JobSpec::Compare { repetitions: None, .. } => format!(
                "{before}: the visits take at most about {}, or as long as a verdict needs.",
                duration(EXPERIMENT_BUDGET)
            ),
            _ => format!(
                "{before}; the job says what remains as soon as the agent has looked at the model."
            ),
        });
    };
    let mut text = match length.at_most {
        Some(most) if most > length.expected => format!(
            "Estimated duration: {}, at most about {}.",
            duration(length.expected),
            duration(most)
        ),
        _ => format!("Estimated duration: {}.", duration(length.expected)),
    };
    let scaled: Vec<&str> =
        paced.iter().filter(|one| one.is_scaled).map(|one| one.facts.name.as_str()).collect();
    text += match scaled.is_empty() {
        true => " By what this machine measured of these models before.".to_owned(),
        false => format!(
            " {} was not measured on this machine yet and counts by its file size.",
            scaled.join(", ")
        ),
    }
    .as_str();
    Ok(text)
}

/// Each model's pace on the machine: by its newest records of one sequence, else by those of
/// another model, scaled by the sizes of their files.
async fn paces<'m>(
    state: &State,
    machine: &MachineFacts,
    models: Vec<&'m ModelFacts>,
) -> Result<Vec<Paced<'m>>, ServerError> {
    let filter = Filter {
        machine: Some(machine.fingerprint.clone()),
        kind: Some(RecordKind::Measured),
        status: Some(Status::Ok),
        is_experiment: Some(false),
        limit: Some(ROWS),
        ..Filter::default()
    };
    // The newest first; visits of comparisons tell a pace as well.
    let rows = state.store.page(&filter, None).await?.rows;
    let mut paced = Vec::new();
    let mut known: Option<(f64, Pace)> = None;
    for facts in models {
        let is_it = |row: &&RecordRow| match (&facts.sha256, &row.model_sha256) {
            (Some(one), Some(other)) => one == other,
            _ => facts.name == row.model_name,
        };
        let pace = pace(state, rows.iter().filter(is_it)).await?.map(|(_, pace)| pace);
        known = known.or(pace.map(|pace| (facts.file_size_bytes.get() as f64, pace)));
        paced.push(Paced { facts, pace, is_scaled: false });
    }
    if known.is_none()
        && let Some(newest) = rows.iter().find(|row| is_prompt(row) || is_generation(row))
    {
        let same = |row: &&RecordRow| row.model_name == newest.model_name;
        known = pace(state, rows.iter().filter(same)).await?;
    }
    for one in paced.iter_mut().filter(|one| one.pace.is_none()) {
        let size = one.facts.file_size_bytes.get() as f64;
        let Some((other, pace)) = known.filter(|(other, _)| *other > 0.0 && size > 0.0) else {
            continue;
        };
        (one.pace, one.is_scaled) = (Some(pace.scaled(size / other)), true);
    }
    Ok(paced)
}

fn is_prompt(row: &RecordRow) -> bool {
    let test = &row.test;
    test.n_prompt > 0 && test.n_gen == 0 && test.n_depth == 0 && test.n_parallel <= 1
}

fn is_generation(row: &RecordRow) -> bool {
    row.test.n_gen > 0 && row.test.n_prompt == 0 && row.test.n_parallel <= 1
}

/// The pace by the newest record of a prompt and of a generation among these rows, which come
/// newest first, and the size of the model's file.
async fn pace<'r>(
    state: &State,
    rows: impl Iterator<Item = &'r RecordRow> + Clone,
) -> Result<Option<(f64, Pace)>, ServerError> {
    let prompt = rows.clone().find(|row| is_prompt(row));
    let generation = rows.into_iter().find(|row| is_generation(row));
    let Some((prompt, generation)) = prompt.zip(generation) else { return Ok(None) };
    let (prompt, generation) =
        (state.store.get(prompt.id).await?, state.store.get(generation.id).await?);
    let size = generation.model.file_size_bytes.get() as f64;
    Ok(Pace::of(&prompt, &generation).map(|pace| (size, pace)))
}

/// The length of a job; `None` where nothing is known of a model.
fn length(spec: &JobSpec, models: &[Paced<'_>]) -> Option<Length> {
    let paces: Vec<Pace> = models.iter().map(|one| one.pace).collect::<Option<_>>()?;
    let tests = spec.tests();
    let adaptive = Repetitions::Adaptive {
        half_width: DEFAULT_HALF_WIDTH,
        budget_ns: TEST_BUDGET.into(),
        at_least: 1,
    };
    let ask = match spec {
        JobSpec::Compare { repetitions, .. } => {
            return Some(compared(&paces, &tests, *repetitions));
        }
        JobSpec::Suite { repetitions: Some(n), .. } => Repetitions::Fixed { n: *n },
        JobSpec::Suite { .. } | JobSpec::Quick { .. } => adaptive,
    };
    let pace = paces.first()?;
    let loaded = Length { expected: pace.load, at_most: None };
    let add = |sum: Length, test: &Test| sum.add(pace.repetition(test), pace.depth(test), &ask);
    Some(tests.iter().fold(loaded, add))
}

/// That of a comparison; an adaptive one ends as soon as every verdict is there.
fn compared(paces: &[Pace], tests: &[Test], repetitions: Option<u32>) -> Length {
    let round: Duration = paces.iter().map(|pace| pace.visit(tests, REPETITIONS_IN_VISIT)).sum();
    let rounds = |budget| compared_rounds(paces.len(), tests.len(), repetitions, round, budget).0;
    Length {
        expected: round * rounds(Duration::ZERO),
        at_most: repetitions.is_none().then(|| round * rounds(EXPERIMENT_BUDGET)),
    }
}
