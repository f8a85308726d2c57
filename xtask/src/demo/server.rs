//! The demo's server, and what its admin interface tells.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::TryRecvError;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::home::Home;
use super::http::Endpoint;
use super::interrupts::Interrupts;
use super::process::Process;

const PATIENCE: Duration = Duration::from_secs(15);

/// The reference server on free ports of this machine.
pub(crate) struct Server {
    process: Process,
    program: PathBuf,
    database: PathBuf,
    url: String,
    admin: Endpoint,
    cursor: i64,
}

impl Server {
    pub(crate) fn start(program: &Path, home: &Home, interrupts: &Interrupts) -> Result<Self> {
        let (database, token) = (home.file("server.db"), home.file("admin-token"));
        let mut command = Command::new(program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.arg("--db").arg(&database).arg("--admin-token-file").arg(&token);
        command.current_dir(home.path());
        let (mut process, lines) = Process::start_and_read("server", &mut command, &home.logs())?;
        let mut listening = Vec::new();
        interrupts.until("the server's addresses", PATIENCE, || {
            match lines.try_recv() {
                Ok(line) => listening.extend(address(&line)),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => {
                    process.check_running()?;
                    bail!("the server does not say where it listens");
                }
            }
            Ok((listening.len() == 2).then_some(()))
        })?;
        let token = std::fs::read_to_string(&token).context("the admin token is not there")?;
        let admin = Endpoint { address: listening.remove(1), token: token.trim().to_owned() };
        Ok(Self {
            process,
            program: program.to_owned(),
            database,
            url: format!("http://{}", listening.remove(0)),
            admin,
            cursor: 0,
        })
    }

    /// Where devices reach it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Fails if the server has ended.
    pub(crate) fn check_running(&mut self) -> Result<()> {
        self.process.check_running()
    }

    /// Sets what devices are configured to do.
    pub(crate) fn configure(&self, config: &Value) -> Result<()> {
        self.admin.put("/admin/v1/config", config)
    }

    /// Issues a secret that one device can enroll with.
    pub(crate) fn issue_secret(&self) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.args(["secret", "create", "--max-uses", "1", "--db"]).arg(&self.database);
        let output = command.output().context("devpulse-server does not start")?;
        if !output.status.success() {
            bail!("no secret was issued: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The events that arrived since the last call, in the order of their arrival.
    pub(crate) fn new_events(&mut self) -> Result<Vec<Value>> {
        let mut page = self.admin.get(&format!("/admin/v1/events?cursor={}", self.cursor))?;
        self.cursor = page["next_cursor"].as_i64().context("a page of events has no cursor")?;
        match page["events"].take() {
            Value::Array(events) => Ok(events),
            _ => bail!("a page of events has no events"),
        }
    }

    /// The image file with this hash.
    pub(crate) fn image(&self, hash: &str) -> Result<Vec<u8>> {
        self.admin.download(&format!("/admin/v1/screenshots/{hash}"))
    }
}

/// Host and port in a line such as `listening on http://127.0.0.1:8080`.
fn address(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("http://")?;
    let end = rest.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(rest.len());
    Some(rest[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_what_the_server_says() {
        let expected = Some("127.0.0.1:8080".to_owned());
        assert_eq!(address("listening on http://127.0.0.1:8080"), expected);
        assert_eq!(address("admin interface on http://127.0.0.1:8080/admin (x)"), expected);
        assert_eq!(address("not for production"), None);
    }
}
