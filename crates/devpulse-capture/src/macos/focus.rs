//! Which window has the focus: the workspace tells when another application comes forward,
//! the accessibility interface when a title changes. Where that is not permitted, titles are
//! those of the window server's list, looked at now and then.

use std::time::Duration;

use objc2_app_kit::{NSWorkspace, NSWorkspaceDidActivateApplicationNotification};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::accessibility::{self, TitleWatch};
use super::main_loop::{OnMain, on_main};
use super::notifications::Workspace;
use super::{permission, window};
use crate::guard::Guard;
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations, WindowFacts};
use crate::signals::Signal;

/// A window server or a program that has not answered for so long is asked again later.
const DEADLINE: Duration = Duration::from_secs(2);

/// How often to look where changes of titles are told, in case one was not.
const RECONCILE: Duration = Duration::from_secs(60);

/// How often to look where they are not.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// A program's windows follow a moment after it came forward.
const SETTLING: Duration = Duration::from_millis(100);

/// Stands in for the number of a window where a process shows none.
const NO_WINDOW: u64 = 1 << 40;

/// Watches the focus.
pub(super) struct FocusHook;

impl Hook for FocusHook {
    fn signal(&self) -> Signal {
        Signal::Focus
    }

    fn backend(&self) -> &'static str {
        "nsworkspace"
    }

    fn run(
        self: Box<Self>,
        out: Observations,
        cancel: CancellationToken,
    ) -> BoxFuture<Result<(), HookError>> {
        Box::pin(async move { cancel.run_until_cancelled(watch(&out)).await.unwrap_or(Ok(())) })
    }
}

/// How titles become known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Titles {
    Told,
    Listed,
    Unknown,
}

async fn watch(out: &Observations) -> Result<(), HookError> {
    let (told, mut changed) = mpsc::channel(1);
    let wake = told.clone();
    let _workspace = on_main(move |main| {
        permission::ask_for_accessibility();
        // SAFETY: the name of a notification, which nobody changes.
        let name = unsafe { NSWorkspaceDidActivateApplicationNotification };
        let came_forward = move || {
            // One that was not taken yet says the same.
            wake.try_send(()).ok();
        };
        OnMain::new(Workspace::listen(main, name, came_forward), main)
    })
    .await?;
    let guard = Guard::new("the window with the focus", DEADLINE);
    let mut titles_of: Option<(u32, OnMain<TitleWatch>)> = None;
    let mut last: Option<Option<WindowFacts>> = None;
    let mut last_titles = None;
    loop {
        let at = out.now();
        let front = on_main(|_| Front::now()).await?;
        let titles = titles();
        let pid = front.as_ref().map(|front| front.pid).filter(|_| titles == Titles::Told);
        if titles_of.as_ref().map(|(pid, _)| *pid) != pid {
            titles_of = watch_titles(pid, told.clone()).await?;
        }
        let facts = read(&guard, front, titles).await?;
        if last.as_ref() != Some(&facts) {
            last = Some(facts.clone());
            let observation = facts.map_or(Observation::NoWindow, Observation::Window);
            out.send(observation, at).await;
        }
        if last_titles != Some(titles) {
            last_titles = Some(titles);
            out.shortcoming(shortcoming(titles));
        }
        let pace = if titles == Titles::Told { RECONCILE } else { LOOK_AGAIN };
        tokio::select! {
            Some(()) = changed.recv() => sleep(SETTLING).await,
            () = sleep(pace) => {}
        }
    }
}

fn titles() -> Titles {
    if permission::may_use_accessibility() {
        Titles::Told
    } else if permission::may_see_screens() {
        Titles::Listed
    } else {
        Titles::Unknown
    }
}

fn shortcoming(titles: Titles) -> Option<String> {
    match titles {
        Titles::Told => None,
        Titles::Listed => Some(permission::TITLES_LATE.to_owned()),
        Titles::Unknown => Some(permission::NO_TITLES.to_owned()),
    }
}

async fn watch_titles(
    pid: Option<u32>,
    told: mpsc::Sender<()>,
) -> Result<Option<(u32, OnMain<TitleWatch>)>, HookError> {
    let Some(pid) = pid else { return Ok(None) };
    let Ok(process) = i32::try_from(pid) else { return Ok(None) };
    let watch = on_main(move |main| {
        TitleWatch::of(process, told, main).map(|watch| OnMain::new(watch, main))
    });
    Ok(watch.await?.map(|watch| (pid, watch)))
}

/// The application that is in front.
struct Front {
    pid: u32,
    name: Option<String>,
}

impl Front {
    fn now() -> Option<Self> {
        let application = NSWorkspace::sharedWorkspace().frontmostApplication()?;
        let name = application.localizedName().and_then(|name| window::title(&name.to_string()));
        Some(Self { pid: u32::try_from(application.processIdentifier()).ok()?, name })
    }
}

/// The window of the application in front, read on the guard's thread. Where that is not
/// answered in time, the window is the application's, without a title.
async fn read(
    guard: &Guard,
    front: Option<Front>,
    titles: Titles,
) -> Result<Option<WindowFacts>, HookError> {
    let Some(Front { pid, name }) = front else { return Ok(None) };
    let guard = guard.clone();
    let asked = tokio::task::spawn_blocking(move || {
        guard.ask(move || {
            let listed = window::foremost_of(pid);
            let process = i32::try_from(pid).ok().filter(|_| titles == Titles::Told);
            let told = process.and_then(accessibility::focused_title);
            let (number, title) = listed.map_or((None, None), |it| (Some(it.number), it.title));
            (number, told.or(title))
        })
    });
    let answer = asked
        .await
        .map_err(|error| HookError::with_source("the reading of the focus was cut short", error))?;
    let (number, title) = answer.unwrap_or_else(|error| {
        tracing::debug!(%error, "the window with the focus is not told");
        (None, None)
    });
    let window = number.unwrap_or(NO_WINDOW | u64::from(pid));
    Ok(Some(WindowFacts { window, title, app_name: name, pid: Some(pid) }))
}
