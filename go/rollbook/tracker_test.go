package rollbook

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestTwoTrackersHoldOneRoll(t *testing.T) {
	c := newCluster(t, 1, key(t, 1), key(t, 2))
	c.until("both are online", c.agree)
	authority, member := c.nodes[0], c.nodes[1]
	if !slices.Contains(member.events, Event{Kind: EventJoined, Peer: member.PeerID()}) {
		t.Fatalf("the member was not told that it joined: %v", member.events)
	}
	view, known, err := authority.Get(c.now, member.PeerID())
	must(t, err)
	want := said(t, member)
	got := view.Announcement
	if !known || view.Standing != StandingAdmitted || view.Presence != PresenceOnline || !view.Active {
		t.Fatalf("known %t: %+v", known, view)
	}
	if got.Agent != want.Agent || !slices.Equal(got.Capabilities, want.Capabilities) ||
		!bytes.Equal(got.Extra, want.Extra) || got.Addresses[0].String() != "/ip4/192.0.2.1/tcp/7655" {
		t.Fatalf("announced %+v, seen %+v", want, got)
	}
	if view.Home != authority.PeerID() || view.LastJoined.Before(wall) {
		t.Fatalf("home %s, joined %s", view.Home, view.LastJoined)
	}
}

func TestKeysOfBothKindsAndOutside(t *testing.T) {
	scalar, err := Secp256k1(seed(3)[:])
	must(t, err)
	outside, err := Outside(key(t, 4).PeerID())
	must(t, err)
	c := &cluster{t: t}
	private := ed25519.NewKeyFromSeed(seed(4)[:])
	*c = *newClusterWith(t, func(n *node) {
		n.sign = func(message []byte) []byte { return ed25519.Sign(private, message) }
	}, 1, key(t, 1), scalar, outside)
	c.until("all are online", c.agree)
	view, _, err := c.nodes[0].Get(c.now, scalar.PeerID())
	must(t, err)
	address, has := scalar.PeerID().EthereumAddress()
	if !has || !bytes.Equal(view.EthereumAddress, address[:]) {
		t.Fatalf("the Ethereum address is %x, and seen as %x", address, view.EthereumAddress)
	}
}

func newClusterWith(t *testing.T, change func(*node), authorities int, identities ...Identity) *cluster {
	t.Helper()
	c := &cluster{t: t, now: wall}
	for i, identity := range identities {
		var listed []PeerID
		for _, authority := range identities[:authorities] {
			listed = append(listed, authority.PeerID())
		}
		begin, err := JournalBegin(identity.PeerID())
		must(t, err)
		n := &node{identity: identity, config: Config{Network: "main", Authorities: listed, Seed: seed(byte(100 + i))}, journal: begin}
		change(n)
		c.nodes = append(c.nodes, n)
		c.start(n)
	}
	for i := range c.nodes {
		c.connect(i)
	}
	return c
}

func TestSignaturesAreChecked(t *testing.T) {
	scalar, err := Secp256k1(seed(3)[:])
	must(t, err)
	message := []byte("rollbook")
	for _, identity := range []Identity{key(t, 1), scalar} {
		signature, err := identity.Sign(message)
		must(t, err)
		must(t, identity.PeerID().Verify(message, signature))
		signature[len(signature)-1] ^= 1
		if err := identity.PeerID().Verify(message, signature); !errors.Is(err, ErrSignature) {
			t.Fatalf("a flipped bit: %v", err)
		}
	}
	outside, err := Outside(key(t, 1).PeerID())
	must(t, err)
	if _, err := outside.Sign(message); !errors.Is(err, ErrArgument) {
		t.Fatalf("it signs without a key: %v", err)
	}
}

func TestASnapshotWaitsForASignatureThatIsMadeOutside(t *testing.T) {
	outside, err := Outside(key(t, 1).PeerID())
	must(t, err)
	journal, err := CreateFileJournal(filepath.Join(t.TempDir(), "journal"), outside.PeerID())
	must(t, err)
	defer func() { must(t, journal.Close()) }()
	tracker, err := New(Config{Network: "main", Authorities: []PeerID{outside.PeerID()}}, outside)
	must(t, err)
	defer func() { must(t, tracker.Close()) }()
	_, err = journal.Recover(tracker)
	must(t, err)
	must(t, tracker.Start(wall))
	_, err = tracker.Admit(wall, key(t, 2).PeerID())
	must(t, err)
	if err := journal.Compact(tracker); !errors.Is(err, ErrUnsigned) {
		t.Fatalf("it was taken: %v", err)
	}
	private := ed25519.NewKeyFromSeed(seed(1)[:])
	for {
		var out Outputs
		must(t, tracker.Drain(wall, &out))
		must(t, journal.Keep(tracker, wall, &out))
		if out.Empty() {
			break
		}
		for _, asked := range out.Signatures {
			must(t, tracker.Signed(wall, asked.ID, ed25519.Sign(private, asked.Message)))
		}
	}
	must(t, journal.Compact(tracker))
}

