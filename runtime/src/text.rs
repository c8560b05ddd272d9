//! Serde forms for types of other crates: a peer id travels as its text.

/// `#[serde(with = "text::peer_id")]` for a `PeerId`.
pub(crate) mod peer_id {
    use rollbook_core::PeerId;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(peer: &PeerId, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(peer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PeerId, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(|error| D::Error::custom(format_args!("peer id `{text}`: {error}")))
    }
}

/// `#[serde(with = "text::peer_id_or_null")]` for an `Option<PeerId>`.
pub(crate) mod peer_id_or_null {
    use rollbook_core::PeerId;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(
        peer: &Option<PeerId>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match peer {
            Some(peer) => to.collect_str(peer),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<PeerId>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
        match text.parse() {
            Ok(peer) => Ok(Some(peer)),
            Err(error) => Err(D::Error::custom(format_args!("peer id `{text}`: {error}"))),
        }
    }
}
