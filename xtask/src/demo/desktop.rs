//! A virtual desktop: a display that nobody sees, a window manager, and windows.

use std::process::Command;
use std::sync::mpsc::TryRecvError;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::clock;
use super::home::Home;
use super::interrupts::Interrupts;
use super::process::Process;

/// Size of the virtual screen in pixels.
pub(crate) const SCREEN: (u64, u64) = (1280, 800);

const PATIENCE: Duration = Duration::from_secs(15);

/// The desktop; its windows, window manager and display end with it, in this order.
pub(crate) struct Desktop {
    windows: Vec<Process>,
    _manager: Process,
    _display: Process,
    name: String,
    home: Environment,
}

/// A window as it is opened.
pub(crate) struct Design {
    /// The application's name: the window's class.
    pub(crate) app: &'static str,
    pub(crate) title: String,
    /// Columns and lines of text, and the place of the upper left corner in pixels.
    pub(crate) geometry: &'static str,
    pub(crate) colours: (&'static str, &'static str),
    /// What is to be read in it.
    pub(crate) text: &'static str,
}

/// An X window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowId(u64);

struct Environment {
    user: std::path::PathBuf,
    logs: std::path::PathBuf,
}

impl Desktop {
    pub(crate) fn start(home: &Home, interrupts: &Interrupts) -> Result<Self> {
        let environment = Environment { user: home.user(), logs: home.logs() };
        let mut command = environment.command("Xvfb");
        let screen = format!("{}x{}x24", SCREEN.0, SCREEN.1);
        command.args(["-displayfd", "1", "-screen", "0", &screen, "-nolisten", "tcp", "-noreset"]);
        let (mut display, lines) = Process::start_and_read("Xvfb", &mut command, &home.logs())?;
        let number =
            interrupts.until("the virtual display", PATIENCE, || match lines.try_recv() {
                Ok(line) => Ok(Some(line)),
                Err(TryRecvError::Empty) => Ok(None),
                Err(TryRecvError::Disconnected) => {
                    display.check_running()?;
                    bail!("the virtual display does not say its number")
                }
            })?;
        let name = format!(":{}", number.trim());

        let mut command = environment.command("openbox");
        command.env("DISPLAY", &name);
        let manager = Process::start("openbox", &mut command, &home.logs())?;
        let mut desktop = Self {
            windows: Vec::new(),
            _manager: manager,
            _display: display,
            name,
            home: environment,
        };
        interrupts.until("the window manager", PATIENCE, || desktop.managed())?;
        let mut paint = desktop.home.command("xsetroot");
        answer(paint.env("DISPLAY", &desktop.name).args(["-solid", "#3d5a68"]))?;
        Ok(desktop)
    }

    /// What programs find as `DISPLAY`.
    pub(crate) fn display(&self) -> &str {
        &self.name
    }

    /// A program that is to be seen on it.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = self.home.command(program);
        command.env("DISPLAY", &self.name);
        command
    }

    /// Opens a window and waits until it is seen and has the focus.
    pub(crate) fn open(&mut self, design: &Design, interrupts: &Interrupts) -> Result<WindowId> {
        let (background, text) = design.colours;
        let mut command = self.home.command("xterm");
        command.env("DISPLAY", &self.name).env("TEXT", design.text);
        command.args(["-class", design.app, "-name", design.app, "-T", &design.title]);
        command.args(["-geometry", design.geometry, "-bg", background, "-fg", text, "+sb"]);
        command.args(["-e", "sh", "-c", r#"printf "%s" "$TEXT"; exec sleep 1000000"#]);
        self.windows.push(Process::start(design.app, &mut command, &self.home.logs)?);
        let class = format!("^{}$", design.app);
        let what = format!("the window of {}", design.app);
        let window = interrupts.until(&what, PATIENCE, || {
            let found = self.xdotool(&["search", "--onlyvisible", "--class", &class])?;
            Ok(found.lines().next().and_then(|line| line.parse().ok()).map(WindowId))
        })?;
        self.focus(window, interrupts)?;
        Ok(window)
    }

    /// Moves the focus and says when that was, in milliseconds since 1970.
    pub(crate) fn focus(&self, window: WindowId, interrupts: &Interrupts) -> Result<i64> {
        let before = clock::now();
        self.xdotool(&["windowactivate", &window.0.to_string()])?;
        interrupts.until("the focus", PATIENCE, || {
            let focused = self.xdotool(&["getactivewindow"])?;
            Ok((focused.trim() == window.0.to_string()).then_some(()))
        })?;
        Ok(before.midpoint(clock::now()))
    }

    /// Gives a window another title, as its program would, and says when that was.
    pub(crate) fn rename(&self, window: WindowId, title: &str) -> Result<i64> {
        let before = clock::now();
        let mut command = self.home.command("xprop");
        command.env("DISPLAY", &self.name).args(["-id", &window.0.to_string()]);
        command.args(["-f", "_NET_WM_NAME", "8u", "-set", "_NET_WM_NAME", title]);
        answer(&mut command)?;
        Ok(before.midpoint(clock::now()))
    }

    /// Moves the pointer a little, as a hand would, and says when that was.
    pub(crate) fn input(&self) -> Result<i64> {
        self.xdotool(&["mousemove_relative", "--", "3", "0"])?;
        self.xdotool(&["mousemove_relative", "--", "-3", "0"])?;
        Ok(clock::now())
    }

    fn managed(&mut self) -> Result<Option<()>> {
        self._manager.check_running()?;
        let mut command = self.home.command("xprop");
        command.env("DISPLAY", &self.name).args(["-root", "_NET_SUPPORTING_WM_CHECK"]);
        Ok(answer(&mut command)?.contains("window id").then_some(()))
    }

    /// What xdotool prints; it fails also where it merely found nothing.
    pub(crate) fn xdotool(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.home.command("xdotool");
        let output = command.env("DISPLAY", &self.name).args(arguments).output();
        let output = output.context("xdotool does not start")?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Environment {
    /// A program that sees nothing of the real desktop and nothing of this person's settings.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("HOME", &self.user).current_dir(&self.user);
        for name in [
            "DBUS_SESSION_BUS_ADDRESS",
            "DISPLAY",
            "WAYLAND_DISPLAY",
            "XAUTHORITY",
            "XDG_CONFIG_HOME",
            "XENVIRONMENT",
        ] {
            command.env_remove(name);
        }
        command
    }
}

fn answer(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{program} does not start"))?;
    if !output.status.success() {
        bail!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
