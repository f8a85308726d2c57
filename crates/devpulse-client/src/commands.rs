//! The commands, one file each.

mod bundle;
mod completions;
mod config_show;
mod consent;
mod doctor;
mod emit;
mod emit_stdin;
mod enroll;
mod events;
mod manual;
mod pause;
mod proxy;
mod rules;
mod run;
mod screenshot;
mod secret_file;
mod status;
mod sync;
mod unenroll;

use devpulse_agent::beside_main_loop as beside;

use crate::cli::{Cli, Command, Config, Rules};
use crate::exit::Exit;
use crate::failure::Failure;

/// Does what the arguments ask for.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    let home = cli.home;
    match cli.command {
        Command::Enroll(arguments) => block_on(enroll::enroll(home, arguments))?,
        Command::Run(arguments) => beside_main_loop(move || block_on(run::run(home, arguments)))??,
        Command::Status(arguments) => block_on(status::status(home, arguments))?,
        Command::Sync(arguments) => block_on(sync::sync(home, arguments))?,
        Command::Pause(arguments) => block_on(pause::pause(home, arguments))?,
        Command::Resume(_) => block_on(pause::resume(home))?,
        Command::Screenshot(arguments) => block_on(screenshot::screenshot(home, &arguments))?,
        Command::Emit(arguments) => block_on(emit::emit(home, arguments))?,
        Command::Events(arguments) => block_on(events::events(home, arguments))?,
        Command::Doctor(arguments) => block_on(doctor::doctor(home, &arguments))?,
        Command::Consent(arguments) => block_on(consent::consent(home, arguments))?,
        Command::Rules(Rules::Test(arguments)) => block_on(rules::test(home, arguments))?,
        Command::Proxy(command) => proxy::proxy(home, &command),
        Command::Config(Config::Show(arguments)) => config_show::show(home, &arguments),
        Command::Completions(arguments) => completions::print(&arguments),
        Command::Manual(arguments) => manual::write(&arguments),
        Command::Unenroll(arguments) => block_on(unenroll::unenroll(home, &arguments))?,
    }
}

/// The agent, which hears of the desktop on the main thread where the system wants that.
fn beside_main_loop<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    beside(work)
        .map_err(|error| Failure::new(Exit::Failed, format!("no thread can be started: {error}")))
}

/// One thread is enough: what is slow waits for the disk or the network.
fn block_on<F: Future>(command: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .map(|runtime| runtime.block_on(command))
        .map_err(|error| Failure::new(Exit::Failed, format!("no event loop can be made: {error}")))
}
