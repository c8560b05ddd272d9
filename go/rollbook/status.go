package rollbook

import (
	"encoding/hex"
	"time"

	"rollbook.dev/go/rollbook/internal/capi"
)

// Root is the digest of a roll: equal rolls have equal roots.
type Root [16]byte

func (root Root) String() string { return hex.EncodeToString(root[:]) }

// Status is the state of a node in figures.
type Status struct {
	PeerID PeerID
	// Home is the authority that it renews its lease with; for one that knows of no other, itself.
	Home PeerID
	Root Root
	// Session is this run of the node.
	Session [4]byte
	// Authority says that it is one of its configured authorities.
	Authority bool
	// Recovering: it is an authority that signs nothing until it has back what it said before.
	Recovering bool
	// Isolated: it is an authority that takes itself to be cut off.
	Isolated bool
	// Partial: it does not hold every node.
	Partial bool
	// Degraded: it has no home, so nobody vouches that it is here.
	Degraded bool

	// Admitted nodes, and how many of them are online, left, or unknown.
	Admitted, Online, Left, Unknown int
	// Pending, Removed and Banned nodes.
	Pending, Removed, Banned int
	// Leases are the sessions that this authority knows to be here.
	Leases int
	// RollBytes is the size of all statements in the roll.
	RollBytes uint64
	// ObservationsWaiting is how much of what this node counted about others no authority has
	// acknowledged.
	ObservationsWaiting uint64
}

// Status reads the state in figures. It looks at every node.
func (t *Tracker) Status(now time.Time) (Status, error) {
	var c capi.Status
	err := t.at("read the status", now, func(handle capi.Handle, now capi.Now) int32 {
		return capi.ReadStatus(handle, now, &c)
	})
	if err != nil {
		return Status{}, err
	}
	return Status{
		PeerID:              PeerID(c.PeerID.String()),
		Home:                PeerID(c.Home.String()),
		Root:                c.Root,
		Session:             c.Session,
		Authority:           c.Role == capi.RoleAuthority,
		Recovering:          c.Recovering != 0,
		Isolated:            c.Isolated != 0,
		Partial:             c.Partial != 0,
		Degraded:            c.Degraded != 0,
		Admitted:            int(c.Admitted),
		Online:              int(c.Online),
		Left:                int(c.Left),
		Unknown:             int(c.Unknown),
		Pending:             int(c.Pending),
		Removed:             int(c.Removed),
		Banned:              int(c.Banned),
		Leases:              int(c.Leases),
		RollBytes:           c.RollBytes,
		ObservationsWaiting: c.ObservationsWaiting,
	}, nil
}

// Root reads the digest of the roll.
func (t *Tracker) Root() (Root, error) {
	var root Root
	err := t.with("read the root", func(handle capi.Handle) (code int32) {
		root, code = capi.Root(handle)
		return code
	})
	return root, err
}

// Counts reads the counters of what happened since the start, what was dropped on purpose included,
// by their names.
func (t *Tracker) Counts() (map[string]uint64, error) {
	counts := make(map[string]uint64)
	err := t.with("read the counters", func(handle capi.Handle) int32 {
		for index := uint32(0); ; index++ {
			name, value, code := capi.Counter(handle, index)
			if code != capi.OK {
				return code
			}
			counts[name] = value
		}
	})
	return counts, err
}
