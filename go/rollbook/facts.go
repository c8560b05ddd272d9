package rollbook

import (
	"fmt"
	"iter"

	"rollbook.dev/go/rollbook/internal/capi"
)

// FactKind says what a fact is about.
type FactKind uint8

// The kinds of facts; what they say is in the fields of [Fact].
const (
	// FactStanding: Value is the standing.
	FactStanding FactKind = capi.FactStanding
	// FactGrant: of the grant Number; Value is 1 or 0.
	FactGrant FactKind = capi.FactGrant
	// FactSession: its run, in Bytes.
	FactSession FactKind = capi.FactSession
	// FactHome: the authority that it names as its home, in Bytes.
	FactHome FactKind = capi.FactHome
	// FactIntent: Value is 0 for staying and 1 for leaving.
	FactIntent FactKind = capi.FactIntent
	// FactAgent: the software that it runs, in Bytes.
	FactAgent FactKind = capi.FactAgent
	// FactAddress: a binary multiaddr in Bytes.
	FactAddress FactKind = capi.FactAddress
	// FactCapability: a name in Bytes.
	FactCapability FactKind = capi.FactCapability
	// FactPresence: what an authority last saw of the session in Bytes. Number is 1 for online, 2 for
	// left, 3 for moved; Value and Other are the version of the announcement that it rests on.
	FactPresence FactKind = capi.FactPresence
	// FactFirstJoined: Value is when, in unix seconds. So in the next three.
	FactFirstJoined FactKind = capi.FactFirstJoined
	FactJoined      FactKind = capi.FactJoined
	FactLeft        FactKind = capi.FactLeft
	// FactUptime: Value is for how long, in seconds.
	FactUptime FactKind = capi.FactUptime
	// FactImported: Value is when it first joined before Rollbook, Other for how long it was here.
	FactImported FactKind = capi.FactImported
	// FactTally: of the counter Number; Value is how often, Other when last.
	FactTally FactKind = capi.FactTally
	// FactOther: something that this version does not know.
	FactOther FactKind = capi.FactOther
)

// StatementKind is the kind of a statement.
type StatementKind uint8

// The kinds of statements.
const (
	// DecisionStatement: what an authority's operator decided about a node.
	DecisionStatement StatementKind = capi.StatementDecision
	// PresenceStatement: what an authority observed of a node.
	PresenceStatement StatementKind = capi.StatementPresence
	// AnnouncementStatement: what a node says of itself.
	AnnouncementStatement StatementKind = capi.StatementAnnouncement
)

func (kind StatementKind) String() string {
	switch kind {
	case DecisionStatement:
		return "decision"
	case PresenceStatement:
		return "presence"
	case AnnouncementStatement:
		return "announcement"
	default:
		return fmt.Sprintf("statement %d", uint8(kind))
	}
}

// Fact is something that is said about a node, and the statement that it stands in.
type Fact struct {
	Kind FactKind
	// Statement is the kind of statement, Writer who says it, Version its version.
	Statement StatementKind
	Writer    PeerID
	Version   Version
	// Stamp of what was decided, 0 for what was not: of several authorities the greatest counts.
	Stamp uint32
	// Counts says that what an application sees has it from here.
	Counts bool
	// What is said, by the kind of fact.
	Number       uint8
	Value, Other uint64
	Bytes        []byte
}

// Facts gives what is known of a node, fact by fact, as far as nothing changes meanwhile.
func (t *Tracker) Facts(peer PeerID) iter.Seq[Fact] {
	return func(yield func(Fact) bool) {
		for index := uint32(0); ; index++ {
			var c capi.Fact
			var found bool
			err := t.with("explain a node", func(handle capi.Handle) int32 {
				code := capi.Explain(handle, string(peer), index, &c)
				found = code == capi.OK
				return code
			})
			if err != nil || !found || !yield(factFromC(&c)) {
				return
			}
		}
	}
}

func factFromC(c *capi.Fact) Fact {
	return Fact{
		Kind:      FactKind(c.Fact),
		Statement: StatementKind(c.Statement),
		Writer:    PeerID(c.Writer.String()),
		Version:   Version{c.Epoch, c.Seq},
		Stamp:     c.Stamp,
		Counts:    c.Counts != 0,
		Number:    c.Number,
		Value:     c.Value,
		Other:     c.Other,
		Bytes:     clone(c.Bytes[:c.Size]),
	}
}

// Statement is a signed, versioned fact by one writer about one node, as far as anybody can read it
// without knowing the network.
type Statement struct {
	Kind    StatementKind
	Subject PeerID
	// Writer stands for the writer: the first 4 bytes of the SHA-256 of its peer id.
	Writer  [4]byte
	Version Version
	// PayloadSize is how many bytes were signed, without what stands around them in the envelope.
	PayloadSize   int
	SignatureSize int
}

// ReadStatement reads a statement as on the wire. Its signature is not looked at.
func ReadStatement(wire []byte) (Statement, error) {
	var c capi.Statement
	if err := failed("read a statement", capi.StatementRead(wire, &c)); err != nil {
		return Statement{}, err
	}
	return Statement{
		Kind:          StatementKind(c.Kind),
		Subject:       PeerID(c.Subject.String()),
		Writer:        c.Writer,
		Version:       Version{c.Epoch, c.Seq},
		PayloadSize:   int(c.PayloadSize),
		SignatureSize: int(c.SignatureSize),
	}, nil
}

// VerifyStatement checks the signature of a statement as on the wire: writer must have signed it in
// the network of that name.
func VerifyStatement(network string, writer PeerID, wire []byte) error {
	return failed("verify a statement", capi.StatementVerify(network, string(writer), wire))
}

// Version of the library that is linked.
func LibraryVersion() string { return capi.Version() }
