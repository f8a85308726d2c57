//! What a panel does: it owns `org.kde.StatusNotifierWatcher`, reads the icons that register,
//! and clicks on them.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use zbus::message::Header;
use zbus::zvariant::{OwnedValue, Structure, Value};
use zbus::{Connection, connection};

use crate::session::DEADLINE;

const NAME: &str = "org.kde.StatusNotifierWatcher";
const ITEM: &str = "org.kde.StatusNotifierItem";
const MENU: &str = "com.canonical.dbusmenu";

/// A panel.
pub(crate) struct Panel {
    connection: Connection,
    registered: mpsc::UnboundedReceiver<String>,
}

struct Watcher {
    registered: mpsc::UnboundedSender<String>,
}

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    async fn register_status_notifier_item(
        &self,
        _service: String,
        #[zbus(header)] header: Header<'_>,
    ) {
        self.registered.send(header.sender().unwrap().to_string()).unwrap();
    }

    #[zbus(property)]
    async fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    async fn protocol_version(&self) -> i32 {
        0
    }
}

/// A row of a menu as the panel is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    id: i32,
    pub(crate) label: String,
    pub(crate) is_enabled: bool,
    pub(crate) rows: Vec<Self>,
}

impl Panel {
    /// A panel that is there; without `is_there` it has yet to come.
    pub(crate) async fn start(bus: &str, is_there: bool) -> Self {
        let (sender, registered) = mpsc::unbounded_channel();
        let mut builder = connection::Builder::address(bus)
            .unwrap()
            .serve_at("/StatusNotifierWatcher", Watcher { registered: sender })
            .unwrap();
        if is_there {
            builder = builder.name(NAME).unwrap();
        }
        Self { connection: builder.build().await.unwrap(), registered }
    }

    pub(crate) async fn come(&self) {
        self.connection.request_name(NAME).await.unwrap();
    }

    pub(crate) async fn go(&self) {
        self.connection.release_name(NAME).await.unwrap();
    }

    /// The next icon that registers.
    pub(crate) async fn icon(&mut self) -> TrayIcon {
        let owner = timeout(DEADLINE, self.registered.recv()).await.expect("an icon registers");
        TrayIcon { connection: self.connection.clone(), owner: owner.unwrap() }
    }
}

/// An icon.
pub(crate) struct TrayIcon {
    connection: Connection,
    owner: String,
}

impl TrayIcon {
    /// The process that shows it.
    pub(crate) async fn pid(&self) -> u32 {
        let bus = "org.freedesktop.DBus";
        let ask = "GetConnectionUnixProcessID";
        self.call(bus, "/org/freedesktop/DBus", bus, ask, &self.owner.as_str()).await
    }

    /// The words that appear beside the pointer.
    pub(crate) async fn tooltip(&self) -> String {
        let tooltip: Structure<'_> = self.property("ToolTip").await.try_into().unwrap();
        tooltip.fields()[3].clone().try_into().unwrap()
    }

    /// The pixels of the icon, with their width.
    pub(crate) async fn pixels(&self) -> (i32, Vec<u8>) {
        let pixmaps: Vec<(i32, i32, Vec<u8>)> =
            self.property("IconPixmap").await.try_into().unwrap();
        let (width, height, bytes) = pixmaps.into_iter().next().expect("there is an icon");
        assert_eq!(bytes.len() as i32, width * height * 4);
        (width, bytes)
    }

    /// The menu from the top.
    pub(crate) async fn menu(&self) -> Vec<Row> {
        let everything = (0_i32, -1_i32, Vec::<&str>::new());
        let (_, root): (u32, OwnedValueLayout) =
            self.call(&self.owner, "/MenuBar", MENU, "GetLayout", &everything).await;
        row(root).rows
    }

    /// The labels of the menu as they are, separators left out.
    pub(crate) async fn labels(&self) -> Vec<String> {
        self.menu().await.into_iter().map(|row| row.label).filter(|it| !it.is_empty()).collect()
    }

    /// Waits until the menu satisfies `wanted`.
    pub(crate) async fn wait_for(&self, what: &str, wanted: impl Fn(&[Row]) -> bool) {
        let look = async {
            while !wanted(&self.menu().await) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        if timeout(DEADLINE, look).await.is_err() {
            panic!("{what} did not come; the menu is {:#?}", self.menu().await);
        }
    }

    /// Chooses the row with this label, in a submenu too.
    pub(crate) async fn choose(&self, label: &str) {
        let rows = self.menu().await;
        let row = find(&rows, label).unwrap_or_else(|| panic!("{label} is not in {rows:#?}"));
        assert!(row.is_enabled, "{label} cannot be chosen");
        let clicked = (row.id, "clicked", Value::from(0_i32), 0_u32);
        self.call::<()>(&self.owner, "/MenuBar", MENU, "Event", &clicked).await;
    }

    /// A click with the left button.
    pub(crate) async fn click(&self) {
        self.call::<()>(&self.owner, "/StatusNotifierItem", ITEM, "Activate", &(0_i32, 0_i32))
            .await;
    }

    async fn property(&self, name: &str) -> OwnedValue {
        let (properties, get) = ("org.freedesktop.DBus.Properties", "Get");
        self.call(&self.owner, "/StatusNotifierItem", properties, get, &(ITEM, name)).await
    }

    async fn call<T>(
        &self,
        owner: &str,
        path: &str,
        interface: &str,
        method: &str,
        body: &(impl serde::Serialize + zbus::zvariant::DynamicType),
    ) -> T
    where
        T: serde::de::DeserializeOwned + zbus::zvariant::Type,
    {
        let call = self.connection.call_method(Some(owner), path, Some(interface), method, body);
        let answer = timeout(DEADLINE, call).await.expect("the icon answers").unwrap();
        answer.body().deserialize().unwrap()
    }
}

type OwnedValueLayout = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);

fn row((id, properties, children): OwnedValueLayout) -> Row {
    let text = |name: &str| properties.get(name).and_then(|it| <&str>::try_from(it).ok());
    let is_enabled = properties.get("enabled").and_then(|it| bool::try_from(it).ok());
    let rows = children.into_iter().map(|child| row(layout(child))).collect();
    let label = text("label").unwrap_or_default().replace("__", "_");
    Row { id, label, is_enabled: is_enabled.unwrap_or(true), rows }
}

fn layout(value: OwnedValue) -> OwnedValueLayout {
    let structure: Structure<'_> = value.try_into().unwrap();
    let mut fields = structure.into_fields().into_iter();
    let mut next = || fields.next().unwrap();
    let id = next().try_into().unwrap();
    let properties: HashMap<String, Value<'_>> = next().try_into().unwrap();
    let children: Vec<Value<'_>> = next().try_into().unwrap();
    let owned = |value: Value<'_>| value.try_to_owned().unwrap();
    let properties = properties.into_iter().map(|(name, value)| (name, owned(value))).collect();
    (id, properties, children.into_iter().map(owned).collect())
}

fn find<'a>(rows: &'a [Row], label: &str) -> Option<&'a Row> {
    rows.iter().find_map(|row| match row.label == label {
        true => Some(row),
        false => find(&row.rows, label),
    })
}
