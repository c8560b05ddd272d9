package libp2padapter

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"rollbook.dev/go/rollbook"
)

const (
	// patience is how long a condition may take on a machine that has much to do.
	patience = time.Minute
	// pause between two looks at a condition.
	pause    = 100 * time.Millisecond
	interval = 500 * time.Millisecond

	goMembers         = 7
	standaloneMembers = 4
)

// standalone is a `rollbook` node in a process of its own.
type standalone struct {
	t       *testing.T
	binary  string
	folder  string
	network string
	args    []string
	cmd     *exec.Cmd
	api     api
}

// api is what api.json says.
type api struct {
	URL    string   `json:"url"`
	Token  string   `json:"token"`
	PeerID string   `json:"peerId"`
	Listen []string `json:"listen"`
}

func binary(t *testing.T) string {
	binary := os.Getenv("ROLLBOOK_BIN")
	if binary == "" {
		t.Skip("ROLLBOOK_BIN does not name a rollbook binary: cargo xtask test go sets it")
	}
	return binary
}

// identityOf makes the identity of a data folder.
func identityOf(t *testing.T, binary, folder, kind string) string {
	t.Helper()
	said, err := exec.Command(binary, "identity", "--json", "--key-type", kind, "--data-dir", folder).Output()
	must(t, err)
	var identity api
	must(t, json.Unmarshal(said, &identity))
	if identity.PeerID == "" {
		t.Fatalf("no peer id in %s", said)
	}
	return identity.PeerID
}

func startStandalone(t *testing.T, network, folder string, listen []string, authorities []string) *standalone {
	t.Helper()
	s := &standalone{t: t, binary: binary(t), folder: folder, network: network}
	for _, authority := range authorities {
		s.args = append(s.args, "--authority", authority)
	}
	s.start(listen)
	t.Cleanup(func() {
		if s.cmd != nil {
			_ = s.cmd.Process.Kill()
			_ = s.cmd.Wait()
		}
		if log, err := os.ReadFile(s.log()); t.Failed() && err == nil {
			t.Logf("log of the node in %s:\n%s", s.folder, log[max(0, len(log)-2000):])
		}
	})
	return s
}

func (s *standalone) log() string { return s.folder + ".log" }

func (s *standalone) start(listen []string) {
	s.t.Helper()
	args := []string{"start", "--data-dir", s.folder, "--http", "127.0.0.1:0", "--network", s.network, "--sync-interval", interval.String()}
	for _, address := range listen {
		args = append(args, "--listen", address)
	}
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(s.t, err)
	defer func() { must(s.t, log.Close()) }()
	before := s.api.Token
	s.cmd = exec.Command(s.binary, append(args, s.args...)...)
	s.cmd.Stderr = log
	must(s.t, s.cmd.Start())
	eventually(s.t, "a standalone node is ready", func() error {
		text, err := os.ReadFile(filepath.Join(s.folder, "api.json"))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &s.api); err != nil {
			return err
		}
		if s.api.Token == before {
			return fmt.Errorf("api.json is of the run before")
		}
		var any map[string]any
		return s.get("/api/v1/status", &any)
	})
}

func (s *standalone) get(path string, into any) error {
	response, err := http.Get(s.api.URL + path)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}

func (s *standalone) state() (state, error) {
	var status struct {
		Root     string            `json:"root"`
		Degraded bool              `json:"degraded"`
		Counters map[string]uint64 `json:"counters"`
		Nodes    struct {
			Online int `json:"online"`
		} `json:"nodes"`
	}
	err := s.get("/api/v1/status", &status)
	return state{
		Peer: s.api.PeerID, Root: status.Root, Degraded: status.Degraded, Counts: status.Counters,
		Online: status.Nodes.Online,
	}, err
}

func (s *standalone) kill9() {
	s.t.Helper()
	must(s.t, s.cmd.Process.Kill())
	_ = s.cmd.Wait()
	s.cmd = nil
}

