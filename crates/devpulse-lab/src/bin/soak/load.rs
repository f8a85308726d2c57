//! Events, handed to the agent for as long as the run lasts.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use devpulse_lab::Device;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

/// The name of the events.
const NAME: &str = "soak";

/// What was handed in, and what was promised for it.
#[derive(Debug, Default)]
pub(crate) struct Load {
    submitted: AtomicU64,
    promised: Mutex<Vec<String>>,
    ended: AtomicBool,
}

impl Load {
    /// Hands events in, in bursts, until [`Load::end`]; again and again where the agent goes away.
    pub(crate) fn run(&self, device: &Device, seed: u64) {
        let mut rng = StdRng::seed_from_u64(seed);
        while !self.is_ended() {
            let mut emit = device
                .command(&["emit", "--stdin"])
                .stdin(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let (input, output) = (emit.stdin.take().unwrap(), emit.stdout.take().unwrap());
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for id in BufReader::new(output).lines().map_while(Result::ok) {
                        self.promised.lock().unwrap().push(id);
                    }
                });
                self.write(input, &mut rng);
            });
            emit.wait().unwrap();
            std::thread::park_timeout(Duration::from_millis(200));
        }
    }

    /// Lets [`Load::run`] end.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
    }

    /// How many ids were given out so far.
    pub(crate) fn promised(&self) -> usize {
        self.promised.lock().unwrap().len()
    }

    /// The ids that were given out.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.promised.lock().unwrap().clone()
    }

    fn is_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    fn write(&self, mut input: impl std::io::Write, rng: &mut StdRng) {
        let lines = rng.random_range(50..2000);
        for _ in 0..lines {
            if self.is_ended() {
                return;
            }
            let number = self.submitted.fetch_add(1, Ordering::SeqCst);
            if writeln!(input, "{}", line(number)).is_err() {
                return;
            }
            if rng.random_range(0..20) == 0 {
                let pause = Duration::from_millis(rng.random_range(50..1000));
                std::thread::park_timeout(pause);
            }
        }
    }
}

fn line(number: u64) -> Value {
    json!({"name": NAME, "data": {"number": number, "content": content(number)}})
}

/// What an event holds follows from its number: mostly short, now and then long.
fn content(number: u64) -> String {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let times = if number.is_multiple_of(97) { 500 } else { 1 + mixed as usize % 8 };
    format!("{mixed:016x}").repeat(times)
}

/// Checks what the server holds: each event of the load as it was handed in, none of them twice.
pub(crate) fn faults(held: &[Value]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut numbers = std::collections::HashSet::new();
    for event in held.iter().filter(|event| event["name"] == NAME) {
        let Some(number) = event["data"]["number"].as_u64() else {
            faults.push(format!("an event has lost its number: {}", event["event_id"]));
            continue;
        };
        if event["data"]["content"] != content(number) {
            faults.push(format!("event number {number} was changed on its way"));
        }
        if !numbers.insert(number) {
            faults.push(format!("event number {number} is there twice"));
        }
    }
    faults
}
