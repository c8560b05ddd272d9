package rollbook

import (
	"testing"
	"time"
)

// wall is when the clocks of the tests begin.
var wall = time.Unix(1_790_000_000, 0)

// stepsMax is how often a cluster is stepped before a test gives up: an hour of its time.
const stepsMax = 3600

// cluster is a network of trackers in one process and in time of its own. Each is connected to all.
type cluster struct {
	t     *testing.T
	now   time.Time
	nodes []*node
}

// node is a tracker with its journal in memory.
type node struct {
	*Tracker
	identity Identity
	config   Config
	journal  []byte
	events   []Event
	sign     func([]byte) []byte
}

func key(t testing.TB, number byte) Identity {
	t.Helper()
	identity, err := Ed25519(seed(number)[:])
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

func seed(number byte) *[32]byte {
	var seed [32]byte
	for i := range seed {
		seed[i] = number
	}
	return &seed
}

// newCluster makes trackers of these identities; the first authorityCount are authorities.
func newCluster(t *testing.T, authorityCount int, identities ...Identity) *cluster {
	t.Helper()
	c := &cluster{t: t, now: wall}
	var authorities []PeerID
	for _, identity := range identities[:authorityCount] {
		authorities = append(authorities, identity.PeerID())
	}
	for i, identity := range identities {
		config := Config{Network: "main", Authorities: authorities, Interval: 10 * time.Second, Seed: seed(byte(100 + i))}
		begin, err := JournalBegin(identity.PeerID())
		must(t, err)
		n := &node{identity: identity, config: config, journal: begin}
		c.nodes = append(c.nodes, n)
		c.start(n)
	}
	for i := range c.nodes {
		c.connect(i)
	}
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start makes the tracker of a node and gives it back its journal.
func (c *cluster) start(n *node) {
	c.t.Helper()
	tracker, err := New(n.config, n.identity)
	must(c.t, err)
	c.t.Cleanup(func() { must(c.t, tracker.Close()) })
	n.Tracker = tracker
	used, _, err := tracker.Recover(n.journal)
	must(c.t, err)
	if used != len(n.journal) {
		c.t.Fatalf("%d of %d bytes of the journal were taken", used, len(n.journal))
	}
	must(c.t, tracker.Start(c.now))
	must(c.t, tracker.Announce(c.now, said(c.t, n)))
	c.drain(n)
}

func said(t testing.TB, n *node) Announcement {
	t.Helper()
	address, err := ParseAddress("/ip4/192.0.2.1/tcp/7655")
	must(t, err)
	return Announcement{Addresses: []Address{address}, Capabilities: []string{"search"}, Agent: "test/1", Extra: []byte{1, 2}}
}

func (c *cluster) connect(i int) {
	for j, other := range c.nodes {
		if j != i {
			must(c.t, c.nodes[i].PeerUp(c.now, other.PeerID(), nil))
		}
	}
}

// drain does what a tracker wants done.
func (c *cluster) drain(n *node) {
	c.t.Helper()
	for {
		var out Outputs
		must(c.t, n.Drain(c.now, &out))
		if out.Empty() {
			return
		}
		for _, asked := range out.Signatures {
			must(c.t, n.Signed(c.now, asked.ID, n.sign(asked.Message)))
		}
		if n.journal = append(n.journal, out.Frames...); out.MustSync {
			must(c.t, n.JournalSynced(out.Position))
		}
		for _, message := range out.Publications {
			c.gossip(n, message)
		}
		for _, request := range out.Requests {
			c.request(n, request)
		}
		n.events = append(n.events, out.Events...)
	}
}

func (c *cluster) gossip(from *node, message []byte) {
	for _, to := range c.nodes {
		if to == from || to.Tracker == nil {
			continue
		}
		verdict, err := to.HandleMessage(c.now, from.PeerID(), message)
		must(c.t, err)
		if verdict == Reject {
			c.t.Fatalf("%s rejects what %s says", to.PeerID(), from.PeerID())
		}
	}
}

func (c *cluster) request(from *node, request Request) {
	c.t.Helper()
	for _, to := range c.nodes {
		if to.PeerID() != request.To {
			continue
		}
		response, err := to.HandleRequest(c.now, from.PeerID(), request.Message, nil)
		must(c.t, err)
		must(c.t, from.HandleResponse(c.now, to.PeerID(), response))
		return
	}
	must(c.t, from.RequestFailed(c.now, request.To))
}

// until steps through time until a condition holds.
func (c *cluster) until(what string, holds func() bool) {
	c.t.Helper()
	for range stepsMax {
		for _, n := range c.nodes {
			c.drain(n)
		}
		if holds() {
			return
		}
		c.now = c.now.Add(time.Second)
		for _, n := range c.nodes {
			if at, waits := n.NextTick(); waits && !at.After(c.now) {
				must(c.t, n.Tick(c.now))
			}
		}
	}
	c.t.Fatalf("not within an hour: %s", what)
}

// agree says whether all hold the same roll, in which all are online.
func (c *cluster) agree() bool {
	for _, n := range c.nodes {
		status, err := n.Status(c.now)
		must(c.t, err)
		first, err := c.nodes[0].Root()
		must(c.t, err)
		if status.Online != len(c.nodes) || status.Root != first {
			return false
		}
	}
	return true
}
