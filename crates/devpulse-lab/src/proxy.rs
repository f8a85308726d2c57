//! The layer between the client and the server.

mod wire;

use std::io::{self, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::fault::{Fault, Reply, Spoil, Trouble};
use crate::request::{Record, Request};

/// How often a connection that hangs looks whether it is to be cut.
const LOOK: Duration = Duration::from_millis(50);

/// A layer in front of the server, in which requests go wrong as a rule says. It keeps a
/// record of each.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    door: Option<Door>,
}

type Rule = Box<dyn FnMut(&Request) -> Fault + Send>;

struct Shared {
    server: SocketAddr,
    rule: Mutex<Rule>,
    records: Mutex<Records>,
    /// Grows when the connections that stand are to be cut.
    cuts: AtomicU64,
}

#[derive(Debug, Default)]
struct Records {
    next: usize,
    kept: Vec<Record>,
}

#[derive(Debug)]
struct Door {
    open: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl FaultProxy {
    /// Starts a layer in front of `server`, in which nothing goes wrong yet.
    #[must_use]
    pub fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            server,
            rule: Mutex::new(Box::new(|_| Fault::Pass)),
            records: Mutex::default(),
            cuts: AtomicU64::new(0),
        });
        let door = Some(Door::open(listener, &shared));
        Self { address, shared, door }
    }

    /// Where the client finds it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on requests go wrong as `rule` says; it is asked once for each.
    pub fn set(&self, rule: impl FnMut(&Request) -> Fault + Send + 'static) {
        *lock(&self.shared.rule) = Box::new(rule);
    }

    /// From now on nothing goes wrong. What hangs goes on hanging until [`FaultProxy::cut`].
    pub fn clear(&self) {
        self.set(|_| Fault::Pass);
    }

    /// Cuts every connection that stands.
    pub fn cut(&self) {
        self.shared.cuts.fetch_add(1, Ordering::SeqCst);
    }

    /// From now on connections are refused, as if no server ran.
    pub fn shut(&mut self) {
        if let Some(door) = self.door.take() {
            door.shut(self.address);
        }
        self.cut();
    }

    /// From now on connections are taken again, at the same address.
    pub fn reopen(&mut self) {
        if self.door.is_none() {
            let listener = TcpListener::bind(self.address).unwrap();
            self.door = Some(Door::open(listener, &self.shared));
        }
    }

    /// The records since the start or the last [`FaultProxy::take_records`].
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        lock(&self.shared.records).kept.clone()
    }

    /// Takes the records away, for those who run for long.
    pub fn take_records(&self) -> Vec<Record> {
        std::mem::take(&mut lock(&self.shared.records).kept)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shut();
    }
}

impl Door {
    fn open(listener: TcpListener, shared: &Arc<Shared>) -> Self {
        let open = Arc::new(AtomicBool::new(true));
        let (is_open, shared) = (Arc::clone(&open), Arc::clone(shared));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if !is_open.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    // The client may leave at any time; its requests are on record.
                    shared.serve(&stream).ok();
                });
            }
        });
        Self { open, thread }
    }

    fn shut(self, address: SocketAddr) {
        self.open.store(false, Ordering::SeqCst);
        // Wakes the thread, which then sees that it is over.
        TcpStream::connect(address).ok();
        self.thread.join().ok();
    }
}

