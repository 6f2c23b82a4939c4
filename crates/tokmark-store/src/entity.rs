//! The tables as SeaORM sees them; `schema.rs` creates them. Times are microseconds since
//! 1970 wherever a name ends in `_us`.

mod catalogue;
mod work;

pub use catalogue::{board, board_values, machines, models, revision};
pub use work::{agents, job_models, jobs, tokens};

/// The searched columns of a record.
pub mod records {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "tokmark_records")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub run_id: Uuid,
        pub kind: String,
        pub status: String,
        pub created_at_us: i64,
        pub model_name: String,
        /// Lower-case name, file name and source, for searching and sorting.
        pub model_search: String,
        pub model_sha256: Option<String>,
        pub quantization: Option<String>,
        pub test_kind: String,
        pub n_prompt: i64,
        pub n_gen: i64,
        pub n_depth: i64,
        pub n_parallel: i64,
        pub test_label: String,
        pub engine_name: String,
        pub backends: String,
        pub machine_fingerprint: String,
        pub grade: Option<String>,
        pub rate_tps: Option<f64>,
        pub rate_low_tps: Option<f64>,
        pub rate_high_tps: Option<f64>,
        pub duration_ns: Option<i64>,
        pub record_version: i64,
        pub statistics_version: Option<i64>,
        /// Of the engine, in llama-bench's short flags; empty for load points.
        pub settings: String,
        /// A visit of an experiment.
        pub is_visit: bool,
        /// Row of the leaderboard that the record belongs to.
        pub board_key: Option<Uuid>,
        /// Row of its model, see [`super::models`].
        pub model_key: Option<Uuid>,
        /// Beginning of `model_search`, short enough for every index.
        pub model_sort: String,
        /// Kind and counts of the test as one text that sorts like them.
        pub test_sort: String,
        /// Where the record stands in an order by rate: 0 with samples and a rate, 1 with
        /// samples and none, 2 and 3 the same without samples.
        pub rate_class: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The whole record as JSON, without notes and tags. Apart from the columns, so that a
/// scan over these doesn't read through the samples.
pub mod bodies {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tokmark_record_bodies")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub record_id: Uuid,
        pub body: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Notes. `note_id` is made from time and text, so that the same note is kept once.
pub mod notes {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tokmark_record_notes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub record_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub note_id: Uuid,
        /// Order among notes of one time.
        pub position: i64,
        /// Time in RFC 3339, to the nanosecond.
        pub noted_at: String,
        pub text: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Tags, in the order in which they were given.
pub mod tags {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tokmark_record_tags")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub record_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub tag: String,
        pub position: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
