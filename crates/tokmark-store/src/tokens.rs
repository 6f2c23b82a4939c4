use std::fmt;
use std::str::FromStr;

use async_recursion::async_recursion as boxed;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, Order, QueryFilter, QueryOrder, TryInsertResult,
};
use serde::{Deserialize, Serialize};
use tokmark_model::Timestamp;

use crate::entity::tokens;
use crate::row::{self, storable, unword, word};
use crate::{MAX_TAG_BYTES, Store, StoreError};

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Reading what is not public.
    Read,
    /// Sending records, submitting jobs and doing them.
    Submit,
    /// Everything else.
    Admin,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&word(self))
    }
}

impl FromStr for Scope {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        unword(text).map_err(|_| StoreError::InvalidScope { text: text.to_owned() })
    }
}

/// A token to be kept: its hash alone, never itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// For people, 1 to 200 bytes; each once among those that are not revoked.
    pub name: String,
    /// SHA-256 of the token.
    pub sha256: [u8; 32],
    /// What it opens.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it opens nothing; absent for never.
    pub expires_at: Option<Timestamp>,
}

/// A token as it is kept. Times are to the microsecond.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenRow {
    /// For people.
    pub name: String,
    /// What it opens, each once, in the order of [`Scope`].
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it opens nothing.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Who may do what.
#[derive(Debug, Clone, Copy)]
pub struct Tokens<'s> {
    store: &'s Store,
}

impl Store {
    /// Who may do what.
    pub fn tokens(&self) -> Tokens<'_> {
        Tokens { store: self }
    }
}

impl Tokens<'_> {
    /// Keeps a token.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidToken`] for a name that is empty, too long or that of another
    /// token, for a token that is there already, and for one without scopes.
    #[boxed]
    pub async fn add(&self, token: &NewToken) -> Result<(), StoreError> {
        let invalid = |reason: &str| StoreError::InvalidToken {
            name: token.name.clone(),
            reason: reason.to_owned(),
        };
        if token.name.is_empty() || token.name.len() > MAX_TAG_BYTES {
            return Err(invalid("a name has 1 to 200 bytes"));
        }
        if token.scopes.is_empty() {
            return Err(invalid("it opens nothing: give it a scope"));
        }
        let mut scopes = token.scopes.clone();
        scopes.sort();
        scopes.dedup();
        let columns = tokens::Model {
            sha256: hexadecimal(&token.sha256),
            name: storable(&token.name),
            scopes: scopes.iter().map(Scope::to_string).collect::<Vec<_>>().join(","),
            created_at_us: token.created_at.as_microsecond(),
            expires_at_us: token.expires_at.map(Timestamp::as_microsecond),
            revoked_at_us: None,
        };
        // A conflict of either index is one.
        let conflict = sea_orm::sea_query::OnConflict::new().do_nothing().to_owned();
        let inserted = tokens::Entity::insert(columns.into_active_model())
            .on_conflict(conflict)
            .try_insert()
            .exec_without_returning(&self.store.db)
            .await
            .map_err(|error| self.store.origin.db(error))?;
        match inserted {
            TryInsertResult::Inserted(1) => Ok(()),
            _ => Err(invalid("another token has this name: choose another, or revoke that one")),
        }
    }

    /// The token with this hash, if it opens anything at this time: it is neither expired
    /// nor revoked.
    ///
    /// # Errors
    ///
    /// None of its own.
    #[boxed]
    pub async fn find(
        &self,
        sha256: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<TokenRow>, StoreError> {
        let found = tokens::Entity::find_by_id(hexadecimal(sha256))
            .one(&self.store.db)
            .await
            .map_err(|error| self.store.origin.db(error))?;
        let now_us = now.as_microsecond();
        found
            .filter(|token| token.revoked_at_us.is_none())
            .filter(|token| token.expires_at_us.is_none_or(|expires| now_us < expires))
            .map(|token| self.row(token))
            .transpose()
    }

    /// All tokens, the newest first; those that are revoked or expired too.
    ///
    /// # Errors
    ///
    /// None of its own.
    #[boxed]
    pub async fn list(&self) -> Result<Vec<TokenRow>, StoreError> {
        let found = tokens::Entity::find()
            .order_by(tokens::Column::CreatedAtUs, Order::Desc)
            .order_by(tokens::Column::Name, Order::Asc)
            .order_by(tokens::Column::Sha256, Order::Asc)
            .all(&self.store.db)
            .await
            .map_err(|error| self.store.origin.db(error))?;
        found.into_iter().map(|token| self.row(token)).collect()
    }

    /// Revokes the token of this name for good, and says whether there was one.
    ///
    /// # Errors
    ///
    /// None of its own.
    #[boxed]
    pub async fn revoke(&self, name: &str, now: Timestamp) -> Result<bool, StoreError> {
        use tokens::Column as C;

        let revoked = tokens::Entity::update_many()
            .col_expr(C::RevokedAtUs, Expr::val(now.as_microsecond()))
            .filter(C::Name.eq(storable(name)))
            .filter(C::RevokedAtUs.is_null())
            .exec(&self.store.db)
            .await
            .map_err(|error| self.store.origin.db(error))?;
        Ok(revoked.rows_affected > 0)
    }

    fn row(&self, token: tokens::Model) -> Result<TokenRow, StoreError> {
        let corrupt = |reason: String| self.store.origin.corrupt(reason);
        let time = |us: i64| row::time(us).map_err(corrupt);
        Ok(TokenRow {
            scopes: token.scopes.split(',').map(Scope::from_str).collect::<Result<_, _>>()?,
            name: token.name,
            created_at: time(token.created_at_us)?,
            expires_at: token.expires_at_us.map(time).transpose()?,
            revoked_at: token.revoked_at_us.map(time).transpose()?,
        })
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
