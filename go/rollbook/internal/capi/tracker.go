package capi

/*
#include "rollbook.h"

#cgo noescape rollbook_tracker_new
#cgo nocallback rollbook_tracker_new
#cgo noescape rollbook_tracker_free
#cgo nocallback rollbook_tracker_free
#cgo noescape rollbook_tracker_recover
#cgo nocallback rollbook_tracker_recover
#cgo noescape rollbook_tracker_note_damage
#cgo nocallback rollbook_tracker_note_damage
#cgo noescape rollbook_tracker_snapshot_begin
#cgo nocallback rollbook_tracker_snapshot_begin
#cgo noescape rollbook_tracker_snapshot_next
#cgo nocallback rollbook_tracker_snapshot_next
#cgo noescape rollbook_tracker_start
#cgo nocallback rollbook_tracker_start
#cgo noescape rollbook_tracker_handle_gossip
#cgo nocallback rollbook_tracker_handle_gossip
#cgo noescape rollbook_tracker_handle_request
#cgo nocallback rollbook_tracker_handle_request
#cgo noescape rollbook_tracker_handle_response
#cgo nocallback rollbook_tracker_handle_response
#cgo noescape rollbook_tracker_handle_request_failed
#cgo nocallback rollbook_tracker_handle_request_failed
#cgo noescape rollbook_tracker_handle_connected
#cgo nocallback rollbook_tracker_handle_connected
#cgo noescape rollbook_tracker_handle_disconnected
#cgo nocallback rollbook_tracker_handle_disconnected
#cgo noescape rollbook_tracker_handle_timeout
#cgo nocallback rollbook_tracker_handle_timeout
#cgo noescape rollbook_tracker_handle_journal_synced
#cgo nocallback rollbook_tracker_handle_journal_synced
#cgo noescape rollbook_tracker_handle_signature
#cgo nocallback rollbook_tracker_handle_signature
#cgo noescape rollbook_tracker_handle_signature_failed
#cgo nocallback rollbook_tracker_handle_signature_failed
#cgo noescape rollbook_tracker_poll_timeout
#cgo nocallback rollbook_tracker_poll_timeout
#cgo noescape rollbook_tracker_drain
#cgo nocallback rollbook_tracker_drain
*/
import "C"

import "unsafe"

// Handle is a tracker in C. One call at a time may be made with it.
type Handle = *C.rollbook_tracker_t

// Now is the time of a call.
type Now struct {
	// MonoMs counts milliseconds and never goes back.
	MonoMs uint64
	// UnixS is the wall clock in seconds.
	UnixS uint64
}

func (now Now) c() (C.uint64_t, C.uint64_t) { return C.uint64_t(now.MonoMs), C.uint64_t(now.UnixS) }

// New makes a tracker, which lives until [Free].
func New(config *Config, kind uint8, key []byte, seed *[32]byte, failure *Error) (Handle, int32) {
	var tracker Handle
	k, kn := bytes(key)
	s, _ := bytes(seed[:])
	code := C.rollbook_tracker_new((*C.rollbook_config_t)(unsafe.Pointer(config)),
		C.sizeof_rollbook_config_t, C.uint8_t(kind), k, kn, s, &tracker,
		(*C.rollbook_error_t)(unsafe.Pointer(failure)))
	return tracker, int32(code)
}

// Free ends a tracker.
func Free(tracker Handle) int32 { return int32(C.rollbook_tracker_free(tracker)) }

// Recover gives back a part of the journal; says how much of it was taken.
func Recover(tracker Handle, part []byte, recovered *Recovered) (int, int32) {
	var used C.size_t
	p, n := bytes(part)
	code := C.rollbook_tracker_recover(tracker, p, n, &used,
		(*C.rollbook_recovered_t)(unsafe.Pointer(recovered)), C.sizeof_rollbook_recovered_t)
	return int(used), int32(code)
}

// NoteDamage says that a part of the journal could not be read.
func NoteDamage(tracker Handle) int32 { return int32(C.rollbook_tracker_note_damage(tracker)) }

// SnapshotBegin begins a compacted journal.
func SnapshotBegin(tracker Handle) int32 { return int32(C.rollbook_tracker_snapshot_begin(tracker)) }

