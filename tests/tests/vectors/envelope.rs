//! What is signed, by the rule of libp2p's RFC 0002 and not by the core's code.

use rollbook_core::{PeerId, statement};

use crate::{
    keys::{NETWORK, Who, network},
    layout::Layout,
};

/// The RFC's rule: the domain, the payload type and the payload, each after its size as an
/// unsigned varint. The payload of Rollbook's envelopes is the writer's peer id after its size,
/// and then the statement's own payload.
pub(crate) fn signed_envelope(network: &str, writer: &PeerId, payload: &[u8]) -> Vec<u8> {
    let envelope_payload = Layout::default().counted(writer.as_bytes()).raw(payload).0;
    Layout::default()
        .counted(format!("/rollbook/{network}").as_bytes())
        .counted(b"/rollbook/statement/1")
        .counted(&envelope_payload)
        .0
}

#[test]
fn what_is_signed_is_a_libp2p_signed_envelope() {
    for who in Who::ALL {
        // Sizes on both sides of the steps at which a varint grows.
        for size in [0, 1, 87, 88, 89, 90, 126, 127, 128, 300, 640] {
            let payload = vec![0xa5; size];
            let expected = signed_envelope(NETWORK, &who.peer_id(), &payload);
            let signed = statement::envelope(&network(), &who.peer_id(), &payload);
            assert_eq!(signed[..], expected, "{who:?}, {size} bytes");
        }
    }
}
