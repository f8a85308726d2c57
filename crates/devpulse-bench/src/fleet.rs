//! The reference server under a thousand agents, each with a connection that stays.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use devpulse_protocol::{BATCH_PATH, BatchId, ENROLL_PATH, TOKEN_PATH, Timestamp};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::desktop::Ended;
use crate::results::Measured;
use crate::suite::Bench;
use crate::workload::Workload;
use crate::{process, programs};

const AGENTS: usize = 1000;
const ROUNDS: usize = 3;
const BATCH: usize = 10;

pub(crate) fn measure(bench: &Bench) -> Result<Measured> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("so many connections are not allowed")?;
    let server = Server::start(bench)?;
    let secret = server.secret()?;
    let pid = server.process.0.id();
    let mut measured = Measured::default();
    let empty = process::memory(pid)?.proportional;
    let (begun, before) = (Instant::now(), process::cpu(pid)?);
    let mut agents = (0..AGENTS)
        .map(|number| Agent::enroll(server.address, &secret, number))
        .collect::<Result<Vec<_>>>()?;
    let each = |spent: std::time::Duration| spent.as_secs_f64() * 1e6 / AGENTS as f64;
    let enrolling = each(process::cpu(pid)?.saturating_sub(before));
    measured.add(
        "fleet.enroll.rate",
        "devices enrolled, with their first token",
        "/s",
        &[AGENTS as f64 / begun.elapsed().as_secs_f64()],
    );
    measured.add("fleet.enroll.cpu", "the server's processor time for one", "us", &[enrolling]);
    let (mut rates, mut cpu) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        let (begun, before) = (Instant::now(), process::cpu(pid)?);
        for agent in &mut agents {
            agent.send_batch()?;
        }
        rates.push(AGENTS as f64 / begun.elapsed().as_secs_f64());
        cpu.push(each(process::cpu(pid)?.saturating_sub(before)));
    }
    let what = format!("batches of {BATCH} stored, one after the other, from {AGENTS} connections");
    measured.add("fleet.batch.rate", &what, "/s", &rates);
    measured.add("fleet.batch.cpu", "the server's processor time for one", "us", &cpu);
    let held = process::memory(pid)?.proportional;
    let connection = (held.saturating_sub(empty)) as f64 / AGENTS as f64 / 1e3;
    measured.add(
        "fleet.empty",
        "the server's memory (PSS) before anybody came",
        "MB",
        &[empty as f64 / 1e6],
    );
    measured.add("fleet.held", "with 1,000 connections open", "MB", &[held as f64 / 1e6]);
    measured.add("fleet.connection", "that is, for one connection", "kB", &[connection]);
    Ok(measured)
}

/// The real program, with a database of its own.
struct Server {
    process: Ended,
    address: SocketAddr,
    folder: TempDir,
    _said: BufReader<ChildStdout>,
}

impl Server {
    fn start(bench: &Bench) -> Result<Self> {
        let folder = bench.folder()?;
        let mut process = Command::new(programs::built("devpulse-server")?)
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .arg("--db")
            .arg(folder.path().join("server.db"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("devpulse-server does not start")?;
        let said = process.stdout.take().context("devpulse-server says nothing")?;
        let process = Ended(process);
        // Held open: what it says later has to go somewhere.
        let mut said = BufReader::new(said);
        let mut line = String::new();
        said.read_line(&mut line).context("devpulse-server says nothing")?;
        let address = line.split_once("http://").and_then(|(_, rest)| {
            rest.split(|c: char| c.is_whitespace() || c == '/').next()?.parse().ok()
        });
        let address = address.with_context(|| format!("devpulse-server said `{line}`"))?;
        Ok(Self { process, address, folder, _said: said })
    }

    fn secret(&self) -> Result<String> {
        let database = self.folder.path().join("server.db");
        let output = Command::new(programs::built("devpulse-server")?)
            .args(["secret", "create", "--db"])
            .arg(database)
            .output()
            .context("devpulse-server does not start")?;
        let secret = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        anyhow::ensure!(output.status.success() && !secret.is_empty(), "no secret was issued");
        Ok(secret)
    }
}

/// As much of an agent as a server sees.
struct Agent {
    stream: BufReader<TcpStream>,
    token: String,
    device_id: String,
    workload: Workload,
    next: u64,
}

impl Agent {
    fn enroll(server: SocketAddr, secret: &str, number: usize) -> Result<Self> {
        let stream = TcpStream::connect(server).context("the server takes no connection")?;
        stream.set_nodelay(true).context("no such connection")?;
        let workload = Workload::new(number as u64 + 1);
        let (token, device_id) = (String::new(), String::new());
        let mut agent =
            Self { stream: BufReader::new(stream), token, device_id, workload, next: 1 };
        let machine = format!("{number:064x}");
        let enrolled = agent.post(
            ENROLL_PATH,
            &json!({
                "username": format!("user-{number}"), "hostname": format!("host-{number}"),
                "platform": "linux", "enrollment_secret": secret,
                "device": {"os_version": "12", "arch": "x86_64", "client_version": "0.1.0",
                           "machine_id": machine},
            }),
        )?;
        let key = enrolled["api_key"].as_str().context("no key")?;
        let id = enrolled["device_id"].as_str().context("no device id")?.to_owned();
        let granted = agent.post(TOKEN_PATH, &json!({"api_key": key, "client_id": id}))?;
        granted["access_token"].as_str().context("no token")?.clone_into(&mut agent.token);
        agent.device_id = id;
        Ok(agent)
    }

    fn send_batch(&mut self) -> Result<()> {
        let events: Vec<Value> = (0..BATCH).map(|_| self.event()).collect::<Result<_>>()?;
        let batch = json!({
            "batch_id": BatchId::new(), "created_at": Timestamp::now(),
            "events": events, "event_count": events.len(),
        });
        let receipt = self.post(BATCH_PATH, &batch)?;
        anyhow::ensure!(receipt["accepted"] == BATCH, "the server answered {receipt}");
        Ok(())
    }

    fn event(&mut self) -> Result<Value> {
        let json = self.workload.session().encode().context("no JSON")?;
        let mut event: Value = serde_json::from_slice(&json).context("no JSON")?;
        event["client_id"] = json!(self.device_id);
        event["epoch"] = json!("00000000000000aa");
        event["seq"] = json!(self.next);
        self.next += 1;
        Ok(event)
    }

    fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        let body = body.to_string();
        let mut head = format!(
            "POST {path} HTTP/1.1\r\nhost: server\r\ndevpulse-protocol: 1\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        );
        if !self.token.is_empty() {
            head.push_str(&format!("authorization: Bearer {}\r\n", self.token));
        }
        if path == BATCH_PATH {
            let batch: Value = serde_json::from_str(&body)?;
            let id = batch["batch_id"].as_str().unwrap_or_default();
            head.push_str(&format!("idempotency-key: {id}\r\n"));
        }
        head.push_str("\r\n");
        self.stream.get_mut().write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
        self.answer()
    }

    fn answer(&mut self) -> Result<Value> {
        let (mut status, mut length) = (String::new(), 0);
        self.stream.read_line(&mut status)?;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        if !status.contains(" 200 ") && !status.contains(" 201 ") {
            bail!("the server answered {}: {}", status.trim(), String::from_utf8_lossy(&body));
        }
        Ok(serde_json::from_slice(&body)?)
    }
}