func TestDecisionsReachEverybody(t *testing.T) {
	c := newCluster(t, 1, key(t, 1), key(t, 2), key(t, 3))
	c.until("all are online", c.agree)
	authority, member, other := c.nodes[0], c.nodes[1], c.nodes[2]
	receipt, err := authority.Grant(c.now, member.PeerID(), GrantStaked)
	must(t, err)
	c.until("the grant is seen", func() bool {
		view, _, err := other.Get(c.now, member.PeerID())
		must(t, err)
		return view.Granted(GrantStaked)
	})
	if durable, err := authority.Durable(); err != nil || durable < receipt {
		t.Fatalf("durable is %d, the receipt %d: %v", durable, receipt, err)
	}
	selected, err := other.Select(c.now, "search", GrantStaked, SelectMax)
	must(t, err)
	if len(selected) != 1 || selected[0].PeerID != member.PeerID() {
		t.Fatalf("selected: %+v", selected)
	}
	must(t, other.Observe(c.now, member.PeerID(), CounterSuccesses, 3))
	_, err = authority.Ban(c.now, other.PeerID())
	must(t, err)
	c.until("the ban is seen", func() bool {
		view, _, err := member.Get(c.now, other.PeerID())
		must(t, err)
		return view.Standing == StandingBanned && !view.Announced
	})
	facts := slices.Collect(member.Facts(other.PeerID()))
	if !slices.ContainsFunc(facts, func(fact Fact) bool {
		return fact.Kind == FactStanding && fact.Writer == authority.PeerID() && fact.Counts
	}) {
		t.Fatalf("why it is banned is not among %+v", facts)
	}
}

func TestALeaveIsHeard(t *testing.T) {
	c := newCluster(t, 1, key(t, 1), key(t, 2))
	c.until("both are online", c.agree)
	authority, member := c.nodes[0], c.nodes[1]
	must(t, member.Leave(c.now))
	c.until("the leave is acknowledged", member.LeaveAcknowledged)
	view, _, err := authority.Get(c.now, member.PeerID())
	must(t, err)
	if view.Presence != PresenceLeft || !view.Leaving {
		t.Fatalf("it is seen as %+v", view)
	}
}

func TestAllNodesAreReadInPages(t *testing.T) {
	c := newCluster(t, 1, key(t, 1))
	authority := c.nodes[0]
	count := 3*nodesPerPage + 1
	for number := range count - 1 {
		var seed [32]byte
		seed[0], seed[1], seed[31] = byte(number), byte(number>>8), 9
		identity, err := Ed25519(seed[:])
		must(t, err)
		_, err = authority.Import(c.now, identity.PeerID(), History{FirstJoined: wall, Uptime: time.Hour, Grants: []Grant{GrantValidator}})
		must(t, err)
	}
	seen := make(map[PeerID]bool)
	for view := range authority.Nodes(c.now) {
		seen[view.PeerID] = true
	}
	if len(seen) != count {
		t.Fatalf("%d nodes are seen of %d", len(seen), count)
	}
	for range authority.Nodes(c.now) {
		break
	}
}

