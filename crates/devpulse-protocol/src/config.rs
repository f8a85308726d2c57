//! The server's configuration: what is captured, how it is batched, how much disk it may take.
//!
//! [`Key`] is the one table of settings with their defaults and allowed values;
//! every source of settings goes through [`Config::set`].

mod key;
mod server;
mod set;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use key::{Allowed, Key};
pub use server::{ServerConfig, ServerConfigError};
pub use set::RefusedSetting;

/// All settings that a server may set, each within its allowed range.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Time between heartbeats.
    pub heartbeat_interval: Duration,
    /// Time without input after which the person is inactive.
    pub idle_threshold: Duration,
    /// What it means for that when a program keeps the screen awake.
    pub idle_inhibitors: InhibitorRule,
    /// Time between looks at the server's configuration.
    pub config_poll: Duration,
    /// When a batch is complete.
    pub batch: BatchConfig,
    /// What is captured of the screen.
    pub screenshot: ScreenshotConfig,
    /// What is captured of windows.
    pub window: WindowConfig,
    /// Whether the person may pause capture.
    pub pause: PauseConfig,
    /// How much is kept on the device.
    pub limits: LimitsConfig,
}

/// A batch is complete when the first of these is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchConfig {
    /// Events in a batch.
    pub max_events: usize,
    /// Bytes of the events in a batch.
    pub max_bytes: usize,
    /// Age of its oldest event.
    pub max_interval: Duration,
}

/// What is captured of the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct ScreenshotConfig {
    /// Whether screens may be captured at all.
    pub enabled: bool,
    /// Time between periodic captures; zero is off.
    pub interval: Duration,
    /// Part of the interval, 0 to 1, by which it varies at random.
    pub jitter: f64,
    /// Wider images are scaled down to this many pixels.
    pub max_width: u32,
    /// Format of the image files.
    pub format: ImageFormat,
    /// Quality of lossy formats, 1 to 100.
    pub quality: u8,
    /// What causes a capture.
    pub triggers: Vec<Trigger>,
    /// How windows are hidden that must not be seen.
    pub mask: Mask,
}

/// What is captured of windows.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowConfig {
    /// Whether windows are reported at all.
    pub enabled: bool,
    /// Shorter stays are not reported.
    pub min_duration: Duration,
    /// What is left of titles.
    pub title_policy: TitlePolicy,
    /// Exceptions by application and title; the first that matches holds.
    pub rules: Vec<Rule>,
    /// Whether the built-in rules for private browsing and password managers follow them.
    pub builtin_rules: bool,
}

/// Whether the person may pause capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PauseConfig {
    /// Whether at all.
    pub allowed: bool,
    /// For how long at most.
    pub max: Duration,
}

/// How much is kept on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Bytes of database and images together.
    pub max_disk_bytes: u64,
    /// For how long delivered events stay readable.
    pub history: Duration,
}

/// Format of an image file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageFormat {
    /// WebP, lossy.
    Webp,
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
}

impl ImageFormat {
    /// The format as the wire writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webp => "webp",
            Self::Jpeg => "jpeg",
            Self::Png => "png",
        }
    }

    /// The format's media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Webp => "image/webp",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

/// What caused a screen to be captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The interval passed.
    Periodic,
    /// The person asked for it.
    Manual,
    /// The focus moved to another window.
    WindowChange,
    /// The screen was unlocked.
    Unlock,
}

/// What it means that a program keeps the screen awake, as meetings and films do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InhibitorRule {
    /// Whoever was active stays so: listening is not idleness.
    #[default]
    KeepActive,
    /// Nothing: input alone counts.
    Ignored,
}

/// How windows are hidden in images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mask {
    /// Filled with one colour.
    Solid,
    /// Made of large tiles.
    Mosaic,
}

/// What is left of window titles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TitlePolicy {
    /// The title as the window shows it.
    Full,
    /// Nothing.
    AppOnly,
    /// A keyed hash, so that equal titles are seen to be equal.
    Hash,
}

/// An exception for windows whose application and title match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Regular expression over the application's name; absent matches every one.
    #[serde(default)]
    pub app: Option<String>,
    /// Regular expression over the title; absent matches every one.
    #[serde(default)]
    pub title: Option<String>,
    /// What happens to windows that match.
    pub action: RuleAction,
}

/// What happens to a window that a rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleAction {
    /// It is not reported.
    Drop,
    /// What matches in its title is blotted out.
    Redact,
    /// It is reported without its title.
    AppOnly,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            heartbeat_interval: Duration::from_secs(60),
            idle_threshold: Duration::from_secs(300),
            idle_inhibitors: InhibitorRule::KeepActive,
            config_poll: Duration::from_secs(300),
            batch: BatchConfig {
                max_events: 100,
                max_bytes: 1024 * 1024,
                max_interval: Duration::from_secs(5),
            },
            screenshot: ScreenshotConfig {
                enabled: true,
                interval: Duration::ZERO,
                jitter: 0.2,
                max_width: 1600,
                format: ImageFormat::Webp,
                quality: 75,
                triggers: vec![Trigger::Periodic],
                mask: Mask::Solid,
            },
            window: WindowConfig {
                enabled: true,
                min_duration: Duration::ZERO,
                title_policy: TitlePolicy::Full,
                rules: Vec::new(),
                builtin_rules: true,
            },
            pause: PauseConfig { allowed: true, max: Duration::from_secs(60 * 60) },
            limits: LimitsConfig {
                max_disk_bytes: 512 * 1024 * 1024,
                history: Duration::from_secs(24 * 60 * 60),
            },
        }
    }
}
