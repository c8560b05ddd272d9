//! How the program ends, for scripts that ask. `rollbook --help` and `docs/cli.md` list the codes.

use crate::client::NodeError;

/// Something went wrong that has no code of its own.
const FAILED: u8 = 1;
// 2 is what the parser ends with when the command line is not understood.
/// No node runs in the data directory.
const NOT_RUNNING: u8 = 3;
/// The node said no.
const REFUSED: u8 = 4;
/// `doctor` found something that needs the operator.
const UNWELL: u8 = 5;

/// `doctor` found something.
#[derive(Debug)]
pub(crate) struct Unwell(pub(crate) usize);

impl std::fmt::Display for Unwell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = if self.0 == 1 { "thing needs" } else { "things need" };
        write!(f, "{} {plural} your attention", self.0)
    }
}

impl std::error::Error for Unwell {}

/// The code for an error.
pub(crate) fn code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        match cause.downcast_ref::<NodeError>() {
            Some(NodeError::NotRunning(_)) => return NOT_RUNNING,
            Some(NodeError::Refused(_)) => return REFUSED,
            None if cause.is::<Unwell>() => return UNWELL,
            None => {}
        }
    }
    FAILED
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_code_says_why_also_under_a_context() {
        let refused = || anyhow::Error::from(NodeError::Refused("no".into()));
        assert_eq!(code(&refused()), 4);
        assert_eq!(code(&Err::<(), _>(refused()).context("importing").expect_err("it is")), 4);
        assert_eq!(code(&NodeError::NotRunning("none".into()).into()), 3);
        assert_eq!(code(&Unwell(2).into()), 5);
        assert_eq!(code(&anyhow::anyhow!("another")), 1);
    }
}
