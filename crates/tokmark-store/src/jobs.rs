use std::time::Duration;

use async_recursion::async_recursion as boxed;
use sea_orm::sea_query::{Expr, LockBehavior, LockType, OnConflict, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, Order, QueryFilter, QueryOrder, QuerySelect, TryInsertResult,
};
use tokmark_model::{
    AgentHello, Job, JobEnd, JobOrder, JobOutcome, JobProgress, JobReport, JobSpec, JobState,
    Timestamp,
};
use uuid::{NoContext, Uuid};

use crate::entity::jobs::Column as C;
use crate::entity::{agents, job_models, jobs};
use crate::job_row::{self, AgentRow};
use crate::row::{clipped, storable, word};
use crate::{Cursor, Page, Store, StoreError};

/// So often a job is given to agents that are heard of no more.
pub const MAX_ATTEMPTS: u32 = 3;

/// Models of an agent that are looked at, the first ones.
const MAX_MODELS: usize = 10_000;

/// Longest lease, a year.
const MAX_LEASE: Duration = Duration::from_secs(365 * 24 * 3600);

/// Keys of submitted jobs are kept as UUIDs of version 5 under this name.
const IDEMPOTENCY: Uuid = Uuid::from_u128(0x3b1e_54d2_93c6_5f0e_8a77_0c5e_d1b0_6f21);

/// Work that was written down for agents. An agent holds a job by a lease, which its reports
/// renew; one that ran out makes the job free again, [`MAX_ATTEMPTS`] times at most. Times
/// are to the microsecond.
#[derive(Debug, Clone, Copy)]
pub struct Jobs<'s> {
    store: &'s Store,
}

impl Store {
    /// Work that was written down for agents.
    pub fn jobs(&self) -> Jobs<'_> {
        Jobs { store: self }
    }
}

