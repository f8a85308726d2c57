//! What a person's work looks like to the agent: window sessions with titles as they are.

use devpulse_pipeline::wal::NewEvent;
use devpulse_protocol::{DeviceId, EventBody, EventDraft, EventId, Timestamp, Username, Window};

const APPS: [&str; 8] = [
    "firefox",
    "code",
    "libreoffice-writer",
    "gnome-terminal-server",
    "thunderbird",
    "slack",
    "evince",
    "gimp-2.10",
];

const WORDS: [&str; 48] = [
    "quarterly",
    "report",
    "design",
    "review",
    "upload",
    "pipeline",
    "invoice",
    "customer",
    "meeting",
    "notes",
    "draft",
    "final",
    "budget",
    "roadmap",
    "release",
    "incident",
    "database",
    "migration",
    "interview",
    "candidate",
    "holiday",
    "request",
    "expense",
    "travel",
    "security",
    "audit",
    "login",
    "screen",
    "dashboard",
    "metrics",
    "support",
    "ticket",
    "payment",
    "gateway",
    "contract",
    "supplier",
    "newsletter",
    "campaign",
    "brochure",
    "layout",
    "photo",
    "archive",
    "server",
    "network",
    "printer",
    "manual",
    "training",
    "course",
];

/// Draws window sessions, the same ones for the same seed.
#[derive(Debug)]
pub struct Workload {
    state: u64,
    now_ms: i64,
    pid: u32,
}

impl Workload {
    /// Draws from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let now_ms = Timestamp::now().as_millis();
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, now_ms, pid: 2000 }
    }

    /// The next session, as capture hands it on.
    pub fn session(&mut self) -> EventDraft {
        let lasted_ms = i64::try_from(self.draw(180_000) + 200).unwrap_or(200);
        let start_time = Timestamp::from_millis(self.now_ms);
        self.now_ms += lasted_ms;
        let end_time = Timestamp::from_millis(self.now_ms);
        let app = APPS[self.index(APPS.len())];
        let window = Window {
            window_title: Some(self.title(app)),
            app_name: Some(app.to_owned()),
            pid: Some(self.pid + u32::try_from(self.draw(400)).unwrap_or(0)),
            start_time,
            end_time,
            duration: lasted_ms as f64 / 1000.0,
            recovered: false,
        };
        EventDraft {
            event_id: EventId::new(),
            timestamp: end_time,
            username: Username::new("ada"),
            client_id: DeviceId::new("019aaaaa-0000-7000-8000-000000000001"),
            body: EventBody::Window(window),
        }
    }

    /// The next session, ready for the log.
    ///
    /// # Panics
    /// Never: a session has a JSON form.
    #[must_use]
    pub fn event(&mut self) -> NewEvent {
        let draft = self.session();
        NewEvent::from_draft(&draft).unwrap_or_else(|error| panic!("a session as JSON: {error}"))
    }

    /// So many sessions, ready for the log.
    #[must_use]
    pub fn events(&mut self, count: usize) -> Vec<NewEvent> {
        (0..count).map(|_| self.event()).collect()
    }

    /// So many lines for `emit --stdin`, each with what a session says.
    #[must_use]
    pub fn lines(&mut self, count: usize) -> String {
        let mut lines = String::with_capacity(count * 220);
        for _ in 0..count {
            let EventBody::Window(window) = self.session().body else { continue };
            let (title, app) = (window.window_title.unwrap_or_default(), window.app_name);
            let line = serde_json::json!({"name": "window", "data": {
                "window_title": title, "app_name": app, "pid": window.pid,
                "start_time": window.start_time, "end_time": window.end_time,
                "duration": window.duration,
            }});
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
        lines
    }

    fn title(&mut self, app: &str) -> String {
        let mut word = || WORDS[self.index(WORDS.len())];
        let document = format!("{} {} {}", word(), word(), word());
        format!("{document} {} - {app}", self.draw(10_000))
    }

    fn index(&mut self, below: usize) -> usize {
        usize::try_from(self.draw(below as u64)).unwrap_or(0)
    }

    /// A number below `below`, by xorshift.
    fn draw(&mut self, below: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % below
    }
}