// SnapshotNext writes the next part of a compacted journal: [OK] and nothing where a statement waits
// for its signature, [Nothing] when all of it was written.
func SnapshotNext(tracker Handle, out []byte) (int, int32) {
	var size C.size_t
	o, capacity := bytes(out)
	code := C.rollbook_tracker_snapshot_next(tracker, o, capacity, &size)
	return int(size), int32(code)
}

// Start begins the run.
func Start(tracker Handle, now Now) int32 {
	mono, unix := now.c()
	return int32(C.rollbook_tracker_start(tracker, mono, unix))
}

// HandleGossip takes in a gossip message.
func HandleGossip(tracker Handle, now Now, from string, message []byte) (uint8, int32) {
	var verdict C.uint8_t
	mono, unix := now.c()
	f, fn := text(from)
	m, mn := bytes(message)
	code := C.rollbook_tracker_handle_gossip(tracker, mono, unix, f, fn, m, mn, &verdict)
	return uint8(verdict), int32(code)
}

// HandleRequest takes in a request and writes its answer.
func HandleRequest(tracker Handle, now Now, from string, request, response []byte) (int, int32) {
	var size C.size_t
	mono, unix := now.c()
	f, fn := text(from)
	q, qn := bytes(request)
	r, capacity := bytes(response)
	code := C.rollbook_tracker_handle_request(tracker, mono, unix, f, fn, q, qn, r, capacity, &size)
	return int(size), int32(code)
}

// HandleResponse takes in an answer.
func HandleResponse(tracker Handle, now Now, from string, response []byte) int32 {
	mono, unix := now.c()
	f, fn := text(from)
	r, rn := bytes(response)
	return int32(C.rollbook_tracker_handle_response(tracker, mono, unix, f, fn, r, rn))
}

// HandleRequestFailed notes that a request failed.
func HandleRequestFailed(tracker Handle, now Now, peer string) int32 {
	mono, unix := now.c()
	p, n := text(peer)
	return int32(C.rollbook_tracker_handle_request_failed(tracker, mono, unix, p, n))
}

// HandleConnected notes the first connection to a peer.
func HandleConnected(tracker Handle, now Now, peer string, remote []byte) int32 {
	mono, unix := now.c()
	p, n := text(peer)
	r, rn := bytes(remote)
	return int32(C.rollbook_tracker_handle_connected(tracker, mono, unix, p, n, r, rn))
}

// HandleDisconnected notes that the last connection to a peer is closed.
func HandleDisconnected(tracker Handle, now Now, peer string) int32 {
	mono, unix := now.c()
	p, n := text(peer)
	return int32(C.rollbook_tracker_handle_disconnected(tracker, mono, unix, p, n))
}

// HandleTimeout notes that time passed.
func HandleTimeout(tracker Handle, now Now) int32 {
	mono, unix := now.c()
	return int32(C.rollbook_tracker_handle_timeout(tracker, mono, unix))
}

// HandleJournalSynced notes up to where frames are durable.
func HandleJournalSynced(tracker Handle, position uint64) int32 {
	return int32(C.rollbook_tracker_handle_journal_synced(tracker, C.uint64_t(position)))
}

// HandleSignature takes in a signature.
func HandleSignature(tracker Handle, now Now, id uint64, signature []byte) int32 {
	mono, unix := now.c()
	s, n := bytes(signature)
	return int32(C.rollbook_tracker_handle_signature(tracker, mono, unix, C.uint64_t(id), s, n))
}

// HandleSignatureFailed notes that a signature could not be made.
func HandleSignatureFailed(tracker Handle, id uint64) int32 {
	return int32(C.rollbook_tracker_handle_signature_failed(tracker, C.uint64_t(id)))
}

// PollTimeout says when [HandleTimeout] is due.
func PollTimeout(tracker Handle) (uint64, int32) {
	var at C.uint64_t
	code := C.rollbook_tracker_poll_timeout(tracker, &at)
	return uint64(at), int32(code)
}

// Drain takes what is to be done, as much as there is room for.
func Drain(tracker Handle, now Now, out []byte) (int, int32) {
	var size C.size_t
	mono, unix := now.c()
	o, capacity := bytes(out)
	code := C.rollbook_tracker_drain(tracker, mono, unix, o, capacity, &size)
	return int(size), int32(code)
}
