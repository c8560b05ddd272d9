//! The node data of the Go network masa-oracle: read for `import`, written for `export`.
//!
//! The Go network keeps one JSON record per node. `import` turns such records into Rollbook's
//! neutral [`ImportRecord`](rollbook::ImportRecord)s and says, record by record, what it could
//! not take; `export` writes what Rollbook knows in that shape, byte for byte as Go's
//! `encoding/json` would. `docs/masa.md` lists what is taken over and what is lost.

mod decode;
mod duration;
mod export;
mod ids;
mod import;
mod json;
mod record;
mod shape;
mod text;
mod time;

pub(crate) use export::{ExportNode, export, go_record, go_string};
pub(crate) use import::read_import_file;
