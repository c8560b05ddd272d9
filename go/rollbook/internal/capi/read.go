package capi

/*
#include "rollbook.h"

#cgo noescape rollbook_tracker_get
#cgo nocallback rollbook_tracker_get
#cgo noescape rollbook_tracker_nodes
#cgo nocallback rollbook_tracker_nodes
#cgo noescape rollbook_tracker_select
#cgo nocallback rollbook_tracker_select
#cgo noescape rollbook_tracker_explain
#cgo nocallback rollbook_tracker_explain
#cgo noescape rollbook_tracker_status
#cgo nocallback rollbook_tracker_status
#cgo noescape rollbook_tracker_peer_id
#cgo nocallback rollbook_tracker_peer_id
#cgo noescape rollbook_tracker_root
#cgo nocallback rollbook_tracker_root
#cgo noescape rollbook_tracker_counter
#cgo nocallback rollbook_tracker_counter
*/
import "C"

import "unsafe"

func nodes(seen []Node) (*C.rollbook_node_t, C.size_t) {
	return (*C.rollbook_node_t)(unsafe.Pointer(unsafe.SliceData(seen))), C.size_t(len(seen))
}

// Get reads a node.
func Get(tracker Handle, now Now, peer string, seen *Node) int32 {
	mono, unix := now.c()
	p, n := text(peer)
	return int32(C.rollbook_tracker_get(tracker, mono, unix, p, n,
		(*C.rollbook_node_t)(unsafe.Pointer(seen)), C.sizeof_rollbook_node_t))
}

// Nodes reads the nodes behind `after`, as many as there is room for.
func Nodes(tracker Handle, now Now, after string, seen []Node) (int, int32) {
	var count C.size_t
	mono, unix := now.c()
	a, an := text(after)
	s, capacity := nodes(seen)
	code := C.rollbook_tracker_nodes(tracker, mono, unix, a, an, s, C.sizeof_rollbook_node_t, capacity, &count)
	return int(count), int32(code)
}

// Select reads the nodes that can do something.
func Select(tracker Handle, now Now, capability string, granted uint8, seen []Node) (int, int32) {
	var count C.size_t
	mono, unix := now.c()
	c, cn := text(capability)
	s, capacity := nodes(seen)
	code := C.rollbook_tracker_select(tracker, mono, unix, c, cn, C.uint8_t(granted), s,
		C.sizeof_rollbook_node_t, capacity, &count)
	return int(count), int32(code)
}

// Explain reads one of the facts that are known of a node.
func Explain(tracker Handle, peer string, index uint32, fact *Fact) int32 {
	p, n := text(peer)
	return int32(C.rollbook_tracker_explain(tracker, p, n, C.uint32_t(index),
		(*C.rollbook_fact_t)(unsafe.Pointer(fact)), C.sizeof_rollbook_fact_t))
}

// ReadStatus reads the state in figures.
func ReadStatus(tracker Handle, now Now, status *Status) int32 {
	mono, unix := now.c()
	return int32(C.rollbook_tracker_status(tracker, mono, unix,
		(*C.rollbook_status_t)(unsafe.Pointer(status)), C.sizeof_rollbook_status_t))
}

// OwnPeerID reads who this node is.
func OwnPeerID(tracker Handle, id *PeerID) int32 {
	return int32(C.rollbook_tracker_peer_id(tracker, peerID(id)))
}

// Root reads the digest of the roll.
func Root(tracker Handle) (root [16]byte, code int32) {
	o, _ := bytes(root[:])
	code = int32(C.rollbook_tracker_root(tracker, o))
	return root, code
}

// Counter reads one of the counters.
func Counter(tracker Handle, index uint32) (name string, value uint64, code int32) {
	var from *C.uint8_t
	var size C.size_t
	var count C.uint64_t
	code = int32(C.rollbook_tracker_counter(tracker, C.uint32_t(index), &from, &size, &count))
	if code != OK {
		return "", 0, code
	}
	// The name is static; a copy of it is Go's own.
	return C.GoStringN((*C.char)(unsafe.Pointer(from)), C.int(size)), uint64(count), code
}
