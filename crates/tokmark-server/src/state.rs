use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokmark_board::Query;
use tokmark_model::{BoardRow, Record, RecordId};
use tokmark_store::{BoardChoices, BoardFilter, Store, StoreError};

use crate::error::ServerError;
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
    beside: Arc<Beside>,
}

/// Records that stand beside those of the store.
#[derive(Debug)]
struct Beside {
    records: BTreeMap<RecordId, Record>,
    rows: Vec<BoardRow>,
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

    /// The leaderboard's rows under a query, fastest first, and how many there are. `generates`
    /// leaves rates of prompts out.
    pub(crate) async fn rows(
        &self,
        query: &Query,
        generates: bool,
    ) -> Result<(Vec<BoardRow>, u64), ServerError> {
        let filter = BoardFilter { generates, ..board_filter(query) };
        let board = self.store.board();
        let (mut rows, n_kept) = (board.rows(&filter).await?, board.count(&filter).await?);
        let known: Vec<RecordId> = rows.iter().map(|row| row.id).collect();
        let beside = self.beside.rows.iter().filter(|row| query.filter.takes(row));
        let beside: Vec<BoardRow> =
            beside.filter(|row| !known.contains(&row.id)).cloned().collect();
        let n_rows = n_kept + beside.len() as u64;
        rows.extend(beside);
        let rate = |row: &BoardRow| {
            row.rate_tps.or(row.rate_low_tps).map_or(f64::NEG_INFINITY, |rate| rate.get())
        };
        rows.sort_by(|a, b| rate(b).total_cmp(&rate(a)));
        rows.truncate(query.filter.limit.unwrap_or(BOARD_ROWS).min(BOARD_ROWS) as usize);
        Ok((rows, n_rows))
    }

    /// What the filters' menus offer.
    pub(crate) async fn choices(&self) -> Result<BoardChoices, ServerError> {
        let mut choices = self.store.board().choices().await?;
        for row in &self.beside.rows {
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
