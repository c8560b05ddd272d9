package libp2padapter

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"rollbook.dev/go/rollbook"
)

// member is a host with all that a program needs, in this process.
type member struct {
	host    host.Host
	pubsub  *pubsub.PubSub
	tracker *rollbook.Tracker
}

// newMember makes a host and a tracker; the first authority is itself where none is given.
func newMember(t testing.TB, authorities ...rollbook.PeerID) *member {
	t.Helper()
	key, _, err := crypto.GenerateKeyPair(crypto.Ed25519, 0)
	must(t, err)
	h, err := libp2p.New(libp2p.Identity(key), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.UserAgent(UserAgent("test")))
	must(t, err)
	t.Cleanup(func() { must(t, h.Close()) })
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	ps, err := pubsub.NewGossipSub(ctx, h)
	must(t, err)
	identity, err := Identity(key)
	must(t, err)
	if len(authorities) == 0 {
		authorities = []rollbook.PeerID{identity.PeerID()}
	}
	tracker, err := rollbook.New(rollbook.Config{Network: "test", Authorities: authorities, Interval: 100 * time.Millisecond}, identity)
	must(t, err)
	t.Cleanup(func() { must(t, tracker.Close()) })
	return &member{h, ps, tracker}
}

func (m *member) attach(t testing.TB, options Options) *Adapter {
	t.Helper()
	if options.Announcement == nil {
		options.Announcement = &rollbook.Announcement{Agent: "test"}
	}
	if options.Journal == nil {
		options.Journal = newJournal(t, m.tracker.PeerID())
	}
	adapter, err := Attach(t.Context(), m.host, m.pubsub, m.tracker, options)
	must(t, err)
	t.Cleanup(func() { must(t, adapter.Close()) })
	return adapter
}

// newJournal is that of a new identity.
func newJournal(t testing.TB, id rollbook.PeerID) rollbook.Journal {
	t.Helper()
	journal, err := rollbook.CreateFileJournal(filepath.Join(t.TempDir(), "journal"), id)
	must(t, err)
	t.Cleanup(func() { must(t, journal.Close()) })
	return journal
}

func (m *member) info() peer.AddrInfo { return peer.AddrInfo{ID: m.host.ID(), Addrs: m.host.Addrs()} }

// online waits until a member sees a node online.
func online(t *testing.T, adapter *Adapter, node *member) {
	t.Helper()
	eventually(t, "a node is online", func() error {
		view, _, err := adapter.Tracker().Get(time.Now(), node.tracker.PeerID())
		if err == nil && view.Presence != rollbook.PresenceOnline {
			return errors.New(view.Presence.String())
		}
		return err
	})
}

func TestHostsInOneProcessHoldOneRoll(t *testing.T) {
	first := newMember(t)
	authority := first.attach(t, Options{})
	second := newMember(t, first.tracker.PeerID())
	adapter := second.attach(t, Options{Authorities: []peer.AddrInfo{first.info()}})
	online(t, adapter, second)
	online(t, authority, second)

	receipt, err := first.tracker.Grant(time.Now(), second.tracker.PeerID(), rollbook.GrantStaked)
	must(t, err)
	must(t, authority.WaitDurable(t.Context(), receipt))
	eventually(t, "the grant is seen", func() error {
		view, _, err := second.tracker.Get(time.Now(), second.tracker.PeerID())
		if err == nil && !view.Granted(rollbook.GrantStaked) {
			return errors.New("not granted")
		}
		return err
	})
	connected, err := adapter.Connected(t.Context())
	must(t, err)
	if len(connected) != 1 || connected[0] != first.tracker.PeerID() {
		t.Fatalf("connected: %v", connected)
	}
	must(t, adapter.Leave(t.Context()))
	view, _, err := first.tracker.Get(time.Now(), second.tracker.PeerID())
	if err != nil || view.Presence != rollbook.PresenceLeft {
		t.Fatalf("it is seen as %s, %v", view.Presence, err)
	}
}

