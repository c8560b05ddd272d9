package capi

/*
#include "rollbook.h"

#cgo noescape rollbook_tracker_announce
#cgo nocallback rollbook_tracker_announce
#cgo noescape rollbook_tracker_leave
#cgo nocallback rollbook_tracker_leave
#cgo noescape rollbook_tracker_is_leave_acknowledged
#cgo nocallback rollbook_tracker_is_leave_acknowledged
#cgo noescape rollbook_tracker_observe
#cgo nocallback rollbook_tracker_observe
#cgo noescape rollbook_tracker_hold
#cgo nocallback rollbook_tracker_hold
#cgo noescape rollbook_tracker_release
#cgo nocallback rollbook_tracker_release
#cgo noescape rollbook_tracker_admit
#cgo nocallback rollbook_tracker_admit
#cgo noescape rollbook_tracker_ban
#cgo nocallback rollbook_tracker_ban
#cgo noescape rollbook_tracker_remove
#cgo nocallback rollbook_tracker_remove
#cgo noescape rollbook_tracker_grant
#cgo nocallback rollbook_tracker_grant
#cgo noescape rollbook_tracker_revoke
#cgo nocallback rollbook_tracker_revoke
#cgo noescape rollbook_tracker_import
#cgo nocallback rollbook_tracker_import
#cgo noescape rollbook_tracker_durable
#cgo nocallback rollbook_tracker_durable
#cgo noescape rollbook_tracker_set_allowed
#cgo nocallback rollbook_tracker_set_allowed
#cgo noescape rollbook_tracker_set_authorities
#cgo nocallback rollbook_tracker_set_authorities
#cgo noescape rollbook_tracker_end_recovery
#cgo nocallback rollbook_tracker_end_recovery
*/
import "C"

import "unsafe"

// Announce says what this node is.
func Announce(tracker Handle, now Now, said *Announcement) int32 {
	mono, unix := now.c()
	return int32(C.rollbook_tracker_announce(tracker, mono, unix,
		(*C.rollbook_announcement_t)(unsafe.Pointer(said)), C.sizeof_rollbook_announcement_t))
}

// Leave says that this node stops.
func Leave(tracker Handle, now Now) int32 {
	mono, unix := now.c()
	return int32(C.rollbook_tracker_leave(tracker, mono, unix))
}

// IsLeaveAcknowledged says whether somebody took note.
func IsLeaveAcknowledged(tracker Handle) int32 {
	return int32(C.rollbook_tracker_is_leave_acknowledged(tracker))
}

// Observe counts something about another node.
func Observe(tracker Handle, now Now, peer string, counter uint8, count uint32) int32 {
	mono, unix := now.c()
	p, n := text(peer)
	return int32(C.rollbook_tracker_observe(tracker, mono, unix, p, n, C.uint8_t(counter), C.uint32_t(count)))
}

// Hold lets a partial replica hold a node.
func Hold(tracker Handle, peer string) int32 {
	p, n := text(peer)
	return int32(C.rollbook_tracker_hold(tracker, p, n))
}

// Release takes [Hold] back.
func Release(tracker Handle, peer string) int32 {
	p, n := text(peer)
	return int32(C.rollbook_tracker_release(tracker, p, n))
}

// Admit decides that a node belongs to the network.
func Admit(tracker Handle, now Now, peer string, receipt *uint64) int32 {
	mono, unix := now.c()
	p, n := text(peer)
	return int32(C.rollbook_tracker_admit(tracker, mono, unix, p, n, (*C.uint64_t)(receipt)))
}

// Ban keeps a node out.
func Ban(tracker Handle, now Now, peer string, receipt *uint64) int32 {
	mono, unix := now.c()
	p, n := text(peer)
	return int32(C.rollbook_tracker_ban(tracker, mono, unix, p, n, (*C.uint64_t)(receipt)))
}

// Remove takes a node off the roll.
func Remove(tracker Handle, now Now, peer string, receipt *uint64) int32 {
	mono, unix := now.c()
	p, n := text(peer)
	return int32(C.rollbook_tracker_remove(tracker, mono, unix, p, n, (*C.uint64_t)(receipt)))
}

// Grant grants something to a node.
func Grant(tracker Handle, now Now, peer string, grant uint8, receipt *uint64) int32 {
	mono, unix := now.c()
	p, n := text(peer)
	return int32(C.rollbook_tracker_grant(tracker, mono, unix, p, n, C.uint8_t(grant), (*C.uint64_t)(receipt)))
}

// Revoke takes a grant back.
func Revoke(tracker Handle, now Now, peer string, grant uint8, receipt *uint64) int32 {
	mono, unix := now.c()
	p, n := text(peer)
	return int32(C.rollbook_tracker_revoke(tracker, mono, unix, p, n, C.uint8_t(grant), (*C.uint64_t)(receipt)))
}

// Import takes over a node's history.
func Import(tracker Handle, now Now, peer string, history *History, receipt *uint64) int32 {
	mono, unix := now.c()
	p, n := text(peer)
	return int32(C.rollbook_tracker_import(tracker, mono, unix, p, n,
		(*C.rollbook_history_t)(unsafe.Pointer(history)), C.sizeof_rollbook_history_t, (*C.uint64_t)(receipt)))
}

// Durable says up to which receipt commands are on disk.
func Durable(tracker Handle) (uint64, int32) {
	var receipt C.uint64_t
	code := C.rollbook_tracker_durable(tracker, &receipt)
	return uint64(receipt), int32(code)
}

func peerIDs(ids []PeerID) (*C.rollbook_peer_id_t, C.size_t) {
	return peerID(unsafe.SliceData(ids)), C.size_t(len(ids))
}

// SetAllowed replaces the list of whom an authority lets in.
func SetAllowed(tracker Handle, peers []PeerID) int32 {
	p, n := peerIDs(peers)
	return int32(C.rollbook_tracker_set_allowed(tracker, p, n))
}

// SetAuthorities replaces the list of authorities.
func SetAuthorities(
	tracker Handle, now Now, acting, retired []PeerID, admission uint8, failure *Error,
) int32 {
	mono, unix := now.c()
	a, an := peerIDs(acting)
	r, rn := peerIDs(retired)
	return int32(C.rollbook_tracker_set_authorities(tracker, mono, unix, a, an, r, rn,
		C.uint8_t(admission), (*C.rollbook_error_t)(unsafe.Pointer(failure))))
}

// EndRecovery ends the recovery of an authority.
func EndRecovery(tracker Handle, now Now) int32 {
	mono, unix := now.c()
	return int32(C.rollbook_tracker_end_recovery(tracker, mono, unix))
}