impl Shared {
    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        let cuts = self.cuts.load(Ordering::SeqCst);
        stream.set_nodelay(true)?;
        let mut from = BufReader::new(stream);
        loop {
            self.wait_for_bytes(stream, &from, cuts)?;
            let Some(request) = wire::read_request(&mut from)? else { return Ok(()) };
            let fault = (lock(&self.rule))(&request);
            let number = self.begin(request.clone(), fault.clone());
            match fault {
                Fault::Pass => {
                    let reply = self.ask(number, &request);
                    self.answer(number, stream, &reply.or_else(|error| reset(stream, error))?)?;
                }
                Fault::Before(trouble) => self.before(number, stream, trouble, cuts)?,
                Fault::After(spoil) => {
                    let reply = self.ask(number, &request);
                    let reply = reply.or_else(|error| reset(stream, error))?;
                    self.spoilt(number, stream, reply, spoil, cuts)?;
                }
            }
        }
    }

    fn before(
        &self,
        number: usize,
        stream: &TcpStream,
        trouble: Trouble,
        cuts: u64,
    ) -> io::Result<()> {
        match trouble {
            Trouble::Answer(reply) => self.answer(number, stream, &reply),
            Trouble::Hang => self.hang(stream, cuts),
            Trouble::Reset => reset(stream, io::ErrorKind::ConnectionReset.into()),
        }
    }

    fn spoilt(
        &self,
        number: usize,
        mut stream: &TcpStream,
        mut reply: Reply,
        spoil: Spoil,
        cuts: u64,
    ) -> io::Result<()> {
        match spoil {
            Spoil::Replace(reply) => self.answer(number, stream, &reply),
            Spoil::Alter(alter) => {
                alter(&mut reply);
                self.answer(number, stream, &reply)
            }
            Spoil::Hang => self.hang(stream, cuts),
            Spoil::Reset => reset(stream, io::ErrorKind::ConnectionReset.into()),
            Spoil::Cut => {
                let half = &reply.body[..reply.body.len() / 2];
                stream.write_all(&[&wire::head(&reply), half].concat())?;
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Spoil::Slow(pause) => {
                stream.write_all(&wire::head(&reply))?;
                for byte in reply.body.chunks(1) {
                    std::thread::park_timeout(pause);
                    stream.write_all(byte)?;
                }
                self.end(number, reply.status);
                Ok(())
            }
        }
    }

    /// Asks the server.
    fn ask(&self, number: usize, request: &Request) -> io::Result<Reply> {
        let reply = wire::forward(self.server, request)?;
        self.note(number, |record| record.served = Some(reply.status));
        Ok(reply)
    }

    fn answer(&self, number: usize, mut stream: &TcpStream, reply: &Reply) -> io::Result<()> {
        // Told before it is sent: whoever has the answer finds it on record.
        self.end(number, reply.status);
        stream.write_all(&[&wire::head(reply), reply.body.as_slice()].concat())
    }

    /// Waits until the client gives up or the connections are cut.
    fn hang(&self, mut stream: &TcpStream, cuts: u64) -> io::Result<()> {
        stream.set_read_timeout(Some(LOOK))?;
        while self.cuts.load(Ordering::SeqCst) == cuts {
            match stream.read(&mut [0]) {
                Err(error) if is_timeout(&error) => {}
                Ok(0) | Err(_) => return Err(io::ErrorKind::ConnectionAborted.into()),
                Ok(_) => {}
            }
        }
        reset(stream, io::ErrorKind::ConnectionReset.into())
    }

    /// Waits for the next request, as long as the connection is not to be cut.
    fn wait_for_bytes(
        &self,
        stream: &TcpStream,
        from: &BufReader<&TcpStream>,
        cuts: u64,
    ) -> io::Result<()> {
        if !from.buffer().is_empty() {
            return Ok(());
        }
        stream.set_read_timeout(Some(LOOK))?;
        while self.cuts.load(Ordering::SeqCst) == cuts {
            match stream.peek(&mut [0]) {
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error),
                Ok(_) => return stream.set_read_timeout(None),
            }
        }
        reset(stream, io::ErrorKind::ConnectionReset.into())
    }

    fn begin(&self, request: Request, fault: Fault) -> usize {
        let mut records = lock(&self.records);
        let number = records.next;
        records.next += 1;
        records.kept.push(Record { number, request, fault, served: None, answered: None });
        number
    }

    fn end(&self, number: usize, status: u16) {
        self.note(number, |record| record.answered = Some(status));
    }

    fn note(&self, number: usize, note: impl FnOnce(&mut Record)) {
        let mut records = lock(&self.records);
        if let Some(record) = records.kept.iter_mut().rev().find(|record| record.number == number) {
            note(record);
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Ends the connection with a reset, and says so.
fn reset<T>(stream: &TcpStream, error: io::Error) -> io::Result<T> {
    rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO))?;
    Err(error)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
