//! Pages of a list that stay whole while records are added: each begins after the last row
//! of the one before, wherever that now stands.

use std::fmt;
use std::str::FromStr;

use async_recursion::async_recursion as boxed;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sea_orm::sea_query::{Expr, Value};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, Order, QueryFilter,
    QueryOrder, QuerySelect,
};
use serde::{Deserialize, Serialize};
use tokmark_model::RecordId;

use crate::entity::records::{self, Column as C};
use crate::filter::newest_first;
use crate::row::{clipped, is_cut, storable};
use crate::schema;
use crate::{Direction, Filter, RecordRow, Sort, SortKey, Store, StoreError};

/// Rows of a page when nobody says how many.
const USUAL_ROWS: u64 = 100;

/// Rows of a page at most.
const MAX_ROWS: u64 = 1000;

/// Longest text of a cursor that is looked at.
const MAX_CURSOR_BYTES: usize = 2000;

/// Last of the classes in an order by rate, see `rate_class` of a record's columns.
const LAST_CLASS: i64 = 3;

/// Names that are looked through for a part of one.
const MOST_NAMES: usize = 5_000;

/// Names that are read one by one.
const MOST_MEANT: usize = 16;

/// Every name of a model once, from one point of its index to the next: there are few names
/// and many records.
const NAMES: &str = "\
WITH RECURSIVE names (name) AS (
    SELECT min(model_sort) FROM tokmark_records
    UNION ALL
    SELECT (SELECT min(model_sort) FROM tokmark_records WHERE model_sort > names.name)
    FROM names WHERE names.name IS NOT NULL
)
SELECT name FROM names WHERE name IS NOT NULL LIMIT 5001";

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page {
    /// The rows, in the filter's order.
    pub rows: Vec<RecordRow>,
    /// Where the next page begins; `None` at the end of the list.
    pub next: Option<Cursor>,
}

/// A place in a list: after a certain row of a certain order. As text it is opaque and fits
/// into a URL as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor(Place);

/// What a cursor's text holds, as JSON in base64url.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    sort: Sort,
    /// Class and rate of an order by rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<(i64, Option<f64>)>,
    /// What an order by model or test sorts by.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    at_us: i64,
    id: RecordId,
}

impl Store {
    /// One page of the list under a filter, in its order. `filter.limit` is the number of
    /// rows: 100 where it says nothing, 1 to 1000. Following [`Page::next`] shows each
    /// record once that was there when its place was reached, whatever is added meanwhile.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidCursor`] where another order gave the cursor.
    #[boxed]
    pub async fn page(&self, filter: &Filter, after: Option<&Cursor>) -> Result<Page, StoreError> {
        if after.is_some_and(|cursor| cursor.0.sort != filter.sort) {
            return Err(invalid("it belongs to another order"));
        }
        let n_rows = filter.limit.unwrap_or(USUAL_ROWS).clamp(1, MAX_ROWS) as usize;
        let names = self.meant(filter).await?;
        let mut found: Vec<records::Model> = Vec::new();
        for name in names.iter().flatten() {
            // Of each name the index gives its part of the page.
            let mut stretch = by_time(filter.sort.direction, after.map(|cursor| &cursor.0));
            stretch.condition =
                stretch.condition.add(ColumnTrait::eq(&C::ModelSort, name.as_str()));
            found.extend(self.of_stretch(filter, stretch, n_rows + 1).await?);
        }
        if names.is_some() {
            found.sort_by_key(|row| (row.created_at_us, row.id));
            if filter.sort.direction == Direction::Descending {
                found.reverse();
            }
            return self.page_of(found, n_rows, filter.sort).await;
        }
        for stretch in stretches(filter.sort, after.map(|cursor| &cursor.0)) {
            let n_missing = n_rows + 1 - found.len();
            found.extend(self.of_stretch(filter, stretch, n_missing).await?);
            if found.len() > n_rows {
                break;
            }
        }
        self.page_of(found, n_rows, filter.sort).await
    }

