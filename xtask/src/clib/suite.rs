//! The suite.
use anyhow::Result;
use crate::report::Outcome;
pub(crate) fn suite() -> Result<Outcome> { Ok(Outcome::Passed) }
