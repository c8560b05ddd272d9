//! What the short runs of the fuzz targets need: the corpus, and its mutations.

pub(crate) mod corpus;
pub(crate) mod mutate;
