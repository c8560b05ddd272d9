//! The driver: the one task that owns the network and changes the tracker.
//!
//! It waits for one input, hands it to the tracker, and then carries out what the tracker wants
//! done, in the tracker's order: journal, publications, requests, events.
//!
//! Invariants:
//! - the tracker's lock is never held across a wait;
//! - nothing here waits for the disk: frames go to a thread, and its reports are inputs;
//! - while that thread is far behind, nothing is taken from the network.

mod announce;
mod connect;
mod drain;
mod leave;
mod operate;

use std::{collections::VecDeque, sync::Arc};

use libp2p::gossipsub::MessageAcceptance;
use rollbook_core::{PeerId, Verdict};
use tokio::sync::mpsc;
use tracing::{debug, info};

pub(crate) use announce::{Announcer, Said};
pub(crate) use connect::{Connector, Resolved};
use leave::Leaving;
use operate::{Import, Waiting};

use crate::{
    codec::MESSAGE_SIZE_MAX,
    command::Command,
    disk::{Disk, DiskReport},
    error::RunError,
    lock::DirLock,
    network::{GossipTicket, Network, NetworkEvent, ResponseChannel},
    shared::Shared,
};

/// Everything that can happen to a node.
enum Input {
    Network(NetworkEvent),
    Command(Command),
    /// All handles are dropped: nobody needs this node any more.
    HandlesGone,
    /// The disk thread's report; `None` if the thread broke.
    Disk(Option<DiskReport>),
    /// Addresses whose names are resolved, to be dialled.
    Resolved(Resolved),
    /// The next piece of an import.
    Import,
    /// A deadline has come.
    Deadline,
}

/// What the driver is made from.
pub(crate) struct DriverParts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) network: Network,
    pub(crate) disk: Disk,
    pub(crate) reports: mpsc::UnboundedReceiver<DiskReport>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) announcer: Announcer,
    pub(crate) connector: Connector,
    pub(crate) admission: rollbook_core::Admission,
    pub(crate) resolved: mpsc::Receiver<Resolved>,
    pub(crate) lock: DirLock,
}

/// The state of the task.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    network: Network,
    disk: Disk,
    reports: mpsc::UnboundedReceiver<DiskReport>,
    commands: mpsc::Receiver<Command>,
    announcer: Announcer,
    connector: Connector,
    /// Whom this node lets in, where it is or becomes an authority.
    admission: rollbook_core::Admission,
    resolved: mpsc::Receiver<Resolved>,
    /// Released with the driver, when no file is written any more.
    _lock: DirLock,
    /// Commands that wait for the disk, in the order of their receipts.
    waiting: VecDeque<Waiting>,
    imports: VecDeque<Import>,
    /// Where the tracker writes what is to be sent or written.
    buffer: Box<[u8]>,
    /// The position of the last frame that was handed to the disk and must be there.
    must_sync: u64,
    /// The position up to which all frames are on disk.
    synced: u64,
    requests_under_way: usize,
    handles_gone: bool,
    leaving: Option<Leaving>,
}

impl Driver {
    pub(crate) fn new(parts: DriverParts) -> Driver {
        let buffer_size = usize::try_from(MESSAGE_SIZE_MAX).expect("a few hundred KiB");
        let driver = Driver {
            shared: parts.shared,
            network: parts.network,
            disk: parts.disk,
            reports: parts.reports,
            commands: parts.commands,
            announcer: parts.announcer,
            connector: parts.connector,
            admission: parts.admission,
            resolved: parts.resolved,
            _lock: parts.lock,
            waiting: VecDeque::new(),
            imports: VecDeque::new(),
            buffer: vec![0; buffer_size].into_boxed_slice(),
            must_sync: 0,
            synced: 0,
            requests_under_way: 0,
            handles_gone: false,
            leaving: None,
        };
        // Whoever starts a node may ask at once where it listens.
        driver.show_listen();
        driver
    }

    /// Runs until the node has left and everything is on disk.
    pub(crate) async fn run(mut self) -> Result<(), RunError> {
        self.drain();
        while !self.has_left() {
            let input = self.next_input().await;
            self.handle(input)?;
            self.drain();
        }
        self.finish().await
    }

    async fn next_input(&mut self) -> Input {
        let deadline = self.shared.clock.instant(self.next_deadline_ms());
        tokio::select! {
            event = self.network.next(), if self.disk.has_room() => Input::Network(event),
            report = self.reports.recv() => Input::Disk(report),
            command = self.commands.recv(), if !self.handles_gone => {
                command.map_or(Input::HandlesGone, Input::Command)
            }
            Some(resolved) = self.resolved.recv() => Input::Resolved(resolved),
            () = std::future::ready(()), if !self.imports.is_empty() => Input::Import,
            () = tokio::time::sleep_until(deadline) => Input::Deadline,
        }
    }

