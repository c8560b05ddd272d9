//! The signals that ask a node to stop, or to read its list anew.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for Ctrl-C and SIGTERM, from its making on: none is missed in between.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// Asked for only where there is something to read anew: else a closed terminal stops the node.
    hangup: Option<Signal>,
}

impl Signals {
    /// With `reloads`, SIGHUP asks for the list to be read anew instead of ending the node.
    pub(crate) fn new(reloads: bool) -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: reloads.then(|| signal(SignalKind::hangup())).transpose()?,
        })
    }

    /// Resolves at the next signal, and says whether it asks for the list to be read anew.
    pub(crate) async fn next_or_reload(&mut self) -> bool {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => {
                    hangup.recv().await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => false,
            _ = self.terminate.recv() => false,
            () = hangup => true,
        }
    }

    /// Resolves at the next signal to stop.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
