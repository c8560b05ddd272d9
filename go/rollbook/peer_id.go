package rollbook

import "rollbook.dev/go/rollbook/internal/capi"

// PeerID is a libp2p peer id: the bytes of its multihash. A peer.ID of go-libp2p holds the same
// bytes, so the two are converted into each other: PeerID(id) and peer.ID(id). The empty one is
// nobody.
type PeerID string

// ParsePeerID reads a peer id as text, such as 12D3KooW....
func ParsePeerID(text string) (PeerID, error) {
	var id capi.PeerID
	if err := failed("read a peer id", capi.ParsePeerID(text, &id)); err != nil {
		return "", err
	}
	return PeerID(id.String()), nil
}

// String gives the peer id as text, or nothing where it is none.
func (id PeerID) String() string {
	text, _ := capi.PeerIDText(string(id))
	return text
}

// Validate says whether the bytes are a peer id.
func (id PeerID) Validate() error {
	var checked capi.PeerID
	return failed("read a peer id", capi.PeerIDFromBytes(string(id), &checked))
}

// Verify checks that a signature over message is that of the key in the peer id.
func (id PeerID) Verify(message, signature []byte) error {
	return failed("verify a signature", capi.Verify(string(id), message, signature))
}

// EthereumAddress computes the Ethereum address of a peer id with a secp256k1 key; false for
// others.
func (id PeerID) EthereumAddress() ([20]byte, bool) {
	address, code := capi.EthereumAddress(string(id))
	return address, code == capi.OK
}

// MarshalText gives the peer id as text, for JSON.
func (id PeerID) MarshalText() ([]byte, error) {
	if id == "" {
		return nil, nil
	}
	text, code := capi.PeerIDText(string(id))
	return []byte(text), failed("write a peer id", code)
}

// UnmarshalText reads a peer id as text, from JSON.
func (id *PeerID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*id = ""
		return nil
	}
	parsed, err := ParsePeerID(string(text))
	*id = parsed
	return err
}

// toC gives ids to the library, which checks what they are.
func toC(ids []PeerID) ([]capi.PeerID, error) {
	out := make([]capi.PeerID, len(ids))
	for i, id := range ids {
		if err := failed("read a peer id", capi.PeerIDFromBytes(string(id), &out[i])); err != nil {
			return nil, err
		}
	}
	return out, nil
}
