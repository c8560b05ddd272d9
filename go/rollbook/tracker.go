package rollbook

import (
	"log/slog"
	"runtime"
	"sync"
	"time"

	"rollbook.dev/go/rollbook/internal/capi"
)

// Tracker is the roll of one node, and what it does to keep it.
//
// Invariants:
//   - the handle is used under the lock alone, so one call at a time is in C;
//   - time that is handed to C never goes back, whatever the caller's clock does;
//   - the handle is freed once: by Close, or after the last reference is gone.
type Tracker struct {
	peerID      PeerID
	network     string
	messageSize int
	outside     bool
	changed     chan struct{}
	cleanup     runtime.Cleanup

	mutex  sync.Mutex
	handle capi.Handle
	// begin is the time that counts as 0 in C.
	begin   time.Time
	last    capi.Now
	started bool
	outputs []byte
}

// New makes a tracker of a node with this identity. It is given back its journal next, and started.
// It must be closed.
func New(config Config, identity Identity) (*Tracker, error) {
	c, err := config.toC()
	if err != nil {
		return nil, err
	}
	var why capi.Error
	handle, code := capi.New(c, identity.kind, identity.key, config.seed(), &why)
	if err := failedBecause("make a tracker", code, &why); err != nil {
		return nil, err
	}
	tracker := &Tracker{
		peerID:      identity.peerID,
		network:     config.Network,
		messageSize: config.messageSize(),
		outside:     identity.kind == capi.KeyOutside,
		changed:     make(chan struct{}, 1),
		handle:      handle,
	}
	tracker.cleanup = runtime.AddCleanup(tracker, forgotten, handle)
	return tracker, nil
}

// forgotten frees a tracker that nobody can close any more.
func forgotten(handle capi.Handle) {
	slog.Warn("rollbook: a tracker was not closed")
	capi.Free(handle)
}

// Close ends the tracker. All other calls fail with [ErrClosed] from then on. Nothing is said to
// anybody: that is for [Tracker.Leave].
func (t *Tracker) Close() error {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.handle == nil {
		return nil
	}
	t.cleanup.Stop()
	code := capi.Free(t.handle)
	t.handle = nil
	runtime.KeepAlive(t)
	return failed("close a tracker", code)
}

// PeerID is this node.
func (t *Tracker) PeerID() PeerID { return t.peerID }

// Network is the network's name.
func (t *Tracker) Network() string { return t.network }

// SignsOutside says whether the key is outside, so that signatures are asked for: see [Outside].
func (t *Tracker) SignsOutside() bool { return t.outside }

// MessageSize is the largest message of synchronisation that is taken, in bytes.
func (t *Tracker) MessageSize() int { return t.messageSize }

// Changed gives something to receive after a call that may have left something to do for whoever
// drains the outputs: a command, from any goroutine. Several calls may give it once.
func (t *Tracker) Changed() <-chan struct{} { return t.changed }

// Start begins the run, after the journal was given back.
func (t *Tracker) Start(now time.Time) error {
	return t.command("start", now, func(handle capi.Handle, now capi.Now) int32 {
		code := capi.Start(handle, now)
		t.started = t.started || code == capi.OK
		return code
	})
}

// Started says whether the run has begun.
func (t *Tracker) Started() bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.started
}

// with calls C under the lock.
func (t *Tracker) with(op string, call func(capi.Handle) int32) error {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.locked(op, call)
}

// locked calls C where the lock is held.
func (t *Tracker) locked(op string, call func(capi.Handle) int32) error {
	if t.handle == nil {
		return &Error{Op: op, Code: ErrClosed}
	}
	stress()
	code := call(t.handle)
	// The cleanup frees the handle when the tracker is unreachable, which it is not during a call.
	runtime.KeepAlive(t)
	return failed(op, code)
}

// at is [Tracker.with] for calls that take the time.
func (t *Tracker) at(op string, now time.Time, call func(capi.Handle, capi.Now) int32) error {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	c := t.toC(now)
	return t.locked(op, func(handle capi.Handle) int32 { return call(handle, c) })
}

// command is [Tracker.at] for calls that whoever drains has to know of.
func (t *Tracker) command(op string, now time.Time, call func(capi.Handle, capi.Now) int32) error {
	err := t.at(op, now, call)
	if err == nil {
		t.notify()
	}
	return err
}

func (t *Tracker) notify() {
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// toC gives a time to C. Durations between times that time.Now gave are monotonic.
func (t *Tracker) toC(now time.Time) capi.Now {
	if t.begin.IsZero() {
		t.begin = now
	}
	t.last.MonoMs = max(t.last.MonoMs, milliseconds(now.Sub(t.begin)))
	t.last.UnixS = uint64(max(now.Unix(), 0))
	return t.last
}
