//! Which window has the focus, by property events.
//!
//! The window manager names the active window in `_NET_ACTIVE_WINDOW`. Where there is no
//! window manager, the input focus stands in for it, and the signal is degraded.

use tokio_util::sync::CancellationToken;
use x11rb::NONE;
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ConnectionExt as _, EventMask, InputFocus, Window,
};

use super::connection::{Connection, Readiness, gone};
use super::off_the_runtime;
use super::properties::{Properties, reply, text};
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations, WindowFacts};
use crate::signals::Signal;

/// Focus is often on a child of the window that bears the name.
const MAX_DEPTH: usize = 16;

const NO_WINDOW_MANAGER: &str = "no window manager names the active window, so the input focus \
                                 stands in for it";

/// Watches the focus.
pub(super) struct FocusHook {
    connection: Connection,
}

impl FocusHook {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
    }
}

impl Hook for FocusHook {
    fn signal(&self) -> Signal {
        Signal::Focus
    }

    fn backend(&self) -> &'static str {
        "x11"
    }

    fn run(
        self: Box<Self>,
        out: Observations,
        cancel: CancellationToken,
    ) -> BoxFuture<Result<(), HookError>> {
        Box::pin(async move {
            let readiness = self.connection.readiness()?;
            let watched = watch(self.connection, &readiness, &out);
            cancel.run_until_cancelled(watched).await.unwrap_or(Ok(()))
        })
    }
}

async fn watch(
    connection: Connection,
    readiness: &Readiness,
    out: &Observations,
) -> Result<(), HookError> {
    let opened = connection.clone();
    let mut view = off_the_runtime(move || View::new(opened)).await??;
    let mut told: Option<(Focus, Source)> = None;
    let mut due = true;
    loop {
        let at = out.now();
        while let Some(event) = connection.next_event()? {
            due |= view.concerns(&event);
        }
        if !due {
            readiness.wait().await?;
            continue;
        }
        let (seen, looked) = off_the_runtime(move || (view.look(), view)).await?;
        view = looked;
        // Looking may have queued further events: they are read before anything is waited for.
        due = false;
        let (focus, source) = seen?;
        let before = told.replace((focus.clone(), source));
        if before.as_ref().is_none_or(|(before, _)| *before != focus) {
            out.send(focus.into_observation(), at).await;
        }
        if before.is_none_or(|(_, before)| before != source) {
            out.shortcoming(source.shortcoming());
        }
    }
}

/// What has the focus.
#[derive(Clone, PartialEq, Eq)]
enum Focus {
    Window(WindowFacts),
    Nowhere,
}

impl Focus {
    fn into_observation(self) -> Observation {
        match self {
            Self::Window(facts) => Observation::Window(facts),
            Self::Nowhere => Observation::NoWindow,
        }
    }
}

/// Who says what has the focus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    WindowManager,
    InputFocus,
}

impl Source {
    fn shortcoming(self) -> Option<String> {
        match self {
            Self::WindowManager => None,
            Self::InputFocus => Some(NO_WINDOW_MANAGER.to_owned()),
        }
    }
}

/// What is watched at present. Its methods block, but for [`View::concerns`].
struct View {
    connection: Connection,
    properties: Properties,
    /// The window manager's own window, while there is a window manager.
    manager: Window,
    /// The window that bears the name.
    named: Window,
    /// The window that has the input focus; watched only where there is no window manager.
    focused: Window,
}

impl View {
    fn new(connection: Connection) -> Result<Self, HookError> {
        let properties = Properties::new(&connection)?;
        let view = Self { connection, properties, manager: NONE, named: NONE, focused: NONE };
        view.select(view.connection.root(), EventMask::PROPERTY_CHANGE | EventMask::FOCUS_CHANGE)?;
        Ok(view)
    }

    /// Whether it is worth looking after this event.
    fn concerns(&self, event: &Event) -> bool {
        let atoms = &self.properties.atoms;
        match event {
            Event::PropertyNotify(event) if event.window == self.connection.root() => {
                event.atom == atoms._NET_ACTIVE_WINDOW
                    || event.atom == atoms._NET_SUPPORTING_WM_CHECK
            }
            Event::PropertyNotify(event) => {
                event.window == self.named && self.properties.concerns_facts(event.atom)
            }
            Event::DestroyNotify(event) => {
                [self.manager, self.named, self.focused].contains(&event.window)
            }
            Event::FocusIn(_) | Event::FocusOut(_) => self.manager == NONE,
            _ => false,
        }
    }

