//! Images of the screens: when, of what, and as which file.

#[cfg(any(target_os = "linux", windows))]
mod coverage;
mod duplicates;
mod encode;
mod health;
mod mask;
mod memory;
mod schedule;
mod shot;
mod webp;

use std::time::Duration;

use devpulse_protocol::ImageFormat;

#[cfg(any(target_os = "linux", windows))]
pub(crate) use coverage::Coverage;
pub(crate) use duplicates::Duplicates;
pub(crate) use encode::Encoding;
pub(crate) use health::{IMAGES_AN_HOUR, ScreenHealth};
#[cfg(target_os = "linux")]
pub(crate) use memory::room_for_pixels;
pub(crate) use schedule::Schedule;
pub(crate) use shot::{Picture, Shot, Sitting, Taken};

/// Captures screens. Its methods block; they are called on a thread that may.
///
/// Every method returns within five seconds, whatever the system does.
pub trait ScreenGrabber: Send + Sync {
    /// The monitors there are now, in an order that lasts.
    ///
    /// # Errors
    /// Says why they cannot be told.
    fn monitors(&self) -> Result<Vec<Area>, GrabError>;

    /// What one monitor shows.
    ///
    /// # Errors
    /// Says why it cannot be captured.
    fn grab(&self, monitor: Area) -> Result<Frame, GrabError>;

    /// The windows that can be seen at least in part, with what of them can be seen.
    ///
    /// # Errors
    /// Says why they cannot be told; then nothing is captured while the policy hides windows.
    fn visible_windows(&self) -> Result<Vec<VisibleWindow>, GrabError>;

    /// For how long a screen may still show windows as they were before they became what
    /// [`ScreenGrabber::visible_windows`] tells of them.
    fn lag(&self) -> Duration {
        Duration::ZERO
    }
}

/// A part of the desktop, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Left edge.
    pub x: i32,
    /// Upper edge.
    pub y: i32,
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

/// A window on the screen. Never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct VisibleWindow {
    /// The application's name.
    pub app_name: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// What of it can be seen, its frame included.
    pub areas: Vec<Area>,
}

/// Pixels: red, green, blue, row by row, without padding.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Three bytes a pixel.
    pub rgb: Vec<u8>,
}

/// Why a screen could not be captured: one sentence without a full stop.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct GrabError {
    what: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl GrabError {
    /// A plain reason.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), source: None }
    }

    /// A reason with its cause.
    pub fn with_source(
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { what: what.into(), source: Some(source.into()) }
    }
}

#[cfg(target_os = "linux")]
impl GrabError {
    /// What a hook's error says, with its cause.
    pub(crate) fn from_cause(error: crate::hook::HookError) -> Self {
        Self::with_source("the windows cannot be listed", error)
    }
}

/// Why there is no screenshot.
#[derive(Debug, thiserror::Error)]
pub enum ScreenshotError {
    /// The policy forbids it.
    #[error("screenshots are switched off by the policy")]
    Policy,
    /// Nothing here can capture screens; the text says why.
    #[error("the screens cannot be captured: {0}")]
    Unavailable(String),
    /// The screen is locked.
    #[error("the screen is locked")]
    Locked,
    /// The machine is about to sleep.
    #[error("the machine is about to sleep")]
    Suspended,
    /// There were too many images within the last hour.
    #[error("{0} images were captured within the last hour, which is the most")]
    Enough(usize),
    /// No monitor shows anything but black.
    #[error("the screens show nothing but black")]
    Black,
    /// What is captured stands still although windows change.
    #[error("what is captured of the screens has not changed although windows did")]
    Frozen,
    /// Capture is paused.
    #[error("capture is paused")]
    Paused,
    /// Capture has ended.
    #[error("capture has ended")]
    Ended,
    /// It took too long.
    #[error("the screens were not captured within {} seconds", .0.as_secs())]
    TimedOut(std::time::Duration),
    /// The system refused.
    #[error("the screens could not be captured")]
    Grab(#[source] GrabError),
    /// The image could not be made into a file.
    #[error("the image could not be encoded as {}", .0.as_str())]
    Encode(ImageFormat, #[source] Box<dyn std::error::Error + Send + Sync>),
}