    fn next_deadline_ms(&self) -> u64 {
        let tracker = self.shared.tracker().poll_timeout();
        let leaving = self.leaving.as_ref().map(Leaving::next_ms);
        [tracker, self.announcer.due_ms(), self.connector.due_ms(), leaving]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(u64::MAX)
    }

    fn handle(&mut self, input: Input) -> Result<(), RunError> {
        match input {
            Input::Network(event) => self.handle_network(event),
            Input::Command(command) => self.handle_command(command),
            Input::HandlesGone => {
                self.handles_gone = true;
                info!("nobody holds the node any more: leaving");
                self.begin_leaving();
            }
            Input::Disk(report) => {
                let report = report.ok_or_else(disk_thread_broke)?;
                self.handle_disk(report);
            }
            Input::Resolved(resolved) => self.dial_resolved(resolved),
            Input::Import => self.import_some(),
            Input::Deadline => self.handle_deadline(),
        }
        Ok(())
    }

    fn handle_network(&mut self, event: NetworkEvent) {
        let now = self.shared.clock.now();
        match event {
            NetworkEvent::Gossip { from, message, ticket } => {
                self.handle_gossip(&from, &message, &ticket);
            }
            NetworkEvent::Request { from, request, channel } => {
                self.handle_request(&from, &request, channel);
            }
            NetworkEvent::Response { from, response } => {
                self.shared.meters.sync.received(response.len());
                self.requests_under_way = self.requests_under_way.saturating_sub(1);
                let taken = self.shared.tracker_mut().handle_response(now, &from, &response);
                if let Err(error) = taken {
                    debug!(peer = %from, %error, "response refused");
                }
            }
            NetworkEvent::RequestFailed { to } => {
                self.requests_under_way = self.requests_under_way.saturating_sub(1);
                self.shared.tracker_mut().handle_request_failed(now, &to);
            }
            NetworkEvent::Connected { peer, remote } => {
                self.connector.connected(&peer, now.mono_ms);
                self.shared.set_connections(self.network.peer_count());
                let remote = remote.as_ref();
                self.shared.tracker_mut().handle_connected_from(now, &peer, remote);
            }
            NetworkEvent::Disconnected { peer } => {
                self.connector.disconnected(&peer, now.mono_ms);
                self.shared.set_connections(self.network.peer_count());
                self.shared.tracker_mut().handle_disconnected(now, &peer);
            }
            NetworkEvent::DialFailed { peer } => self.connector.dial_failed(&peer, now.mono_ms),
            NetworkEvent::Found(nodes) => self.connector.found(nodes),
            NetworkEvent::Lost(nodes) => self.connector.lost(nodes),
            NetworkEvent::ListenChanged => {
                self.show_listen();
                self.announcer.changed(now.mono_ms);
            }
        }
    }

    fn handle_gossip(&mut self, from: &PeerId, message: &[u8], ticket: &GossipTicket) {
        let now = self.shared.clock.now();
        self.shared.meters.gossip.received(message.len());
        let verdict = match self.shared.tracker_mut().handle_gossip(now, from, message) {
            Verdict::Accept => MessageAcceptance::Accept,
            Verdict::Ignore => MessageAcceptance::Ignore,
            Verdict::Reject => MessageAcceptance::Reject,
        };
        self.network.judge(ticket, verdict);
    }

    fn handle_request(&mut self, from: &PeerId, request: &[u8], channel: ResponseChannel) {
        let now = self.shared.clock.now();
        self.shared.meters.sync.received(request.len());
        let response = &mut self.buffer;
        let answered = self.shared.tracker_mut().handle_request(now, from, request, response);
        match answered {
            Ok(size) => {
                self.shared.meters.sync.sent(size);
                self.network.respond(channel, response[..size].to_vec());
            }
            // Without an answer the stream closes, which the peer sees as a failed request.
            Err(error) => debug!(peer = %from, %error, "request refused"),
        }
    }

    fn handle_disk(&mut self, report: DiskReport) {
        self.shared.set_journal_bytes(report.journal_bytes);
        if let Some(took) = report.sync_took {
            self.shared.meters.journal_synced(took);
        }
        if report.synced > self.synced {
            self.synced = report.synced;
            self.shared.tracker_mut().handle_journal_synced(report.synced);
        }
        // Shown before anybody is told: whoever is told may look.
        self.shared.set_fault(report.fault.clone());
        if let Some(reason) = &report.fault {
            self.fail_waiting(reason);
        }
    }

    fn handle_deadline(&mut self) {
        let now = self.shared.clock.now();
        if self.shared.tracker().poll_timeout().is_some_and(|due_ms| due_ms <= now.mono_ms) {
            self.shared.tracker_mut().handle_timeout(now);
        }
        if self.announcer.due_ms().is_some_and(|due_ms| due_ms <= now.mono_ms) {
            self.announce_addresses();
        }
        if self.connector.due_ms().is_some_and(|due_ms| due_ms <= now.mono_ms) {
            self.dial();
        }
    }
}

fn disk_thread_broke() -> RunError {
    RunError::Panicked("the thread that writes to disk broke".to_owned())
}