func TestThirdNodesAreFoundByTheRoll(t *testing.T) {
	first := newMember(t)
	first.attach(t, Options{})
	second, third := newMember(t, first.tracker.PeerID()), newMember(t, first.tracker.PeerID())
	second.attach(t, Options{Authorities: []peer.AddrInfo{first.info()}})
	third.attach(t, Options{Authorities: []peer.AddrInfo{first.info()}})
	eventually(t, "two members are connected", func() error {
		if second.host.Network().Connectedness(third.host.ID()) != network.Connected {
			return errors.New("they are not")
		}
		return nil
	})
}

func TestAProgramMayOwnTopicValidatorAndHandler(t *testing.T) {
	first := newMember(t)
	authority := first.attach(t, Options{})
	second := newMember(t, first.tracker.PeerID())
	topic, err := second.pubsub.Join(TopicName("test"))
	must(t, err)
	adapter := second.attach(t, Options{
		Topic: topic, OwnValidator: true, OwnStreamHandler: true, Authorities: []peer.AddrInfo{first.info()},
	})
	judged := make(chan pubsub.ValidationResult, 64)
	must(t, second.pubsub.RegisterTopicValidator(topic.String(), func(ctx context.Context, from peer.ID, message *pubsub.Message) pubsub.ValidationResult {
		result := adapter.Validate(ctx, from, message)
		select {
		case judged <- result:
		default:
		}
		return result
	}))
	second.host.SetStreamHandler(ProtocolID("test"), adapter.HandleStream)
	online(t, authority, second)
	online(t, adapter, second)
	eventually(t, "gossip comes by the program's own topic", func() error {
		for i := range rollbook.Grant(10) {
			if _, err := first.tracker.Grant(time.Now(), second.tracker.PeerID(), rollbook.GrantApp+i); err != nil {
				return err
			}
		}
		select {
		case <-judged:
			return nil
		default:
			return errors.New("none came")
		}
	})
	must(t, adapter.Close())
	// What is the program's own is still there.
	if err := second.pubsub.UnregisterTopicValidator(topic.String()); err != nil {
		t.Fatalf("the validator is gone: %v", err)
	}
	must(t, topic.Close())
}

func TestStreamsAloneAreEnough(t *testing.T) {
	first := newMember(t)
	first.pubsub = nil
	authority := first.attach(t, Options{})
	second := newMember(t, first.tracker.PeerID())
	second.pubsub = nil
	adapter := second.attach(t, Options{Authorities: []peer.AddrInfo{first.info()}})
	online(t, authority, second)
	online(t, adapter, second)
}

func TestHostileMessagesAndStreamsAreTurnedDown(t *testing.T) {
	first := newMember(t)
	adapter := first.attach(t, Options{})
	other := newMember(t)
	must(t, other.host.Connect(t.Context(), first.info()))
	message := &pubsub.Message{Message: pubsubMessage([]byte("no message"))}
	if result := adapter.Validate(t.Context(), other.host.ID(), message); result != pubsub.ValidationReject {
		t.Fatalf("no message: %v", result)
	}
	for _, request := range []string{"no request", strings.Repeat("x", first.tracker.MessageSize()+1)} {
		stream, err := other.host.NewStream(t.Context(), first.host.ID(), ProtocolID("test"))
		must(t, err)
		// The other side may reset the stream before all of it is written.
		_, _ = stream.Write([]byte(request))
		_ = stream.CloseWrite()
		if answer, err := readBounded(stream, 1); err == nil && len(answer) > 0 {
			t.Fatalf("it was answered: %x", answer)
		}
	}
	eventually(t, "both are counted", func() error {
		if stats := adapter.Stats(); stats.Rejected != 1 || stats.Unserved != 2 {
			return errors.New("they are not")
		}
		return nil
	})
}

func TestAFullQueueIgnoresGossipAndCountsIt(t *testing.T) {
	first := newMember(t)
	adapter := first.attach(t, Options{Queue: 1, ValidateTimeout: 50 * time.Millisecond})
	// The owner is held up, as by a slow disk.
	held, release := make(chan struct{}), make(chan struct{})
	adapter.post(func(time.Time) { close(held); <-release })
	<-held
	adapter.queue <- func(time.Time) {}
	message := &pubsub.Message{Message: pubsubMessage([]byte("no message"))}
	other := newMember(t).host.ID()
	if result := adapter.Validate(t.Context(), other, message); result != pubsub.ValidationIgnore {
		t.Fatalf("it found room: %v", result)
	}
	<-adapter.queue
	if result := adapter.Validate(t.Context(), other, message); result != pubsub.ValidationIgnore {
		t.Fatalf("it found time: %v", result)
	}
	close(release)
	if stats := adapter.Stats(); stats.QueueFull != 1 || stats.Late != 1 {
		t.Fatalf("counted: %+v", stats)
	}
}

