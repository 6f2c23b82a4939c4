//! A wire to a database that can be cut and mended.

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Passes everything on to a server, unless it is cut.
pub struct Wire {
    pub address: SocketAddr,
    is_whole: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    listening: Option<JoinHandle<()>>,
}

impl Wire {
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let (is_whole, is_over) =
            (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let open: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let (whole, over, all) = (is_whole.clone(), is_over.clone(), open.clone());
        let listening = std::thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                let Ok((client, _)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                };
                // What comes while the wire is cut ends at once.
                if !whole.load(Ordering::SeqCst) {
                    continue;
                }
                client.set_nonblocking(false).unwrap();
                let server = TcpStream::connect(server).unwrap();
                let ends = [client.try_clone().unwrap(), server.try_clone().unwrap()];
                all.lock().unwrap().extend(ends);
                pass_on(client.try_clone().unwrap(), server.try_clone().unwrap());
                pass_on(server, client);
            }
        });
        Wire { address, is_whole, is_over, open, listening: Some(listening) }
    }

    /// Ends every connection and lets no other through.
    pub fn cut(&self) {
        self.is_whole.store(false, Ordering::SeqCst);
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub fn mend(&self) {
        self.is_whole.store(true, Ordering::SeqCst);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.cut();
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
}
