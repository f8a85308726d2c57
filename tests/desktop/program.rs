//! The tray alone, without an agent: it shows what it is told to and tells what is chosen.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::session::{DEADLINE, Session};

/// A process that is ended when dropped.
pub(crate) struct Program {
    child: Child,
    input: ChildStdin,
    lines: mpsc::UnboundedReceiver<String>,
}

/// The example, which the tests of a package do not bring with them in every case.
pub(crate) fn tray_alone() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let package = ["--quiet", "--package", "devpulse-desktop", "--example", "tray_alone"];
        let mut cargo = Command::new(env!("CARGO"));
        let built = cargo.arg("build").args(package).current_dir(env!("CARGO_MANIFEST_DIR"));
        assert!(built.status().unwrap().success(), "the example is not built");
        let test = std::env::current_exe().unwrap();
        test.parent().and_then(Path::parent).unwrap().join("examples").join("tray_alone")
    };
    BUILT.get_or_init(build).clone()
}

impl Program {
    pub(crate) fn start(session: &Session, program: &Path) -> Self {
        let mut command = session.command(program);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (told, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if told.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, input, lines }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// The next line that it tells.
    pub(crate) async fn hear(&mut self) -> String {
        let line = timeout(DEADLINE, self.lines.recv()).await.expect("the program tells something");
        line.expect("the program goes on")
    }

    pub(crate) async fn expect(&mut self, line: &str) {
        assert_eq!(self.hear().await, line);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