func (s *standalone) startAgain() {
	s.t.Helper()
	var listen []string
	for _, address := range s.api.Listen {
		listen = append(listen, strings.Split(address, "/p2p/")[0])
	}
	s.start(listen)
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() error) {
	t.Helper()
	begin := time.Now()
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		err := holds()
		if err == nil {
			return
		}
		if time.Since(begin) > patience {
			t.Fatalf("not within %s: %s: %v", patience, what, err)
		}
		<-ticker.C
	}
}

// mesh is a network of nodes of both kinds.
type mesh struct {
	t           *testing.T
	goNodes     []*process
	standalones []*standalone
}

func newKey(t *testing.T, kind int) []byte {
	t.Helper()
	key, _, err := crypto.GenerateKeyPair(kind, 0)
	must(t, err)
	marshalled, err := crypto.MarshalPrivateKey(key)
	must(t, err)
	return marshalled
}

func listenOn(number int) []string {
	tcp, quic := "/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"
	return [][]string{{tcp}, {quic}, {tcp, quic}}[number%3]
}

// newMesh starts an authority of each kind, and members of each kind, over TCP and QUIC.
func newMesh(t *testing.T) *mesh {
	t.Helper()
	binary, folder := binary(t), t.TempDir()
	m := &mesh{t: t}
	first := filepath.Join(folder, "standalone-0")
	id := identityOf(t, binary, first, "ed25519")
	authority := setup{
		Network: "mixed", Key: newKey(t, crypto.Secp256k1), Listen: listenOn(2), Folder: t.TempDir(), Interval: interval,
	}
	key, err := rollbook.Libp2pKey(authority.Key)
	must(t, err)
	authority.Authorities = []string{"/p2p/" + id, "/p2p/" + key.PeerID().String()}
	m.goNodes = append(m.goNodes, startProcess(t, authority))
	// Nobody dials itself: any address will do for that.
	listed := append(m.goNodes[0].full(), "/ip4/127.0.0.1/tcp/1/p2p/"+id)
	m.standalones = append(m.standalones, startStandalone(t, "mixed", first, listenOn(2), listed))
	listed = append(append([]string(nil), m.standalones[0].api.Listen[0]), m.goNodes[0].full()[0])
	both := append(append([]string(nil), m.standalones[0].api.Listen...), m.goNodes[0].full()...)
	for number := range goMembers {
		kind := []int{crypto.Ed25519, crypto.Secp256k1}[number%2]
		m.goNodes = append(m.goNodes, startProcess(t, setup{
			Network: "mixed", Key: newKey(t, kind), Listen: listenOn(number), Folder: t.TempDir(), Interval: interval,
			Authorities: reachable(both, number),
		}))
	}
	for number := range standaloneMembers {
		folder := filepath.Join(folder, fmt.Sprintf("standalone-%d", number+1))
		identityOf(t, binary, folder, []string{"secp256k1", "ed25519"}[number%2])
		m.standalones = append(m.standalones, startStandalone(t, "mixed", folder, listenOn(number), reachable(both, number)))
	}
	return m
}

// reachable gives one address of each authority, in turns over TCP and over QUIC.
func reachable(full []string, number int) []string {
	quic := number%2 == 1
	var chosen []string
	for _, address := range full {
		if strings.Contains(address, "/quic-v1") == quic {
			chosen = append(chosen, address)
		}
	}
	return chosen
}

func (m *mesh) size() int { return len(m.goNodes) + len(m.standalones) }

// states of all that run.
func (m *mesh) states() ([]state, error) {
	var states []state
	for _, node := range m.goNodes {
		if node.cmd != nil {
			states = append(states, node.state())
		}
	}
	for _, node := range m.standalones {
		if node.cmd != nil {
			state, err := node.state()
			if err != nil {
				return nil, err
			}
			states = append(states, state)
		}
	}
	return states, nil
}

