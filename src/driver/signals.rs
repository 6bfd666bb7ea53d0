//! Signals as commands: once stops and undoes, twice leaves.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::command::{AbortedBy, Command};

/// How often the file of `gameday abort` is looked for.
const LOOK: Duration = Duration::from_millis(200);

async fn wished(file: Option<&Path>) {
    let Some(file) = file else { return std::future::pending().await };
    while !file.exists() {
        tokio::time::sleep(LOOK).await;
    }
}

/// The signals a run listens to; none in tests.
#[derive(Default)]
pub struct Signals {
    #[cfg(unix)]
    listening: Option<Listening>,
    seen: u32,
    wish: Option<PathBuf>,
}

#[cfg(unix)]
struct Listening {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    /// No signal ever comes.
    #[must_use]
    pub fn none() -> Signals {
        Signals::default()
    }

    /// Listens to SIGINT, SIGTERM and SIGHUP from here on; they no longer end the process.
    ///
    /// # Errors
    /// The system refuses.
    #[cfg(unix)]
    pub fn listen() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        let listening = Listening {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        };
        Ok(Signals { listening: Some(listening), seen: 0, wish: None })
    }

    /// Listens to `gameday abort` too: a file of this name that another process makes.
    #[must_use]
    pub fn and_wish(mut self, file: PathBuf) -> Signals {
        self.wish = Some(file);
        self
    }

    /// The command of the next signal.
    pub async fn next(&mut self) -> Command {
        #[cfg(unix)]
        if let Some(listening) = &mut self.listening {
            let by = tokio::select! {
                _ = listening.interrupt.recv() => AbortedBy::Interrupt,
                _ = listening.terminate.recv() => AbortedBy::Terminate,
                _ = listening.hangup.recv() => AbortedBy::Hangup,
                () = wished(self.wish.as_deref()) => {
                    self.wish = None;
                    AbortedBy::OtherProcess
                }
            };
            // a vanished terminal or a polite kill may come many times; only a second Ctrl-C leaves
            let again = self.seen > 0 && by == AbortedBy::Interrupt;
            self.seen += u32::from(by == AbortedBy::Interrupt);
            return if again { Command::Leave } else { Command::Abort { by } };
        }
        std::future::pending().await
    }
}