// disk is a journal on a disk that can be held up, or gone.
type disk struct {
	rollbook.Journal
	hold   chan struct{}
	gone   atomic.Bool
	frames atomic.Int64
}

func (d *disk) Keep(tracker *rollbook.Tracker, now time.Time, out *rollbook.Outputs) error {
	<-d.hold
	if d.gone.Load() {
		return errors.New("there is no disk")
	}
	d.frames.Add(int64(len(out.Frames)))
	return d.Journal.Keep(tracker, now, out)
}

func TestASlowDiskHoldsUpWhatDependsOnItAlone(t *testing.T) {
	first := newMember(t)
	slow := &disk{Journal: newJournal(t, first.tracker.PeerID()), hold: make(chan struct{})}
	adapter := first.attach(t, Options{Journal: slow})
	receipt, err := first.tracker.Admit(time.Now(), newMember(t).tracker.PeerID())
	must(t, err)
	// The owner goes on meanwhile.
	if _, err := adapter.Connected(t.Context()); err != nil {
		t.Fatal(err)
	}
	if durable, err := first.tracker.Durable(); err != nil || durable >= receipt {
		t.Fatalf("it is called durable: %d of %d, %v", durable, receipt, err)
	}
	close(slow.hold)
	must(t, adapter.WaitDurable(t.Context(), receipt))
	must(t, first.tracker.Leave(time.Now()))
	before := slow.frames.Load()
	eventually(t, "what is said last is stored", func() error {
		if slow.frames.Load() == before {
			return errors.New("it is not")
		}
		return nil
	})
}

func TestADiskThatIsBackGetsWhatItMissed(t *testing.T) {
	first := newMember(t)
	faulty := &disk{Journal: newJournal(t, first.tracker.PeerID()), hold: make(chan struct{})}
	close(faulty.hold)
	faulty.gone.Store(true)
	adapter := first.attach(t, Options{Journal: faulty})
	receipt, err := first.tracker.Admit(time.Now(), newMember(t).tracker.PeerID())
	must(t, err)
	eventually(t, "the fault is counted", func() error {
		if adapter.Stats().JournalFaults == 0 {
			return errors.New("it is not")
		}
		return nil
	})
	faulty.gone.Store(false)
	// The real journal was never told: it writes all anew when that is asked of it.
	must(t, faulty.Journal.(*rollbook.FileJournal).Compact(first.tracker))
	_, err = first.tracker.Admit(time.Now(), newMember(t).tracker.PeerID())
	must(t, err)
	must(t, adapter.WaitDurable(t.Context(), receipt))
}

func TestCloseEndsAllThatAttachBegan(t *testing.T) {
	first := newMember(t)
	adapter := first.attach(t, Options{})
	must(t, adapter.Close())
	must(t, adapter.Close())
	if err := adapter.Leave(t.Context()); !errors.Is(err, rollbook.ErrClosed) {
		t.Fatalf("it leaves after its end: %v", err)
	}
	for range adapter.Events(t.Context()) {
		t.Fatal("something happens after its end")
	}
	// All that it took is free again.
	again, err := Attach(t.Context(), first.host, first.pubsub, first.tracker, Options{})
	must(t, err)
	must(t, again.Close())
	eventually(t, "no goroutine of it is left", func() error {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		for _, part := range []string{").own(", ").keep(", ").connect(", ").publish(", ").exchange(", ").serve("} {
			if strings.Contains(string(stacks), "libp2padapter.(*Adapter"+part) {
				return errors.New(part)
			}
		}
		return nil
	})
}

func TestATrackerThatIsClosedEndsTheAdapterAndSaysWhy(t *testing.T) {
	first := newMember(t)
	adapter := first.attach(t, Options{})
	if err := adapter.Err(); err != nil {
		t.Fatalf("it ended: %v", err)
	}
	must(t, first.tracker.Close())
	adapter.post(func(time.Time) {})
	<-adapter.Done()
	if err := adapter.Err(); !errors.Is(err, rollbook.ErrClosed) {
		t.Fatalf("it says: %v", err)
	}
}

