//! Tokens: who may do what, and until when.

use tokmark_store::*;

use crate::place::{Place, on_both_databases};
use crate::sample::{NASTY, time};

on_both_databases!(
    a_token_is_found_by_its_hash,
    a_token_expires,
    a_revoked_token_opens_nothing,
    tokens_that_cannot_be_kept_are_refused,
);

fn token(name: &str, byte: u8) -> NewToken {
    NewToken {
        name: name.into(),
        sha256: [byte; 32],
        scopes: vec![Scope::Submit, Scope::Read, Scope::Submit],
        created_at: time(u64::from(byte)),
        expires_at: None,
    }
}

async fn a_token_is_found_by_its_hash(place: &Place) {
    let store = place.open().await;
    let tokens = store.tokens();
    tokens.add(&token("laptop", 1)).await.unwrap();
    tokens.add(&token(NASTY, 2)).await.unwrap();
    let found = tokens.find(&[1; 32], time(9)).await.unwrap().unwrap();
    assert_eq!(
        (found.name.as_str(), &found.scopes[..]),
        ("laptop", &[Scope::Read, Scope::Submit][..])
    );
    assert_eq!(tokens.find(&[3; 32], time(9)).await.unwrap(), None);
    let names: Vec<String> = tokens.list().await.unwrap().into_iter().map(|t| t.name).collect();
    assert_eq!(names, [NASTY, "laptop"]);
    for scope in [Scope::Read, Scope::Submit, Scope::Admin] {
        assert_eq!(scope.to_string().parse::<Scope>().unwrap(), scope);
    }
    let error = "root".parse::<Scope>().unwrap_err();
    assert!(matches!(error, StoreError::InvalidScope { .. }), "{error}");
}

async fn a_token_expires(place: &Place) {
    let store = place.open().await;
    let passing = NewToken { expires_at: Some(time(100)), ..token("ci", 1) };
    store.tokens().add(&passing).await.unwrap();
    for (seconds, is_open) in [(0, true), (99, true), (100, false), (101, false)] {
        let found = store.tokens().find(&[1; 32], time(seconds)).await.unwrap();
        assert_eq!(found.is_some(), is_open, "{seconds}");
    }
}

async fn a_revoked_token_opens_nothing(place: &Place) {
    let store = place.open().await;
    let tokens = store.tokens();
    tokens.add(&token("laptop", 1)).await.unwrap();
    assert!(tokens.revoke("laptop", time(5)).await.unwrap());
    assert!(!tokens.revoke("laptop", time(6)).await.unwrap());
    assert!(!tokens.revoke("never", time(6)).await.unwrap());
    assert_eq!(tokens.find(&[1; 32], time(2)).await.unwrap(), None);
    // Its name is free again, its secret is not.
    tokens.add(&token("other", 1)).await.unwrap_err();
    tokens.add(&token("laptop", 2)).await.unwrap();
    assert!(tokens.find(&[2; 32], time(9)).await.unwrap().is_some());
    let listed = tokens.list().await.unwrap();
    let revoked: Vec<bool> = listed.iter().map(|token| token.revoked_at.is_some()).collect();
    assert_eq!(revoked, [false, true]);
}

async fn tokens_that_cannot_be_kept_are_refused(place: &Place) {
    let store = place.open().await;
    store.tokens().add(&token("laptop", 1)).await.unwrap();
    let nothing = NewToken { scopes: Vec::new(), ..token("x", 2) };
    for wrong in
        [token("", 2), token(&"x".repeat(201), 2), nothing, token("laptop", 2), token("other", 1)]
    {
        let error = store.tokens().add(&wrong).await.unwrap_err();
        assert!(matches!(error, StoreError::InvalidToken { .. }), "{error}");
        assert!(!error.to_string().contains("0101"), "{error}");
    }
    assert_eq!(store.tokens().list().await.unwrap().len(), 1);
}
