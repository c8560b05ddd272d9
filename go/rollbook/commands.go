package rollbook

import (
	"time"

	"rollbook.dev/go/rollbook/internal/capi"
)

// Grant is something that an authority grants to a node. From [GrantApp] on they mean what the
// application says.
type Grant uint8

// The grants.
const (
	GrantStaked    Grant = capi.GrantStaked
	GrantValidator Grant = capi.GrantValidator
	GrantApp       Grant = capi.GrantApp
	GrantLast      Grant = capi.GrantLast
)

// Counter is something that is counted about other nodes. From [CounterApp] on they mean what the
// application says.
type Counter uint8

// The counters.
const (
	CounterSuccesses Counter = capi.CounterSuccesses
	CounterTimeouts  Counter = capi.CounterTimeouts
	CounterNotFound  Counter = capi.CounterNotFound
	CounterApp       Counter = capi.CounterApp
)

// Counters is how many counters there are.
const Counters = capi.Counters

// Receipt is the number of a change: what was decided is on disk, and acknowledged, once
// [Tracker.Durable] has come to it.
type Receipt uint64

// Tally is how often something was counted, and when last.
type Tally struct {
	Count uint64
	Last  time.Time
}

// History is what is known of a node from before Rollbook.
type History struct {
	// FirstJoined is when it first joined, if that is known.
	FirstJoined time.Time
	// Uptime is for how long it was here in all.
	Uptime time.Duration
	// Grants that it had; they are taken over, unverified.
	Grants []Grant
	// Successes, Timeouts and NotFound are what was counted about it.
	Successes, Timeouts, NotFound Tally
}

// Leave says that this node stops. What is left to do is to drain the outputs, and to wait a moment
// for [Tracker.LeaveAcknowledged].
func (t *Tracker) Leave(now time.Time) error { return t.command("leave", now, capi.Leave) }

// LeaveAcknowledged says whether an authority holds this node's newest announcement, or nobody is
// there to hold it.
func (t *Tracker) LeaveAcknowledged() bool {
	var acknowledged bool
	err := t.with("leave", func(handle capi.Handle) int32 {
		code := capi.IsLeaveAcknowledged(handle)
		acknowledged = code == capi.OK
		return code
	})
	return err == nil && acknowledged
}

// Observe counts something about another node. It is handed to the home, which publishes what all
// observers say; what was not acknowledged when this node stops is lost.
func (t *Tracker) Observe(now time.Time, peer PeerID, counter Counter, count uint32) error {
	return t.command("observe", now, func(handle capi.Handle, now capi.Now) int32 {
		return capi.Observe(handle, now, string(peer), uint8(counter), count)
	})
}

// Hold lets a partial replica hold a node, beside itself and the authorities, and fetches what is
// known of it.
func (t *Tracker) Hold(peer PeerID) error {
	defer t.notify()
	return t.with("hold a node", func(handle capi.Handle) int32 { return capi.Hold(handle, string(peer)) })
}

// Release takes [Tracker.Hold] back: a partial replica forgets the node.
func (t *Tracker) Release(peer PeerID) error {
	defer t.notify()
	return t.with("release a node", func(handle capi.Handle) int32 { return capi.Release(handle, string(peer)) })
}

// decide gives a command of an authority.
func (t *Tracker) decide(
	op string, now time.Time, call func(handle capi.Handle, now capi.Now, receipt *uint64) int32,
) (Receipt, error) {
	var receipt uint64
	err := t.command(op, now, func(handle capi.Handle, now capi.Now) int32 {
		return call(handle, now, &receipt)
	})
	return Receipt(receipt), err
}

// Admit decides that a node belongs to the network.
func (t *Tracker) Admit(now time.Time, peer PeerID) (Receipt, error) {
	return t.decide("admit", now, func(handle capi.Handle, now capi.Now, receipt *uint64) int32 {
		return capi.Admit(handle, now, string(peer), receipt)
	})
}

// Ban keeps a node out of the network until it is admitted.
func (t *Tracker) Ban(now time.Time, peer PeerID) (Receipt, error) {
	return t.decide("ban", now, func(handle capi.Handle, now capi.Now, receipt *uint64) int32 {
		return capi.Ban(handle, now, string(peer), receipt)
	})
}

