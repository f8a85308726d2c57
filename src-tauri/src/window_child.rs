//! The window's process, as the tray sees it: started on demand, one at a time, gone when
//! its window is closed.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, watch};

use crate::parley::{self, Hearing, ToTray, ToWindow};
use crate::view::Screen;

/// Time that a window has to end once the app does.
const LAST_MOMENT: Duration = Duration::from_secs(2);

/// Speaks to the task that keeps the window. Clones speak to the same.
#[derive(Clone, Debug)]
pub(crate) struct WindowChild {
    say: mpsc::UnboundedSender<Order>,
    open: watch::Sender<bool>,
}

#[derive(Debug)]
enum Order {
    Show(Option<Screen>),
    Tell(ToWindow),
    Close,
}

impl WindowChild {
    /// Begins to keep the window of `program`; what it says goes to `heard`.
    #[must_use]
    pub(crate) fn start(program: PathBuf, heard: mpsc::UnboundedSender<ToTray>) -> Self {
        let (say, orders) = mpsc::unbounded_channel();
        let open = watch::Sender::new(false);
        tokio::spawn(Keeping { program, orders, heard, open: open.clone(), state: None }.run());
        Self { say, open }
    }

    /// Opens the window, or has it come forward, with this screen where one is named.
    pub(crate) fn show(&self, screen: Option<Screen>) {
        self.open.send_replace(true);
        self.say.send(Order::Show(screen)).ok();
    }

    /// Tells the window how things are, now and whenever it is opened.
    pub(crate) fn tell(&self, state: ToWindow) {
        self.say.send(Order::Tell(state)).ok();
    }

    /// Closes the window, and opens none any more. Returns once it has ended.
    pub(crate) async fn close(&self) {
        self.say.send(Order::Close).ok();
        self.say.closed().await;
    }

    /// Whether it is open, or about to open.
    #[must_use]
    pub(crate) fn is_open(&self) -> bool {
        *self.open.borrow()
    }
}

struct Keeping {
    program: PathBuf,
    orders: mpsc::UnboundedReceiver<Order>,
    heard: mpsc::UnboundedSender<ToTray>,
    open: watch::Sender<bool>,
    state: Option<ToWindow>,
}

impl Keeping {
    async fn run(mut self) {
        while let Some(order) = self.orders.recv().await {
            match order {
                Order::Show(screen) => match self.spawn(screen) {
                    Ok(child) => {
                        let goes_on = self.attend(child).await;
                        self.open.send_replace(false);
                        if !goes_on {
                            return;
                        }
                    }
                    Err(error) => {
                        self.open.send_replace(false);
                        tracing::error!(%error, "the window does not open");
                    }
                },
                Order::Tell(state) => self.state = Some(state),
                Order::Close => return,
            }
        }
    }

    fn spawn(&self, screen: Option<Screen>) -> std::io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.arg("window").arg("--tray").arg(std::process::id().to_string());
        if let Some(name) = screen.and_then(Screen::name) {
            command.arg("--screen").arg(name);
        }
        // WebKit shows a blank window with some graphics drivers where it shares buffers with them.
        if cfg!(target_os = "linux") && std::env::var_os(NO_SHARED_BUFFERS).is_none() {
            command.env(NO_SHARED_BUFFERS, "1");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()
    }

    /// Speaks with the window until it ends. Answers whether another one may follow.
    async fn attend(&mut self, mut child: Child) -> bool {
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return true;
        };
        let mut hearing = Hearing::new(output);
        if let Some(state) = &self.state {
            say(&mut input, state).await;
        }
        let mut is_heard = true;
        loop {
            tokio::select! {
                ended = child.wait() => {
                    match ended {
                        Ok(status) if status.success() => {}
                        Ok(status) => tracing::warn!(%status, "the window ended by a fault"),
                        Err(error) => tracing::warn!(%error, "the window is lost"),
                    }
                    return true;
                }
                message = hearing.next(), if is_heard => match message {
                    Some(message) => {
                        self.heard.send(message).ok();
                    }
                    None => is_heard = false,
                },
                order = self.orders.recv() => match order {
                    Some(Order::Show(screen)) => say(&mut input, &ToWindow::Show { screen }).await,
                    Some(Order::Tell(state)) => {
                        say(&mut input, &state).await;
                        self.state = Some(state);
                    }
                    Some(Order::Close) | None => {
                        drop(input);
                        tokio::time::timeout(LAST_MOMENT, child.wait()).await.ok();
                        return false;
                    }
                },
            }
        }
    }
}

const NO_SHARED_BUFFERS: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";

async fn say(input: &mut ChildStdin, message: &ToWindow) {
    if let Err(error) = parley::say(input, message).await {
        tracing::debug!(%error, "the window hears nothing any more");
    }
}
