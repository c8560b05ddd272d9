package rollbook

import (
	"bytes"

	"rollbook.dev/go/rollbook/internal/capi"
)

// Identity is the key that a node signs with, and the peer id that belongs to it.
type Identity struct {
	kind   uint8
	key    []byte
	peerID PeerID
}

// Ed25519 is the identity of an ed25519 key, made from its seed of 32 bytes (RFC 8032).
func Ed25519(seed []byte) (Identity, error) { return identity(capi.KeyEd25519, seed) }

// Secp256k1 is the identity of a secp256k1 key, made from its scalar of 32 bytes.
func Secp256k1(scalar []byte) (Identity, error) { return identity(capi.KeySecp256k1, scalar) }

// Libp2pKey is the identity of a private key as libp2p stores it: what crypto.MarshalPrivateKey of
// go-libp2p gives. Keys of ed25519 and secp256k1 are supported.
func Libp2pKey(marshalled []byte) (Identity, error) { return identity(capi.KeyLibp2p, marshalled) }

// Outside is an identity whose key is elsewhere, a secure element or another process. What is to be
// signed comes out of [Tracker.Drain]; see [SignatureRequest].
func Outside(id PeerID) (Identity, error) { return identity(capi.KeyOutside, []byte(id)) }

// PeerID is the peer id of the identity.
func (id Identity) PeerID() PeerID { return id.peerID }

// Sign signs a message, as [PeerID.Verify] checks it. An identity whose key is outside cannot.
func (id Identity) Sign(message []byte) ([]byte, error) {
	signature, code := capi.Sign(id.kind, id.key, message)
	if err := failed("sign", code); err != nil {
		return nil, err
	}
	return signature, nil
}

// String gives the peer id as text. The key is not shown.
func (id Identity) String() string { return id.peerID.String() }

// GoString gives the same: the key is not shown to debuggers of structures either.
func (id Identity) GoString() string { return "rollbook.Identity(" + id.String() + ")" }

func identity(kind uint8, key []byte) (Identity, error) {
	var id capi.PeerID
	code := capi.PeerIDOfKey(kind, key, &id)
	if err := failed("read a key", code); err != nil {
		return Identity{}, err
	}
	return Identity{kind: kind, key: bytes.Clone(key), peerID: PeerID(id.String())}, nil
}
