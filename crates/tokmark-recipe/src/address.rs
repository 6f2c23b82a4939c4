//! Where a server listens, and who listens there already.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::{Port, Recipe, RecipeError};

/// Where requests to a server go. Its `Debug` output leaves the URLs out, since a recipe may
/// have put a key there.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// Address it listens on.
    pub host: String,
    /// Port it listens on.
    pub port: u16,
    /// Base URL, without a slash at its end.
    pub url: String,
    /// URL that tells whether it is ready.
    pub ready_url: String,
    /// HTTP status of that URL once it is ready.
    pub ready_status: u16,
}

/// A process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortOwner {
    /// Its process id.
    pub pid: u32,
    /// Its name.
    pub name: String,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for PortOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

/// The port for a start of `recipe`, free at this moment.
pub(crate) fn choose_port(recipe: &Recipe) -> Result<u16, RecipeError> {
    let host = &recipe.host;
    let no_port = |source| RecipeError::NoPort { host: host.clone(), source };
    match recipe.port {
        Port::Auto => free_port(host).map_err(no_port),
        Port::Number(port) => match is_taken(host, port) {
            Ok(false) => Ok(port),
            Ok(true) => {
                Err(RecipeError::PortInUse { host: host.clone(), port, owner: owner_of(port) })
            }
            Err(source) => Err(no_port(source)),
        },
    }
}

/// The port for `recipe` after some time has passed: `port` if nobody has taken it.
pub(crate) fn choose_port_again(recipe: &Recipe, port: u16) -> Result<u16, RecipeError> {
    if is_taken(&recipe.host, port).is_ok_and(|is_taken| !is_taken) {
        return Ok(port);
    }
    choose_port(recipe)
}

/// A port that is free, and that none of the last calls gave: their servers may be about to
/// take theirs.
fn free_port(host: &str) -> io::Result<u16> {
    static GIVEN: Mutex<VecDeque<u16>> = Mutex::new(VecDeque::new());
    const REMEMBERED: usize = 64;
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut refused = Vec::new();
    loop {
        let listener = TcpListener::bind((host, 0))?;
        let port = listener.local_addr()?.port();
        if !given.contains(&port) || refused.len() > REMEMBERED {
            given.push_back(port);
            if given.len() > REMEMBERED {
                given.pop_front();
            }
            return Ok(port);
        }
        // Held until another one is found, so that it is not offered again.
        refused.push(listener);
    }
}

fn is_taken(host: &str, port: u16) -> io::Result<bool> {
    match TcpListener::bind((host, port)) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Ok(true),
        Err(error) => return Err(error),
        Ok(listener) => drop(listener),
    }
    // Some systems let two sockets share a port: one bound to every address, one to this.
    let address = (host, port).to_socket_addrs()?.next();
    let answers =
        |address| TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok();
    Ok(address.is_some_and(answers))
}

/// Who listens on `port`: from `/proc/net/tcp` and the sockets that processes hold open.
/// `None` where that cannot be read, and on other systems than Linux.
fn owner_of(port: u16) -> Option<PortOwner> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    if sockets.is_empty() {
        return None;
    }
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let holds = files.flatten().any(|file| {
            std::fs::read_link(file.path())
                .is_ok_and(|target| sockets.iter().any(|socket| target.as_os_str() == &**socket))
        });
        if holds {
            let name = std::fs::read_to_string(process.path().join("comm")).ok()?;
            return Some(PortOwner { pid, name: name.trim().to_owned() });
        }
    }
    None
}

/// Inodes of the sockets that listen on `port`, from a table as the kernel's documentation
/// describes it (`Documentation/networking/proc_net_tcp.rst`): the second column is the
/// local address and port in hexadecimal, the fourth the state, 0A for listening, the tenth
/// the inode.
fn listening_inodes(table: &str, port: u16) -> Vec<u64> {
    let inode = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (_, hex_port) = columns.get(1)?.rsplit_once(':')?;
        let is_it = u16::from_str_radix(hex_port, 16).ok()? == port && *columns.get(3)? == "0A";
        if is_it { columns.get(9)?.parse().ok() } else { None }
    };
    table.lines().filter_map(inode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(port: &str) -> Recipe {
        Recipe::parse(&format!("name: a\ncommand: [b]\nport: {port}")).unwrap().remove(0)
    }

    #[test]
    fn auto_gives_a_port_that_can_be_bound() {
        let port = choose_port(&recipe("auto")).unwrap();
        assert!(port > 0);
        drop(TcpListener::bind(("127.0.0.1", port)).unwrap());
    }

    #[test]
    fn free_ports_are_not_given_twice_in_a_row() {
        let ports: Vec<u16> = (0..40).map(|_| free_port("127.0.0.1").unwrap()).collect();
        let different: std::collections::BTreeSet<&u16> = ports.iter().collect();
        assert_eq!(different.len(), ports.len());
    }

    #[test]
    fn a_port_that_was_taken_meanwhile_is_replaced_where_any_will_do() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let fixed = recipe(&port.to_string());
        assert_ne!(choose_port_again(&recipe("auto"), port).unwrap(), port);
        assert!(matches!(choose_port_again(&fixed, port), Err(RecipeError::PortInUse { .. })));
    }

    #[test]
    fn a_port_in_use_is_an_error_that_names_its_owner() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = choose_port(&recipe(&port.to_string())).unwrap_err();
        assert!(error.to_string().contains(&format!("port {port} of 127.0.0.1 is in use")));
        let RecipeError::PortInUse { owner, .. } = error else { panic!("{error}") };
        if cfg!(target_os = "linux") {
            assert_eq!(owner.unwrap().pid, std::process::id());
        }
    }

    #[test]
    fn a_port_that_was_let_go_is_free() {
        // Somebody else may take it at once; never ten times in a row.
        let is_free_again = |_| {
            let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            drop(listener);
            choose_port(&recipe(&port.to_string())).is_ok_and(|chosen| chosen == port)
        };
        assert!((0..10).any(is_free_again));
    }

    #[test]
    fn a_host_that_is_not_here_is_an_error() {
        let mut recipe = recipe("auto");
        recipe.host = "192.0.2.1".to_owned();
        assert!(matches!(choose_port(&recipe), Err(RecipeError::NoPort { .. })));
    }

    #[test]
    fn only_listening_sockets_of_the_port_are_found() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            \u{20}  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 41 1\n\
            \u{20}  1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 42 1\n\
            \u{20}  2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 43 1\n";
        assert_eq!(listening_inodes(table, 8080), [41]);
        assert_eq!(listening_inodes("rubbish\n0: x 0A\n", 8080), Vec::<u64>::new());
    }
}
