use sea_orm::sea_query::{Expr, Func, LikeExpr};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait, Order, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
};
use serde::{Deserialize, Serialize};
use tokmark_model::{Experiment, GradeLetter, RecordKind, Status, Timestamp};
use uuid::Uuid;

use crate::catalogue;
use crate::entity::{records, tags};
use crate::row::{letter, storable, word};

/// Every grade, best first.
const GRADES: [GradeLetter; 6] = {
    use GradeLetter::{A, B, C, D, E, F};
    [A, B, C, D, E, F]
};

/// Which records are meant, and in which order. Absent fields don't restrict; several
/// restrict together. The default means all, newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Part of the model's name, file name or source, in any case.
    pub model: Option<String>,
    /// Hash of the model's file.
    pub model_sha256: Option<String>,
    /// The whole label of a test, e.g. `tg128 @ d512`.
    pub test: Option<String>,
    /// The engine's whole name, in any case.
    pub engine: Option<String>,
    /// Part of the list of back ends, in any case: `cuda` finds `CUDA,BLAS`.
    pub backend: Option<String>,
    /// Fingerprint of the machine.
    pub machine: Option<String>,
    /// How records came to be.
    pub kind: Option<RecordKind>,
    /// How tests ended.
    pub status: Option<Status>,
    /// This grade or a better one; records without a grade are left out.
    pub grade_at_least: Option<GradeLetter>,
    /// A tag.
    pub tag: Option<String>,
    /// A run.
    pub run_id: Option<Uuid>,
    /// Visits of experiments alone, or everything else.
    pub is_visit: Option<bool>,
    /// Experiments alone, or everything else.
    pub is_experiment: Option<bool>,
    /// Begun at this time or later, to the microsecond.
    pub since: Option<Timestamp>,
    /// Begun before this time, to the microsecond.
    pub until: Option<Timestamp>,
    /// At most so many.
    pub limit: Option<u64>,
    /// In this order.
    pub sort: Sort,
}

/// An order of records. Where it says nothing, the newest come first; records that lack
/// the key come last in both directions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sort {
    /// By what.
    pub key: SortKey,
    /// Which end first.
    pub direction: Direction,
}

/// What records are sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SortKey {
    /// When the test began.
    #[default]
    Time,
    /// The rate.
    Rate,
    /// The model's name, without regard to case.
    Model,
    /// Kind of test, then its prompt, generation, depth and parallel sequences.
    Test,
}

/// Which end of an order comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Smallest or oldest first.
    Ascending,
    /// Largest or newest first.
    #[default]
    Descending,
}

impl Filter {
    /// The records' columns under this filter, sorted and limited.
    pub(crate) fn select(&self) -> Select<records::Entity> {
        let select =
            self.order().into_iter().fold(
                records::Entity::find().filter(self.condition()),
                |select, (column, order)| select.order_by(column, order),
            );
        select.limit(self.limit)
    }

    /// Columns and which end of each comes first.
    fn order(&self) -> Vec<(records::Column, Order)> {
        use records::Column as C;

        let order = self.sort.direction.order();
        match self.sort.key {
            SortKey::Time => vec![(C::CreatedAtUs, order.clone()), (C::Id, order)],
            SortKey::Rate => [
                vec![(C::RateClass, Order::Asc), (C::RateTps, order)],
                vec![(C::CreatedAtUs, Order::Desc), (C::Id, Order::Desc)],
            ]
            .concat(),
            SortKey::Model => newest_first(C::ModelSort, order),
            SortKey::Test => newest_first(C::TestSort, order),
        }
    }

    /// What restricts, without order and limit.
    pub(crate) fn condition(&self) -> Condition {
        use records::Column as C;

        let equal = |column: C, text: &Option<String>| {
            text.as_ref().map(|text| ColumnTrait::eq(&column, storable(text)))
        };
        // Indexed, as the hash itself is not.
        let of_model =
            |sha256: &String| ColumnTrait::eq(&C::ModelKey, catalogue::model_key(Some(sha256), ""));
        let contains = |expr: Expr, text: &Option<String>| {
            text.as_ref().map(|text| expr.like(containing(text)))
        };
        let lower = |column: C| Expr::from(Func::lower(column.into_expr()));
        let engine = self.engine.as_ref().map(|name| storable(name).to_lowercase());
        let tagged = self.tag.as_ref().map(|tag| {
            let tagged = tags::Entity::find()
                .select_only()
                .column(tags::Column::RecordId)
                .filter(ColumnTrait::eq(&tags::Column::Tag, storable(tag)));
            ColumnTrait::in_subquery(&C::Id, tagged.into_query())
        });
        let graded =
            self.grade_at_least.map(|worst| ColumnTrait::is_in(&C::Grade, at_least(worst)));
        let of_experiments = self.is_experiment.map(|is_experiment| match is_experiment {
            true => ColumnTrait::is_in(&C::TestLabel, Experiment::labels()),
            false => ColumnTrait::is_not_in(&C::TestLabel, Experiment::labels()),
        });
        let since = self.since.map(|time| ColumnTrait::gte(&C::CreatedAtUs, time.as_microsecond()));
        let until = self.until.map(|time| ColumnTrait::lt(&C::CreatedAtUs, time.as_microsecond()));
        Condition::all()
            .add_option(contains(C::ModelSearch.into_expr(), &self.model))
            .add_option(self.model_sha256.as_ref().map(of_model))
            .add_option(equal(C::TestLabel, &self.test))
            .add_option(engine.map(|name| ExprTrait::eq(lower(C::EngineName), name)))
            .add_option(contains(lower(C::Backends), &self.backend))
            .add_option(equal(C::MachineFingerprint, &self.machine))
            .add_option(self.kind.map(|kind| ColumnTrait::eq(&C::Kind, word(&kind))))
            .add_option(self.status.map(|status| ColumnTrait::eq(&C::Status, word(&status))))
            .add_option(graded)
            .add_option(tagged)
            .add_option(self.run_id.map(|run_id| ColumnTrait::eq(&C::RunId, run_id)))
            .add_option(self.is_visit.map(|visit| ColumnTrait::eq(&C::IsVisit, visit)))
            .add_option(of_experiments)
            .add_option(since)
            .add_option(until)
    }
}

impl Direction {
    pub(crate) fn order(self) -> Order {
        match self {
            Direction::Ascending => Order::Asc,
            Direction::Descending => Order::Desc,
        }
    }
}

/// By a column, the newest first among equals.
pub(crate) fn newest_first(column: records::Column, order: Order) -> Vec<(records::Column, Order)> {
    use records::Column as C;
    vec![(column, order), (C::CreatedAtUs, Order::Desc), (C::Id, Order::Desc)]
}

/// This grade and the better ones, as columns hold them.
pub(crate) fn at_least(worst: GradeLetter) -> impl Iterator<Item = String> {
    GRADES.into_iter().filter(move |grade| *grade <= worst).map(letter)
}

/// A pattern for lower-case text that contains `text`, whose own wildcards are plain.
pub(crate) fn containing(text: &str) -> LikeExpr {
    let mut pattern = String::from("%");
    for c in storable(text).to_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    LikeExpr::new(pattern).escape('!')
}
