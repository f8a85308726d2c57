//! Hooks: what the operating system says, made into DevPulse events.
//!
//! The agent depends on this crate. It knows the wire's types and the operating system;
//! it must never know a transport, a database, or whether anybody listens.

mod capture;
mod captured;
mod clock;
#[cfg(target_os = "linux")]
mod dbus;
mod desktop;
#[cfg(any(windows, target_os = "macos", test))]
mod guard;
mod hook;
#[cfg(target_os = "linux")]
mod hyprland;
mod idle;
#[cfg(target_os = "linux")]
mod local_socket;
#[cfg(target_os = "macos")]
mod macos;
mod main_loop;
mod policy;
mod present;
mod recorder;
mod remedy;
mod screenshot;
mod session;
mod signals;
mod supervisor;
#[cfg(target_os = "linux")]
mod sway;
mod tracker;
#[cfg(target_os = "linux")]
mod wayland;
#[cfg(target_os = "linux")]
mod window_places;
#[cfg(windows)]
mod windows;
#[cfg(target_os = "linux")]
mod x11;

pub use capture::{Capture, CaptureHandle, Figures};
pub use captured::{Captured, CapturedImage, CheckpointUpdate, OpenWindow, Urgency};
pub use clock::Moment;
pub use desktop::{Desktop, open_windows};
pub use hook::{
    Backends, BoxFuture, Hook, HookError, Observation, Observations, OpenHook, Probe, Refusal,
    SessionChange, WindowFacts,
};
pub use idle::{IdleRule, KeptScreen};
pub use main_loop::beside_main_loop;
pub use policy::{AppliedRule, CapturePolicy, Reported, Ruling, WindowRules, builtin_rules};
pub use present::{Present, Standing};
pub use remedy::remedy_for;
pub use screenshot::{Area, Frame, GrabError, ScreenGrabber, ScreenshotError, VisibleWindow};
pub use signals::{Signal, SignalStatus, Signals};