func TestErrorsSayWhatAndWhy(t *testing.T) {
	c := newCluster(t, 1, key(t, 1), key(t, 2))
	member := c.nodes[1]
	_, err := member.Admit(c.now, key(t, 3).PeerID())
	if !errors.Is(err, ErrNotAuthority) {
		t.Fatalf("a member admits: %v", err)
	}
	var failure *Error
	if !errors.As(err, &failure) || failure.Op != "admit" || failure.Error() == "" {
		t.Fatalf("the error is %v", err)
	}
	if _, err := New(Config{Network: "Not A Name", Authorities: []PeerID{key(t, 1).PeerID()}}, key(t, 1)); !errors.Is(err, ErrConfig) {
		t.Fatalf("a name with spaces: %v", err)
	}
	if _, err := New(Config{Network: "main"}, key(t, 1)); !errors.Is(err, ErrConfig) {
		t.Fatalf("no authorities: %v", err)
	}
	for _, wrong := range []Config{{Capacity: -1}, {MessageSize: 1}, {CompactionFloor: -1}, {Interval: -1}, {Interval: 100 * 24 * time.Hour}} {
		wrong.Network, wrong.Authorities = "main", []PeerID{key(t, 1).PeerID()}
		if _, err := New(wrong, key(t, 1)); !errors.Is(err, ErrConfig) {
			t.Fatalf("%+v: %v", wrong, err)
		}
	}
	if _, err := ParseAddress("/ip4/999.0.0.1/tcp/1"); !errors.Is(err, ErrMalformed) {
		t.Fatalf("an address that is none: %v", err)
	}
	if _, err := Ed25519([]byte{1}); !errors.Is(err, ErrKey) {
		t.Fatalf("a short key: %v", err)
	}
	if err := member.Announce(c.now, Announcement{Agent: string(make([]byte, AgentSizeMax+1))}); !errors.Is(err, ErrArgument) {
		t.Fatalf("a long agent: %v", err)
	}
	if _, err := member.HandleMessage(c.now, "", []byte{1}); !errors.Is(err, ErrPeerID) {
		t.Fatalf("a message from nobody: %v", err)
	}
	if err := member.Start(c.now); !errors.Is(err, ErrState) {
		t.Fatalf("a second start: %v", err)
	}
}

func TestHostileMessagesAreRejected(t *testing.T) {
	c := newCluster(t, 1, key(t, 1), key(t, 2))
	verdict, err := c.nodes[0].HandleMessage(c.now, key(t, 2).PeerID(), []byte("no message"))
	if err != nil || verdict != Reject {
		t.Fatalf("%s, %v", verdict, err)
	}
	if _, err := c.nodes[0].HandleRequest(c.now, key(t, 2).PeerID(), []byte("no request"), nil); !errors.Is(err, ErrMalformed) {
		t.Fatalf("no request: %v", err)
	}
	counts, err := c.nodes[0].Counts()
	must(t, err)
	if len(counts) == 0 {
		t.Fatal("there are no counters")
	}
}

func TestAClosedTrackerSaysSo(t *testing.T) {
	tracker, err := New(Config{Network: "main", Authorities: []PeerID{key(t, 1).PeerID()}}, key(t, 1))
	must(t, err)
	must(t, tracker.Start(wall))
	must(t, tracker.Close())
	must(t, tracker.Close())
	if err := tracker.Tick(wall); !errors.Is(err, ErrClosed) {
		t.Fatalf("a tick: %v", err)
	}
	if _, err := tracker.HandleMessage(wall, key(t, 2).PeerID(), nil); !errors.Is(err, ErrClosed) {
		t.Fatalf("a message: %v", err)
	}
	if _, waits := tracker.NextTick(); waits {
		t.Fatal("it waits for a time")
	}
	for range tracker.Nodes(wall) {
		t.Fatal("it has nodes")
	}
}

func TestATrackerThatIsForgottenIsFreed(t *testing.T) {
	freed := make(chan struct{})
	func() {
		tracker, err := New(Config{Network: "main", Authorities: []PeerID{key(t, 1).PeerID()}}, key(t, 1))
		must(t, err)
		runtime.AddCleanup(tracker, func(freed chan struct{}) { close(freed) }, freed)
	}()
	for {
		runtime.GC()
		select {
		case <-freed:
			return
		default:
			runtime.Gosched()
		}
	}
}

func TestManyGoroutinesUseOneTracker(t *testing.T) {
	c := newCluster(t, 1, key(t, 1), key(t, 2))
	c.until("both are online", c.agree)
	tracker, now := c.nodes[0].Tracker, c.now
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				for view := range tracker.Nodes(now) {
					if _, _, err := tracker.Get(now, view.PeerID); err != nil {
						t.Error(err)
					}
				}
				if _, err := tracker.Grant(now, key(t, 2).PeerID(), GrantApp); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	select {
	case <-tracker.Changed():
	default:
		t.Fatal("nobody is told that there is something to drain")
	}
}

func TestTimeNeverGoesBack(t *testing.T) {
	c := newCluster(t, 1, key(t, 1), key(t, 2))
	c.until("both are online", c.agree)
	late := c.now.Add(time.Minute)
	must(t, c.nodes[1].Tick(late))
	must(t, c.nodes[1].Tick(wall))
	if got, want := c.nodes[1].last.MonoMs, milliseconds(late.Sub(wall)); got != want {
		t.Fatalf("in C it is %d ms, after %d", got, want)
	}
}
