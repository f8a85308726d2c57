//! The real web view, driven by WebKit's own WebDriver.

use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::session::{DEADLINE, Session};

/// The key that WebDriver knows by this code.
pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const ENTER: &str = "\u{e007}";
pub(crate) const SPACE: &str = " ";

/// A started app whose window is driven. The app is ended when this is dropped.
pub(crate) struct Driver {
    process: Child,
    port: u16,
    session: String,
}

impl Driver {
    /// Starts `program` with these arguments in the session, and drives the first web view
    /// that it or a process of its shows.
    pub(crate) async fn start(session: &Session, program: &Path, arguments: &[&str]) -> Self {
        let port = free_port();
        let process = session
            .command(Path::new("WebKitWebDriver"))
            .arg(format!("--port={port}"))
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .env("WEBKIT_DISABLE_COMPOSITING_MODE", "1")
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut driver = Self { process, port, session: String::new() };
        driver.is_ready().await;
        let options = json!({"binary": program, "args": arguments});
        let wanted = json!({"alwaysMatch": {"webkitgtk:browserOptions": options}});
        let made = driver.send("POST", "/session", json!({"capabilities": wanted})).await;
        let id = made["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {made}"));
        driver.session = format!("/session/{id}");
        driver
    }

    async fn is_ready(&self) {
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            assert!(begun.elapsed() < DEADLINE, "WebKitWebDriver does not come");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What a script returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.send("POST", "/execute/sync", body).await
    }

    /// What a command of the app answers, or why it does not.
    pub(crate) async fn invoke(&self, command: &str, arguments: Value) -> Result<Value, Value> {
        let script = format!(
            "const done = arguments[0];\n\
             window.__TAURI_INTERNALS__.invoke('{command}', {arguments})\n\
             .then(ok => done({{ok}}), err => done({{err}}));"
        );
        let answer = self.send("POST", "/execute/async", json!({"script": script, "args": []}));
        let mut answer = answer.await;
        match answer.get("err") {
            Some(error) => Err(error.clone()),
            None => Ok(answer["ok"].take()),
        }
    }

    /// Waits until the page has what this selector names.
    pub(crate) async fn see(&self, selector: &str) {
        let script = format!("return document.querySelector({}) !== null", json!(selector));
        self.until(selector, &script).await;
    }

    /// Waits until a script returns `true`.
    pub(crate) async fn until(&self, what: &str, script: &str) {
        let begun = Instant::now();
        while self.run(script).await != Value::Bool(true) {
            if begun.elapsed() > DEADLINE {
                let text = self.run("return document.body.innerText").await;
                panic!("{what} does not come; the window says: {text}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Clicks what this selector names, as soon as it is there.
    pub(crate) async fn click(&self, selector: &str) {
        self.see(selector).await;
        let element = self.element(selector).await;
        let clicked = self.send("POST", &format!("/element/{element}/click"), json!({})).await;
        assert!(clicked.get("error").is_none(), "{selector} cannot be clicked: {clicked}");
    }

    /// Types on the keyboard, whatever has the focus.
    pub(crate) async fn press(&self, keys: &str) {
        let strokes: Vec<_> = keys
            .chars()
            .flat_map(|key| [("keyDown", key), ("keyUp", key)])
            .map(|(kind, key)| json!({"type": kind, "value": key.to_string()}))
            .collect();
        let source = json!({"type": "key", "id": "keyboard", "actions": strokes});
        self.send("POST", "/actions", json!({"actions": [source]})).await;
    }

    /// Presses Tab until what this selector names has the focus.
    pub(crate) async fn tab_to(&self, selector: &str) {
        self.see(selector).await;
        let has_focus = format!("return document.activeElement.matches({})", json!(selector));
        for _ in 0..60 {
            if self.run(&has_focus).await == Value::Bool(true) {
                return;
            }
            self.press(TAB).await;
        }
        panic!("Tab does not reach {selector}");
    }

    async fn element(&self, selector: &str) -> String {
        let wanted = json!({"using": "css selector", "value": selector});
        let found = self.send("POST", "/element", wanted).await;
        let id = found.as_object().and_then(|object| object.values().next());
        id.and_then(Value::as_str).unwrap_or_else(|| panic!("{selector}: {found}")).to_owned()
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> Value {
        let asking = self.exchange(method, path, body.to_string());
        let text = timeout(DEADLINE, asking).await.expect("WebKitWebDriver answers").unwrap();
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        let mut answer: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{text}"));
        answer["value"].take()
    }

    async fn exchange(&self, method: &str, path: &str, body: String) -> io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let (session, length) = (&self.session, body.len());
        let request = format!(
            "{method} {session}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }
}

impl Drop for Driver {
    /// Ends the session, and with it what was started for it.
    fn drop(&mut self) {
        let farewell = format!(
            "DELETE {} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
            self.session
        );
        if let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", self.port)) {
            stream.set_read_timeout(Some(Duration::from_secs(10))).ok();
            stream.write_all(farewell.as_bytes()).ok();
            stream.read_to_end(&mut Vec::new()).ok();
        }
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
