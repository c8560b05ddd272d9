//! A hash over all that happens: two runs of one seed have the same.

use crate::node::Input;

/// What has happened so far, as a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trace(u64);

impl Trace {
    /// The number.
    pub fn value(&self) -> u64 {
        self.0
    }

    fn mix(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.mix(bytes.len() as u64);
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.mix(u64::from_le_bytes(word));
        }
    }

    pub(crate) fn input(&mut self, ms: u64, node: usize, input: &Input) {
        self.mix(ms);
        self.mix(node as u64);
        match input {
            Input::Gossip { from, message } => self.mix((*from as u64) << 32 | u64::from(*message)),
            Input::Request { from, .. } => self.mix(1 << 60 | *from as u64),
            Input::Response { bytes, .. } => self.mix(2 << 60 | bytes.len() as u64),
            Input::RequestFailed { .. } => self.mix(3 << 60),
            Input::Connected { .. } => self.mix(4 << 60),
            Input::Disconnected { .. } => self.mix(5 << 60),
            Input::Timeout => self.mix(6 << 60),
            Input::Signature { version, .. } => self.mix(7 << 60 | u64::from(version.seq)),
        }
    }
}
