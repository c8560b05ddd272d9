package rollbook

import (
	"testing"
	"time"

	"rollbook.dev/go/rollbook/internal/capi"
)

// rollSize is how many nodes are in the roll of the benchmarks.
const rollSize = 1000

// benchmarked is a member that holds a roll of many nodes, and its authority.
type benchmarked struct {
	authority, member *Tracker
	now               time.Time
}

func newBenchmarked(b *testing.B) *benchmarked {
	b.Helper()
	identities := []Identity{key(b, 1), key(b, 2)}
	var trackers []*Tracker
	for i, identity := range identities {
		tracker, err := New(Config{Network: "main", Authorities: []PeerID{identities[0].PeerID()}, Seed: seed(byte(i))}, identity)
		must(b, err)
		b.Cleanup(func() { must(b, tracker.Close()) })
		begin, err := JournalBegin(identity.PeerID())
		must(b, err)
		_, _, err = tracker.Recover(begin)
		must(b, err)
		must(b, tracker.Start(wall))
		trackers = append(trackers, tracker)
	}
	set := &benchmarked{trackers[0], trackers[1], wall}
	for number := range rollSize {
		var seed [32]byte
		seed[0], seed[1], seed[31] = byte(number), byte(number>>8), 9
		identity, err := Ed25519(seed[:])
		must(b, err)
		_, err = set.authority.Admit(wall, identity.PeerID())
		must(b, err)
	}
	for _, message := range set.messages(b) {
		_, err := set.member.HandleMessage(wall, set.authority.PeerID(), message)
		must(b, err)
	}
	return set
}

// messages that the authority publishes now.
func (set *benchmarked) messages(b *testing.B) (messages [][]byte) {
	b.Helper()
	var out Outputs
	for {
		must(b, set.authority.Drain(set.now, &out))
		if out.Empty() {
			return messages
		}
		if out.MustSync {
			must(b, set.authority.JournalSynced(out.Position))
		}
		messages = append(messages, out.Publications...)
	}
}

// decide makes so many messages that each advance the roll.
func (set *benchmarked) decide(b *testing.B, count int) (messages [][]byte) {
	b.Helper()
	for node := range set.authority.Nodes(set.now) {
		if len(messages) >= count {
			break
		}
		_, err := set.authority.Grant(set.now, node.PeerID, GrantStaked)
		must(b, err)
		messages = append(messages, set.messages(b)...)
	}
	return messages
}

func BenchmarkEmptyCall(b *testing.B) {
	for b.Loop() {
		capi.Empty()
	}
}

func BenchmarkNextTick(b *testing.B) {
	set := newBenchmarked(b)
	for b.Loop() {
		set.member.NextTick()
	}
}

func BenchmarkDrainNothing(b *testing.B) {
	set := newBenchmarked(b)
	var out Outputs
	must(b, set.member.Drain(set.now, &out))
	b.ReportAllocs()
	for b.Loop() {
		must(b, set.member.Drain(set.now, &out))
	}
}

func BenchmarkMessageThatIsKnown(b *testing.B) {
	set := newBenchmarked(b)
	message := set.decide(b, 1)[0]
	_, err := set.member.HandleMessage(set.now, set.authority.PeerID(), message)
	must(b, err)
	b.ReportAllocs()
	for b.Loop() {
		_, err := set.member.HandleMessage(set.now, set.authority.PeerID(), message)
		must(b, err)
	}
}

func BenchmarkMessageThatIsNew(b *testing.B) {
	set := newBenchmarked(b)
	messages := set.decide(b, rollSize/2)
	begin, err := JournalBegin(set.member.PeerID())
	must(b, err)
	var member *Tracker
	left := []([]byte){}
	for b.Loop() {
		if len(left) == 0 {
			b.StopTimer()
			if member != nil {
				must(b, member.Close())
			}
			member, err = New(Config{Network: "main", Authorities: []PeerID{set.authority.PeerID()}}, key(b, 2))
			must(b, err)
			_, _, err = member.Recover(begin)
			must(b, err)
			must(b, member.Start(wall))
			left = messages
			b.StartTimer()
		}
		verdict, err := member.HandleMessage(set.now, set.authority.PeerID(), left[0])
		must(b, err)
		if verdict != Accept {
			b.Fatalf("it is %sd", verdict)
		}
		left = left[1:]
	}
	must(b, member.Close())
}

func BenchmarkGet(b *testing.B) {
	set := newBenchmarked(b)
	for b.Loop() {
		_, _, err := set.member.Get(set.now, set.authority.PeerID())
		must(b, err)
	}
}

func BenchmarkNodes(b *testing.B) {
	set := newBenchmarked(b)
	count := 0
	for b.Loop() {
		for range set.authority.Nodes(set.now) {
			count++
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(count), "ns/node")
}