    /// The first rows of a stretch under a filter.
    async fn of_stretch(
        &self,
        filter: &Filter,
        stretch: Stretch,
        n_rows: usize,
    ) -> Result<Vec<records::Model>, StoreError> {
        let select = records::Entity::find()
            .filter(filter.condition())
            .filter(stretch.condition)
            .limit(n_rows as u64);
        let ordered = stretch
            .order
            .into_iter()
            .fold(select, |select, (column, order)| select.order_by(column, order));
        ordered.all(&self.db).await.map_err(|error| self.origin.db(error))
    }

    /// The first `n_rows` of these, and where the next page begins.
    async fn page_of(
        &self,
        mut found: Vec<records::Model>,
        n_rows: usize,
        sort: Sort,
    ) -> Result<Page, StoreError> {
        let is_more = found.len() > n_rows;
        found.truncate(n_rows);
        let next = found.last().filter(|_| is_more).map(|last| Cursor::after(sort, last));
        Ok(Page { rows: self.rows(found).await?, next })
    }

    /// The names of models that a filter's part of a name means, as the index holds them;
    /// `None` where they are too many, where it names none, and where another order needs
    /// another index. A name that is cut may or may not be meant: the filter decides.
    async fn meant(&self, filter: &Filter) -> Result<Option<Vec<String>>, StoreError> {
        let Some(part) = filter.model.as_ref().filter(|_| filter.sort.key == SortKey::Time) else {
            return Ok(None);
        };
        let part = storable(part).to_lowercase();
        let found = self
            .db
            .query_all_raw(schema::statement(&self.db, NAMES))
            .await
            .map_err(|error| self.origin.db(error))?;
        if found.len() > MOST_NAMES {
            return Ok(None);
        }
        let names = found.iter().map(|row| row.try_get::<String>("", "name"));
        let mut names: Vec<String> =
            names.collect::<Result<_, _>>().map_err(|error| self.origin.db(error))?;
        names.retain(|name| name.contains(&part) || is_cut(name));
        Ok((names.len() <= MOST_MEANT).then_some(names))
    }
}

impl Cursor {
    fn after(sort: Sort, row: &records::Model) -> Cursor {
        let (rate, text) = match sort.key {
            SortKey::Time => (None, None),
            SortKey::Rate => (Some((row.rate_class, row.rate_tps)), None),
            SortKey::Model => (None, Some(row.model_sort.clone())),
            SortKey::Test => (None, Some(row.test_sort.clone())),
        };
        Cursor(Place { sort, rate, text, at_us: row.created_at_us, id: row.id })
    }
}

impl Serialize for Cursor {
    /// As its text.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_vec(&self.0).map_err(|_| fmt::Error)?;
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(json))
    }
}

impl FromStr for Cursor {
    type Err = StoreError;

    /// # Errors
    ///
    /// [`StoreError::InvalidCursor`] for whatever [`Cursor`] did not write.
    fn from_str(text: &str) -> Result<Self, StoreError> {
        if text.len() > MAX_CURSOR_BYTES {
            return Err(invalid("it is too long"));
        }
        let json =
            BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid("it is no base64url"))?;
        let place: Place =
            serde_json::from_slice(&json).map_err(|_| invalid("it names no place in a list"))?;
        let is_sound = match (place.sort.key, place.rate, &place.text) {
            (SortKey::Time, None, None) => true,
            (SortKey::Rate, Some((class, rate)), None) => {
                (0..=LAST_CLASS).contains(&class) && rate.is_some() == has_rate(class)
            }
            (SortKey::Model | SortKey::Test, None, Some(text)) => clipped(text) == *text,
            _ => false,
        };
        if is_sound { Ok(Cursor(place)) } else { Err(invalid("it names no place in a list")) }
    }
}

fn invalid(reason: &str) -> StoreError {
    StoreError::InvalidCursor { reason: reason.to_owned() }
}

