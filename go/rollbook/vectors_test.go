package rollbook

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// vectorsVariable names the folder of the golden vectors, where they are not in the repository
// around this module.
const vectorsVariable = "ROLLBOOK_VECTORS"

// codes of errors, by the names that the vectors have for them.
var codes = map[string]Code{
	"Base58": ErrPeerID, "Multihash": ErrPeerID, "UnsupportedKey": ErrKey, "WeakKey": ErrKey,
	"BadSignature": ErrSignature, "Malformed": ErrMalformed, "ForeignAnnouncement": ErrMalformed,
	"Format": ErrMalformed, "UnknownKind": ErrUnsupported,
}

// digits are bytes in hexadecimal.
type digits []byte

func (d *digits) UnmarshalText(text []byte) (err error) {
	*d, err = hex.DecodeString(strings.TrimPrefix(string(text), "0x"))
	return err
}

// failure is the name of an error, or empty.
type failure string

// expect looks whether an error is the one of a vector.
func (want failure) expect(t *testing.T, name string, err error) {
	t.Helper()
	code, known := codes[string(want)]
	if want != "" && !known {
		t.Fatalf("no code stands for %s", want)
	}
	if (want == "" && err != nil) || (want != "" && !errors.Is(err, code)) {
		t.Errorf("%s: %v, and not %q", name, err, want)
	}
}

type vectorKey struct {
	Name    string `json:"name"`
	KeyType string `json:"key_type"`
	Secret  digits `json:"secret"`
	PeerID  PeerID `json:"peer_id"`
}

func (key vectorKey) identity(t *testing.T) Identity {
	t.Helper()
	made := Ed25519
	if key.KeyType == "secp256k1" {
		made = Secp256k1
	}
	identity, err := made(key.Secret)
	must(t, err)
	if identity.PeerID() != key.PeerID {
		t.Fatalf("the key of %s is that of %s", key.PeerID, identity)
	}
	return identity
}

