//! Whose journal it is: its first frame, written together with the node's key.
//!
//! A key that has no journal with a header beside it belongs to a node that lost its history. So
//! the header is on disk before the key is, and a key that was just made has one.

use std::{convert::Infallible, io};

use rollbook_core::{
    PeerId,
    journal::{self, Frame, JOURNAL_FORMAT},
};

use crate::{
    data_dir::{self, DataDir, MODE_COMMON},
    files,
    journal_file::{OpenError, read_frames},
};

/// What a directory without a key holds in place of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// There is none, or one that was begun for an identity that was not made in the end.
    Nobody,
    /// The journal of this node.
    Node(PeerId),
    /// Something whose owner cannot be told.
    Unknown,
}

/// Says whose journal is in `dir`. It stays as it is.
pub(crate) fn owner<D: DataDir>(dir: &D) -> io::Result<Owner> {
    let Some(mut file) = dir.open(files::JOURNAL)? else { return Ok(Owner::Nobody) };
    let (mut named, mut has_more) = (None, false);
    let read = read_frames(&mut file, |frame| -> Result<(), Infallible> {
        match frame {
            // Made with an identity that was not heard of since.
            Frame::Header { network: "", .. } => {}
            Frame::Header { peer_id, .. } => named = named.or(PeerId::from_bytes(peer_id).ok()),
            _ => has_more = true,
        }
        Ok(())
    });
    let recovered = match read {
        Ok((recovered, _)) => recovered,
        Err(OpenError::Io(error)) => return Err(error),
        Err(OpenError::Refused(never)) => match never {},
    };
    Ok(match named {
        Some(peer_id) => Owner::Node(peer_id),
        None if has_more || recovered.damaged > 0 || recovered.is_no_journal() => Owner::Unknown,
        None => Owner::Nobody,
    })
}

/// Writes the journal of a new identity in place of what may be there: its header, which names no
/// network yet. Returns once that is on disk.
pub(crate) fn begin<D: DataDir>(dir: &D, peer_id: &PeerId) -> io::Result<()> {
    let header = Frame::Header { format: JOURNAL_FORMAT, peer_id: peer_id.as_bytes(), network: "" };
    let mut bytes = Vec::new();
    journal::write(&header, &mut bytes).expect("memory takes all");
    data_dir::write_whole(dir, files::JOURNAL_NEW, MODE_COMMON, &bytes)?;
    dir.rename(files::JOURNAL_NEW, files::JOURNAL)?;
    dir.sync()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::data_dir::OsDir;

    /// Whether a journal begins with a header of this node and no network.
    pub(crate) fn names(bytes: &[u8], peer_id: &PeerId) -> bool {
        let mut reader = journal::Reader::new(bytes);
        let first = reader.next_frame().expect("memory is read");
        first == journal::Next::Frame(header(peer_id, ""))
    }

    fn peer(seed: u8) -> PeerId {
        rollbook_core::Signer::peer_id(&rollbook_core::Keypair::ed25519([seed; 32]))
    }

    fn header<'a>(peer_id: &'a PeerId, network: &'a str) -> Frame<'a> {
        Frame::Header { format: JOURNAL_FORMAT, peer_id: peer_id.as_bytes(), network }
    }

    fn journal_of(frames: &[Frame<'_>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for frame in frames {
            journal::write(frame, &mut bytes).expect("memory takes all");
        }
        bytes
    }

    #[test]
    fn a_journal_is_whose_its_header_says_once_it_is_in_a_network() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let files = OsDir::at(dir.path());
        assert_eq!(owner(&files).expect("it is read"), Owner::Nobody);
        begin(&files, &peer(1)).expect("it is written");
        assert_eq!(owner(&files).expect("it is read"), Owner::Nobody);
        let begun = journal_of(&[header(&peer(1), "")]);
        let in_network = journal_of(&[header(&peer(1), ""), header(&peer(2), "main")]);
        let recovering = journal_of(&[Frame::Epoch(1)]);
        for (bytes, expected) in [
            (&in_network[..], Owner::Node(peer(2))),
            (&recovering, Owner::Unknown),
            (&begun[..begun.len() - 3], Owner::Nobody),
            (b"", Owner::Nobody),
            (b"some other file\0", Owner::Unknown),
            (&[b'x'; 5_000], Owner::Unknown),
        ] {
            std::fs::write(dir.path().join(files::JOURNAL), bytes).expect("it is written");
            assert_eq!(owner(&files).expect("it is read"), expected, "{bytes:?}");
        }
    }
}