fn has_rate(class: i64) -> bool {
    class % 2 == 0
}

/// A part of a list that one index holds in order.
struct Stretch {
    condition: Condition,
    order: Vec<(C, Order)>,
}

/// What is left of a list after a place, in order.
fn stretches(sort: Sort, after: Option<&Place>) -> Vec<Stretch> {
    match sort.key {
        SortKey::Time => vec![by_time(sort.direction, after)],
        SortKey::Model => by_column(C::ModelSort, sort.direction, after.and_then(Place::text)),
        SortKey::Test => by_column(C::TestSort, sort.direction, after.and_then(Place::text)),
        SortKey::Rate => by_rate(sort.direction, after),
    }
}

/// The value that a list is sorted by at a place, and the place among its equals.
type Reached<'p> = (Value, &'p Place);

impl Place {
    fn text(&self) -> Option<Reached<'_>> {
        self.text.as_ref().map(|text| (text.clone().into(), self))
    }

    /// What comes after this place among rows that are equal but for it, the newest first.
    fn older(&self) -> Expr {
        let columns = Expr::tuple([C::CreatedAtUs.into_expr(), C::Id.into_expr()]);
        columns.lt(Expr::tuple([self.at_us.into(), self.id.into()]))
    }
}

fn by_time(direction: Direction, after: Option<&Place>) -> Stretch {
    let newer = |place: &Place| {
        let columns = Expr::tuple([C::CreatedAtUs.into_expr(), C::Id.into_expr()]);
        columns.gt(Expr::tuple([place.at_us.into(), place.id.into()]))
    };
    let left = after.map(|place| match direction {
        Direction::Ascending => newer(place),
        Direction::Descending => place.older(),
    });
    let order = direction.order();
    Stretch {
        condition: Condition::all().add_option(left),
        order: vec![(C::CreatedAtUs, order.clone()), (C::Id, order)],
    }
}

fn by_column(column: C, direction: Direction, after: Option<Reached>) -> Vec<Stretch> {
    let order = newest_first(column, direction.order());
    let Some((value, place)) = after else {
        return vec![Stretch { condition: Condition::all(), order }];
    };
    let value = Expr::val(value);
    let left = match direction {
        // All three run the same way, so the place is one point of the index.
        Direction::Descending => {
            let columns = [column.into_expr(), C::CreatedAtUs.into_expr(), C::Id.into_expr()];
            let reached = [value, place.at_us.into(), place.id.into()];
            vec![Expr::tuple(columns).lt(Expr::tuple(reached))]
        }
        Direction::Ascending => vec![
            column.into_expr().eq(value.clone()).and(place.older()),
            column.into_expr().gt(value),
        ],
    };
    let stretch = |left| Stretch { condition: Condition::all().add(left), order: order.clone() };
    left.into_iter().map(stretch).collect()
}

/// Class after class: only within one are rates compared.
fn by_rate(direction: Direction, after: Option<&Place>) -> Vec<Stretch> {
    let reached = after.and_then(|place| place.rate.map(|(class, rate)| (class, rate, place)));
    let first = reached.map_or(0, |(class, ..)| class);
    let mut stretches = Vec::new();
    for class in first..=LAST_CLASS {
        let reached = reached.filter(|(reached, ..)| *reached == class);
        let within = if has_rate(class) {
            let after = reached.and_then(|(_, rate, place)| Some((rate?.into(), place)));
            by_column(C::RateTps, direction, after)
        } else {
            let older = reached.map(|(.., place)| place.older());
            let condition = Condition::all().add_option(older);
            vec![Stretch { condition, order: newest_first(C::RateTps, Order::Desc) }]
        };
        stretches.extend(within.into_iter().map(|stretch| Stretch {
            condition: stretch.condition.add(ColumnTrait::eq(&C::RateClass, class)),
            ..stretch
        }));
    }
    stretches
}
