//! A wire that counts the bytes which go over it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};

/// Passes connections on and counts what goes there and back. It listens until the program
/// ends.
#[derive(Debug)]
pub(crate) struct Meter {
    address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    there: AtomicU64,
    back: AtomicU64,
    connections: AtomicU64,
}

impl Meter {
    /// Starts one in front of `target`.
    pub(crate) fn start(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
        let address = listener.local_addr().context("a listener without an address")?;
        let counts = Arc::<Counts>::default();
        let shared = Arc::clone(&counts);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(target) else { continue };
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let (Ok(from), Ok(to)) = (client.try_clone(), server.try_clone()) else { continue };
                let (there, back) = (Arc::clone(&shared), Arc::clone(&shared));
                std::thread::spawn(move || pass(from, to, &there.there));
                std::thread::spawn(move || pass(server, client, &back.back));
            }
        });
        Ok(Self { address, counts })
    }

    /// Where clients find it, as a URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Bytes that clients have sent so far, and bytes that they were answered.
    pub(crate) fn counted(&self) -> [u64; 2] {
        [&self.counts.there, &self.counts.back].map(|count| count.load(Ordering::Relaxed))
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, count: &AtomicU64) {
    from.set_nodelay(true).ok();
    to.set_nodelay(true).ok();
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        count.fetch_add(length as u64, Ordering::Relaxed);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // Either side may be gone already.
    to.shutdown(Shutdown::Write).ok();
}