    /// Finds out what has the focus, and watches it from now on.
    fn look(&mut self) -> Result<(Focus, Source), HookError> {
        self.find_manager()?;
        let source = if self.manager == NONE { Source::InputFocus } else { Source::WindowManager };
        let named = match source {
            Source::WindowManager => {
                self.focused = NONE;
                let atom = self.properties.atoms._NET_ACTIVE_WINDOW;
                self.window_property(self.connection.root(), atom)?
            }
            Source::InputFocus => self.owner_of_focus()?,
        };
        if self.named != named {
            let old = std::mem::replace(&mut self.named, named);
            if old != NONE && old != self.focused {
                self.select(old, EventMask::NO_EVENT)?;
            }
        }
        self.watch_windows()?;
        let facts = match self.named {
            NONE => None,
            // Read after the events were selected, so that no change falls in between.
            window => self.properties.facts(&self.connection.x, window)?,
        };
        self.connection.x.flush().map_err(gone)?;
        Ok((facts.map_or(Focus::Nowhere, Focus::Window), source))
    }

    fn watch_windows(&self) -> Result<(), HookError> {
        let facts = EventMask::PROPERTY_CHANGE | EventMask::STRUCTURE_NOTIFY;
        let focus = EventMask::FOCUS_CHANGE | EventMask::STRUCTURE_NOTIFY;
        if self.focused != NONE && self.focused != self.named {
            self.select(self.focused, focus)?;
        }
        if self.named != NONE {
            let mask = if self.focused == self.named { facts | focus } else { facts };
            self.select(self.named, mask)?;
        }
        Ok(())
    }

    /// A window manager is there if the window that it names on the root names itself.
    fn find_manager(&mut self) -> Result<(), HookError> {
        let atom = self.properties.atoms._NET_SUPPORTING_WM_CHECK;
        let claimed = self.window_property(self.connection.root(), atom)?;
        let confirmed = claimed != NONE && self.window_property(claimed, atom)? == claimed;
        let manager = if confirmed { claimed } else { NONE };
        if manager != self.manager {
            self.manager = manager;
            if manager != NONE {
                self.select(manager, EventMask::STRUCTURE_NOTIFY)?;
            }
        }
        Ok(())
    }

    /// The window that bears the name, at or above the one that has the input focus.
    fn owner_of_focus(&mut self) -> Result<Window, HookError> {
        let x = &self.connection.x;
        let focus = reply(x.get_input_focus().map_err(gone)?.reply())?;
        let focused = focus.map_or(NONE, |focus| focus.focus);
        let root = self.connection.root();
        let nowhere = [NONE, u32::from(InputFocus::POINTER_ROOT), root].contains(&focused);
        let focused = if nowhere { NONE } else { focused };
        if self.focused != focused {
            let old = std::mem::replace(&mut self.focused, focused);
            if old != NONE {
                self.select(old, EventMask::NO_EVENT)?;
            }
        }
        let mut window = focused;
        for _ in 0..MAX_DEPTH {
            if window == NONE || window == root {
                break;
            }
            let class = text(&self.connection.x, window, AtomEnum::WM_CLASS.into())?;
            if reply(class.reply())?.is_some_and(|class| !class.value.is_empty()) {
                return Ok(window);
            }
            let tree = reply(self.connection.x.query_tree(window).map_err(gone)?.reply())?;
            window = tree.map_or(NONE, |tree| tree.parent);
        }
        Ok(focused)
    }

    fn window_property(&self, of: Window, atom: u32) -> Result<Window, HookError> {
        let cookie = self
            .connection
            .x
            .get_property(false, of, atom, AtomEnum::WINDOW, 0, 1)
            .map_err(gone)?;
        let property = reply(cookie.reply())?;
        Ok(property.and_then(|property| property.value32()?.next()).unwrap_or(NONE))
    }

    fn select(&self, window: Window, mask: EventMask) -> Result<(), HookError> {
        let attributes = ChangeWindowAttributesAux::new().event_mask(mask);
        let cookie =
            self.connection.x.change_window_attributes(window, &attributes).map_err(gone)?;
        // The window may be gone; then so is what was to be watched.
        cookie.ignore_error();
        Ok(())
    }
}