func readVectors(t *testing.T, name string, into any) {
	t.Helper()
	folder := os.Getenv(vectorsVariable)
	if folder == "" {
		folder = "../../tests/vectors"
	}
	text, err := os.ReadFile(filepath.Join(folder, name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("there are no golden vectors in %s: %s names their folder", folder, vectorsVariable)
	}
	must(t, err)
	must(t, json.Unmarshal(text, into))
}

func TestGoldenPeerIDs(t *testing.T) {
	var vectors struct {
		PeerIDs []struct {
			Text    string  `json:"text"`
			Bytes   digits  `json:"bytes"`
			Address *digits `json:"eth_address"`
		} `json:"peer_ids"`
		Texts []struct {
			Text  string  `json:"text"`
			Error failure `json:"error"`
		} `json:"refused_texts"`
		Bytes []struct {
			Name  string  `json:"name"`
			Bytes digits  `json:"bytes"`
			Error failure `json:"error"`
		} `json:"refused_bytes"`
	}
	readVectors(t, "peer_ids.json", &vectors)
	for _, vector := range vectors.PeerIDs {
		id, err := ParsePeerID(vector.Text)
		must(t, err)
		if id != PeerID(vector.Bytes) || id.String() != vector.Text {
			t.Errorf("%s is read as %x and written as %s", vector.Text, string(id), id)
		}
		address, has := id.EthereumAddress()
		if has != (vector.Address != nil) || has && string(address[:]) != string(*vector.Address) {
			t.Errorf("the Ethereum address of %s is %x", vector.Text, address)
		}
	}
	for _, vector := range vectors.Texts {
		_, err := ParsePeerID(vector.Text)
		vector.Error.expect(t, vector.Text, err)
	}
	for _, vector := range vectors.Bytes {
		vector.Error.expect(t, vector.Name, PeerID(vector.Bytes).Validate())
	}
}

func TestGoldenSignatures(t *testing.T) {
	var vectors struct {
		Signatures []struct {
			Name      string  `json:"name"`
			PeerID    PeerID  `json:"peer_id"`
			Message   digits  `json:"message"`
			Signature digits  `json:"signature"`
			Error     failure `json:"error"`
		} `json:"signatures"`
	}
	readVectors(t, "signatures.json", &vectors)
	for _, vector := range vectors.Signatures {
		vector.Error.expect(t, vector.Name, vector.PeerID.Verify(vector.Message, vector.Signature))
	}
}

func TestGoldenStatements(t *testing.T) {
	var vectors struct {
		Network    string      `json:"network"`
		Keys       []vectorKey `json:"keys"`
		Statements []struct {
			Name    string `json:"name"`
			Writer  PeerID `json:"writer"`
			Subject PeerID `json:"subject"`
			Version struct {
				Epoch, Seq uint32
			} `json:"version"`
			Payload   digits `json:"payload"`
			Envelope  digits `json:"envelope"`
			Signature digits `json:"signature"`
			Wire      digits `json:"wire"`
		} `json:"statements"`
	}
	readVectors(t, "statements.json", &vectors)
	for _, vector := range vectors.Statements {
		must(t, VerifyStatement(vectors.Network, vector.Writer, vector.Wire))
		read, err := ReadStatement(vector.Wire)
		must(t, err)
		version := Version{vector.Version.Epoch, vector.Version.Seq}
		if read.Subject != vector.Subject || read.Version != version || byte(read.Kind) != vector.Payload[0] ||
			read.PayloadSize != len(vector.Payload) || read.SignatureSize != len(vector.Signature) {
			t.Errorf("%s is read as %+v", vector.Name, read)
		}
		at := slices.IndexFunc(vectors.Keys, func(key vectorKey) bool { return key.PeerID == vector.Writer })
		signature, err := vectors.Keys[at].identity(t).Sign(vector.Envelope)
		must(t, err)
		if string(signature) != string(vector.Signature) {
			t.Errorf("%s is signed by %x", vector.Name, signature)
		}
	}
}

func TestGoldenStatementsThatAreRefused(t *testing.T) {
	var vectors struct {
		Network    string `json:"network"`
		Statements []struct {
			Name   string  `json:"name"`
			Writer PeerID  `json:"writer"`
			Wire   digits  `json:"wire"`
			Error  failure `json:"error"`
		} `json:"statements"`
	}
	readVectors(t, "statements_refused.json", &vectors)
	for _, vector := range vectors.Statements {
		vector.Error.expect(t, vector.Name, VerifyStatement(vectors.Network, vector.Writer, vector.Wire))
	}
}

// frame writes a journal frame from its body, as the format is described: a checksum, and no zero
// but at the end.
func frame(body []byte) []byte {
	plain := binary.LittleEndian.AppendUint32(slices.Clone(body), crc32.ChecksumIEEE(body))
	out := []byte{0}
	code := 0
	for _, b := range plain {
		if len(out)-code == 255 {
			out[code] = 255
			code = len(out)
			out = append(out, 0)
		}
		if b == 0 {
			out[code] = byte(len(out) - code)
			code = len(out)
		}
		out = append(out, b)
	}
	out[code] = byte(len(out) - code)
	return append(out, 0)
}

func TestGoldenJournals(t *testing.T) {
	var vectors struct {
		Frames []struct {
			Name   string `json:"name"`
			Body   digits `json:"body"`
			Bytes  digits `json:"bytes"`
			Fields struct {
				Header struct {
					PeerID PeerID `json:"peer_id"`
				} `json:"header"`
			} `json:"fields"`
		} `json:"frames"`
		Journals []struct {
			Name    string            `json:"name"`
			Bytes   digits            `json:"bytes"`
			Frames  []json.RawMessage `json:"frames"`
			Damaged uint64            `json:"damaged_bytes"`
			Torn    uint64            `json:"torn_bytes"`
		} `json:"journals"`
	}
	readVectors(t, "frames.json", &vectors)
	for _, vector := range vectors.Frames {
		if made := frame(vector.Body); string(made) != string(vector.Bytes) {
			t.Errorf("%s is made as %x", vector.Name, made)
		}
	}
	owner, err := Outside(vectors.Frames[0].Fields.Header.PeerID)
	must(t, err)
	for _, vector := range vectors.Journals {
		tracker, err := New(Config{Network: "main", Authorities: []PeerID{owner.PeerID()}}, owner)
		must(t, err)
		used, recovered, err := tracker.Recover(vector.Bytes)
		must(t, err)
		torn := uint64(len(vector.Bytes) - used)
		if recovered.Frames != uint64(len(vector.Frames)) || recovered.DamagedBytes != vector.Damaged || torn != vector.Torn {
			t.Errorf("%s: %+v and %d torn bytes", vector.Name, recovered, torn)
		}
		must(t, tracker.Close())
	}
}

func TestGoldenMessages(t *testing.T) {
	type message struct {
		Name  string  `json:"name"`
		As    string  `json:"read_as"`
		Bytes digits  `json:"bytes"`
		Error failure `json:"error"`
	}
	var vectors struct {
		Keys     []vectorKey `json:"keys"`
		Gossip   []message   `json:"gossip"`
		Requests []message   `json:"requests"`
		Refused  []message   `json:"refused"`
	}
	readVectors(t, "messages.json", &vectors)
	var authorities []PeerID
	for _, key := range vectors.Keys {
		if strings.HasSuffix(key.Name, "authority") {
			authorities = append(authorities, key.PeerID)
		}
	}
	// A replica of its own for each, which knows nothing yet.
	with := func(ask func(*Tracker) error) error {
		tracker, err := New(Config{Network: "main", Authorities: authorities}, key(t, 77))
		must(t, err)
		must(t, tracker.Start(wall))
		defer func() { must(t, tracker.Close()) }()
		return ask(tracker)
	}
	from := key(t, 78).PeerID()
	for _, vector := range vectors.Gossip {
		must(t, with(func(tracker *Tracker) error {
			verdict, err := tracker.HandleMessage(wall, from, vector.Bytes)
			if verdict == Reject {
				t.Errorf("%s is rejected", vector.Name)
			}
			return err
		}))
	}
	for _, vector := range append(vectors.Requests, vectors.Refused...) {
		switch vector.As {
		case "", "request":
			vector.Error.expect(t, vector.Name, with(func(tracker *Tracker) error {
				_, err := tracker.HandleRequest(wall, from, vector.Bytes, nil)
				return err
			}))
		case "gossip":
			must(t, with(func(tracker *Tracker) error {
				verdict, err := tracker.HandleMessage(wall, from, vector.Bytes)
				if verdict != Reject {
					t.Errorf("%s is not rejected", vector.Name)
				}
				return err
			}))
		}
	}
}

func TestGoldenRoots(t *testing.T) {
	var listed struct {
		Authorities []PeerID `json:"authorities"`
	}
	readVectors(t, "merge.json", &listed)
	var vectors struct {
		Rolls []struct {
			Name       string   `json:"name"`
			Statements []digits `json:"statements"`
			Nodes      []PeerID `json:"nodes"`
			Root       digits   `json:"root"`
		} `json:"rolls"`
	}
	readVectors(t, "root.json", &vectors)
	asked := 0
	for _, vector := range vectors.Rolls {
		begin, err := JournalBegin(key(t, 77).PeerID())
		must(t, err)
		journal := begin
		vouched := make(map[PeerID]bool)
		for _, wire := range vector.Statements {
			read, err := ReadStatement(wire)
			must(t, err)
			vouched[read.Subject] = vouched[read.Subject] || read.Kind != AnnouncementStatement
			body := append(binary.AppendUvarint([]byte{2}, uint64(len(wire))), wire...)
			journal = append(journal, frame(body)...)
		}
		// A tracker keeps nodes outside its roll for which no authority vouches.
		if slices.ContainsFunc(vector.Nodes, func(id PeerID) bool { return !vouched[id] }) {
			continue
		}
		asked++
		tracker, err := New(Config{Network: "main", Authorities: listed.Authorities}, key(t, 77))
		must(t, err)
		used, _, err := tracker.Recover(journal)
		must(t, err)
		if used != len(journal) {
			t.Errorf("%s: %d of %d bytes were taken", vector.Name, used, len(journal))
		}
		must(t, tracker.Start(wall))
		root, err := tracker.Root()
		must(t, err)
		var nodes []PeerID
		for node := range tracker.Nodes(wall) {
			nodes = append(nodes, node.PeerID)
		}
		if string(root[:]) != string(vector.Root) || !slices.Equal(nodes, vector.Nodes) {
			t.Errorf("%s: root %s of %v", vector.Name, root, nodes)
		}
		must(t, tracker.Close())
	}
	if asked < 2 {
		t.Fatalf("%d rolls were looked at", asked)
	}
}