// Remove takes a node off the roll until it is admitted.
func (t *Tracker) Remove(now time.Time, peer PeerID) (Receipt, error) {
	return t.decide("remove", now, func(handle capi.Handle, now capi.Now, receipt *uint64) int32 {
		return capi.Remove(handle, now, string(peer), receipt)
	})
}

// Grant grants something to a node.
func (t *Tracker) Grant(now time.Time, peer PeerID, grant Grant) (Receipt, error) {
	return t.decide("grant", now, func(handle capi.Handle, now capi.Now, receipt *uint64) int32 {
		return capi.Grant(handle, now, string(peer), uint8(grant), receipt)
	})
}

// Revoke takes a grant back.
func (t *Tracker) Revoke(now time.Time, peer PeerID, grant Grant) (Receipt, error) {
	return t.decide("revoke", now, func(handle capi.Handle, now capi.Now, receipt *uint64) int32 {
		return capi.Revoke(handle, now, string(peer), uint8(grant), receipt)
	})
}

// Import takes over a node's history from before Rollbook. It makes nobody online, and taking the
// same over again changes nothing.
func (t *Tracker) Import(now time.Time, peer PeerID, history History) (Receipt, error) {
	c, err := history.toC()
	if err != nil {
		return 0, err
	}
	return t.decide("import", now, func(handle capi.Handle, now capi.Now, receipt *uint64) int32 {
		return capi.Import(handle, now, string(peer), c, receipt)
	})
}

// Durable says up to which receipt commands are on disk.
func (t *Tracker) Durable() (Receipt, error) {
	var receipt uint64
	err := t.with("read what is durable", func(handle capi.Handle) (code int32) {
		receipt, code = capi.Durable(handle)
		return code
	})
	return Receipt(receipt), err
}

// SetAllowed replaces the list of whom this authority lets in under [AdmissionAllowList]. It is no
// part of the journal: it is set again at each start, before or after it.
func (t *Tracker) SetAllowed(peers []PeerID) error {
	c, err := toC(peers)
	if err != nil {
		return err
	}
	defer t.notify()
	return t.with("set the allow-list", func(handle capi.Handle) int32 { return capi.SetAllowed(handle, c) })
}

// SetAuthorities replaces the list of authorities, in which this node may become one, or retire.
// Where it fails, the list before it stays in use.
func (t *Tracker) SetAuthorities(now time.Time, acting, retired []PeerID, admission Admission) error {
	a, err := toC(acting)
	if err != nil {
		return err
	}
	r, err := toC(retired)
	if err != nil {
		return err
	}
	var why capi.Error
	err = t.command("set the authorities", now, func(handle capi.Handle, now capi.Now) int32 {
		return capi.SetAuthorities(handle, now, a, r, uint8(admission), &why)
	})
	if code, ok := err.(*Error); ok {
		code.Msg = untilZero(why.Message[:])
	}
	return err
}

// EndRecovery ends the recovery of an authority whose operator vouches that it never said anything
// that it does not hold. It ends by itself once its roll equals that of another replica that holds
// what this authority said.
func (t *Tracker) EndRecovery(now time.Time) error {
	return t.command("end the recovery", now, capi.EndRecovery)
}

func (history *History) toC() (*capi.History, error) {
	c := &capi.History{
		FirstJoined: unix(history.FirstJoined),
		Uptime:      uint64(max(history.Uptime, 0) / time.Second),
	}
	for i, tally := range []Tally{history.Successes, history.Timeouts, history.NotFound} {
		c.Counted[i] = capi.Tally{Count: tally.Count, Last: unix(tally.Last)}
	}
	for _, grant := range history.Grants {
		if grant == 0 || grant > GrantLast {
			return nil, &Error{Op: "import", Code: ErrArgument, Msg: "there is no such grant"}
		}
		c.Grants |= 1 << grant
	}
	return c, nil
}

// unix seconds of a time; 0 of none.
func unix(at time.Time) uint64 {
	if at.IsZero() {
		return 0
	}
	return uint64(max(at.Unix(), 0))
}
