//! The tray app.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use std::process::ExitCode;

use clap::Parser as _;
use devpulse_desktop::arguments::Arguments;

fn main() -> ExitCode {
    devpulse_desktop::run(Arguments::parse())
}
