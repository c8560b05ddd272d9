package libp2padapter

import (
	"crypto/rand"
	"encoding/hex"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/protocol"
	"rollbook.dev/go/rollbook"
)

// ServiceName is what the host's resource manager knows the adapter's streams by.
const ServiceName = "rollbook"

// TopicName is the pubsub topic of a network.
func TopicName(network string) string { return "/rollbook/" + network + "/gossip/1" }

// ProtocolID is the protocol by which nodes of a network synchronise.
func ProtocolID(network string) protocol.ID { return protocol.ID("/rollbook/" + network + "/sync/1") }

// Identity is the tracker's identity of a host's private key, of ed25519 or secp256k1.
func Identity(key crypto.PrivKey) (rollbook.Identity, error) {
	marshalled, err := crypto.MarshalPrivateKey(key)
	if err != nil {
		return rollbook.Identity{}, err
	}
	return rollbook.Libp2pKey(marshalled)
}

// UserAgent is a name for libp2p.UserAgent that differs at each start. By it, peers tell a node that
// was killed and is back from the connections that its former run left behind.
func UserAgent(program string) string {
	run := make([]byte, 4)
	// Never fails: without randomness the program ends.
	_, _ = rand.Read(run)
	return program + " " + hex.EncodeToString(run)
}
