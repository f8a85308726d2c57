//! What a screen reader finds in the real window, over AT-SPI.
//!
//! It begins at the page itself: Debian 12's bridge of GTK does not lead to a page whose process
//! has a well-known name on the bus.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use zbus::fdo::DBusProxy;
use zbus::zvariant::OwnedObjectPath;
use zbus::{Connection, Proxy, connection};

use crate::driver::Driver;
use crate::organisation::{Organisation, set_up};
use crate::session::{APP, DEADLINE, Session};

/// Brings the bus that screen readers listen on.
const LAUNCHER: &str = "/usr/libexec/at-spi-bus-launcher";
const ACCESSIBLE: &str = "org.a11y.atspi.Accessible";
const INTROSPECTABLE: &str = "org.freedesktop.DBus.Introspectable";
const PAGES: &str = "/org/a11y/webkit/accessible";

/// Bits of an object's state.
const FOCUSABLE: u64 = 1 << 11;
const SHOWING: u64 = 1 << 25;

/// Roles that say nothing: invalid, unknown.
const NO_ROLE: [u32; 2] = [0, 67];

/// What a person can act on, as a screen reader tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Control {
    role: u32,
    name: String,
}

type Object = (String, OwnedObjectPath);

/// A screen reader.
struct Reader {
    bus: Connection,
}

impl Reader {
    async fn start(session: &Session) -> Self {
        let desktop = connection::Builder::address(session.bus()).unwrap().build().await.unwrap();
        let bus = "org.a11y.Bus";
        let path = "/org/a11y/bus";
        let status = Proxy::new(&desktop, bus, path, "org.a11y.Status").await.unwrap();
        status.set_property("IsEnabled", true).await.unwrap();
        let launcher = Proxy::new(&desktop, bus, path, bus).await.unwrap();
        let address: String = launcher.call("GetAddress", &()).await.unwrap();
        let bus = connection::Builder::address(address.as_str()).unwrap().build().await.unwrap();
        Self { bus }
    }

    /// The pages of every web view.
    async fn pages(&self) -> Vec<Object> {
        let bus = DBusProxy::new(&self.bus).await.unwrap();
        let mut pages = Vec::new();
        for owner in bus.list_names().await.unwrap() {
            if !owner.starts_with("org.webkit.") {
                continue;
            }
            let node = Proxy::new(&self.bus, owner.clone(), PAGES, INTROSPECTABLE).await.unwrap();
            let xml: String = node.call("Introspect", &()).await.unwrap_or_default();
            let names =
                xml.split("<node name=\"").skip(1).filter_map(|rest| rest.split('"').next());
            let page = |name| OwnedObjectPath::try_from(format!("{PAGES}/{name}")).unwrap();
            pages.extend(names.map(|name| (owner.to_string(), page(name))));
        }
        pages
    }

    /// Every control that is shown in any window.
    async fn controls(&self) -> Vec<Control> {
        let mut rest = self.pages().await;
        let mut controls = Vec::new();
        while let Some((owner, path)) = rest.pop() {
            let Ok(object) = Proxy::new(&self.bus, owner, path, ACCESSIBLE).await else { continue };
            // What vanishes meanwhile is no control any more.
            let children: Result<Vec<Object>, _> = object.call("GetChildren", &()).await;
            rest.extend(children.unwrap_or_default().into_iter().rev());
            let Ok(state): Result<Vec<u32>, _> = object.call("GetState", &()).await else {
                continue;
            };
            let state = state.iter().rev().fold(0, |bits, word| bits << 32 | u64::from(*word));
            if state & FOCUSABLE != 0 && state & SHOWING != 0 {
                let role = object.call("GetRole", &()).await.unwrap_or_default();
                let name = object.get_property("Name").await.unwrap_or_default();
                controls.push(Control { role, name });
            }
        }
        controls
    }

    /// The controls, once one of this name is among them.
    async fn find(&self, name: &str) -> Vec<Control> {
        let begun = Instant::now();
        loop {
            let controls = timeout(DEADLINE, self.controls()).await.expect("the window answers");
            if controls.iter().any(|control| control.name.starts_with(name)) {
                return controls;
            }
            assert!(begun.elapsed() < DEADLINE, "no {name} in {controls:#?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Says of each control that a person hears what it is and what it is called.
fn assert_named(screen: &str, controls: &[Control]) {
    let is_said =
        |control: &&Control| !control.name.trim().is_empty() && !NO_ROLE.contains(&control.role);
    let unsaid: Vec<_> = controls.iter().filter(|control| !is_said(control)).collect();
    assert!(unsaid.is_empty(), "{screen} has controls without a name or a role: {unsaid:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_reader_hears_the_name_and_the_role_of_every_control() {
    let Some(session) = Session::start(&["WebKitWebDriver", LAUNCHER]) else { return };
    let session = session.read_out();
    let organisation = Organisation::start().await;
    let reader = Reader::start(&session).await;
    let window = Driver::start(&session, Path::new(APP), &[]).await;
    assert_named("the wizard", &reader.find("I have read this, continue").await);
    window.click("button[name=continue]").await;
    assert_named("the form", &reader.find("Enrollment secret").await);
    set_up(&window, &organisation).await;
    assert_named("Status", &reader.find("Sync now").await);
    for (screen, control) in
        [("today", "Yesterday"), ("outbox", "Delivered"), ("settings", "Run diagnostics")]
    {
        window.click(&format!("button[name={screen}]")).await;
        window.see(&format!("main[data-screen={screen}]")).await;
        assert_named(screen, &reader.find(control).await);
    }
}
