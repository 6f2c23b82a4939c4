//! What the outbox does not lose.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokmark_agent::{Client, ClientError, Outbox};
use tokmark_model::Record;

use super::records::{record, records};
use super::server::{Reply, Server, Taken};

/// A server that takes records, and what it has.
fn taking(taken: Taken) -> (Server, Client, Arc<Mutex<Taken>>) {
    let taken = Arc::new(Mutex::new(taken));
    let answering = Arc::clone(&taken);
    let server = Server::new(move |asked| answering.lock().unwrap().answer(asked));
    let client = Client::new(&server.address(), Some("token")).unwrap();
    (server, client, taken)
}

fn ids(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| record.id.to_string()).collect()
}

fn unwanted(records: &[u32]) -> Taken {
    Taken {
        unwanted: records.iter().map(|&n| record(n).id.to_string()).collect(),
        ..Taken::default()
    }
}

fn refused(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder.join("refused")).unwrap();
    let mut names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_was_added_outlives_its_writer_and_is_sent_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let all = records(250);
    {
        let outbox = Outbox::open(folder.path()).unwrap();
        outbox.add(&all[..240]).unwrap();
        outbox.add(&all[240..]).unwrap();
        outbox.add(&[]).unwrap();
    }
    // The writer died here; another died while it wrote.
    File::create(folder.path().join(".0.json.gz.part")).unwrap().write_all(b"half").unwrap();
    let (server, client, taken) = taking(Taken::default());
    let outbox = Outbox::open(folder.path()).unwrap();
    assert_eq!(outbox.n_waiting().unwrap(), 4);
    let sent = outbox.send_all(&client).unwrap();
    assert_eq!((sent.n_new, sent.n_known, sent.n_left), (250, 0, 0));
    assert_eq!(sent.stopped, None);
    assert_eq!(taken.lock().unwrap().ids, ids(&all));
    assert_eq!(server.asked().len(), 4);
    assert_eq!(outbox.n_waiting().unwrap(), 0);
    assert_eq!(outbox.send_all(&client).unwrap(), Default::default());
}

#[test]
fn what_was_sent_before_a_crash_is_known_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(folder.path()).unwrap();
    outbox.add(&records(2)).unwrap();
    let (_server, client, _) = taking(Taken::default());
    // It was taken, and then the sender died before it removed the file.
    client.upload(&records(2)).unwrap();
    let sent = outbox.send_all(&client).unwrap();
    assert_eq!((sent.n_new, sent.n_known), (0, 2));
}

#[test]
fn two_senders_at_once_send_each_batch_once() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..20 {
        Outbox::open(folder.path()).unwrap().add(&[record(n)]).unwrap();
    }
    let (server, client, taken) = taking(Taken::default());
    let counts: Vec<u64> = std::thread::scope(|scope| {
        let send = || {
            let sent = Outbox::open(folder.path()).unwrap().send_all(&client).unwrap();
            assert_eq!((sent.n_known, sent.stopped), (0, None));
            sent.n_new
        };
        let senders = [scope.spawn(send), scope.spawn(send)];
        senders.map(|sender| sender.join().unwrap()).to_vec()
    });
    assert_eq!(counts.iter().sum::<u64>(), 20);
    assert_eq!(server.asked().len(), 20);
    assert_eq!(taken.lock().unwrap().ids.len(), 20);
}

#[test]
fn one_refused_record_of_ten_is_set_aside_and_nine_are_sent() {
    for names_it in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(folder.path()).unwrap();
        let mut odd = record(6);
        odd.newer.insert("newer_field".to_owned(), json!([1.5, "x"]));
        let mut all = records(10);
        all[6] = odd.clone();
        outbox.add(&all).unwrap();
        let (server, client, taken) = taking(Taken { names_it, ..unwanted(&[6]) });
        let sent = outbox.send_all(&client).unwrap();
        assert_eq!((sent.n_new, sent.n_left, sent.stopped), (9, 0, None));
        let [one] = sent.refused.as_slice() else { panic!("{:?}", sent.refused) };
        assert_eq!(one.id, Some(odd.id));
        let kept: Value = serde_json::from_slice(&fs::read(&one.file).unwrap()).unwrap();
        assert_eq!(kept, serde_json::to_value(&odd).unwrap());
        let reason = fs::read_to_string(one.file.with_extension("txt")).unwrap();
        assert!(reason.contains("summary.rate: rate is 1 of 2"), "{reason}");
        let id = odd.id;
        assert_eq!(refused(folder.path()), [format!("{id}.json"), format!("{id}.txt")]);
        let mut expected = ids(&records(10));
        expected.remove(6);
        assert_eq!(taken.lock().unwrap().ids, expected);
        assert_eq!(outbox.n_waiting().unwrap(), 0);
        let n_asked = server.asked().len();
        assert!(if names_it { n_asked == 3 } else { n_asked <= 9 }, "{n_asked}");
    }
}

