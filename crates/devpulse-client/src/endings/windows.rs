//! What Windows tells a console program. After a closed window, a logoff or a shutdown it
//! leaves the program five seconds or more; the end takes three at most.

use std::io;

use devpulse_protocol::ActivityType;
use tokio::signal::windows::{
    CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close,
    ctrl_logoff, ctrl_shutdown,
};

/// What ends the agent from outside.
pub(crate) struct Endings {
    interrupt: CtrlC,
    terminate: CtrlBreak,
    window_closed: CtrlClose,
    logoff: CtrlLogoff,
    shutdown: CtrlShutdown,
}

impl Endings {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: ctrl_c()?,
            terminate: ctrl_break()?,
            window_closed: ctrl_close()?,
            logoff: ctrl_logoff()?,
            shutdown: ctrl_shutdown()?,
        })
    }

    /// Waits for one of them, and says what it means.
    pub(crate) async fn next(&mut self) -> ActivityType {
        tokio::select! {
            _ = self.interrupt.recv() => ActivityType::UserInterrupt,
            _ = self.terminate.recv() => ActivityType::NormalShutdown,
            _ = self.window_closed.recv() => ActivityType::NormalShutdown,
            _ = self.logoff.recv() => ActivityType::NormalShutdown,
            _ = self.shutdown.recv() => ActivityType::SystemShutdown,
        }
    }
}
