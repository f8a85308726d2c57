//! The real app on a virtual desktop against the real server: the tray's process, the
//! window's, their agent.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::driver::{Driver, ENTER, SPACE};
use crate::organisation::{Organisation, agent, emit, set_up};
use crate::session::{APP, DEADLINE, Session};

const ACKNOWLEDGED: &str = "return Number(document.querySelector('[data-stage=acknowledged] \
                            [data-count]')?.dataset.count) > 0";

/// Has the page note how far each bar of progress that it shows is filled.
const WATCH_PROGRESS: &str = "
    window.parts = [];
    const note = () => {
        const bar = document.querySelector('progress[value]');
        if (bar) window.parts.push(bar.value / bar.max);
    };
    const what = {subtree: true, childList: true, attributes: true};
    new MutationObserver(note).observe(document.body, what);";

fn session() -> Option<Session> {
    Session::start(&["WebKitWebDriver"])
}

/// The processes of the app in this session, with their arguments.
fn processes(session: &Session) -> Vec<(u32, Vec<String>)> {
    let home = format!("HOME={}", session.home().display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let read = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
        let words = |bytes: Vec<u8>| -> Vec<String> {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            text.split('\0').filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect()
        };
        let arguments = words(read("cmdline"));
        let is_app = arguments.first().is_some_and(|program| Path::new(program) == Path::new(APP));
        if is_app && words(read("environ")).contains(&home) {
            found.push((pid, arguments));
        }
    }
    found
}

pub(crate) fn window_process(session: &Session) -> Option<u32> {
    let is_window = |arguments: &[String]| arguments.get(1).is_some_and(|word| word == "window");
    processes(session).into_iter().find(|(_, words)| is_window(words)).map(|(pid, _)| pid)
}

pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < DEADLINE, "{what}: it does not come to that");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn start(session: &Session, arguments: &[&str]) -> Child {
    session.command(Path::new(APP)).args(arguments).spawn().unwrap()
}

#[tokio::test]
async fn a_person_enrolls_by_keyboard_alone_and_loses_nothing_typed_to_a_wrong_secret() {
    let Some(session) = session() else { return };
    let organisation = Organisation::start().await;
    let window = Driver::start(&session, Path::new(APP), &[]).await;
    window.tab_to("button[name=continue]").await;
    window.press(ENTER).await;
    window.tab_to("input[name=server]").await;
    window.press(&organisation.url()).await;
    window.tab_to("input[name=username]").await;
    window.run("document.activeElement.select()").await;
    window.press("anna").await;
    window.tab_to("input[name=secret]").await;
    window.press("wrong").await;
    window.press(ENTER).await;
    window.see("input[name=secret][aria-invalid=true]").await;
    let typed = "return document.querySelector('input[name=server]').value + ' ' \
                 + document.querySelector('input[name=username]').value";
    assert_eq!(window.run(typed).await, json!(format!("{} anna", organisation.url())));
    let secret = organisation.secret().await;
    window.tab_to("input[name=secret]").await;
    window.run("document.activeElement.select()").await;
    window.press(&secret).await;
    window.press(ENTER).await;
    window.tab_to("#agree").await;
    assert_eq!(organisation.events().await.1, 0, "captured before the person agreed");
    window.press(SPACE).await;
    window.tab_to("button[name=begin]").await;
    window.press(ENTER).await;
    window.tab_to("button[name=finish]").await;
    window.press(ENTER).await;
    window.see("main[data-screen=status]").await;
    window.until("an acknowledged event", ACKNOWLEDGED).await;
    let shown = window.run("return document.documentElement.outerHTML").await.to_string();
    assert!(!shown.contains(&secret), "the secret is still in the page");
}

