package rollbook

import (
	"fmt"
	"unsafe"

	"rollbook.dev/go/rollbook/internal/capi"
)

// EventKind says what happened.
type EventKind uint8

// What may happen.
const (
	// Joined: a node came online in a session that was not told of, or after it left.
	Joined EventKind = capi.EventJoined
	// Returned: a node of which nobody in touch could say is online, in the session that it joined in.
	Returned EventKind = capi.EventReturned
	// Left: a node left.
	Left EventKind = capi.EventLeft
	// Unknown: nobody in touch can say any more whether a node is here.
	Unknown EventKind = capi.EventUnknown
	// NodeChanged: a node changed what it says of itself.
	NodeChanged EventKind = capi.EventChanged
	// Admitted: a node was admitted.
	Admitted EventKind = capi.EventAdmitted
	// Removed: a node was removed.
	Removed EventKind = capi.EventRemoved
	// Banned: a node was banned.
	Banned EventKind = capi.EventBanned
	// Forgotten: no authority vouches for a node any more. It is not in the roll.
	Forgotten EventKind = capi.EventForgotten
	// Pending: a node waits to be admitted.
	Pending EventKind = capi.EventPending
	// GrantsChanged: what a node was granted changed.
	GrantsChanged EventKind = capi.EventGrantsChanged
	// Equivocation: a writer (Other) made two statements with one version about Peer.
	Equivocation EventKind = capi.EventEquivocation
	// RootsDiffer: this replica and that of Peer hold different rolls, and find nothing to tell each
	// other.
	RootsDiffer EventKind = capi.EventRootsDiffer
	// NothingInCommon: the replica of Peer lists none of the authorities that this one does.
	NothingInCommon EventKind = capi.EventNothingInCommon
	// DuplicateIdentity: somebody else keeps speaking in this node's name: two machines with one key.
	DuplicateIdentity EventKind = capi.EventDuplicateIdentity
	// AuthorityInTouch: an authority is in touch again.
	AuthorityInTouch EventKind = capi.EventAuthorityInTouch
	// AuthorityLost: an authority was not heard for a lease window.
	AuthorityLost EventKind = capi.EventAuthorityLost
	// AuthoritiesChanged: the list of authorities was replaced.
	AuthoritiesChanged EventKind = capi.EventAuthoritiesChanged
	// HomeChanged: this node has another home, Peer, or none.
	HomeChanged EventKind = capi.EventHomeChanged
	// Recovering: this authority lost its journal, or a part of it, and signs nothing until others
	// gave it back.
	Recovering EventKind = capi.EventRecovering
	// RecoveredAll: this authority has what it said before and signs again.
	RecoveredAll EventKind = capi.EventRecovered
	// BecamePartial: there is something that this replica has no room for or cannot check.
	BecamePartial EventKind = capi.EventBecamePartial
	// BecameWhole: this replica has room again, and holds every node.
	BecameWhole EventKind = capi.EventBecameWhole
	// CompactionDue: the journal has grown to several times what it holds. [FileJournal.Keep] sees to
	// it.
	CompactionDue EventKind = capi.EventCompactionDue
	// OtherEvent: something that this version does not know.
	OtherEvent EventKind = capi.EventOther
)

var eventNames = map[EventKind]string{
	Joined: "joined", Returned: "returned", Left: "left", Unknown: "unknown", NodeChanged: "changed",
	Admitted: "admitted", Removed: "removed", Banned: "banned", Forgotten: "forgotten",
	Pending: "pending", GrantsChanged: "grants changed", Equivocation: "equivocation",
	RootsDiffer: "roots differ", NothingInCommon: "nothing in common",
	DuplicateIdentity: "duplicate identity", AuthorityInTouch: "authority in touch",
	AuthorityLost: "authority lost", AuthoritiesChanged: "authorities changed",
	HomeChanged: "home changed", Recovering: "recovering", RecoveredAll: "recovered",
	BecamePartial: "became partial", BecameWhole: "became whole", CompactionDue: "compaction due",
	OtherEvent: "other",
}

func (kind EventKind) String() string {
	if name, ok := eventNames[kind]; ok {
		return name
	}
	return fmt.Sprintf("event %d", uint8(kind))
}

// Event is a past fact about the roll. What it is about is read from the roll.
type Event struct {
	Kind EventKind
	// Peer is the node that it is about, if it is about one.
	Peer PeerID
	// Other is the writer of an equivocation.
	Other PeerID
}

func (event Event) String() string {
	if event.Peer == "" {
		return event.Kind.String()
	}
	return event.Kind.String() + " " + event.Peer.String()
}

func eventFromC(data []byte) Event {
	var c capi.Event
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&c)), unsafe.Sizeof(c)), data)
	return Event{Kind: EventKind(c.Kind), Peer: PeerID(c.Peer.String()), Other: PeerID(c.Other.String())}
}
