use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokmark_board::Query;
use tokmark_model::{BoardRow, Record, RecordId, RecordKind};
use tokmark_store::{
    BoardChoices, BoardFilter, Cursor, Direction, Filter, Page, Store, StoreError, by_rate,
};

use crate::error::ServerError;
use crate::kept::Kept;
use crate::metrics::Metrics;
use crate::options::ServerOptions;
use crate::pace::Pace;
use crate::query::{BOARD_ROWS, board_filter};

/// Bodies that are unpacked and checked at once: each may need several times its size.
const ADMITTED_AT_ONCE: usize = 2;

/// What every handler knows. Clones are the same state.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) options: Arc<ServerOptions>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) pace: Arc<Pace>,
    pub(crate) admissions: Arc<Semaphore>,
    pub(crate) kept: Arc<Kept>,
    beside: Arc<Beside>,
}

/// Records that stand beside those of the store.
#[derive(Debug)]
struct Beside {
    records: BTreeMap<RecordId, Record>,
    rows: Vec<BoardRow>,
}

/// Which rows of the leaderboard come, and which of them first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowOrder {
    /// All, the fastest first.
    Rate,
    /// Without rates of prompts, the fastest first; what is limited and left out are
    /// configurations, each with all of its shapes.
    Configurations,
    /// Those with a time to first token, the shortest median first.
    Ttft,
}

impl State {
    pub(crate) fn new(store: Store, options: ServerOptions) -> Self {
        let records = options.content.records().map(|record| (record.id, record.clone()));
        let beside = Beside { records: records.collect(), rows: options.content.rows() };
        State {
            beside: Arc::new(beside),
            store,
            pace: Arc::new(Pace::default()),
            metrics: Arc::new(Metrics::default()),
            admissions: Arc::new(Semaphore::new(ADMITTED_AT_ONCE)),
            kept: Arc::new(Kept::default()),
            options: Arc::new(options),
        }
    }

