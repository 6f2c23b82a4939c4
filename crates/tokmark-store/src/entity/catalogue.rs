//! Tables with one row for many records, which shows the newest of them.

/// One configuration of the leaderboard. Texts are cut to what every database can index;
/// `body` is the whole row as JSON.
pub mod board {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "tokmark_board")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: Uuid,
        /// The newest record.
        pub record_id: Uuid,
        /// When that one was begun.
        pub last_at_us: i64,
        pub n_records: i64,
        pub kind: String,
        pub family: String,
        pub model_name: String,
        pub model_sha256: Option<String>,
        pub quantization: Option<String>,
        pub n_params: Option<i64>,
        pub hardware: String,
        pub machine_fingerprint: String,
        pub engine: String,
        pub backends: String,
        pub shape: String,
        pub is_serving: bool,
        pub concurrency: Option<i64>,
        pub grade: Option<String>,
        /// The rate, else the lower end of its range: what rows are sorted by.
        pub rate_tps: f64,
        pub body: String,
        /// Rows that differ in what was measured alone have the same.
        pub line_key: Option<Uuid>,
        pub ttft_p50_ms: Option<f64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// How many rows of the leaderboard have a value, for the menus of its filters. Rows whose
/// count came down to 0 stay.
pub mod board_values {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tokmark_board_values")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub field: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub value: String,
        pub n_rows: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Machines, with the facts of their newest record.
pub mod machines {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tokmark_machines")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: Uuid,
        pub record_id: Uuid,
        pub last_at_us: i64,
        pub n_records: i64,
        pub fingerprint: String,
        /// As JSON.
        pub facts: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Models by hash, else by name, with the facts of their newest record.
pub mod models {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tokmark_models")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: Uuid,
        pub record_id: Uuid,
        pub last_at_us: i64,
        pub n_records: i64,
        pub family: String,
        /// As JSON.
        pub facts: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// One row: how often records, notes or tags changed. Whoever keeps what he made of them makes it
/// anew when it moved.
pub mod revision {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tokmark_revision")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub n_changes: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
