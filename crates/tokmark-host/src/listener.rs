//! Who listens on a port of this machine.

use std::collections::{HashMap, HashSet};

use crate::sensors::process_ids;
use crate::tree::Tree;

/// The state of a listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// The processes that listen on TCP `port` of this machine, and all that they started, in
/// ascending order. Empty where that can't be seen: no `/proc`, or the server of another user.
pub fn server_processes(port: u16) -> Vec<u32> {
    processes_below(&Tree::live(), port)
}

fn processes_below(tree: &Tree, port: u16) -> Vec<u32> {
    let sockets = listening_sockets(tree, port);
    if sockets.is_empty() {
        return Vec::new();
    }
    let ids = process_ids(tree);
    let parents: HashMap<u32, u32> =
        ids.iter().filter_map(|&id| Some((id, parent(tree, id)?))).collect();
    let mut found: HashSet<u32> =
        ids.iter().copied().filter(|&id| holds_any(tree, id, &sockets)).collect();
    loop {
        let children: Vec<u32> = parents
            .iter()
            .filter(|(id, parent)| found.contains(parent) && !found.contains(id))
            .map(|(id, _)| *id)
            .collect();
        if children.is_empty() {
            break;
        }
        found.extend(children);
    }
    let mut found: Vec<u32> = found.into_iter().collect();
    found.sort_unstable();
    found
}

/// Names of the listening sockets as links in `/proc/PID/fd` spell them.
fn listening_sockets(tree: &Tree, port: u16) -> HashSet<String> {
    let port = format!(":{port:04X}");
    let of = |file| {
        let text = tree.text(file).unwrap_or_default();
        let sockets: Vec<String> = text
            .lines()
            .skip(1)
            .filter_map(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                let is_ours = fields.get(1)?.ends_with(&port) && *fields.get(3)? == LISTENING;
                is_ours.then(|| format!("socket:[{}]", fields.get(9).unwrap_or(&"")))
            })
            .collect();
        sockets
    };
    of("proc/net/tcp").into_iter().chain(of("proc/net/tcp6")).collect()
}

fn holds_any(tree: &Tree, id: u32, sockets: &HashSet<String>) -> bool {
    let folder = format!("proc/{id}/fd");
    tree.names(&folder).iter().any(|name| {
        tree.link_name(format!("{folder}/{name}")).is_some_and(|link| sockets.contains(&link))
    })
}

/// The parent by `/proc/PID/stat`, whose second field may hold anything in parentheses.
fn parent(tree: &Tree, id: u32) -> Option<u32> {
    let stat = tree.text(format!("proc/{id}/stat"))?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listening_process_is_found_by_its_socket() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let found = server_processes(port);
        assert!(found.contains(&std::process::id()), "{found:?}");
        drop(listener);
        assert!(!server_processes(port).contains(&std::process::id()));
    }

    #[test]
    fn what_a_server_started_belongs_to_it() {
        let fixture = crate::facts::fixture::Fixture::new(&[]);
        let line = "0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 4242 1 0\n";
        fixture.write("proc/net/tcp", format!("  sl  local_address ...\n{line}"));
        for (id, parent) in [(10, 1), (11, 10), (12, 11), (13, 1)] {
            fixture.write(&format!("proc/{id}/stat"), format!("{id} (a) b) S {parent} 0 0"));
        }
        let folder = fixture.tree().path("proc/10/fd");
        std::fs::create_dir_all(&folder).unwrap();
        std::os::unix::fs::symlink("socket:[4242]", folder.join("3")).unwrap();
        assert_eq!(processes_below(fixture.tree(), 0x1F90), [10, 11, 12]);
        assert!(processes_below(fixture.tree(), 80).is_empty());
    }
}