// converge waits until all that run hold one roll, in which so many are online.
func (m *mesh) converge(what string, online int) {
	m.t.Helper()
	begin := time.Now()
	eventually(m.t, what, func() error {
		states, err := m.states()
		if err != nil {
			return err
		}
		for _, state := range states {
			if state.Root != states[0].Root || state.Online != online || state.Degraded {
				return fmt.Errorf("%s", summary(states))
			}
		}
		return nil
	})
	m.t.Logf("%s: %s", what, time.Since(begin).Round(time.Millisecond))
}

func summary(states []state) string {
	var lines []string
	for _, state := range states {
		lines = append(lines, fmt.Sprintf("%s root %.8s online %d degraded %t peers %d",
			state.Peer, state.Root, state.Online, state.Degraded, state.Stats.Peers))
	}
	return strings.Join(lines, "\n")
}

func TestAMeshOfBothKindsConvergesAndSurvivesKills(t *testing.T) {
	m := newMesh(t)
	m.converge("all hold one roll", m.size())
	m.seenByOthers()

	var said state
	m.goNodes[0].ask("decide", &said)
	m.converge("much was decided at once", m.size())

	m.goNodes[3].kill9()
	m.standalones[2].kill9()
	m.converge("two that were killed are missed", m.size()-2)
	m.goNodes[3].start()
	m.standalones[2].startAgain()
	m.converge("they are back", m.size())

	m.standalones[0].kill9()
	m.converge("an authority was killed, and its members found the other", m.size()-1)
	m.standalones[0].startAgain()
	m.converge("the standalone authority is back", m.size())
	m.goNodes[0].kill9()
	m.converge("the other authority was killed", m.size()-1)
	m.goNodes[0].start()
	m.converge("the Go authority is back", m.size())

	m.goNodes[5].leave()
	m.converge("one left", m.size()-1)
	m.clean()
}

// seenByOthers looks whether each kind took in what the other signed.
func (m *mesh) seenByOthers() {
	m.t.Helper()
	authorities := []string{m.goNodes[0].peer, m.standalones[0].api.PeerID}
	for _, about := range []string{m.goNodes[1].peer, m.standalones[1].api.PeerID} {
		var facts []struct {
			Statement rollbook.StatementKind
			Writer    string
			Counts    bool
		}
		m.goNodes[2].ask("facts "+about, &facts)
		writers := make(map[string]bool)
		for _, fact := range facts {
			writers[fact.Writer] = true
		}
		if !writers[about] || !writers[authorities[0]] && !writers[authorities[1]] {
			m.t.Errorf("a Go node knows of %s only by %v", about, writers)
		}
		var seen struct {
			Presence string `json:"presence"`
			Agent    string `json:"agent"`
		}
		must(m.t, m.standalones[2].get("/api/v1/nodes/"+about, &seen))
		if seen.Presence != "online" || seen.Agent == "" {
			m.t.Errorf("a standalone node sees %s as %+v", about, seen)
		}
	}
}

// clean looks whether nobody held anything against anybody. Who was killed could not keep all that it
// had promised; everybody else did.
func (m *mesh) clean() {
	m.t.Helper()
	killed := []string{m.goNodes[0].peer, m.goNodes[3].peer, m.standalones[0].api.PeerID, m.standalones[2].api.PeerID}
	states, err := m.states()
	must(m.t, err)
	promises := int64(0)
	for _, state := range states {
		promises += state.Promises
		for peer, count := range state.Broken {
			if !slices.Contains(killed, peer) {
				m.t.Errorf("%s says that %s did not keep its promises: %v", state.Peer, peer, count)
			}
		}
		if state.Stats.Rejected != 0 || state.Stats.QueueFull != 0 || state.Error != "" {
			m.t.Errorf("%s: %+v %s", state.Peer, state.Stats, state.Error)
		}
		for name, count := range state.Counts {
			if count != 0 && (strings.HasSuffix(name, "_rejected") || name == "roots_differ") {
				m.t.Errorf("%s counts %s: %d", state.Peer, name, count)
			}
		}
	}
	if promises == 0 {
		m.t.Error("nobody promised anything, so no promise could be broken")
	}
	m.t.Logf("%d promises were made", promises)
}
