package rollbook

import (
	"fmt"
	"iter"
	"time"

	"rollbook.dev/go/rollbook/internal/capi"
)

// nodesPerPage are read in one call to C.
const nodesPerPage = 64

// SelectMax is how many nodes are selected at most.
const SelectMax = capi.SelectMax

// Standing says whether a node belongs to the network. Codes that a program does not know admit if
// they have the bit of [StandingAdmitted].
type Standing uint8

// The standings.
const (
	StandingPending  Standing = capi.StandingPending
	StandingRemoved  Standing = capi.StandingRemoved
	StandingBanned   Standing = capi.StandingBanned
	StandingAdmitted Standing = capi.StandingAdmitted
)

// Admits says whether the node belongs to the network.
func (standing Standing) Admits() bool { return standing&StandingAdmitted != 0 }

func (standing Standing) String() string {
	switch standing {
	case StandingPending:
		return "pending"
	case StandingRemoved:
		return "removed"
	case StandingBanned:
		return "banned"
	case StandingAdmitted:
		return "admitted"
	default:
		return fmt.Sprintf("standing %#x", uint8(standing))
	}
}

// Presence says whether a node is here.
type Presence uint8

// The presences.
const (
	PresenceUnknown Presence = capi.HereUnknown
	PresenceOnline  Presence = capi.HereOnline
	PresenceLeft    Presence = capi.HereLeft
)

func (presence Presence) String() string {
	switch presence {
	case PresenceOnline:
		return "online"
	case PresenceLeft:
		return "left"
	default:
		return "unknown"
	}
}

// Version orders the statements of one writer, and nothing else.
type Version struct {
	Epoch, Seq uint32
}

// Compare says by less than 0 that version is older than other, by more that it is newer.
func (version Version) Compare(other Version) int {
	if version.Epoch != other.Epoch {
		return compare(version.Epoch, other.Epoch)
	}
	return compare(version.Seq, other.Seq)
}

func compare(a, b uint32) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

// NodeView is what an application sees of a node: plain values. Times are by the clocks of those who
// say them, zero where there is none.
type NodeView struct {
	PeerID PeerID
	// Home is the authority that the node names as its home.
	Home     PeerID
	Standing Standing
	Presence Presence
	// LastKnown is what was last known of it, where nobody in touch can say.
	LastKnown Presence
	// Active says that it is admitted and online, or last known online while nobody in touch can say.
	Active bool
	// Grants in the order of their numbers.
	Grants []Grant

	// Announced says whether it said something of itself: Announcement, Version and Session.
	Announced    bool
	Announcement Announcement
	// Leaving says that the node said that it leaves.
	Leaving bool
	Version Version
	Session [4]byte

	FirstJoined, LastJoined, LastLeft time.Time
	// LastUpdated is the newest time of issue in its statements: shown, never compared.
	LastUpdated time.Time
	// Uptime of the running session; 0 unless it is online.
	Uptime time.Duration
	// AccumulatedUptime is the sum of its sessions at all authorities, history included.
	AccumulatedUptime time.Duration
	// Tallies are what others counted about it, by [Counter].
	Tallies [Counters]Tally
	// EthereumAddress is nil unless its key is of secp256k1.
	EthereumAddress []byte
}

// Granted says whether the node was granted something.
func (node *NodeView) Granted(grant Grant) bool {
	for _, has := range node.Grants {
		if has == grant {
			return true
		}
	}
	return false
}

// Get reads a node, those that wait to be admitted included; false for one that is not known.
func (t *Tracker) Get(now time.Time, peer PeerID) (NodeView, bool, error) {
	var c capi.Node
	var known bool
	err := t.at("read a node", now, func(handle capi.Handle, now capi.Now) int32 {
		code := capi.Get(handle, now, string(peer), &c)
		known = code == capi.OK
		return code
	})
	if err != nil || !known {
		return NodeView{}, false, err
	}
	return viewFromC(&c), true, nil
}

// Nodes gives all nodes in the roll's order, those that wait to be admitted among them. What changes
// meanwhile may be seen or not; every node that stays as it is is seen once. The roll may be used
// while it goes on. A tracker that is closed or not started has none.
func (t *Tracker) Nodes(now time.Time) iter.Seq[NodeView] {
	return func(yield func(NodeView) bool) {
		page := make([]capi.Node, nodesPerPage)
		after := ""
		for {
			count, err := t.page(now, after, page)
			if err != nil {
				return
			}
			for i := range page[:count] {
				if !yield(viewFromC(&page[i])) {
					return
				}
			}
			if count < len(page) {
				return
			}
			after = page[count-1].PeerID.String()
		}
	}
}

func (t *Tracker) page(now time.Time, after string, page []capi.Node) (count int, err error) {
	err = t.at("read nodes", now, func(handle capi.Handle, now capi.Now) (code int32) {
		count, code = capi.Nodes(handle, now, after, page)
		return code
	})
	return count, err
}

// Select reads the nodes that can do something, the most reliable first, at most count and
// [SelectMax]: those that are online, then those that can be reached while nobody can tell whether
// they are here. Never one that left. Granted is what they must have been granted; 0 for nothing.
func (t *Tracker) Select(now time.Time, capability string, granted Grant, count int) ([]NodeView, error) {
	page := make([]capi.Node, min(max(count, 0), SelectMax))
	var selected int
	err := t.at("select nodes", now, func(handle capi.Handle, now capi.Now) (code int32) {
		selected, code = capi.Select(handle, now, capability, uint8(granted), page)
		return code
	})
	if err != nil {
		return nil, err
	}
	views := make([]NodeView, selected)
	for i := range views {
		views[i] = viewFromC(&page[i])
	}
	return views, nil
}

func viewFromC(c *capi.Node) NodeView {
	view := NodeView{
		PeerID:            PeerID(c.PeerID.String()),
		Home:              PeerID(c.Home.String()),
		Standing:          Standing(c.Standing),
		Presence:          Presence(c.Here),
		LastKnown:         Presence(c.LastKnown),
		Active:            c.IsActive != 0,
		Announced:         c.HasAnnouncement != 0,
		Leaving:           c.Announcement.Leaving != 0,
		Version:           Version{c.Epoch, c.Seq},
		Session:           c.Session,
		FirstJoined:       at(c.FirstJoined),
		LastJoined:        at(c.LastJoined),
		LastLeft:          at(c.LastLeft),
		LastUpdated:       at(c.LastUpdated),
		Uptime:            seconds(c.Uptime),
		AccumulatedUptime: seconds(c.AccumulatedUptime),
	}
	if view.Announced {
		view.Announcement = announcementFromC(&c.Announcement)
	}
	if c.HasEthereumAddress != 0 {
		view.EthereumAddress = clone(c.EthereumAddress[:])
	}
	for grant := Grant(1); grant <= GrantLast; grant++ {
		if c.Grants&(1<<grant) != 0 {
			view.Grants = append(view.Grants, grant)
		}
	}
	for i, tally := range c.Tallies {
		view.Tallies[i] = Tally{Count: tally.Count, Last: at(tally.Last)}
	}
	return view
}

// at is a time in unix seconds; 0 is none.
func at(unix uint64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(int64(min(unix, 1<<62)), 0)
}

func seconds(count uint64) time.Duration {
	const most = uint64(1<<63-1) / uint64(time.Second)
	return time.Duration(min(count, most)) * time.Second
}
