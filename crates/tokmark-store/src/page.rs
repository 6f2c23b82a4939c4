//! Pages of a list that stay whole while records are added: each begins after the last row
//! of the one before, wherever that now stands.

use std::cmp::Ordering;
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
use tokmark_model::{BoardRow, RecordId};
use uuid::Uuid;

use crate::catalogue;
use crate::entity::records::{self, Column as C};
use crate::filter::newest_first;
use crate::row::{clipped, is_cut, storable};
use crate::schema;
use crate::{Direction, Filter, RecordRow, Sort, SortKey, Store, StoreError};

/// Rows of a page when nobody says how many.
pub(crate) const USUAL_ROWS: u64 = 100;

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
pub struct Page<T = RecordRow> {
    /// The rows, in the list's order.
    pub rows: Vec<T>,
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
        after.map_or(Ok(()), |cursor| cursor.expect(filter.sort))?;
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
        found: Vec<records::Model>,
        n_rows: usize,
        sort: Sort,
    ) -> Result<Page, StoreError> {
        let Page { rows, next } = Page::of(found, n_rows as u64, |last| Cursor::after(sort, last));
        Ok(Page { rows: self.rows(rows).await?, next })
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

/// Speed and time of a row of a leaderboard, and its record.
type BoardPlace = ((f64, i64), RecordId);

fn place(row: &BoardRow) -> BoardPlace {
    ((catalogue::speed(row), row.created_at.as_microsecond()), row.id)
}

/// By rate, the newest first among equals.
fn compare(direction: Direction, a: BoardPlace, b: BoardPlace) -> Ordering {
    let ((a_speed, a_at), (b_speed, b_at)) = (a.0, b.0);
    let by_rate = match direction {
        Direction::Ascending => a_speed.total_cmp(&b_speed),
        Direction::Descending => b_speed.total_cmp(&a_speed),
    };
    by_rate.then((b_at, b.1).cmp(&(a_at, a.1)))
}

/// The order of a leaderboard's rows by rate, as [`Board::page`](crate::Board::page) has it.
pub fn by_rate(direction: Direction, a: &BoardRow, b: &BoardRow) -> Ordering {
    compare(direction, place(a), place(b))
}

/// Newest first: the order of lists that have no other.
const BY_TIME: Sort = Sort { key: SortKey::Time, direction: Direction::Descending };

impl<T> Page<T> {
    /// The first `n_rows` of one row more than that, and where the next page begins.
    pub(crate) fn of(mut found: Vec<T>, n_rows: u64, after: impl Fn(&T) -> Cursor) -> Page<T> {
        let n_rows = usize::try_from(n_rows).unwrap_or(usize::MAX);
        let is_more = found.len() > n_rows;
        found.truncate(n_rows);
        let next = found.last().filter(|_| is_more).map(after);
        Page { rows: found, next }
    }
}

impl Cursor {
    /// After a row of a leaderboard in an order by rate, wherever the row is kept.
    pub fn after_row(row: &BoardRow, direction: Direction) -> Cursor {
        let sort = Sort { key: SortKey::Rate, direction };
        let rate = Some((0, Some(catalogue::speed(row))));
        Cursor(Place { sort, rate, text: None, at_us: row.created_at.as_microsecond(), id: row.id })
    }

    /// Whether a row of a leaderboard stands after this place of an order by rate.
    pub fn is_before(&self, row: &BoardRow) -> bool {
        let own = (self.0.rate.and_then(|(_, rate)| rate).unwrap_or_default(), self.0.at_us);
        compare(self.0.sort.direction, (own, self.0.id), place(row)).is_lt()
    }

    /// After a row of a list that is newest first.
    pub(crate) fn in_time(at_us: i64, id: Uuid) -> Cursor {
        Cursor(Place { sort: BY_TIME, rate: None, text: None, at_us, id })
    }

    /// What comes after this place in a list that is newest first.
    pub(crate) fn older<C: ColumnTrait>(&self, at_us: C, id: C) -> Result<Expr, StoreError> {
        self.expect(BY_TIME)?;
        Ok(self.0.before(at_us, id))
    }

    /// What comes after this place of a leaderboard by rate.
    pub(crate) fn slower<C: ColumnTrait>(
        &self,
        rate: C,
        at_us: C,
        id: C,
        direction: Direction,
    ) -> Result<Expr, StoreError> {
        self.expect(Sort { key: SortKey::Rate, direction })?;
        let Some((0, Some(reached))) = self.0.rate else {
            return Err(invalid("it names no place in a leaderboard"));
        };
        let beyond = match direction {
            Direction::Descending => rate.into_expr().lt(reached),
            Direction::Ascending => rate.into_expr().gt(reached),
        };
        Ok(beyond.or(rate.into_expr().eq(reached).and(self.0.before(at_us, id))))
    }

    fn expect(&self, sort: Sort) -> Result<(), StoreError> {
        if self.0.sort == sort { Ok(()) } else { Err(invalid("it belongs to another order")) }
    }

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
        SortKey::Rate => by_rate_class(sort.direction, after),
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
        self.before(C::CreatedAtUs, C::Id)
    }

    /// What is older than this place, by the columns of any table.
    fn before<K: ColumnTrait>(&self, at_us: K, id: K) -> Expr {
        let columns = Expr::tuple([at_us.into_expr(), id.into_expr()]);
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
fn by_rate_class(direction: Direction, after: Option<&Place>) -> Vec<Stretch> {
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