impl Jobs<'_> {
    /// Writes a job down, for a machine or for any that has the models. Under a key that was
    /// there before, it is the job of that time, whatever is asked for now.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidJob`] where [`JobSpec::check`] finds something.
    #[boxed]
    pub async fn submit(
        &self,
        spec: &JobSpec,
        machine: Option<&str>,
        idempotency_key: Option<&str>,
        now: Timestamp,
    ) -> Result<Job, StoreError> {
        let sorted = |error| self.store.origin.db(error);
        let invalid = |reason: String| StoreError::InvalidJob { reason };
        spec.check().map_err(|error| invalid(format!("{} {}", error.field, error.reason)))?;
        let key = idempotency_key.map(|key| Uuid::new_v5(&IDEMPOTENCY, key.as_bytes()));
        let columns = job_row::queued(new_id(now), spec, machine, key, now.as_microsecond())
            .map_err(|error| invalid(error.to_string()))?;
        let transaction = self.store.begin().await?;
        let inserted = jobs::Entity::insert(columns.clone().into_active_model())
            .on_conflict_do_nothing_on([C::Idempotency])
            .exec_without_returning(&transaction)
            .await
            .map_err(sorted)?;
        if !matches!(inserted, TryInsertResult::Inserted(1)) {
            let kept = jobs::Entity::find().filter(C::Idempotency.eq(key)).one(&transaction).await;
            let kept = kept.map_err(sorted)?.unwrap_or(columns);
            return self.job(kept);
        }
        let models = spec.models().iter().map(|model| job_models::ActiveModel {
            job_id: sea_orm::Set(columns.id),
            model: sea_orm::Set(clipped(model)),
        });
        job_models::Entity::insert_many(models)
            .on_conflict_do_nothing()
            .exec_without_returning(&transaction)
            .await
            .map_err(sorted)?;
        self.store.commit(transaction).await?;
        self.job(columns)
    }

    /// A job as it stands.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoJob`].
    #[boxed]
    pub async fn get(&self, id: Uuid) -> Result<Job, StoreError> {
        let found = jobs::Entity::find_by_id(id).one(&self.store.db).await;
        match found.map_err(|error| self.store.origin.db(error))? {
            Some(columns) => self.job(columns),
            None => Err(self.missing(id)),
        }
    }

    /// The newest jobs, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidCursor`] where another order gave the cursor.
    #[boxed]
    pub async fn list(&self, limit: u64, after: Option<&Cursor>) -> Result<Page<Job>, StoreError> {
        let older = after.map(|after| after.older(C::CreatedAtUs, C::Id)).transpose()?;
        let found = jobs::Entity::find()
            .filter(Condition::all().add_option(older))
            .order_by(C::CreatedAtUs, Order::Desc)
            .order_by(C::Id, Order::Desc)
            .limit(limit.saturating_add(1))
            .all(&self.store.db)
            .await
            .map_err(|error| self.store.origin.db(error))?;
        let Page { rows, next } =
            Page::of(found, limit, |last| Cursor::in_time(last.created_at_us, last.id));
        let rows: Result<Vec<Job>, _> = rows.into_iter().map(|columns| self.job(columns)).collect();
        Ok(Page { rows: rows?, next })
    }

    /// Gives an agent the oldest job that its machine and its models fit: one that waits, or
    /// one whose lease ran out. A job whose last lease ran out fails now, and one that was to
    /// be cancelled is.
    ///
    /// # Errors
    ///
    /// None of its own.
    #[boxed]
    pub async fn claim(
        &self,
        agent: Uuid,
        machine: &str,
        models: &[String],
        lease: Duration,
        now: Timestamp,
    ) -> Result<Option<Job>, StoreError> {
        let sorted = |error| self.store.origin.db(error);
        let now_us = now.as_microsecond();
        // Agents ask all the time: nothing is locked before there is anything to do.
        let open = jobs::Entity::find().select_only().column(C::Id).filter(open(now_us));
        if open.into_tuple::<Uuid>().one(&self.store.db).await.map_err(sorted)?.is_none() {
            return Ok(None);
        }
        let transaction = self.store.begin().await?;
        give_up(&transaction, now_us).await.map_err(sorted)?;
        let found = jobs::Entity::find()
            .filter(self::open(now_us))
            .filter(fits(machine, models))
            .order_by(C::CreatedAtUs, Order::Asc)
            .order_by(C::Id, Order::Asc)
            .limit(1)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .all(&transaction)
            .await
            .map_err(sorted)?
            .pop();
        let Some(mut job) = found else {
            self.store.commit(transaction).await?;
            return Ok(None);
        };
        job.state = word(&JobState::Running);
        job.agent = Some(agent);
        job.n_attempts += 1;
        job.progress = job_row::progress(&JobProgress::default());
        job.leased_until_us = Some(lease_end(now_us, lease));
        self.write(transaction, job, now_us).await.map(Some)
    }

    /// Takes an agent's report and renews its lease, also one that ran out while nobody else
    /// wanted the job.
    ///
    /// # Errors
    ///
    /// [`StoreError::LeaseLost`] where another agent has the job or it is over;
    /// [`StoreError::NoJob`].
    #[boxed]
    pub async fn report(
        &self,
        id: Uuid,
        report: &JobReport,
        lease: Duration,
        now: Timestamp,
    ) -> Result<JobOrder, StoreError> {
        let (transaction, mut job) = self.begin_on(id).await?;
        if !is_held(&job, report.agent) {
            self.leave(transaction).await?;
            return Err(StoreError::LeaseLost { id });
        }
        let now_us = now.as_microsecond();
        job.progress = job_row::progress(&report.progress);
        job.leased_until_us = Some(lease_end(now_us, lease));
        let job = self.write(transaction, job, now_us).await?;
        Ok(JobOrder { cancel: job.cancel })
    }

    /// Takes an agent's last word. Saying it again changes nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::LeaseLost`] where another agent has the job or it ended otherwise;
    /// [`StoreError::NoJob`].
    #[boxed]
    pub async fn end(&self, id: Uuid, end: &JobEnd, now: Timestamp) -> Result<Job, StoreError> {
        let state = match end.outcome {
            JobOutcome::Done => JobState::Done,
            JobOutcome::Failed => JobState::Failed,
            JobOutcome::Cancelled => JobState::Cancelled,
        };
        let (transaction, mut job) = self.begin_on(id).await?;
        if !is_held(&job, end.agent) {
            self.leave(transaction).await?;
            let is_again = job.state == word(&state) && job.agent == Some(end.agent);
            return if is_again { self.job(job) } else { Err(StoreError::LeaseLost { id }) };
        }
        job.state = word(&state);
        job.message = end.message.as_deref().map(job_row::line);
        job.run_id = end.run_id.or(job.run_id);
        job.leased_until_us = None;
        if state == JobState::Done {
            // The last report was some seconds before.
            let done = JobProgress { share: 1.0, ..JobProgress::default() };
            job.progress = job_row::progress(&done);
        }
        self.write(transaction, job, now.as_microsecond()).await
    }

    /// Cancels a job: at once where nobody holds it, else its agent is told with its next
    /// report. One that is over stays as it is.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoJob`].
    #[boxed]
    pub async fn cancel(&self, id: Uuid, now: Timestamp) -> Result<Job, StoreError> {
        let (transaction, mut job) = self.begin_on(id).await?;
        let now_us = now.as_microsecond();
        let is_running = job.state == word(&JobState::Running);
        let is_silent = job.leased_until_us.is_none_or(|until| until <= now_us);
        if job.state == word(&JobState::Queued) || is_running && is_silent {
            job.state = word(&JobState::Cancelled);
            job.leased_until_us = None;
        } else if !is_running || job.cancel {
            self.leave(transaction).await?;
            return self.job(job);
        }
        job.cancel = true;
        self.write(transaction, job, now_us).await
    }

    /// The agents that asked for work at this time or later, the latest first.
    ///
    /// # Errors
    ///
    /// None of its own.
    #[boxed]
    pub async fn agents(&self, since: Timestamp) -> Result<Vec<AgentRow>, StoreError> {
        let found = agents::Entity::find()
            .filter(agents::Column::LastAtUs.gte(since.as_microsecond()))
            .order_by(agents::Column::LastAtUs, Order::Desc)
            .order_by(agents::Column::Id, Order::Asc)
            .all(&self.store.db)
            .await
            .map_err(|error| self.store.origin.db(error))?;
        let agent =
            |columns| job_row::agent(columns).map_err(|reason| self.store.origin.corrupt(reason));
        found.into_iter().map(agent).collect()
    }

    /// Keeps what an agent says of itself in place of what it said before.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidJob`] where it would not read back.
    #[boxed]
    pub async fn hello(
        &self,
        agent: Uuid,
        hello: &AgentHello,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        use agents::Column as A;

        let invalid =
            |error: serde_json::Error| StoreError::InvalidJob { reason: error.to_string() };
        let text = serde_json::to_string(hello).map_err(invalid)?;
        serde_json::from_str::<AgentHello>(&text).map_err(invalid)?;
        let columns = agents::Model { id: agent, last_at_us: now.as_microsecond(), hello: text };
        agents::Entity::insert(columns.into_active_model())
            .on_conflict(
                OnConflict::column(A::Id).update_columns([A::LastAtUs, A::Hello]).to_owned(),
            )
            .exec_without_returning(&self.store.db)
            .await
            .map_err(|error| self.store.origin.db(error))?;
        Ok(())
    }

    /// Begins to change a job that must be there, and locks it.
    async fn begin_on(&self, id: Uuid) -> Result<(DatabaseTransaction, jobs::Model), StoreError> {
        let transaction = self.store.begin().await?;
        let found = jobs::Entity::find_by_id(id).lock_exclusive().one(&transaction).await;
        match found.map_err(|error| self.store.origin.db(error))? {
            Some(columns) => Ok((transaction, columns)),
            None => Err(self.missing(id)),
        }
    }

    /// Gives a lock back at once: claimers pass by what is locked, and a transaction that is
    /// only dropped ends a little later.
    async fn leave(&self, transaction: DatabaseTransaction) -> Result<(), StoreError> {
        transaction.rollback().await.map_err(|error| self.store.origin.db(error))
    }

    async fn write(
        &self,
        transaction: DatabaseTransaction,
        mut job: jobs::Model,
        now_us: i64,
    ) -> Result<Job, StoreError> {
        job.updated_at_us = now_us;
        let columns = sea_orm::ActiveModelTrait::reset_all(job.clone().into_active_model());
        jobs::Entity::update(columns)
            .exec(&transaction)
            .await
            .map_err(|error| self.store.origin.db(error))?;
        self.store.commit(transaction).await?;
        self.job(job)
    }

    fn job(&self, columns: jobs::Model) -> Result<Job, StoreError> {
        job_row::job(columns).map_err(|reason| self.store.origin.corrupt(reason))
    }

    fn missing(&self, id: Uuid) -> StoreError {
        StoreError::NoJob { store: self.store.origin.store.clone(), id }
    }
}

