//! Jobs, those who do them, and who may do what.

/// Jobs. `spec` and `progress` are JSON.
pub mod jobs {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tokmark_jobs")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub spec: String,
        pub state: String,
        pub machine: Option<String>,
        pub agent: Option<Uuid>,
        pub n_attempts: i64,
        pub cancel: bool,
        pub progress: String,
        pub message: Option<String>,
        pub run_id: Option<Uuid>,
        pub created_at_us: i64,
        pub updated_at_us: i64,
        pub leased_until_us: Option<i64>,
        /// Made from the key under which it was submitted.
        pub idempotency: Option<Uuid>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The models that a job needs.
pub mod job_models {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tokmark_job_models")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub job_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub model: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Agents, with what they last said of themselves as JSON.
pub mod agents {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tokmark_agents")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub last_at_us: i64,
        pub hello: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Tokens: their hash, never themselves. Of those not revoked, each name is there once.
pub mod tokens {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tokmark_tokens")]
    pub struct Model {
        /// In lower-case hexadecimal.
        #[sea_orm(primary_key, auto_increment = false)]
        pub sha256: String,
        pub name: String,
        /// Words with commas between.
        pub scopes: String,
        pub created_at_us: i64,
        pub expires_at_us: Option<i64>,
        pub revoked_at_us: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
