package libp2padapter

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"rollbook.dev/go/rollbook"
)

// nodeVariable makes this test program a node.
const nodeVariable = "ROLLBOOK_TEST_NODE"

// setup of a node in a process of its own.
type setup struct {
	Network     string
	Key         []byte
	Authorities []string
	Listen      []string
	Folder      string
	Interval    time.Duration
}

// state is what a node in a process of its own says of itself.
type state struct {
	Peer     string
	Listen   []string
	Root     string
	Online   int
	Degraded bool
	Counts   map[string]uint64
	Stats    Stats
	// Broken are promises that were not kept, by the peers that made them.
	Broken map[string]float64
	// Promises are messages that peers said they have.
	Promises int64
	Error    string
}

func TestMain(m *testing.M) {
	if text := os.Getenv(nodeVariable); text != "" {
		if err := runNode(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runNode is a whole node, as a program would have it: a host, a pubsub, a tracker.
func runNode(text string) (err error) {
	var with setup
	if err := json.Unmarshal([]byte(text), &with); err != nil {
		return err
	}
	key, err := crypto.UnmarshalPrivateKey(with.Key)
	if err != nil {
		return err
	}
	h, err := libp2p.New(libp2p.Identity(key), libp2p.ListenAddrStrings(with.Listen...),
		libp2p.UserAgent(UserAgent("test")))
	if err != nil {
		return err
	}
	defer func() { err = joined(err, h.Close()) }()
	watch := &watch{broken: make(map[string]float64)}
	ps, err := pubsub.NewGossipSub(context.Background(), h, pubsub.WithRawTracer(watch),
		pubsub.WithPeerScore(scoring(), &pubsub.PeerScoreThresholds{
			GossipThreshold: -1e6, PublishThreshold: -1e6, GraylistThreshold: -1e6,
		}), pubsub.WithPeerScoreInspect(watch.inspect, 100*time.Millisecond))
	if err != nil {
		return err
	}
	adapter, journal, err := attach(h, ps, with)
	if err != nil {
		return err
	}
	defer func() { err = joined(err, adapter.Close(), adapter.Tracker().Close(), journal.Close()) }()
	return answer(os.Stdin, os.Stdout, func() state {
		said := state{Peer: h.ID().String(), Stats: adapter.Stats(), Broken: watch.all(), Promises: watch.promises.Load()}
		for _, address := range h.Addrs() {
			said.Listen = append(said.Listen, address.String()+"/p2p/"+said.Peer)
		}
		status, err := adapter.Tracker().Status(time.Now())
		counts, err2 := adapter.Tracker().Counts()
		if err := joined(err, err2); err != nil {
			said.Error = err.Error()
		}
		said.Root, said.Online, said.Degraded, said.Counts = status.Root.String(), status.Online, status.Degraded, counts
		return said
	}, adapter)
}

func joined(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// scoring counts promises that are not kept, and holds nothing against anybody.
func scoring() *pubsub.PeerScoreParams {
	return &pubsub.PeerScoreParams{
		AppSpecificScore:       func(peer.ID) float64 { return 0 },
		DecayInterval:          time.Hour,
		DecayToZero:            0.01,
		BehaviourPenaltyWeight: -1,
		BehaviourPenaltyDecay:  0.999,
		Topics:                 map[string]*pubsub.TopicScoreParams{},
	}
}

// watch is what gossipsub says of its peers.
type watch struct {
	noTracer
	promises atomic.Int64
	mutex    sync.Mutex
	broken   map[string]float64
}

func (w *watch) inspect(scores map[peer.ID]float64) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for id, score := range scores {
		// With no other parameter the score is minus the square of the broken promises.
		if score < 0 {
			w.broken[id.String()] = max(w.broken[id.String()], -score)
		}
	}
}

func (w *watch) all() map[string]float64 {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return maps.Clone(w.broken)
}

func (w *watch) RecvRPC(rpc *pubsub.RPC) {
	for _, has := range rpc.GetControl().GetIhave() {
		w.promises.Add(int64(len(has.GetMessageIDs())))
	}
}

// attach is what a program adds to its host and its pubsub.
func attach(h host.Host, ps *pubsub.PubSub, with setup) (*Adapter, *rollbook.FileJournal, error) {
	identity, err := rollbook.Libp2pKey(with.Key)
	if err != nil {
		return nil, nil, err
	}
	config := rollbook.Config{Network: with.Network, Interval: with.Interval}
	var authorities []peer.AddrInfo
	for _, text := range with.Authorities {
		info, err := peer.AddrInfoFromString(text)
		if err != nil {
			return nil, nil, err
		}
		config.Authorities = append(config.Authorities, rollbook.PeerID(info.ID))
		if len(info.Addrs) > 0 {
			authorities = append(authorities, *info)
		}
	}
	tracker, err := rollbook.New(config, identity)
	if err != nil {
		return nil, nil, err
	}
	path := filepath.Join(with.Folder, "journal")
	journal, err := rollbook.OpenFileJournal(path)
	if _, is := os.Stat(filepath.Join(with.Folder, "known")); os.IsNotExist(is) {
		err = joined(journal.Close(), os.Remove(path))
		if err == nil {
			journal, err = rollbook.CreateFileJournal(path, identity.PeerID())
		}
		err = joined(err, os.WriteFile(filepath.Join(with.Folder, "known"), nil, 0o600))
	}
	if err != nil {
		return nil, nil, err
	}
	adapter, err := Attach(context.Background(), h, ps, tracker, Options{
		Journal:      journal,
		Announcement: &rollbook.Announcement{Agent: "go", Capabilities: []string{"go"}},
		Authorities:  authorities,
	})
	return adapter, journal, err
}

// answer answers commands, one a line, until there are no more.
func answer(from io.Reader, to io.Writer, say func() state, adapter *Adapter) error {
	out := json.NewEncoder(to)
	if err := out.Encode(say()); err != nil {
		return err
	}
	for lines := bufio.NewScanner(from); lines.Scan(); {
		command, argument, _ := strings.Cut(lines.Text(), " ")
		switch command {
		case "leave":
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			return adapter.Leave(ctx)
		case "decide":
			if err := decide(adapter); err != nil {
				return err
			}
			if err := out.Encode(say()); err != nil {
				return err
			}
		case "status":
			if err := out.Encode(say()); err != nil {
				return err
			}
		case "view":
			id, err := rollbook.ParsePeerID(argument)
			if err != nil {
				return err
			}
			view, _, err := adapter.Tracker().Get(time.Now(), id)
			if err := joined(err, out.Encode(view)); err != nil {
				return err
			}
		case "facts":
			id, err := rollbook.ParsePeerID(argument)
			if err != nil {
				return err
			}
			if err := out.Encode(slices.Collect(adapter.Tracker().Facts(id))); err != nil {
				return err
			}
		}
	}
	return nil
}

// decisionsMax are made by "decide": so many that each node hears of some by promises first.
const decisionsMax = 200

// decide lets an authority decide much at once.
func decide(adapter *Adapter) error {
	tracker := adapter.Tracker()
	made := 0
	for made < decisionsMax {
		for node := range tracker.Nodes(time.Now()) {
			_, err := tracker.Grant(time.Now(), node.PeerID, rollbook.GrantStaked)
			_, err2 := tracker.Revoke(time.Now(), node.PeerID, rollbook.GrantStaked)
			if err := joined(err, err2); err != nil {
				return err
			}
			made += 2
		}
	}
	return nil
}

// process is a Go node in a process of its own.
type process struct {
	t      *testing.T
	with   setup
	cmd    *exec.Cmd
	input  io.WriteCloser
	output *json.Decoder
	peer   string
}

func startProcess(t *testing.T, with setup) *process {
	t.Helper()
	p := &process{t: t, with: with}
	p.start()
	t.Cleanup(func() {
		if p.cmd != nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
	})
	return p
}

func (p *process) start() {
	p.t.Helper()
	text, err := json.Marshal(p.with)
	must(p.t, err)
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), nodeVariable+"="+string(text))
	p.cmd.Stderr = os.Stderr
	p.input, err = p.cmd.StdinPipe()
	must(p.t, err)
	output, err := p.cmd.StdoutPipe()
	must(p.t, err)
	p.output = json.NewDecoder(output)
	must(p.t, p.cmd.Start())
	var said state
	if err := p.output.Decode(&said); err != nil {
		p.t.Fatalf("a node did not start: %v", err)
	}
	p.peer = said.Peer
	// It stays at its addresses: others know them.
	p.with.Listen = nil
	for _, address := range said.Listen {
		p.with.Listen = append(p.with.Listen, strings.Split(address, "/p2p/")[0])
	}
}

func (p *process) ask(command string, answer any) {
	p.t.Helper()
	_, err := fmt.Fprintln(p.input, command)
	must(p.t, err)
	if err := p.output.Decode(answer); err != nil {
		p.t.Fatalf("a node did not answer %q: %v", command, err)
	}
}

func (p *process) state() state {
	p.t.Helper()
	var said state
	p.ask("status", &said)
	return said
}

func (p *process) full() []string {
	var full []string
	for _, address := range p.with.Listen {
		full = append(full, address+"/p2p/"+p.peer)
	}
	return full
}

// kill9 ends the process as a crash does.
func (p *process) kill9() {
	p.t.Helper()
	must(p.t, p.cmd.Process.Kill())
	_ = p.cmd.Wait()
	p.cmd = nil
}

// leave lets it end in order.
func (p *process) leave() {
	p.t.Helper()
	_, err := fmt.Fprintln(p.input, "leave")
	must(p.t, err)
	must(p.t, p.cmd.Wait())
	p.cmd = nil
}

func pubsubMessage(data []byte) *pb.Message { return &pb.Message{Data: data} }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
