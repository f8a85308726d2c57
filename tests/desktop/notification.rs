//! What the desktop is asked to notify of. The test itself is the desktop's server for that.

use std::collections::HashMap;
use std::path::Path;

use tokio::sync::mpsc;
use tokio::time::timeout;
use zbus::zvariant::OwnedValue;
use zbus::{Connection, connection};

use crate::organisation::{Organisation, agent, enroll};
use crate::session::{APP, DEADLINE, Session};
use crate::watcher::Panel;
use crate::window::{until, window_process};

#[derive(Debug, PartialEq, Eq)]
struct Notification {
    app: String,
    summary: String,
    body: String,
}

struct Notifier {
    shown: mpsc::UnboundedSender<Notification>,
    last: u32,
}

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Notifier {
    #[expect(clippy::too_many_arguments, reason = "the interface has so many")]
    async fn notify(
        &mut self,
        app: String,
        replaces: u32,
        _icon: String,
        summary: String,
        body: String,
        _actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _expires: i32,
    ) -> u32 {
        self.shown.send(Notification { app, summary, body }).unwrap();
        self.last += 1;
        if replaces == 0 { self.last } else { replaces }
    }

    async fn get_capabilities(&self) -> Vec<String> {
        vec!["body".to_owned()]
    }

    async fn get_server_information(&self) -> (String, String, String, String) {
        ["test", "DevPulse", "1", "1.2"].map(ToOwned::to_owned).into()
    }

    async fn close_notification(&self, _id: u32) {}
}

/// The desktop's server, and what it is asked to show.
async fn server(session: &Session) -> (Connection, mpsc::UnboundedReceiver<Notification>) {
    let (shown, notifications) = mpsc::unbounded_channel();
    let server = connection::Builder::address(session.bus())
        .unwrap()
        .serve_at("/org/freedesktop/Notifications", Notifier { shown, last: 0 })
        .unwrap()
        .name("org.freedesktop.Notifications")
        .unwrap();
    (server.build().await.unwrap(), notifications)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_opens_the_wizard_and_says_it_only_there() {
    let Some(session) = Session::start(&[]) else { return };
    let (_server, mut notifications) = server(&session).await;
    let mut panel = Panel::start(session.bus(), true).await;
    let mut app = session.command(Path::new(APP)).arg("--hidden").spawn().unwrap();
    let icon = panel.icon().await;
    let not_enrolled = "This computer is not enrolled";
    icon.wait_for(not_enrolled, |rows| rows.iter().any(|row| row.label == not_enrolled)).await;
    until("the wizard", || window_process(&session).is_some()).await;
    assert_eq!(notifications.try_recv().ok(), None);
    app.kill().unwrap();
    app.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_told_once_that_the_device_was_revoked() {
    let Some(session) = Session::start(&[]) else { return };
    let organisation = Organisation::start().await;
    enroll(&session, &organisation).await;
    let (_server, mut notifications) = server(&session).await;
    let mut panel = Panel::start(session.bus(), true).await;
    let mut app = session.command(Path::new(APP)).arg("--hidden").spawn().unwrap();
    let icon = panel.icon().await;
    let agent = agent(&session).await;
    icon.wait_for("the agent", |rows| rows.iter().any(|row| row.label == "Pause")).await;
    organisation.revoke(&session).await;
    let told = timeout(DEADLINE, notifications.recv()).await.expect("a notification").unwrap();
    assert_eq!(told.summary, "This computer may no longer send");
    assert!(told.body.contains("Ask your administrator"), "{told:?}");

    // The state is looked at again, twice at the least, and says the same.
    for (choice, then) in [("For 15 minutes", "Resume"), ("Resume", "Pause")] {
        icon.choose(choice).await;
        icon.wait_for(then, |rows| rows.iter().any(|row| row.label == then)).await;
    }
    assert!(agent.status().await.unwrap().pause.is_none());
    assert_eq!(notifications.try_recv().ok(), None, "the person is told again");
    app.kill().unwrap();
    app.wait().unwrap();
}
