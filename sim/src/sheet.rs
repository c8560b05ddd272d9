//! Frames of journals, each kept once for the whole cluster and read once.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use rollbook_core::{
    Authorities, Hint, Network, PeerId, Signed, Version,
    journal::{Frame, Next, Reader},
    statement::{Any, Decision, Kind, envelope},
};

use crate::notary::{Digest16, Notary, digest};

/// A frame as it stands in journals, and what it holds.
#[derive(Debug)]
pub(crate) struct Sheet {
    pub(crate) bytes: Box<[u8]>,
    pub(crate) statement: Option<Written>,
}

/// The statement in a frame.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) slot: Slot,
    pub(crate) version: Version,
    /// The statement as on the wire.
    pub(crate) wire: Box<[u8]>,
    /// Whether that writer's key ever signed it.
    pub(crate) is_signed: bool,
    pub(crate) decision: Option<Decision>,
}

/// Where a statement stands: about whom, of what kind, by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot {
    pub(crate) subject: PeerId,
    pub(crate) kind: Kind,
    pub(crate) writer: Hint,
}

impl Written {
    /// The statement itself.
    pub(crate) fn signed(&self) -> Signed<'_, Any> {
        Signed::parse(&self.wire).expect("it was parsed before")
    }
}

/// All frames of a cluster.
#[derive(Debug)]
pub(crate) struct Library {
    sheets: HashMap<Digest16, Rc<Sheet>>,
    notary: Rc<RefCell<Notary>>,
    network: Network,
    /// Everybody who is an authority in anybody's list.
    authorities: Authorities,
}

impl Library {
    pub(crate) fn new(
        notary: &Rc<RefCell<Notary>>,
        network: Network,
        authorities: Authorities,
    ) -> Library {
        Library { sheets: HashMap::new(), notary: Rc::clone(notary), network, authorities }
    }

    /// The frame of these bytes, delimiter included.
    pub(crate) fn sheet(&mut self, bytes: &[u8]) -> Rc<Sheet> {
        let key = digest(&[bytes]);
        if let Some(known) = self.sheets.get(&key) {
            return Rc::clone(known);
        }
        let statement = match Reader::new(bytes).next_frame().expect("a slice does not fail") {
            Next::Frame(Frame::Statement(wire)) => self.read(wire),
            _ => None,
        };
        let sheet = Rc::new(Sheet { bytes: bytes.into(), statement });
        self.sheets.insert(key, Rc::clone(&sheet));
        sheet
    }

    /// The frames of a journal. A tail without a delimiter is left out.
    pub(crate) fn sheets(&mut self, journal: &[u8]) -> Vec<Rc<Sheet>> {
        let frames = journal.split_inclusive(|byte| *byte == 0);
        frames.filter(|frame| frame.ends_with(&[0])).map(|frame| self.sheet(frame)).collect()
    }

    fn read(&self, wire: &[u8]) -> Option<Written> {
        let signed = Signed::parse(wire).ok()?;
        let subject = signed.subject()?;
        let writer = match signed.kind() {
            Kind::Announcement => Some(subject),
            _ => self.authorities.resolve(signed.writer()).copied(),
        };
        let is_signed = writer.is_some_and(|writer| {
            let message = envelope(&self.network, &writer, &signed.payload().to_bytes());
            self.notary.borrow().has_signed(&writer, &message)
        });
        Some(Written {
            slot: Slot { subject, kind: signed.kind(), writer: signed.writer() },
            version: signed.version(),
            wire: wire.into(),
            is_signed,
            decision: signed.typed::<Decision>().and_then(|typed| typed.read()),
        })
    }
}
