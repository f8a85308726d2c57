//! How the program is called.

use clap::{Parser, Subcommand};

use crate::view::Screen;

/// Runs DevPulse in the tray: it captures what you work on, as your organisation's policy
/// says, shows you all of it, and delivers it to your organisation's server.
#[derive(Clone, Debug, Parser)]
#[command(name = "devpulse-desktop", version, about, long_about = None)]
pub struct Arguments {
    /// Start in the tray without a window, as at login; where something needs you, the
    /// window opens all the same
    #[arg(long)]
    pub hidden: bool,
    #[command(subcommand)]
    role: Option<RoleArgument>,
}

#[derive(Clone, Debug, Subcommand)]
enum RoleArgument {
    /// The window alone, for the agent that runs
    Window(Window),
}

/// The window's process.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Window {
    /// The screen to begin with
    #[arg(long, value_parser = screen)]
    pub screen: Option<Screen>,
    /// The process of the tray that speaks over standard input and output
    #[arg(long, value_name = "PID", hide = true)]
    pub tray: Option<u32>,
}

/// Which of the program's processes this is.
#[derive(Clone, Debug)]
pub enum Role {
    /// The tray and the agent.
    Tray {
        /// Whether no window is wanted.
        hidden: bool,
    },
    /// The window.
    Window(Window),
}

impl Arguments {
    /// Which of the program's processes was asked for.
    #[must_use]
    pub fn role(self) -> Role {
        match self.role {
            None => Role::Tray { hidden: self.hidden },
            Some(RoleArgument::Window(window)) => Role::Window(window),
        }
    }
}

fn screen(text: &str) -> Result<Screen, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|_| "one of wizard, status, today, outbox, settings".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(arguments: &[&str]) -> Role {
        Arguments::parse_from([&["devpulse-desktop"], arguments].concat()).role()
    }

    #[test]
    fn without_arguments_it_is_the_tray() {
        assert!(matches!(role(&[]), Role::Tray { hidden: false }));
        assert!(matches!(role(&["--hidden"]), Role::Tray { hidden: true }));
    }

    #[test]
    fn a_window_can_begin_with_any_screen() {
        let window = |arguments: &[&str]| match role(arguments) {
            Role::Window(window) => window,
            role => panic!("{role:?}"),
        };
        assert_eq!(window(&["window"]).screen, None);
        let given = window(&["window", "--screen", "outbox", "--tray", "7"]);
        assert_eq!((given.screen, given.tray), (Some(Screen::Outbox), Some(7)));
        assert!(
            Arguments::try_parse_from(["devpulse-desktop", "window", "--screen", "x"]).is_err()
        );
    }
}