#[tokio::test]
async fn a_person_enrolls_by_mouse_and_a_dead_server_costs_nothing_typed() {
    let Some(session) = session() else { return };
    let mut organisation = Organisation::start().await;
    let secret = organisation.secret().await;
    organisation.stop().await;
    let window = Driver::start(&session, Path::new(APP), &[]).await;
    window.click("button[name=continue]").await;
    for (field, text) in [
        ("server", organisation.url()),
        ("username", "anna".to_owned()),
        ("secret", secret.clone()),
    ] {
        window.click(&format!("input[name={field}]")).await;
        window.run("document.activeElement.select()").await;
        window.press(&text).await;
    }
    let typed = "return ['server', 'username', 'secret']\
                 .map((name) => document.querySelector(`input[name=${name}]`).value)";
    window.click("button[name=connect]").await;
    window.see("#enroll-server-error").await;
    assert_eq!(window.run(typed).await, json!([organisation.url(), "anna", secret]));
    let said = window.run("return document.querySelector('#enroll-server-error').innerText").await;
    assert!(said.as_str().is_some_and(|said| said.contains("could not be reached")), "{said}");

    organisation.start_again().await;
    for button in ["button[name=connect]", "#agree", "button[name=begin]", "button[name=finish]"] {
        window.click(button).await;
    }
    window.see("main[data-screen=status]").await;
    window.until("an acknowledged event", ACKNOWLEDGED).await;
}

#[tokio::test]
async fn what_waited_for_a_dead_server_is_sent_by_sync_now_with_progress() {
    let Some(session) = session() else { return };
    let mut organisation = Organisation::start().await;
    let small = json!({"heartbeat_interval_s": 2, "batch": {"max_events": 10}});
    organisation.running().admin().set_config(small).await.unwrap();
    let window = Driver::start(&session, Path::new(APP), &[]).await;
    set_up(&window, &organisation).await;
    organisation.stop().await;
    let agent = agent(&session).await;
    let emitted = emit(&agent, 0..500).await;
    let waiting = "return Number(document.querySelector('#waiting')?.dataset.count)";
    window.until("the backlog", &format!("{waiting} >= 500")).await;
    organisation.start_again().await;
    window.run(WATCH_PROGRESS).await;
    window.click("button[name=sync-now]").await;
    window.until("the end of the backlog", &format!("{waiting} === 0")).await;
    let parts: Vec<f64> = serde_json::from_value(window.run("return window.parts").await).unwrap();
    assert!(parts.iter().any(|part| *part > 0.0 && *part < 1.0), "no progress: {parts:?}");
    organisation.receives(&emitted).await;
}

