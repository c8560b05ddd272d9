//! The commands of handles: operators' decisions and imports, answered once they are on disk.

use std::vec;

use libp2p::Multiaddr;
use rollbook_core::{ImportOutcome, ObserveError, PeerId, Receipt};
use tokio::sync::oneshot;

use super::Driver;
use crate::{
    command::{Command, Operation, Reply},
    error::CommandError,
    import::{ImportOptions, ImportRecord, ImportReport, InvalidRecord, Prepared},
    settings,
};

/// Records that are imported between two looks at the network: each costs a signature or more.
const IMPORT_STEP: usize = 64;

/// Somebody who waits until a change is on disk.
#[derive(Debug)]
pub(super) struct Waiting {
    receipt: Receipt,
    answer: Answer,
}

#[derive(Debug)]
enum Answer {
    Done(Reply<()>),
    Imported(Box<ImportReport>, Reply<ImportReport>),
}

impl Answer {
    /// Whoever no longer waits for an answer does not need it.
    fn send(self, result: Result<(), CommandError>) {
        let _ = match self {
            Answer::Done(reply) => reply.send(result).is_ok(),
            Answer::Imported(report, reply) => reply.send(result.map(|()| *report)).is_ok(),
        };
    }
}

/// An import that is under way.
#[derive(Debug)]
pub(super) struct Import {
    records: vec::IntoIter<ImportRecord>,
    options: ImportOptions,
    report: ImportReport,
    receipt: Receipt,
    hints_changed: bool,
    reply: oneshot::Sender<Result<ImportReport, CommandError>>,
}

impl Driver {
    pub(super) fn handle_command(&mut self, command: Command) {
        match command {
            Command::Leave => self.begin_leaving(),
            // A node that leaves has said its last word: what is not answered has stopped.
            _ if self.leaving.is_some() => {}
            Command::Announce { change, reply } => self.change_announcement(change, reply),
            Command::Operate { peer, operation, reply } => self.operate(&peer, operation, reply),
            Command::SetAuthorities { acting, retired, reply } => {
                // Whoever no longer waits for an answer does not need it.
                let _ = reply.send(self.set_authorities(&acting, &retired));
            }
            Command::SetAllowed { peers, reply } => {
                let set = self.shared.tracker_mut().set_allowed(&peers);
                // Whoever no longer waits for an answer does not need it.
                let _ = reply.send(set.map_err(command_error));
            }
            Command::Observe { peer, counter, count, reply } => {
                let now = self.shared.clock.now();
                let noted = self.shared.tracker_mut().observe(now, &peer, counter, count);
                // Whoever no longer waits for an answer does not need it.
                let _ = reply.send(noted.map_err(|error| match error {
                    ObserveError::UnknownPeer => CommandError::UnknownNode,
                    error => CommandError::Refused(error.to_string()),
                }));
            }
            Command::Import { records, options, reply } => {
                self.begin_import(records, options, reply);
            }
        }
    }

    fn set_authorities(
        &mut self,
        acting: &[Multiaddr],
        retired: &[PeerId],
    ) -> Result<(), CommandError> {
        let refused = |error: &dyn std::fmt::Display| CommandError::Refused(error.to_string());
        let acting = settings::group_by_peer(acting).map_err(|error| refused(&error))?;
        let list = settings::authorities(&self.shared.peer_id, &acting, retired)
            .map_err(|error| refused(&error))?;
        let listed: Vec<PeerId> = list.acting().map(|(_, peer)| *peer).collect();
        let now = self.shared.clock.now();
        let taken = self.shared.tracker_mut().set_authorities(now, list, self.admission);
        taken.map_err(|error| refused(&error))?;
        self.network.set_authorities(&listed);
        self.connector.set_authorities(&listed, acting);
        Ok(())
    }

    fn operate(&mut self, peer: &PeerId, operation: Operation, reply: Reply<()>) {
        let result = match self.shared.fault() {
            // Better refused than promised.
            Some(reason) => Err(CommandError::Disk(reason)),
            None => self.decide(peer, operation).map_err(command_error),
        };
        match result {
            Ok(receipt) => self.wait_for_disk(receipt, Answer::Done(reply)),
            Err(error) => Answer::Done(reply).send(Err(error)),
        }
    }

    fn decide(
        &mut self,
        peer: &PeerId,
        operation: Operation,
    ) -> Result<Receipt, rollbook_core::CommandError> {
        let now = self.shared.clock.now();
        let mut tracker = self.shared.tracker_mut();
        match operation {
            Operation::Admit => tracker.admit(now, peer),
            Operation::Ban => tracker.ban(now, peer),
            Operation::Remove => tracker.remove(now, peer),
            Operation::Grant(grant) => tracker.grant(now, peer, grant),
            Operation::Revoke(grant) => tracker.revoke(now, peer, grant),
        }
    }

    fn wait_for_disk(&mut self, receipt: Receipt, answer: Answer) {
        self.waiting.push_back(Waiting { receipt, answer });
    }