#[test]
fn a_batch_of_which_nothing_is_wanted_is_set_aside_whole() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(folder.path()).unwrap();
    outbox.add(&records(4)).unwrap();
    outbox.add(&[record(4)]).unwrap();
    let (_server, client, taken) = taking(Taken { names_it: true, ..unwanted(&[0, 1, 2, 3]) });
    let sent = outbox.send_all(&client).unwrap();
    assert_eq!((sent.n_new, sent.refused.len(), sent.n_left), (1, 4, 0));
    assert_eq!(taken.lock().unwrap().ids, ids(&[record(4)]));
}

#[test]
fn a_batch_that_is_too_large_is_sent_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(folder.path()).unwrap();
    outbox.add(&records(10)).unwrap();
    let (_server, client, taken) = taking(Taken { most: Some(3), ..Taken::default() });
    let sent = outbox.send_all(&client).unwrap();
    assert_eq!((sent.n_new, sent.refused.len(), sent.n_left), (10, 0, 0));
    assert_eq!(taken.lock().unwrap().ids, ids(&records(10)));
}

#[test]
fn what_a_server_that_is_away_did_not_get_it_gets_when_it_is_back() {
    for away in [
        Reply::HangUp,
        Reply::Raw(503, "retry-after: 9\r\n".to_owned(), Vec::new()),
        Reply::Raw(200, String::new(), b"<html>welcome".to_vec()),
        Reply::complaint(401, "expired", "the token is expired"),
        Reply::complaint(404, "not_found", "no such path"),
        Reply::Raw(302, "location: http://elsewhere/\r\n".to_owned(), Vec::new()),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(folder.path()).unwrap();
        for n in 0..3 {
            outbox.add(&[record(n)]).unwrap();
        }
        let mut taken = Taken::default();
        let mut n_asked = 0;
        let reply = away.clone();
        let server = Server::new(move |asked| {
            n_asked += 1;
            if n_asked == 2 { reply.clone() } else { taken.answer(asked) }
        });
        let client = Client::new(&server.address(), None).unwrap();
        let sent = outbox.send_all(&client).unwrap();
        assert_eq!((sent.n_new, sent.n_left, sent.refused.len()), (1, 2, 0), "{away:?}");
        assert!(sent.stopped.is_some());
        assert_eq!(outbox.n_waiting().unwrap(), 2);
        let sent = outbox.send_all(&client).unwrap();
        assert_eq!((sent.n_new, sent.n_known, sent.n_left), (2, 0, 0), "{away:?}");
    }
}

#[test]
fn a_server_that_goes_while_a_batch_is_split_leaves_nothing_undone() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(folder.path()).unwrap();
    outbox.add(&records(8)).unwrap();
    let mut taken = unwanted(&[5]);
    let mut n_asked = 0;
    let server = Server::new(move |asked| {
        n_asked += 1;
        if n_asked == 4 { Reply::HangUp } else { taken.answer(asked) }
    });
    let client = Client::new(&server.address(), None).unwrap();
    let sent = outbox.send_all(&client).unwrap();
    assert_eq!((sent.n_new, sent.n_left), (4, 1));
    assert!(matches!(sent.stopped, Some(ClientError::Unreachable { .. })));
    let sent = outbox.send_all(&client).unwrap();
    assert_eq!((sent.n_new, sent.n_known, sent.refused.len()), (3, 4, 1));
    assert_eq!(outbox.n_waiting().unwrap(), 0);
}

#[test]
fn a_batch_that_cannot_be_read_stops_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(folder.path()).unwrap();
    fs::write(folder.path().join("0.json.gz"), b"no gzip").unwrap();
    outbox.add(&[record(0)]).unwrap();
    let (_server, client, _) = taking(Taken::default());
    let sent = outbox.send_all(&client).unwrap();
    assert_eq!((sent.n_new, sent.n_left, sent.refused.len()), (1, 0, 1));
    assert_eq!(sent.refused[0].id, None);
    assert_eq!(refused(folder.path()), ["0.json.gz", "0.txt"]);
}
