// Package capi is the one place that calls C: librollbook, by its header. Everything else in this
// module is plain Go.
//
// Invariants:
//   - nothing is kept in C that points to Go memory, and the other way round but for handles;
//   - nothing that C allocates is Go's to free, but what [New] made;
//   - the structures in layout.go have the layout of the header's: the compiler checks it.
package capi

/*
#include "rollbook.h"

#cgo noescape rollbook_strerror
#cgo nocallback rollbook_strerror
#cgo noescape rollbook_peer_id_parse
#cgo nocallback rollbook_peer_id_parse
#cgo noescape rollbook_peer_id_from_bytes
#cgo nocallback rollbook_peer_id_from_bytes
#cgo noescape rollbook_peer_id_text
#cgo nocallback rollbook_peer_id_text
#cgo noescape rollbook_peer_id_of_key
#cgo nocallback rollbook_peer_id_of_key
#cgo noescape rollbook_sign
#cgo nocallback rollbook_sign
#cgo noescape rollbook_verify
#cgo nocallback rollbook_verify
#cgo noescape rollbook_ethereum_address
#cgo nocallback rollbook_ethereum_address
#cgo noescape rollbook_config_default
#cgo nocallback rollbook_config_default
#cgo noescape rollbook_journal_begin
#cgo nocallback rollbook_journal_begin
#cgo noescape rollbook_statement_read
#cgo nocallback rollbook_statement_read
#cgo noescape rollbook_statement_verify
#cgo nocallback rollbook_statement_verify
#cgo noescape rollbook_multiaddr_parse
#cgo nocallback rollbook_multiaddr_parse
#cgo noescape rollbook_multiaddr_text
#cgo nocallback rollbook_multiaddr_text

// A call that does nothing: what crossing alone costs.
static inline void rollbook_go_empty(void) {}
#cgo nocallback rollbook_go_empty
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// ABIVersion is the version of the ABI that this module was written for.
const ABIVersion = uint32(C.ROLLBOOK_ABI_VERSION)

// abiMinorMask covers the part of the version in which a library may be newer.
const abiMinorMask = 0xffff

// A library of another ABI would be called with structures of the wrong layout: nothing may be
// called at all, so the program ends before it begins.
func init() {
	if why := mismatch(uint32(C.rollbook_abi_version())); why != "" {
		panic(why)
	}
}

// mismatch says why a library with this version of the ABI cannot be used.
func mismatch(library uint32) string {
	if library&^abiMinorMask == ABIVersion&^abiMinorMask && library >= ABIVersion {
		return ""
	}
	return fmt.Sprintf("rollbook: this Go module needs librollbook with ABI %#x, and ABI %#x is linked",
		ABIVersion, library)
}

// Version is the version of the library.
func Version() string { return C.GoString(C.rollbook_version()) }

// Text says what a code means.
func Text(code int32) string { return C.GoString(C.rollbook_strerror(C.int32_t(code))) }

// Empty crosses to C and back, and does nothing there.
func Empty() { C.rollbook_go_empty() }

func bytes(b []byte) (*C.uint8_t, C.size_t) {
	return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(b))), C.size_t(len(b))
}

func text(s string) (*C.uint8_t, C.size_t) {
	return (*C.uint8_t)(unsafe.Pointer(unsafe.StringData(s))), C.size_t(len(s))
}

func peerID(id *PeerID) *C.rollbook_peer_id_t { return (*C.rollbook_peer_id_t)(unsafe.Pointer(id)) }

// ParsePeerID reads a peer id as text.
func ParsePeerID(s string, out *PeerID) int32 {
	p, n := text(s)
	return int32(C.rollbook_peer_id_parse(p, n, peerID(out)))
}

// PeerIDFromBytes checks the bytes of a peer id.
func PeerIDFromBytes(id string, out *PeerID) int32 {
	p, n := text(id)
	return int32(C.rollbook_peer_id_from_bytes(p, n, peerID(out)))
}

// PeerIDText writes a peer id as text.
func PeerIDText(id string) (string, int32) {
	var out [C.ROLLBOOK_PEER_ID_TEXT_MAX]byte
	var size C.size_t
	p, n := text(id)
	o, capacity := bytes(out[:])
	code := int32(C.rollbook_peer_id_text(p, n, o, capacity, &size))
	if code != OK {
		return "", code
	}
	return string(out[:size]), code
}

// PeerIDOfKey gives the peer id of a private key.
func PeerIDOfKey(kind uint8, key []byte, out *PeerID) int32 {
	p, n := bytes(key)
	return int32(C.rollbook_peer_id_of_key(C.uint8_t(kind), p, n, peerID(out)))
}

// Sign signs a message; of a signature there is at most so much.
func Sign(kind uint8, key, message []byte) (signature []byte, code int32) {
	var out [C.ROLLBOOK_SIGNATURE_SIZE_MAX]byte
	var size C.size_t
	p, n := bytes(key)
	m, mn := bytes(message)
	o, capacity := bytes(out[:])
	code = int32(C.rollbook_sign(C.uint8_t(kind), p, n, m, mn, o, capacity, &size))
	return append([]byte(nil), out[:size]...), code
}

// Verify checks a signature.
func Verify(id string, message, signature []byte) int32 {
	p, n := text(id)
	m, mn := bytes(message)
	s, sn := bytes(signature)
	return int32(C.rollbook_verify(p, n, m, mn, s, sn))
}

// EthereumAddress computes the Ethereum address of a peer id.
func EthereumAddress(id string) (address [20]byte, code int32) {
	p, n := text(id)
	o, _ := bytes(address[:])
	code = int32(C.rollbook_ethereum_address(p, n, o))
	return address, code
}

// ConfigDefault fills in the defaults.
func ConfigDefault(config *Config) int32 {
	return int32(C.rollbook_config_default((*C.rollbook_config_t)(unsafe.Pointer(config)),
		C.sizeof_rollbook_config_t))
}

// JournalBegin writes what a journal begins with.
func JournalBegin(id string, out []byte) (int, int32) {
	p, n := text(id)
	o, capacity := bytes(out)
	var size C.size_t
	code := int32(C.rollbook_journal_begin(p, n, o, capacity, &size))
	return int(size), code
}

// StatementRead reads a statement as on the wire.
func StatementRead(wire []byte, out *Statement) int32 {
	p, n := bytes(wire)
	return int32(C.rollbook_statement_read(p, n, (*C.rollbook_statement_t)(unsafe.Pointer(out)),
		C.sizeof_rollbook_statement_t))
}

// StatementVerify checks the signature of a statement as on the wire.
func StatementVerify(network, writer string, wire []byte) int32 {
	p, n := text(network)
	w, wn := text(writer)
	b, bn := bytes(wire)
	return int32(C.rollbook_statement_verify(p, n, w, wn, b, bn))
}

// ParseAddress reads an address as text.
func ParseAddress(s string, out *Address, failure *Error) int32 {
	p, n := text(s)
	return int32(C.rollbook_multiaddr_parse(p, n, (*C.rollbook_address_t)(unsafe.Pointer(out)),
		(*C.rollbook_error_t)(unsafe.Pointer(failure))))
}

// AddressText writes an address as text.
func AddressText(address []byte) (string, int32) {
	var out [C.ROLLBOOK_ADDRESS_TEXT_MAX]byte
	var size C.size_t
	p, n := bytes(address)
	o, capacity := bytes(out[:])
	code := int32(C.rollbook_multiaddr_text(p, n, o, capacity, &size))
	if code != OK {
		return "", code
	}
	return string(out[:size]), code
}
