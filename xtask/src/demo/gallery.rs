//! Pictures of the tray app: each of its screens, light and dark, and its icon in a tray.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::agent::Agent;
use super::desktop::{Desktop, WindowId};
use super::home::Home;
use super::interrupts::Interrupts;
use super::panel::Panel;
use super::process::Process;

/// A window has so long to be painted, and is when it then stays as it is for a while.
const PATIENCE: Duration = Duration::from_secs(60);
const SETTLED: Duration = Duration::from_millis(900);

/// No more than one pixel in so many changes where a clock ticks.
const STILL: usize = 50;

/// A page has so many colours at the least: letters alone have more on their edges.
const COLOURS: usize = 24;

/// What the window can begin with.
const SCREENS: [&str; 5] = ["wizard", "status", "today", "outbox", "settings"];

/// What WebKit takes for the person's wish of light or dark.
const THEMES: [(&str, &str); 2] = [("light", "Adwaita"), ("dark", "Adwaita:dark")];

/// Where pictures are taken, and where they go.
pub(super) struct Gallery<'a> {
    program: &'a Path,
    folder: PathBuf,
    desktop: &'a Desktop,
    home: &'a Home,
    /// The window that has the focus before the first picture.
    first: WindowId,
}

impl<'a> Gallery<'a> {
    /// A gallery in `folder`, which is made where it is missing.
    pub(super) fn new(
        program: &'a Path,
        folder: &Path,
        desktop: &'a Desktop,
        home: &'a Home,
        first: WindowId,
    ) -> Result<Self> {
        let named = folder.display();
        fs::create_dir_all(folder).with_context(|| format!("{named} cannot be made"))?;
        let folder = folder.canonicalize().with_context(|| format!("{named} is not there"))?;
        Ok(Self { program, folder, desktop, home, first })
    }

    /// Takes the focus from the windows of the script, whose time is over.
    pub(super) fn open(&self, interrupts: &Interrupts) -> Result<()> {
        self.desktop.focus(self.first, interrupts).map(drop)
    }

    /// Starts the tray app beside the agent that runs, and takes every picture.
    pub(super) fn fill(&self, agent: &Agent, interrupts: &Interrupts) -> Result<()> {
        println!("\nthe tray app starts; it is shown in {}", self.folder.display());
        let panel = Panel::start(self.desktop, self.home, interrupts)?;
        let mut command = self.command(agent, &panel);
        let mut tray = Process::start("tray", command.arg("--hidden"), &self.home.logs())?;
        panel.wait_for_icon(interrupts)?;
        for screen in SCREENS {
            for (name, theme) in THEMES {
                tray.check_running()?;
                let mut command = self.command(agent, &panel);
                command.args(["window", "--screen", screen]).env("GTK_THEME", theme);
                if screen == "wizard" {
                    command.env("DEVPULSE_HOME", self.home.file("nobody"));
                }
                self.show(&mut command, &format!("{screen}-{name}"), interrupts)?;
            }
        }
        Ok(())
    }

    /// Opens a window and takes its picture; for one of them also that of the desktop.
    fn show(&self, command: &mut Command, name: &str, interrupts: &Interrupts) -> Result<()> {
        let mut process = Process::start("window", command, &self.home.logs())?;
        let window = interrupts.until("the window", PATIENCE, || {
            process.check_running()?;
            self.window()
        })?;
        // A window that shows what was there before it settles, too, before its page comes.
        loop {
            let painted = self.wait_for_paint(&window, interrupts);
            let painted = painted.with_context(|| format!("of {name}"))?;
            self.save(&window, name)?;
            if resembles(&painted, &self.pixels(&window)?) {
                break;
            }
        }
        if name == "status-light" {
            self.save("root", "desktop")?;
        }
        drop(process);
        interrupts
            .until("the end of the window", PATIENCE, || Ok(self.window()?.is_none().then_some(())))
    }

    fn wait_for_paint(&self, window: &str, interrupts: &Interrupts) -> Result<Vec<u8>> {
        let mut last = Vec::new();
        let mut since = Instant::now();
        interrupts.until("a painted window", PATIENCE, || {
            let pixels = self.pixels(window)?;
            if !resembles(&last, &pixels) {
                since = Instant::now();
            }
            last = pixels;
            let is_painted = is_drawn(&last) && since.elapsed() >= SETTLED;
            Ok(is_painted.then(|| last.clone()))
        })
    }

    fn window(&self) -> Result<Option<String>> {
        let found = self.desktop.xdotool(&["search", "--onlyvisible", "--name", "^DevPulse$"])?;
        Ok(found.lines().next().map(str::to_owned))
    }

    /// Three bytes of colour for each pixel; none where there is no such window any more.
    fn pixels(&self, window: &str) -> Result<Vec<u8>> {
        let mut command = self.desktop.command("import");
        command.args(["-silent", "-window", window, "-depth", "8", "rgb:-"]);
        Ok(command.output().context("import does not start")?.stdout)
    }

    fn save(&self, window: &str, name: &str) -> Result<()> {
        let file = self.folder.join(name).with_extension("png");
        let mut command = self.desktop.command("import");
        command.args(["-silent", "-window", window, "-strip"]).arg(&file);
        let output = command.output().context("import does not start")?;
        if !output.status.success() {
            bail!("no picture of {name}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    fn command(&self, agent: &Agent, panel: &Panel<'_>) -> Command {
        let mut command = Command::new(self.program);
        agent.surround(&mut command);
        panel.surround(&mut command);
        command
    }
}

/// Whether two pictures of a window differ in no more than figures that go on counting.
fn resembles(before: &[u8], after: &[u8]) -> bool {
    let pairs = before.chunks_exact(3).zip(after.chunks_exact(3));
    let different = pairs.filter(|(before, after)| before != after).count();
    before.len() == after.len() && different * 3 * STILL <= after.len()
}

/// Whether there is more to see in it than the ground and the edges of a page to come.
fn is_drawn(pixels: &[u8]) -> bool {
    let colours: HashSet<_> = pixels.chunks_exact(3).collect();
    colours.len() >= COLOURS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_of_few_colours_is_not_drawn_yet() {
        let of = |colours: u8| -> Vec<u8> { (0..colours).flat_map(|it| [20, 30, it]).collect() };
        assert!(!is_drawn(&of(0)));
        assert!(!is_drawn(&of(2).repeat(1_000)), "the ground and a bar to scroll with");
        assert!(is_drawn(&of(24)));
    }

    #[test]
    fn a_window_whose_clock_ticks_is_still() {
        let before = vec![20; 3 * 1_000];
        let mut after = before.clone();
        after[..3 * 20].fill(30);
        assert!(resembles(&before, &after));
        after[..3 * 21].fill(30);
        assert!(!resembles(&before, &after));
        assert!(!resembles(&before, &before[3..]));
        assert!(!resembles(&[], &before));
    }
}
