//! The order of the statements of one writer.

use core::fmt;

use serde::{Deserialize, Serialize};

/// Orders the statements of **one** writer, and nothing else: a later boot of one writer says
/// nothing about a statement of another.
///
/// The epoch grows by one at each boot and is on disk before its first use; the sequence number
/// grows by one with each statement, whatever the statement is about.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Version {
    /// The boot of the writer.
    pub epoch: u32,
    /// The statement within that boot, from 1.
    pub seq: u32,
}

impl Version {
    /// Before every statement.
    pub const ZERO: Version = Version { epoch: 0, seq: 0 };

    /// The version of the writer's next statement.
    ///
    /// Where a boot's sequence numbers are used up the next epoch begins; `None` where there is
    /// no next epoch either.
    #[must_use]
    pub fn next(self) -> Option<Version> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Version { epoch: self.epoch, seq }),
            None => Some(Version { epoch: self.epoch.checked_add(1)?, seq: 1 }),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epoch_outranks_sequence_number() {
        assert!(Version { epoch: 2, seq: 0 } > Version { epoch: 1, seq: u32::MAX });
    }

    #[test]
    fn next_is_greater_until_there_is_none() {
        let last_of_epoch = Version { epoch: 1, seq: u32::MAX };
        assert_eq!(last_of_epoch.next(), Some(Version { epoch: 2, seq: 1 }));
        assert_eq!(Version { epoch: u32::MAX, seq: u32::MAX }.next(), None);
        let version = Version { epoch: 3, seq: 7 };
        assert!(version.next().expect("not the last") > version);
    }
}