    /// Answers those whose changes are on disk.
    pub(super) fn answer_waiting(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let durable = self.shared.tracker().durable();
        // An import is answered with a receipt that may be older than those behind it.
        let (done, waiting) =
            self.waiting.drain(..).partition(|waiting| waiting.receipt.0 <= durable);
        self.waiting = waiting;
        for waiting in done {
            waiting.answer.send(Ok(()));
        }
    }

    /// Tells those who wait that the disk does not take their changes for now.
    pub(super) fn fail_waiting(&mut self, reason: &str) {
        self.answer_waiting();
        for waiting in self.waiting.drain(..) {
            waiting.answer.send(Err(CommandError::Disk(reason.to_owned())));
        }
    }

    fn begin_import(
        &mut self,
        records: Vec<ImportRecord>,
        options: ImportOptions,
        reply: Reply<ImportReport>,
    ) {
        let import = Import {
            records: records.into_iter(),
            options,
            report: ImportReport::default(),
            receipt: Receipt(0),
            hints_changed: false,
            reply,
        };
        let (is_authority, is_recovering) = {
            let tracker = self.shared.tracker();
            let authority = tracker.authority();
            (authority.is_some(), authority.is_some_and(|authority| authority.is_recovering()))
        };
        let refusal = match self.shared.fault() {
            _ if !is_authority => Some(CommandError::NotAuthority),
            _ if is_recovering => Some(CommandError::Recovering),
            Some(reason) => Some(CommandError::Disk(reason)),
            None => None,
        };
        match refusal {
            Some(error) => Answer::Imported(Box::default(), import.reply).send(Err(error)),
            None => self.imports.push_back(import),
        }
    }

    /// Takes some records over, and finishes the import after its last.
    pub(super) fn import_some(&mut self) {
        let Some(mut import) = self.imports.pop_front() else { return };
        for _ in 0..IMPORT_STEP {
            let Some(record) = import.records.next() else {
                return self.finish_import(import);
            };
            if let Err(reason) = self.import_record(&mut import, &record) {
                import.report.invalid.push(InvalidRecord { peer_id: record.peer_id, reason });
            }
        }
        self.imports.push_front(import);
    }

    fn import_record(&mut self, import: &mut Import, record: &ImportRecord) -> Result<(), String> {
        let now = self.shared.clock.now();
        let mut prepared = record.prepare(now.unix_s, import.options)?;
        let mut tracker = self.shared.tracker_mut();
        let seen = tracker.node(now, &prepared.peer);
        let held = seen.as_ref().map(|seen| seen.grants).unwrap_or_default();
        let taken_over = is_taken_over(&prepared, seen.as_ref());
        drop(seen);
        // What is possible grows with time. A record that was cut when it was taken over before
        // must not be taken over again with a little more each time.
        if prepared.clamped && taken_over {
            prepared.history.uptime = 0;
        }
        let Prepared { peer, history, clamped, grants, grants_left_out } = prepared;
        let outcome = tracker
            .import(now, &peer, history, &grants)
            .map_err(|error| command_error(error).to_string())?;
        drop(tracker);
        let report = &mut import.report;
        match outcome {
            ImportOutcome::Taken(receipt) => {
                import.receipt = import.receipt.max(receipt);
                report.imported += 1;
                let new = grants.iter().filter(|grant| !held.contains(**grant)).count();
                report.grants_taken += new as u64;
            }
            ImportOutcome::NotAdmitted => {
                report.not_admitted += 1;
                return Ok(());
            }
            _ => report.unchanged += 1,
        }
        report.clamped += u64::from(clamped);
        report.grants_left_out += grants_left_out;
        if peer != self.shared.peer_id {
            import.hints_changed |= self.connector.hints.add(&peer, &record.multiaddrs);
        }
        Ok(())
    }

    fn finish_import(&mut self, import: Import) {
        if import.hints_changed {
            self.disk.write_hints(self.connector.hints.to_json());
        }
        let answer = Answer::Imported(Box::new(import.report), import.reply);
        match self.shared.fault() {
            Some(reason) => answer.send(Err(CommandError::Disk(reason))),
            None => self.wait_for_disk(import.receipt, answer),
        }
    }
}

/// Whether the roll holds history that begins as the record's does.
fn is_taken_over(prepared: &Prepared, seen: Option<&rollbook_core::NodeView<'_>>) -> bool {
    let first_joined = prepared.history.first_joined;
    seen.is_some_and(|seen| first_joined == 0 || seen.first_joined == Some(first_joined))
}

fn command_error(error: rollbook_core::CommandError) -> CommandError {
    match error {
        rollbook_core::CommandError::NotAuthority => CommandError::NotAuthority,
        rollbook_core::CommandError::Full => CommandError::Full,
        rollbook_core::CommandError::SubjectIsAuthority => CommandError::IsAuthority,
        rollbook_core::CommandError::UnknownPeer => CommandError::UnknownNode,
        rollbook_core::CommandError::UnsupportedKey => CommandError::UnsupportedKey,
        rollbook_core::CommandError::Recovering => CommandError::Recovering,
        other => CommandError::Refused(other.to_string()),
    }
}
