//! The windows that a compositor of the wlroots kind lists: titles, applications and which one
//! is active. It tells neither processes nor places.

use std::sync::Arc;

use wayland_client::backend::ObjectData;
use wayland_client::protocol::wl_output::WlOutput;
use wayland_client::{Connection, Dispatch, QueueHandle};
use wayland_protocols_wlr::foreign_toplevel::v1::client::zwlr_foreign_toplevel_handle_v1::{
    self, State, ZwlrForeignToplevelHandleV1,
};
use wayland_protocols_wlr::foreign_toplevel::v1::client::zwlr_foreign_toplevel_manager_v1::{
    self, ZwlrForeignToplevelManagerV1,
};

use crate::hook::WindowFacts;

/// The protocol as this crate speaks it.
pub(super) const VERSION: u32 = 3;

/// The event of the manager that brings a window.
const TOPLEVEL: u16 = 0;

/// The windows, oldest first.
#[derive(Default)]
pub(super) struct Toplevels {
    all: Vec<Toplevel>,
    count: u64,
    finished: bool,
}

/// One window.
pub(super) struct Toplevel {
    handle: ZwlrForeignToplevelHandleV1,
    window: u64,
    said: Said,
    /// What was said before the last word that it is complete.
    shown: Said,
    outputs: Vec<WlOutput>,
}

#[derive(Clone, Default)]
struct Said {
    title: Option<String>,
    app_id: Option<String>,
    active: bool,
    minimized: bool,
}

/// A listener that keeps the windows.
pub(super) trait KeepsToplevels: 'static {
    fn toplevels(&mut self) -> &mut Toplevels;
}

impl Toplevels {
    /// The window that has the focus.
    pub(super) fn active(&self) -> Option<WindowFacts> {
        self.all.iter().find(|toplevel| toplevel.shown.active).map(Toplevel::facts)
    }

    /// Every window.
    pub(super) fn all(&self) -> impl Iterator<Item = &Toplevel> {
        self.all.iter()
    }

    /// The compositor lists them no longer.
    pub(super) const fn is_finished(&self) -> bool {
        self.finished
    }

    fn find(&mut self, handle: &ZwlrForeignToplevelHandleV1) -> Option<&mut Toplevel> {
        self.all.iter_mut().find(|toplevel| toplevel.handle == *handle)
    }
}

impl Toplevel {
    pub(super) fn facts(&self) -> WindowFacts {
        WindowFacts {
            window: self.window,
            title: self.shown.title.clone(),
            app_name: self.shown.app_id.clone(),
            pid: None,
        }
    }

    /// Whether something of it may be seen.
    pub(super) const fn may_be_seen(&self) -> bool {
        !self.shown.minimized
    }

    /// The monitors that it is on.
    pub(super) fn outputs(&self) -> &[WlOutput] {
        &self.outputs
    }
}

impl<S> Dispatch<ZwlrForeignToplevelManagerV1, (), S> for Toplevels
where
    S: KeepsToplevels
        + Dispatch<ZwlrForeignToplevelManagerV1, ()>
        + Dispatch<ZwlrForeignToplevelHandleV1, ()>,
{
    fn event(
        state: &mut S,
        _: &ZwlrForeignToplevelManagerV1,
        event: zwlr_foreign_toplevel_manager_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<S>,
    ) {
        let toplevels = state.toplevels();
        match event {
            zwlr_foreign_toplevel_manager_v1::Event::Toplevel { toplevel } => {
                toplevels.count += 1;
                toplevels.all.push(Toplevel {
                    handle: toplevel,
                    window: toplevels.count,
                    said: Said::default(),
                    shown: Said::default(),
                    outputs: Vec::new(),
                });
            }
            zwlr_foreign_toplevel_manager_v1::Event::Finished => toplevels.finished = true,
            _ => {}
        }
    }

    fn event_created_child(opcode: u16, queue: &QueueHandle<S>) -> Arc<dyn ObjectData> {
        debug_assert_eq!(opcode, TOPLEVEL);
        queue.make_data::<ZwlrForeignToplevelHandleV1, ()>(())
    }
}

impl<S> Dispatch<ZwlrForeignToplevelHandleV1, (), S> for Toplevels
where
    S: KeepsToplevels + Dispatch<ZwlrForeignToplevelHandleV1, ()>,
{
    fn event(
        state: &mut S,
        handle: &ZwlrForeignToplevelHandleV1,
        event: zwlr_foreign_toplevel_handle_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<S>,
    ) {
        let toplevels = state.toplevels();
        if matches!(event, zwlr_foreign_toplevel_handle_v1::Event::Closed) {
            toplevels.all.retain(|toplevel| toplevel.handle != *handle);
            handle.destroy();
            return;
        }
        let Some(toplevel) = toplevels.find(handle) else { return };
        match event {
            zwlr_foreign_toplevel_handle_v1::Event::Title { title } => {
                toplevel.said.title = Some(title);
            }
            zwlr_foreign_toplevel_handle_v1::Event::AppId { app_id } => {
                toplevel.said.app_id = Some(app_id).filter(|id| !id.is_empty());
            }
            zwlr_foreign_toplevel_handle_v1::Event::State { state } => {
                toplevel.said.active = has(&state, State::Activated);
                toplevel.said.minimized = has(&state, State::Minimized);
            }
            zwlr_foreign_toplevel_handle_v1::Event::OutputEnter { output } => {
                toplevel.outputs.push(output);
            }
            zwlr_foreign_toplevel_handle_v1::Event::OutputLeave { output } => {
                toplevel.outputs.retain(|known| *known != output);
            }
            zwlr_foreign_toplevel_handle_v1::Event::Done => {
                toplevel.shown = toplevel.said.clone();
            }
            _ => {}
        }
    }
}

/// Whether a list of states, four bytes each, names this one.
fn has(states: &[u8], state: State) -> bool {
    let (states, _) = states.as_chunks::<4>();
    states.iter().any(|bytes| u32::from_ne_bytes(*bytes) == state as u32)
}

impl std::fmt::Debug for Toplevels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Toplevels").field("count", &self.all.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use wayland_client::Proxy as _;

    use super::*;

    #[test]
    fn states_are_found_among_others() {
        let list: Vec<u8> = [0u32, 2].iter().flat_map(|state| state.to_ne_bytes()).collect();
        assert!(has(&list, State::Activated));
        assert!(!has(&list, State::Minimized));
        assert!(!has(&list[..6], State::Activated));
    }

    #[test]
    fn the_only_event_that_brings_an_object_is_the_first() {
        let events = ZwlrForeignToplevelManagerV1::interface().events;
        let children: Vec<_> = events.iter().map(|event| event.child_interface.is_some()).collect();
        assert_eq!(children, [true, false]);
    }
}
