//! The table of settings: their dotted names and what each allows.

use std::fmt;

/// A setting that the server, `config.toml` or the environment may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is described in the table below and in docs/protocol.md")]
pub enum Key {
    HeartbeatInterval,
    IdleThreshold,
    IdleInhibitors,
    ConfigPoll,
    BatchMaxEvents,
    BatchMaxBytes,
    BatchMaxInterval,
    ScreenshotEnabled,
    ScreenshotInterval,
    ScreenshotJitter,
    ScreenshotMaxWidth,
    ScreenshotFormat,
    ScreenshotQuality,
    ScreenshotTriggers,
    ScreenshotMask,
    WindowEnabled,
    WindowMinDuration,
    WindowTitlePolicy,
    WindowRules,
    WindowBuiltinRules,
    PauseAllowed,
    PauseMaxMinutes,
    LimitsMaxDiskMb,
    LimitsHistoryHours,
}

/// What a setting allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Allowed {
    /// `true` or `false`.
    Bool,
    /// A whole number, both ends included.
    Integer {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// Zero, or a whole number, both ends included.
    ZeroOr {
        /// The smallest besides zero.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// Any number, both ends included.
    Number {
        /// The smallest.
        min: f64,
        /// The largest.
        max: f64,
    },
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of these words.
    ListOf(&'static [&'static str]),
    /// A list of rules with regular expressions.
    Rules,
}

const DAY_S: i64 = 86_400;

impl Key {
    /// Every setting, in the order in which people read them.
    pub const ALL: [Self; 24] = [
        Self::HeartbeatInterval,
        Self::IdleThreshold,
        Self::IdleInhibitors,
        Self::ConfigPoll,
        Self::BatchMaxEvents,
        Self::BatchMaxBytes,
        Self::BatchMaxInterval,
        Self::ScreenshotEnabled,
        Self::ScreenshotInterval,
        Self::ScreenshotJitter,
        Self::ScreenshotMaxWidth,
        Self::ScreenshotFormat,
        Self::ScreenshotQuality,
        Self::ScreenshotTriggers,
        Self::ScreenshotMask,
        Self::WindowEnabled,
        Self::WindowMinDuration,
        Self::WindowTitlePolicy,
        Self::WindowRules,
        Self::WindowBuiltinRules,
        Self::PauseAllowed,
        Self::PauseMaxMinutes,
        Self::LimitsMaxDiskMb,
        Self::LimitsHistoryHours,
    ];

    /// The setting's dotted name: sections and name as they are nested in JSON and TOML.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.entry().0
    }

    /// What the setting allows.
    #[must_use]
    pub const fn allowed(self) -> Allowed {
        self.entry().1
    }

    /// The setting with this dotted name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }

    const fn entry(self) -> (&'static str, Allowed) {
        match self {
            Self::HeartbeatInterval => {
                ("heartbeat_interval_s", Allowed::Integer { min: 1, max: DAY_S })
            }
            Self::IdleThreshold => ("idle_threshold_s", Allowed::Integer { min: 1, max: DAY_S }),
            Self::IdleInhibitors => {
                ("idle_inhibitors", Allowed::OneOf(&["keep_active", "ignored"]))
            }
            Self::ConfigPoll => ("config_poll_s", Allowed::Integer { min: 1, max: DAY_S }),
            Self::BatchMaxEvents => ("batch.max_events", Allowed::Integer { min: 1, max: 1000 }),
            Self::BatchMaxBytes => {
                ("batch.max_bytes", Allowed::Integer { min: 16 * 1024, max: 16 * 1024 * 1024 })
            }
            Self::BatchMaxInterval => {
                ("batch.max_interval_ms", Allowed::Integer { min: 100, max: 3_600_000 })
            }
            Self::ScreenshotEnabled => ("screenshot.enabled", Allowed::Bool),
            Self::ScreenshotInterval => {
                ("screenshot.interval_s", Allowed::ZeroOr { min: 1, max: DAY_S })
            }
            Self::ScreenshotJitter => ("screenshot.jitter", Allowed::Number { min: 0.0, max: 1.0 }),
            Self::ScreenshotMaxWidth => {
                ("screenshot.max_width", Allowed::Integer { min: 320, max: 7680 })
            }
            Self::ScreenshotFormat => {
                ("screenshot.format", Allowed::OneOf(&["webp", "jpeg", "png"]))
            }
            Self::ScreenshotQuality => {
                ("screenshot.quality", Allowed::Integer { min: 1, max: 100 })
            }
            Self::ScreenshotTriggers => {
                ("screenshot.triggers", Allowed::ListOf(&["periodic", "window_change", "unlock"]))
            }
            Self::ScreenshotMask => ("screenshot.mask", Allowed::OneOf(&["solid", "mosaic"])),
            Self::WindowEnabled => ("window.enabled", Allowed::Bool),
            Self::WindowMinDuration => {
                ("window.min_duration_s", Allowed::Number { min: 0.0, max: 86_400.0 })
            }
            Self::WindowTitlePolicy => {
                ("window.title_policy", Allowed::OneOf(&["full", "app_only", "hash"]))
            }
            Self::WindowRules => ("window.rules", Allowed::Rules),
            Self::WindowBuiltinRules => ("window.builtin_rules", Allowed::Bool),
            Self::PauseAllowed => ("pause.allowed", Allowed::Bool),
            Self::PauseMaxMinutes => ("pause.max_minutes", Allowed::Integer { min: 1, max: 1440 }),
            Self::LimitsMaxDiskMb => {
                ("limits.max_disk_mb", Allowed::Integer { min: 16, max: 65_536 })
            }
            Self::LimitsHistoryHours => {
                ("limits.history_hours", Allowed::Integer { min: 0, max: 720 })
            }
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("true or false"),
            Self::Integer { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::ZeroOr { min, max } => {
                write!(f, "0 (off) or a whole number from {min} to {max}")
            }
            Self::Number { min, max } => write!(f, "a number from {min} to {max}"),
            Self::OneOf(words) => write!(f, "one of {}", words.join(", ")),
            Self::ListOf(words) => write!(f, "a list of {}", words.join(", ")),
            Self::Rules => f.write_str(
                "a list of {app, title, action}, where app and title are regular expressions \
                 and action is drop, redact or app_only",
            ),
        }
    }
}
