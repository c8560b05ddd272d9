package capi

// #include "rollbook.h"
import "C"

import "unsafe"

// The structures of the header, with exported fields. layout_check.go compares them.

// PeerID is rollbook_peer_id_t.
type PeerID struct {
	Size  uint8
	Bytes [47]byte
}

// String gives the bytes.
func (id *PeerID) String() string { return string(id.Bytes[:id.Size]) }

// Config is rollbook_config_t.
type Config struct {
	IntervalMs        uint64
	CompactionFloor   uint64
	TalliesIntervalMs uint64
	Capacity          uint32
	MessageSizeMax    uint32
	Admission         uint8
	Partial           uint8
	ActingCount       uint8
	RetiredCount      uint8
	NetworkSize       uint8
	Zero              [3]uint8
	Network           [NetworkSizeMax]byte
	Authorities       [AuthoritiesMax]PeerID
}

// Error is rollbook_error_t.
type Error struct {
	Code    int32
	Offset  uint32
	Message [112]byte
}

// Recovered is rollbook_recovered_t.
type Recovered struct {
	Frames       uint64
	Unread       uint64
	NoRoom       uint64
	DamagedBytes uint64
}

// Event is rollbook_event_t.
type Event struct {
	Kind  uint8
	Zero  [7]uint8
	Peer  PeerID
	Other PeerID
}

// Address is rollbook_address_t.
type Address struct {
	Size  uint8
	Bytes [AddressSizeMax]byte
}

// Capability is rollbook_capability_t.
type Capability struct {
	Size uint8
	Name [CapabilitySizeMax]byte
}

// Announcement is rollbook_announcement_t.
type Announcement struct {
	AddressCount    uint8
	CapabilityCount uint8
	AgentSize       uint8
	ExtraSize       uint8
	Leaving         uint8
	Zero            [3]uint8
	Addresses       [AddressesMax]Address
	Capabilities    [CapabilitiesMax]Capability
	Agent           [AgentSizeMax]byte
	Extra           [ExtraSizeMax]byte
}

// Tally is rollbook_tally_t.
type Tally struct {
	Count uint64
	Last  uint64
}

// History is rollbook_history_t.
type History struct {
	FirstJoined uint64
	Uptime      uint64
	Grants      uint64
	Counted     [3]Tally
}

// Node is rollbook_node_t.
type Node struct {
	FirstJoined        uint64
	LastJoined         uint64
	LastLeft           uint64
	LastUpdated        uint64
	Uptime             uint64
	AccumulatedUptime  uint64
	Tallies            [Counters]Tally
	PeerID             PeerID
	Home               PeerID
	Epoch              uint32
	Seq                uint32
	Grants             uint32
	Session            [4]byte
	EthereumAddress    [20]byte
	Standing           uint8
	Here               uint8
	LastKnown          uint8
	IsActive           uint8
	HasAnnouncement    uint8
	HasEthereumAddress uint8
	Zero               [10]uint8
	Announcement       Announcement
}

// Fact is rollbook_fact_t.
type Fact struct {
	Value     uint64
	Other     uint64
	Epoch     uint32
	Seq       uint32
	Stamp     uint32
	Fact      uint8
	Statement uint8
	Counts    uint8
	Number    uint8
	Writer    PeerID
	Size      uint8
	Bytes     [103]byte
}

// Status is rollbook_status_t.
type Status struct {
	RollBytes           uint64
	ObservationsWaiting uint64
	Admitted            uint32
	Online              uint32
	Left                uint32
	Unknown             uint32
	Pending             uint32
	Removed             uint32
	Banned              uint32
	Leases              uint32
	PeerID              PeerID
	Home                PeerID
	Root                [16]byte
	Session             [4]byte
	Role                uint8
	Recovering          uint8
	Isolated            uint8
	Partial             uint8
	Degraded            uint8
	Zero                [7]uint8
}

// Statement is rollbook_statement_t.
type Statement struct {
	Epoch         uint32
	Seq           uint32
	PayloadSize   uint32
	SignatureSize uint32
	Writer        [4]byte
	Kind          uint8
	Zero          [3]uint8
	Subject       PeerID
}

// Output is rollbook_output_t: what stands before the data of an output.
type Output struct {
	Size     uint32
	DataSize uint32
	Number   uint64
	Kind     uint8
	MustSync uint8
	Zero     [6]uint8
	Peer     PeerID
}

// OutputHeadSize is the size of what stands before the data of an output.
const OutputHeadSize = int(unsafe.Sizeof(Output{}))
