// Package libp2padapter lets a tracker run on a go-libp2p host: on the host's connections, in the
// program's own pubsub.
//
// [Attach] does it all. One goroutine, the owner, hands everything that happens to the tracker, and
// does what the tracker wants done. The tracker's methods may be called by any goroutine meanwhile;
// the owner is told.
//
// Programs that own the topic, its validator or the stream handlers themselves set that in
// [Options], and call [Adapter.Validate] and [Adapter.HandleStream] from their own.
//
// Everything that speaks Rollbook's protocol (docs/protocol.md) is one network, whatever it is
// written in. The pubsub must be a gossipsub that signs strictly and names messages as it does by
// default.
package libp2padapter
