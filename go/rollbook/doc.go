// Package rollbook keeps the roll of a peer-to-peer network: who is in it, how each node is
// reached, what it can do, who vouches for it, and whether it is here now.
//
// A [Tracker] is the roll of one node as a state machine. It opens no socket and no file, starts no
// goroutine and reads no clock. A program hands in what happens, then does what the tracker wants
// done:
//
//  1. Make a tracker by [New], give it back its journal ([FileJournal.Recover]), and [Tracker.Start]
//     it. Say what this node is by [Tracker.Announce].
//  2. Hand in what happens: [Tracker.HandleMessage], [Tracker.HandleRequest],
//     [Tracker.HandleResponse], [Tracker.PeerUp], [Tracker.PeerDown], [Tracker.Tick], or a command.
//  3. After that, [Tracker.Drain] the outputs and do them in the order of the fields of [Outputs]:
//     signatures, journal frames ([FileJournal.Keep]), publications, requests, events.
//  4. Sleep until the next input, or until [Tracker.NextTick].
//
// Programs on go-libp2p need not do this by hand: the module rollbook.dev/go/libp2padapter does it
// on their host and their pubsub.
//
// # Goroutines
//
// A Tracker may be used by any goroutine: calls wait for each other. Who gives commands while
// another goroutine drains lets that one know by [Tracker.Changed].
//
// # Linking
//
// The tracker itself is in librollbook, which is called through cgo. The module holds it for the
// platforms that are listed in docs/go.md. For others, and for those who want to link an installed
// one, there are the build tags rollbook_pkgconfig and rollbook_system.
package rollbook
