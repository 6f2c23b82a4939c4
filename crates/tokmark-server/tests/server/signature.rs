//! Signatures of records, from their arrival to their page.

use std::collections::BTreeMap;

use crate::support::{Running, sound};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use tokmark_model::{Note, Record, Signature};
use tokmark_server::ServerOptions;

crate::on_both_databases! {
    a_signature_that_fits_is_kept_and_shown_by_its_key_or_the_name_of_that
    what_was_changed_after_it_was_signed_is_refused_though_its_figures_are_right
    what_is_no_signature_at_all_is_refused
    figures_that_are_made_anew_and_remarks_break_no_signature
    a_record_that_is_known_stays_as_it_is_whoever_signs_it_later
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn digits(key: &SigningKey) -> String {
    Signature::new(&key.verifying_key().to_bytes(), &[0; 64]).key
}

fn signed(mut record: Record, key: &SigningKey) -> Record {
    let value = key.sign(&record.signed_bytes()).to_bytes();
    record.signature = Some(Signature::new(&key.verifying_key().to_bytes(), &value));
    record
}

fn page(server: &Running, record: &Record) -> String {
    let (status, page) = server.get(&format!("/benchmarks/{}", record.id));
    assert_eq!(status, 200, "{page}");
    page
}

fn kept(server: &Running, record: &Record) -> Record {
    let kept = server.json(&format!("/api/benchmarks/{}", record.id));
    serde_json::from_value(kept).unwrap()
}

fn is_refused(server: &Running, record: &Record) {
    let (status, answer) = server.send(std::slice::from_ref(record));
    assert_eq!((status, &answer["error"]["code"]), (422, &json!("bad_signature")), "{answer}");
    assert_eq!(answer["error"]["field"], "signature");
    assert_eq!(answer["error"]["record"], json!(record.id));
    assert_eq!(server.json("/api/benchmarks")["rows"], json!([]));
}

fn a_signature_that_fits_is_kept_and_shown_by_its_key_or_the_name_of_that() {
    let (known, unknown) = (key(1), key(2));
    let named = BTreeMap::from([(digits(&known), "the lab".to_owned())]);
    let server = Running::with(ServerOptions { trusted: named, ..ServerOptions::default() });
    let records = [signed(sound(1, 7), &known), signed(sound(2, 7), &unknown), sound(3, 7)];
    let (status, answer) = server.send(&records);
    assert_eq!(status, 200, "{answer}");
    for record in &records {
        assert_eq!(kept(&server, record), *record);
    }
    let [by_known, by_unknown, unsigned] = records.each_ref().map(|record| page(&server, record));
    assert!(by_known.contains("signed by the lab; verified"), "{by_known}");
    let short = &digits(&unknown)[..16];
    assert!(by_unknown.contains(&format!("signed by {short}…; verified")), "{by_unknown}");
    assert!(!unsigned.contains("signed by") && !unsigned.contains("Signature"), "{unsigned}");
}

fn what_was_changed_after_it_was_signed_is_refused_though_its_figures_are_right() {
    let server = Running::start();
    let mut changed = signed(sound(1, 7), &key(1));
    changed.samples[3].duration_ns.0 += 1;
    changed.summary = None;
    let changed = tokmark_stats::recomputed(&changed, |_| None).unwrap();
    is_refused(&server, &changed);
    let mut renamed = signed(sound(1, 7), &key(1));
    renamed.model.name = "another model".to_owned();
    is_refused(&server, &renamed);
    let mut of_another = sound(1, 7);
    of_another.signature = signed(sound(2, 7), &key(1)).signature;
    is_refused(&server, &of_another);
    let mut of_another_key = signed(sound(1, 7), &key(1));
    of_another_key.signature.as_mut().unwrap().key = digits(&key(2));
    is_refused(&server, &of_another_key);
}

fn what_is_no_signature_at_all_is_refused() {
    let server = Running::start();
    let good = signed(sound(1, 7), &key(1)).signature.unwrap();
    let small_order = "01".to_owned() + &"00".repeat(31);
    let of_small_order = small_order.clone() + &"00".repeat(32);
    for (key, value) in [
        ("", ""),
        ("<script>", good.value.as_str()),
        (good.key.as_str(), "00"),
        (good.key.to_uppercase().as_str(), good.value.as_str()),
        (small_order.as_str(), of_small_order.as_str()),
    ] {
        let mut bad = sound(1, 7);
        bad.signature = Some(Signature { key: key.to_owned(), value: value.to_owned() });
        is_refused(&server, &bad);
    }
}

fn figures_that_are_made_anew_and_remarks_break_no_signature() {
    let server = Running::start();
    let mut record = signed(sound(1, 7), &key(1));
    let summary = record.summary.as_mut().unwrap();
    summary.statistics_version = 0;
    summary.rate.rate_tps.0 *= 2.0;
    record.grade = None;
    record.notes.push(Note { at: record.created_at, text: "a remark".to_owned() });
    record.tags.push("night".to_owned());
    assert_eq!(server.send(std::slice::from_ref(&record)).0, 200);
    let kept = kept(&server, &record);
    assert_ne!(kept.summary, record.summary);
    assert_eq!((kept.signature, kept.tags), (record.signature.clone(), record.tags.clone()));
    assert!(page(&server, &record).contains("; verified"));
}

fn a_record_that_is_known_stays_as_it_is_whoever_signs_it_later() {
    let server = Running::start();
    let unsigned = sound(1, 7);
    assert_eq!(server.send(std::slice::from_ref(&unsigned)).0, 200);
    let (status, answer) = server.send(&[signed(unsigned.clone(), &key(1))]);
    assert_eq!((status, &answer["n_known"]), (200, &Value::from(1)), "{answer}");
    assert_eq!(kept(&server, &unsigned), unsigned);
}
