//! Named pipes: open to their owner only, whose name follows from the path that the socket
//! has elsewhere.

use std::ffi::c_void;
use std::io;
use std::os::windows::io::AsHandle as _;
use std::path::Path;
use std::time::Duration;

use devpulse_windows::{OwnerOnly, Security, Sid};
use sha2::{Digest as _, Sha256};
use tokio::net::windows::named_pipe::{ClientOptions, NamedPipeServer, ServerOptions};

use super::{Arrival, BindError, BoxedStream, ConnectError};

/// What the system says where every instance of the pipe is taken.
const PIPE_BUSY: i32 = 231;

/// Time between two tries where more connections wait than there are instances.
const CROWDED_RETRY: Duration = Duration::from_millis(10);

/// The pipe; the system removes it with its last instance.
pub(crate) struct PipeListener {
    name: String,
    owner: OwnerOnly,
    /// The instance that waits for the next front end.
    waiting: Option<NamedPipeServer>,
}

/// Whether the name is free, or ours already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Instance {
    First,
    Further,
}

pub(super) fn bind(path: &Path) -> Result<PipeListener, BindError> {
    let failed = |source| BindError::Socket { path: path.to_owned(), source };
    let name = name(path).map_err(failed)?;
    let owner = OwnerOnly::thing().map_err(failed)?;
    let mut listener = PipeListener { name, owner, waiting: None };
    listener.waiting = Some(listener.instance(Instance::First).map_err(failed)?);
    Ok(listener)
}

pub(super) async fn connect(path: &Path) -> Result<BoxedStream, ConnectError> {
    let name = name(path).map_err(ConnectError::Io)?;
    let pipe = loop {
        match ClientOptions::new().open(&name) {
            Ok(pipe) => break pipe,
            Err(error) if error.raw_os_error() == Some(PIPE_BUSY) => {
                tokio::time::sleep(CROWDED_RETRY).await;
            }
            Err(error) => return Err(classify(error)),
        }
    };
    let owner = Security::of_pipe(pipe.as_handle()).map_err(ConnectError::Io)?;
    if is_trusted(owner.owner()).map_err(ConnectError::Io)? {
        Ok(Box::new(pipe))
    } else {
        Err(ConnectError::WrongOwner)
    }
}

impl PipeListener {
    pub(super) async fn accept(&mut self) -> io::Result<Arrival> {
        let waiting = match self.waiting.take() {
            Some(waiting) => self.waiting.insert(waiting),
            None => {
                let further = self.instance(Instance::Further)?;
                self.waiting.insert(further)
            }
        };
        waiting.connect().await?;
        // Made before the connected one can end, so that the name never goes.
        let next = self.instance(Instance::Further);
        let connected = self.waiting.take();
        self.waiting = next
            .inspect_err(|error| tracing::warn!(%error, "the control pipe has no further instance"))
            .ok();
        Ok(connected.map_or(Arrival::Closed, |pipe| Arrival::Accepted(Box::new(pipe))))
    }

    fn instance(&self, instance: Instance) -> io::Result<NamedPipeServer> {
        let mut options = ServerOptions::new();
        options.first_pipe_instance(instance == Instance::First).reject_remote_clients(true);
        let mut attributes = self.owner.attributes();
        // SAFETY: the attributes are valid during the call, and the call keeps none of them.
        unsafe {
            let attributes = (&raw mut attributes).cast::<c_void>();
            options.create_with_security_attributes_raw(&self.name, attributes)
        }
    }
}

/// The name of the pipe that stands for the socket at `path`: paths that mean the same file
/// but for the case of their letters have the same one.
fn name(path: &Path) -> io::Result<String> {
    let path = std::path::absolute(path)?;
    let hash = Sha256::digest(path.to_string_lossy().to_lowercase());
    let digits: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!(r"\\.\pipe\devpulse-{digits}"))
}

/// The owner may answer, and so may the system and administrators, who could read its
/// memory anyway.
fn is_trusted(owner: &Sid) -> io::Result<bool> {
    Ok(*owner == Sid::of_this_user()? || owner.is_system_or_owner())
}

fn classify(error: io::Error) -> ConnectError {
    match error.kind() {
        io::ErrorKind::NotFound => ConnectError::NobodyListens,
        io::ErrorKind::PermissionDenied => ConnectError::WrongOwner,
        _ => ConnectError::Io(error),
    }
}

#[cfg(test)]
mod tests {
    use devpulse_windows::Audience;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn the_pipe_is_its_owners_alone_and_answers_each_front_end() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("agent.sock");
        assert!(matches!(connect(&path).await, Err(ConnectError::NobodyListens)));
        let mut listener = bind(&path).unwrap();
        let found = Security::of_pipe(listener.waiting.as_ref().unwrap().as_handle()).unwrap();
        assert_eq!(found.audience(), Audience::Owner, "{found:?}");
        for _ in 0..3 {
            let (arrival, front_end) = tokio::join!(listener.accept(), connect(&path));
            let Ok(Arrival::Accepted(mut agent)) = arrival else { panic!("nobody arrived") };
            let mut front_end = front_end.unwrap_or_else(|error| panic!("{error:?}"));
            agent.write_all(b"hello").await.unwrap();
            drop(agent);
            let mut heard = Vec::new();
            front_end.read_to_end(&mut heard).await.unwrap();
            assert_eq!(heard, b"hello");
        }
    }

    #[tokio::test]
    async fn a_name_that_is_taken_is_not_shared() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("agent.sock");
        let _first = bind(&path).unwrap();
        assert!(matches!(bind(&path), Err(BindError::Socket { .. })));
    }

    #[test]
    fn the_case_of_a_path_does_not_make_another_pipe() {
        let lower = name(Path::new(r"c:\users\ada\.devpulse\agent.sock")).unwrap();
        assert_eq!(lower, name(Path::new(r"C:\Users\Ada\.devpulse\agent.sock")).unwrap());
        assert_ne!(lower, name(Path::new(r"c:\users\bob\.devpulse\agent.sock")).unwrap());
    }
}