func TestATrackerMayBeAttachedAgain(t *testing.T) {
	first := newMember(t)
	first.attach(t, Options{})
	second := newMember(t, first.tracker.PeerID())
	adapter := second.attach(t, Options{Authorities: []peer.AddrInfo{first.info()}})
	online(t, adapter, second)
	must(t, adapter.Close())
	if err := adapter.Err(); err != nil {
		t.Fatalf("Close is no fault: %v", err)
	}
	again := second.attach(t, Options{Authorities: []peer.AddrInfo{first.info()}})
	online(t, again, second)
	must(t, again.Leave(t.Context()))
}

func TestSomebodyElsesTrackerIsRefused(t *testing.T) {
	first, second := newMember(t), newMember(t)
	if _, err := Attach(t.Context(), first.host, first.pubsub, second.tracker, Options{}); err == nil {
		t.Fatal("it was attached")
	}
}

func TestSlowReadersOfEventsAreTold(t *testing.T) {
	a := &Adapter{context: t.Context()}
	read := a.Events(t.Context())
	for range eventsMax + 3 {
		a.events.tell(rollbook.Event{Kind: rollbook.EventJoined})
	}
	count := 0
	for _, err := range read {
		var lagged *LaggedError
		switch {
		case errors.As(err, &lagged) && (count > 0 || lagged.Count != 3):
			t.Fatalf("after %d: %v", count, err)
		case err == nil:
			count++
		}
		if count == eventsMax {
			return
		}
	}
}

func TestSignaturesMayBeMadeOutside(t *testing.T) {
	first := newMember(t)
	key := first.host.Peerstore().PrivKey(first.host.ID())
	identity, err := rollbook.Outside(rollbook.PeerID(first.host.ID()))
	must(t, err)
	tracker, err := rollbook.New(rollbook.Config{Network: "test", Authorities: []rollbook.PeerID{identity.PeerID()}}, identity)
	must(t, err)
	defer func() { must(t, tracker.Close()) }()
	outside := &member{first.host, first.pubsub, tracker}
	if _, err := Attach(t.Context(), first.host, first.pubsub, tracker, Options{}); err == nil {
		t.Fatal("nobody can sign, and it was attached")
	}
	adapter := outside.attach(t, Options{Sign: key.Sign})
	online(t, adapter, outside)
	must(t, adapter.Close())
}

func TestAddressesAreThoseThatReachFarthest(t *testing.T) {
	parse := func(texts ...string) (all []multiaddr.Multiaddr) {
		for _, text := range texts {
			address, err := multiaddr.NewMultiaddr(text)
			must(t, err)
			all = append(all, address)
		}
		return all
	}
	loop, home, wide := "/ip4/127.0.0.1/tcp/1", "/ip4/10.0.0.7/tcp/1", "/ip4/198.41.0.4/udp/1/quic-v1"
	cases := []struct{ have, want []string }{
		{[]string{loop}, []string{loop}},
		{[]string{loop, home}, []string{home}},
		{[]string{home, wide, loop}, []string{wide}},
		{[]string{"/ip6/fe80::1/tcp/1", "/ip4/0.0.0.0/tcp/1"}, nil},
		{nil, nil},
	}
	for _, c := range cases {
		got := toAnnounce(parse(c.have...))
		if len(got) != len(c.want) {
			t.Fatalf("of %v: %v", c.have, got)
		}
		for i := range got {
			if got[i].String() != c.want[i] {
				t.Fatalf("of %v: %v", c.have, got)
			}
		}
	}
	announced := toAnnounce(parse(wide))
	announced = append(append(announced, toAnnounce(parse(home))...), toAnnounce(parse(loop))...)
	for own, count := range map[string]int{wide: 0, home: 1, loop: 2, "/ip4/198.41.0.5/tcp/1": 1} {
		if got := toDial(announced, nearest(parse(own), nil), parse(own)); len(got) != count {
			t.Fatalf("from %s: %v", own, got)
		}
	}
}
