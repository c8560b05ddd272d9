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
	// EventJoined: a node came online in a session that was not told of, or after it left.
	EventJoined EventKind = capi.EventJoined
	// EventReturned: a node of which nobody in touch could say is online, in the session that it joined in.
	EventReturned EventKind = capi.EventReturned
	// EventLeft: a node left.
	EventLeft EventKind = capi.EventLeft
	// EventUnknown: nobody in touch can say any more whether a node is here.
	EventUnknown EventKind = capi.EventUnknown
	// EventChanged: a node changed what it says of itself.
	EventChanged EventKind = capi.EventChanged
	// EventAdmitted: a node was admitted.
	EventAdmitted EventKind = capi.EventAdmitted
	// EventRemoved: a node was removed.
	EventRemoved EventKind = capi.EventRemoved
	// EventBanned: a node was banned.
	EventBanned EventKind = capi.EventBanned
	// EventForgotten: no authority vouches for a node any more. It is not in the roll.
	EventForgotten EventKind = capi.EventForgotten
	// EventPending: a node waits to be admitted.
	EventPending EventKind = capi.EventPending
	// EventGrantsChanged: what a node was granted changed.
	EventGrantsChanged EventKind = capi.EventGrantsChanged
	// EventEquivocation: a writer (Other) made two statements with one version about Peer.
	EventEquivocation EventKind = capi.EventEquivocation
	// EventRootsDiffer: this replica and that of Peer hold different rolls, and find nothing to tell each
	// other.
	EventRootsDiffer EventKind = capi.EventRootsDiffer
	// EventNothingInCommon: the replica of Peer lists none of the authorities that this one does.
	EventNothingInCommon EventKind = capi.EventNothingInCommon
	// EventDuplicateIdentity: somebody else keeps speaking in this node's name: two machines with one key.
	EventDuplicateIdentity EventKind = capi.EventDuplicateIdentity
	// EventAuthorityInTouch: an authority is in touch again.
	EventAuthorityInTouch EventKind = capi.EventAuthorityInTouch
	// EventAuthorityLost: an authority was not heard for a lease window.
	EventAuthorityLost EventKind = capi.EventAuthorityLost
	// EventAuthoritiesChanged: the list of authorities was replaced.
	EventAuthoritiesChanged EventKind = capi.EventAuthoritiesChanged
	// EventHomeChanged: this node has another home, Peer, or none.
	EventHomeChanged EventKind = capi.EventHomeChanged
	// EventRecovering: this authority lost its journal, or a part of it, and signs nothing until others
	// gave it back.
	EventRecovering EventKind = capi.EventRecovering
	// EventRecovered: this authority has what it said before and signs again.
	EventRecovered EventKind = capi.EventRecovered
	// EventBecamePartial: there is something that this replica has no room for or cannot check.
	EventBecamePartial EventKind = capi.EventBecamePartial
	// EventBecameWhole: this replica has room again, and holds every node.
	EventBecameWhole EventKind = capi.EventBecameWhole
	// EventCompactionDue: the journal has grown to several times what it holds. [FileJournal.Keep] sees to
	// it.
	EventCompactionDue EventKind = capi.EventCompactionDue
	// EventOther: something that this version does not know.
	EventOther EventKind = capi.EventOther
)

var eventNames = map[EventKind]string{
	EventJoined: "joined", EventReturned: "returned", EventLeft: "left", EventUnknown: "unknown", EventChanged: "changed",
	EventAdmitted: "admitted", EventRemoved: "removed", EventBanned: "banned", EventForgotten: "forgotten",
	EventPending: "pending", EventGrantsChanged: "grants changed", EventEquivocation: "equivocation",
	EventRootsDiffer: "roots differ", EventNothingInCommon: "nothing in common",
	EventDuplicateIdentity: "duplicate identity", EventAuthorityInTouch: "authority in touch",
	EventAuthorityLost: "authority lost", EventAuthoritiesChanged: "authorities changed",
	EventHomeChanged: "home changed", EventRecovering: "recovering", EventRecovered: "recovered",
	EventBecamePartial: "became partial", EventBecameWhole: "became whole", EventCompactionDue: "compaction due",
	EventOther: "other",
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
