//! A session of its own on the virtual desktop: a bus, and a panel with a tray.

use std::fs;
use std::process::Command;
use std::sync::mpsc::TryRecvError;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::desktop::Desktop;
use super::home::Home;
use super::interrupts::Interrupts;
use super::process::Process;

const PATIENCE: Duration = Duration::from_secs(30);

/// The bus and the panel; they end with it, the panel first.
pub(super) struct Panel<'a> {
    desktop: &'a Desktop,
    home: &'a Home,
    address: String,
    _panel: Process,
    _bus: Process,
}

impl<'a> Panel<'a> {
    pub(super) fn start(
        desktop: &'a Desktop,
        home: &'a Home,
        interrupts: &Interrupts,
    ) -> Result<Self> {
        let mut command = desktop.command("dbus-daemon");
        command.args(["--session", "--nofork", "--print-address"]);
        let (mut bus, lines) = Process::start_and_read("bus", &mut command, &home.logs())?;
        let address =
            interrupts.until("the address of the bus", PATIENCE, || match lines.try_recv() {
                Ok(line) => Ok(Some(line.trim().to_owned())),
                Err(TryRecvError::Empty) => Ok(None),
                Err(TryRecvError::Disconnected) => {
                    bus.check_running()?;
                    bail!("the bus does not say its address")
                }
            })?;
        let folder = home.user().join(".config/xfce4/xfconf/xfce-perchannel-xml");
        fs::create_dir_all(&folder).context("the panel's settings cannot be written")?;
        fs::write(folder.join("xfce4-panel.xml"), SETTINGS)
            .context("the panel's settings cannot be written")?;
        let mut command = desktop.command("xfce4-panel");
        surround(&mut command, &address);
        let panel = Process::start("panel", command.arg("--disable-wm-check"), &home.logs())?;
        Ok(Self { desktop, home, address, _panel: panel, _bus: bus })
    }

    /// Has a program find this session: its bus, and no graphics card to draw with.
    pub(super) fn surround(&self, command: &mut Command) {
        command.env("DISPLAY", self.desktop.display()).env("HOME", self.home.user());
        surround(command, &self.address);
    }

    /// Waits until the tray holds an icon.
    pub(super) fn wait_for_icon(&self, interrupts: &Interrupts) -> Result<()> {
        interrupts.until("the icon in the tray", PATIENCE, || {
            let mut command = self.desktop.command("dbus-send");
            self.surround(&mut command);
            command.args(["--session", "--print-reply", "--dest=org.kde.StatusNotifierWatcher"]);
            command.args(["/StatusNotifierWatcher", "org.freedesktop.DBus.Properties.Get"]);
            command.arg("string:org.kde.StatusNotifierWatcher");
            command.arg("string:RegisteredStatusNotifierItems");
            let output = command.output().context("dbus-send does not start")?;
            Ok(has_item(&String::from_utf8_lossy(&output.stdout)).then_some(()))
        })
    }
}

fn surround(command: &mut Command, address: &str) {
    command.env("DBUS_SESSION_BUS_ADDRESS", address).env("NO_AT_BRIDGE", "1");
    command.env("LIBGL_ALWAYS_SOFTWARE", "1");
    command.env("WEBKIT_DISABLE_COMPOSITING_MODE", "1");
    command.env("WEBKIT_DISABLE_DMABUF_RENDERER", "1");
    for name in ["WAYLAND_DISPLAY", "XAUTHORITY", "XDG_CONFIG_HOME", "GTK_THEME"] {
        command.env_remove(name);
    }
}

/// Whether what `dbus-send` prints of a list of names holds one.
fn has_item(reply: &str) -> bool {
    reply.lines().any(|line| line.trim_start().starts_with("string \""))
}

/// One panel along the top: the windows, the tray, the time.
const SETTINGS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="dark-mode" type="bool" value="true"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="length" type="uint" value="100"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="icon-size" type="uint" value="22"/>
      <property name="size" type="uint" value="30"/>
      <property name="plugin-ids" type="array">
        <value type="int" value="1"/>
        <value type="int" value="2"/>
        <value type="int" value="3"/>
        <value type="int" value="4"/>
      </property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="tasklist"/>
    <property name="plugin-2" type="string" value="separator">
      <property name="expand" type="bool" value="true"/>
      <property name="style" type="uint" value="0"/>
    </property>
    <property name="plugin-3" type="string" value="systray">
      <property name="square-icons" type="bool" value="true"/>
    </property>
    <property name="plugin-4" type="string" value="clock"/>
  </property>
</channel>
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_icon_is_told_from_an_empty_tray() {
        let head = "method return time=1 sender=:1.2\n   variant       array [\n";
        assert!(has_item(&format!("{head}         string \":1.7/StatusNotifierItem\"\n      ]\n")));
        assert!(!has_item(&format!("{head}      ]\n")));
        assert!(!has_item(""));
    }
}