#[tokio::test]
async fn a_person_finds_a_screenshot_in_the_outbox_pauses_and_goes_on() {
    let Some(session) = session() else { return };
    let organisation = Organisation::start().await;
    let window = Driver::start(&session, Path::new(APP), &[]).await;
    set_up(&window, &organisation).await;
    window.click("button[name=take-screenshot]").await;
    let request = json!({"request": {"which": "sent", "limit": 100}});
    let begun = Instant::now();
    let image = loop {
        let outbox = window.invoke("outbox", request.clone()).await.unwrap();
        let events = outbox["events"].as_array().unwrap();
        let shot = events.iter().find(|event| event["event_type"] == "screenshot");
        if let Some(shot) = shot {
            break shot["image"].clone();
        }
        assert!(begun.elapsed() < DEADLINE, "no screenshot is delivered");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!((&image["width"], &image["height"]), (&json!(1280), &json!(800)));
    let url = window.invoke("image", json!({"sha256": image["sha256"]})).await.unwrap();
    assert!(url.as_str().unwrap().starts_with("data:image/webp;base64,"));
    let agent = agent(&session).await;
    window.click("button[name=pause]").await;
    window.click("button[name=pause-now]").await;
    window.see("button[name=resume]").await;
    assert!(agent.status().await.unwrap().pause.is_some());
    window.click("button[name=resume]").await;
    window.see("button[name=pause]").await;
    assert!(agent.status().await.unwrap().pause.is_none());
    let today = window.invoke("today", json!({"daysAgo": 0})).await.unwrap();
    assert!(!today["images"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_window_that_dies_takes_nothing_with_it_and_comes_again_by_a_second_start() {
    let Some(session) = session() else { return };
    let organisation = Organisation::start().await;
    let mut tray = start(&session, &[]);
    until("the window", || window_process(&session).is_some()).await;
    // A window beside it, which is driven and enrolls.
    let window = Driver::start(&session, Path::new(APP), &["window"]).await;
    window.see("#app > *").await;
    let secret = organisation.secret().await;
    let form =
        json!({"form": {"server_url": organisation.url(), "username": "anna", "secret": secret}});
    window.invoke("enroll", form).await.unwrap();
    let consent = window.invoke("consent", json!({})).await.unwrap();
    let agreed = json!({"policyVersion": consent["policy_version"], "digest": consent["digest"]});
    window.invoke("accept_consent", agreed).await.unwrap();
    let agent = agent(&session).await;
    drop(window);
    assert_eq!(agent.agent().pid, tray.id());

    until("only the tray's window", || {
        processes(&session).iter().filter(|(_, words)| words.get(1).is_some()).count() <= 1
    })
    .await;
    let first = window_process(&session).unwrap();
    assert!(kill(first));
    until("the end of the window", || window_process(&session).is_none()).await;
    let emitted = emit(&agent, 0..1).await;

    let mut second = start(&session, &[]);
    assert!(second.wait().unwrap().success(), "the second start did not end by itself");
    until("the window again", || window_process(&session).is_some()).await;
    assert_ne!(window_process(&session), Some(first));
    assert!(tray.try_wait().unwrap().is_none(), "the tray ended");
    organisation.receives(&emitted).await;
    tray.kill().unwrap();
    tray.wait().unwrap();
    until("the end of the window with its tray", || window_process(&session).is_none()).await;
}

#[tokio::test]
async fn a_second_start_brings_the_first_window_forward_and_ends() {
    let Some(session) = Session::start(&[]) else { return };
    let mut first = start(&session, &[]);
    until("the window in front", || front(&session) == "DevPulse").await;
    let window = window_process(&session);
    xdotool(&session, &["getactivewindow", "windowminimize"]);
    until("the window away", || front(&session) != "DevPulse").await;
    let mut second = start(&session, &[]);
    assert!(second.wait().unwrap().success(), "the second start did not end by itself");
    until("the window in front again", || front(&session) == "DevPulse").await;
    assert_eq!(window_process(&session), window);
    let mut running: Vec<_> = processes(&session).into_iter().map(|(pid, _)| pid).collect();
    running.sort_unstable();
    assert_eq!(running, [first.id(), window.unwrap()]);
    first.kill().unwrap();
    first.wait().unwrap();
}

#[tokio::test]
async fn an_app_without_a_tray_host_attaches_to_the_agent_that_runs() {
    let Some(session) = session() else { return };
    let organisation = Organisation::start().await;
    let window = Driver::start(&session, Path::new(APP), &[]).await;
    set_up(&window, &organisation).await;
    let first = agent(&session).await.agent().pid;
    // Another bus, so that it is no second start of the same app.
    let attached = Driver::start(&session, Path::new(APP), &["window"]).await;
    let overview = attached.invoke("overview", json!({})).await.unwrap();
    assert_eq!(overview["run_state"], json!({"kind": "attached", "pid": first}));
    assert_eq!(overview["person"]["username"], "anna");
}

/// The title of the window that the person looks at.
pub(crate) fn front(session: &Session) -> String {
    xdotool(session, &["getactivewindow", "getwindowname"])
}

pub(crate) fn xdotool(session: &Session, arguments: &[&str]) -> String {
    let mut command = session.command(Path::new("xdotool"));
    let answer = command.args(arguments).stdout(Stdio::piped()).output().unwrap();
    String::from_utf8_lossy(&answer.stdout).trim().to_owned()
}

fn kill(pid: u32) -> bool {
    std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success()
}