/// A name of version 7 that sorts by this time.
fn new_id(now: Timestamp) -> Uuid {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanoseconds))
}

fn lease_end(now_us: i64, lease: Duration) -> i64 {
    let lease_us = lease.min(MAX_LEASE).as_micros();
    now_us.saturating_add(i64::try_from(lease_us).unwrap_or(i64::MAX))
}

fn is_held(job: &jobs::Model, agent: Uuid) -> bool {
    job.state == word(&JobState::Running) && job.agent == Some(agent)
}

fn ran_out(now_us: i64) -> Condition {
    Condition::all().add(C::State.eq(word(&JobState::Running))).add(C::LeasedUntilUs.lte(now_us))
}

/// What nobody holds.
fn open(now_us: i64) -> Condition {
    Condition::any().add(C::State.eq(word(&JobState::Queued))).add(ran_out(now_us))
}

/// What this machine can do with these models.
fn fits(machine: &str, models: &[String]) -> Condition {
    use job_models::Column as M;
    // Here alone: its methods have the names of those of `ColumnTrait`.
    use sea_orm::ExprTrait as Expression;

    let models = models.iter().take(MAX_MODELS).map(|model| clipped(model));
    let missing = Query::select()
        .expr(Expr::val(1))
        .from(job_models::Entity)
        .and_where(Expression::equals(
            Expr::col((job_models::Entity, M::JobId)),
            (jobs::Entity, C::Id),
        ))
        .and_where(M::Model.is_not_in(models))
        .to_owned();
    Condition::all()
        .add(Condition::any().add(C::Machine.is_null()).add(C::Machine.eq(storable(machine))))
        .add(Expression::not(Expr::exists(missing)))
}

/// Ends the jobs that nobody is to take any more.
async fn give_up(db: &impl ConnectionTrait, now_us: i64) -> Result<(), DbErr> {
    let n_most = i64::from(MAX_ATTEMPTS);
    let hopeless = Condition::any().add(C::Cancel.eq(true)).add(C::NAttempts.gte(n_most));
    let found = jobs::Entity::find()
        .filter(ran_out(now_us))
        .filter(hopeless)
        .order_by(C::Id, Order::Asc)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(db)
        .await?;
    for mut job in found {
        job.state = word(if job.cancel { &JobState::Cancelled } else { &JobState::Failed });
        if !job.cancel {
            let message = format!("given to agents {MAX_ATTEMPTS} times, none of them ended it");
            job.message = Some(message);
        }
        job.leased_until_us = None;
        job.updated_at_us = now_us;
        let columns = sea_orm::ActiveModelTrait::reset_all(job.into_active_model());
        jobs::Entity::update(columns).exec(db).await?;
    }
    Ok(())
}