    /// A record by its id or the first digits of it; of the store, else of what stands beside it.
    pub(crate) async fn record(&self, id: &str) -> Result<Record, ServerError> {
        match self.store.resolve(id).await {
            Ok(id) => Ok(self.store.get(id).await?),
            Err(StoreError::NotFound { .. }) => {
                let own = id.parse().ok().and_then(|id: RecordId| self.beside.records.get(&id));
                own.cloned().ok_or_else(|| ServerError::not_found("record of this id"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The leaderboard's rows under a query in an order, and how many more there are.
    pub(crate) async fn rows(
        &self,
        query: &Query,
        order: RowOrder,
    ) -> Result<(Vec<BoardRow>, u64), ServerError> {
        let generates = order == RowOrder::Configurations;
        let by_ttft = order == RowOrder::Ttft;
        let filter =
            BoardFilter { generates, by_configuration: generates, by_ttft, ..board_filter(query) };
        let most = filter.limit.unwrap_or(BOARD_ROWS);
        let board = self.store.board();
        let (mut rows, n_kept) = (board.rows(&filter).await?, board.count(&filter).await?);
        let beside = self
            .rows_beside(|row| query.filter.takes(row) && (!by_ttft || row.ttft_p50_ms.is_some()));
        rows.extend(beside.await?.into_iter().cloned());
        rows.sort_by(|a, b| by_rate(Direction::Descending, a, b));
        if by_ttft {
            let time = |row: &BoardRow| row.ttft_p50_ms.unwrap_or_default();
            rows.sort_by(|a, b| time(a).total_cmp(&time(b)));
        }
        let mut n_left_out = n_kept.saturating_sub(most);
        if !generates {
            n_left_out += (rows.len() as u64).saturating_sub(most);
            rows.truncate(most as usize);
        }
        Ok((rows, n_left_out))
    }

    /// How many rows of the store under a query are rates of prompts, which
    /// [`RowOrder::Configurations`] has not.
    pub(crate) async fn n_prompts(&self, query: &Query) -> Result<u64, ServerError> {
        let all = BoardFilter { limit: None, ..board_filter(query) };
        let generating = BoardFilter { generates: true, ..all.clone() };
        let board = self.store.board();
        let (all, generating) = (board.count(&all).await?, board.count(&generating).await?);
        Ok(all.saturating_sub(generating))
    }

    /// One page of the leaderboard's rows by rate, of the store and of what stands beside it, and
    /// how many rows there are on all pages.
    pub(crate) async fn page(
        &self,
        query: &Query,
        direction: Direction,
        after: Option<&Cursor>,
    ) -> Result<(Page<BoardRow>, u64), ServerError> {
        let filter = board_filter(query);
        let most = filter.limit.unwrap_or(BOARD_ROWS).max(1) as usize;
        let board = self.store.board();
        let (page, n_kept) =
            (board.page(&filter, direction, after).await?, board.count(&filter).await?);
        let Page { mut rows, next } = page;
        let beside = self.rows_beside(|row| query.filter.takes(row)).await?;
        let n_rows = n_kept + beside.len() as u64;
        let is_ahead = |row: &&BoardRow| after.is_none_or(|after| after.is_before(row));
        rows.extend(beside.into_iter().filter(is_ahead).cloned());
        rows.sort_by(|a, b| by_rate(direction, a, b));
        let is_more = next.is_some() || rows.len() > most;
        rows.truncate(most);
        let last = rows.last().filter(|_| is_more);
        let next = last.map(|last| Cursor::after_row(last, direction));
        Ok((Page { rows, next }, n_rows))
    }

    /// Of the records beside the store what a list for programs ends with: published figures,
    /// where it asks for these.
    pub(crate) fn published(&self, filter: &Filter) -> Vec<Record> {
        match filter.kind {
            Some(RecordKind::Published) => self.beside(filter).into_iter().cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// The records beside the store that a list's filter takes, the newest first.
    pub(crate) fn beside(&self, filter: &Filter) -> Vec<&Record> {
        let part = |whole: &str, part: &Option<String>| {
            let part = part.as_ref().map(|part| part.to_lowercase());
            part.is_none_or(|part| whole.to_lowercase().contains(&part))
        };
        let is = |own: &str, asked: &Option<String>| {
            asked.as_ref().is_none_or(|asked| asked.eq_ignore_ascii_case(own))
        };
        let takes = |record: &&Record| {
            let (model, engine) = (&record.model, &record.engine);
            part(&model.name, &filter.model)
                && part(&engine.backends, &filter.backend)
                && is(&engine.name, &filter.engine)
                && is(&record.label(), &filter.test)
                && is(model.sha256.as_deref().unwrap_or_default(), &filter.model_sha256)
                && filter.kind.is_none_or(|kind| kind == record.kind)
                && filter.status.is_none_or(|status| status == record.status)
                && filter.tag.as_ref().is_none_or(|tag| record.tags.contains(tag))
                && filter.run_id.is_none_or(|run| run == record.run_id)
                && filter.since.is_none_or(|since| record.created_at >= since)
                && filter.until.is_none_or(|until| record.created_at < until)
                && filter.is_experiment != Some(true)
                && filter.grade_at_least.is_none_or(|worst| {
                    record.grade.as_ref().is_some_and(|grade| grade.letter <= worst)
                })
                && is(&record.machine.fingerprint, &filter.machine)
        };
        let mut found: Vec<&Record> = self.beside.records.values().filter(takes).collect();
        found.sort_by_key(|record| std::cmp::Reverse((record.created_at, record.id)));
        found
    }

    /// The leaderboard's rows beside the store that `takes` wants, without those that the store
    /// holds too.
    async fn rows_beside(
        &self,
        takes: impl Fn(&BoardRow) -> bool,
    ) -> Result<Vec<&BoardRow>, ServerError> {
        let mut beside: Vec<&BoardRow> = self.beside.rows.iter().filter(|row| takes(row)).collect();
        let ids: Vec<RecordId> = beside.iter().map(|row| row.id).collect();
        let held = self.store.board().holding(&ids).await?;
        beside.retain(|row| !held.contains(&row.id));
        Ok(beside)
    }

    /// What the filters' menus offer.
    pub(crate) async fn choices(&self) -> Result<BoardChoices, ServerError> {
        let mut choices = self.store.board().choices().await?;
        for row in self.rows_beside(|_| true).await? {
            add(&mut choices.families, &row.family);
            add(&mut choices.hardware, &row.hardware);
            add(&mut choices.backends, &row.backends);
            add(&mut choices.shapes, &row.shape);
            add(&mut choices.engines, &row.engine);
            if let Some(quantization) = &row.quantization {
                add(&mut choices.quantizations, quantization);
            }
            if let Some(concurrency) = row.concurrency {
                add(&mut choices.concurrencies, &concurrency);
            }
        }
        Ok(choices)
    }
}

fn add<T: PartialEq + Clone>(counts: &mut Vec<(T, u64)>, value: &T) {
    match counts.iter_mut().find(|(own, _)| own == value) {
        Some((_, n)) => *n += 1,
        None => counts.push((value.clone(), 1)),
    }
}
