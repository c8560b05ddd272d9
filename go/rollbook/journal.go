package rollbook

import (
	"time"

	"rollbook.dev/go/rollbook/internal/capi"
)

// snapshotRoom is the size of the parts of a compacted journal.
const snapshotRoom = 64 << 10

// ErrUnsigned: a snapshot waits for a signature that is made outside.
var ErrUnsigned error = &Error{
	Op: "take a snapshot", Code: ErrState, Msg: "a statement waits for its signature",
}

// Recovered is what was found in a journal.
type Recovered struct {
	// Frames that are whole.
	Frames uint64
	// Unread: of these, statements that this version cannot read, of a later one.
	Unread uint64
	// NoRoom: of these, statements for which a partial replica has no room.
	NoRoom uint64
	// DamagedBytes of damaged frames that were skipped.
	DamagedBytes uint64
	// TornBytes of a last write that was never finished.
	TornBytes uint64
}

// JournalBegin gives what the journal of a new identity begins with: whose it is. So a journal that
// was lost later is told from one that never was.
func JournalBegin(id PeerID) ([]byte, error) {
	out := make([]byte, capi.FrameSizeMax)
	size, code := capi.JournalBegin(string(id), out)
	return out[:size], failed("begin a journal", code)
}

// Recover gives the tracker a part of its journal, before the start: any number of bytes, in order.
// It says how many were taken: what is behind the last whole frame belongs in front of the next
// part. The result counts all parts so far.
func (t *Tracker) Recover(part []byte) (used int, recovered Recovered, err error) {
	var c capi.Recovered
	err = t.with("recover", func(handle capi.Handle) (code int32) {
		used, code = capi.Recover(handle, part, &c)
		return code
	})
	recovered = Recovered{Frames: c.Frames, Unread: c.Unread, NoRoom: c.NoRoom, DamagedBytes: c.DamagedBytes}
	return used, recovered, err
}

// NoteDamage says, before the start, that a part of the journal could not even be read: an authority
// recovers first.
func (t *Tracker) NoteDamage() error { return t.with("note damage", capi.NoteDamage) }

// Snapshot gives a compacted journal of all that the tracker holds, part by part. All parts together
// take the place of the journal once they are durable. Frames that were drained before belong to the
// old journal, those that are drained from now on behind the new one. Where the key is outside, and a
// statement waits for its signature, it fails with [ErrUnsigned]: it is to be taken anew after that.
func (t *Tracker) Snapshot(write func(part []byte) error) error {
	if err := t.with("begin a snapshot", capi.SnapshotBegin); err != nil {
		return err
	}
	part := make([]byte, snapshotRoom)
	for {
		var size int
		var code int32
		err := t.with("take a snapshot", func(handle capi.Handle) int32 {
			size, code = capi.SnapshotNext(handle, part)
			return code
		})
		switch {
		case err != nil || code == capi.Nothing:
			return err
		case size == 0:
			return ErrUnsigned
		}
		if err := write(part[:size]); err != nil {
			return err
		}
	}
}

// Journal is where the frames of a tracker are kept. [FileJournal] is one.
type Journal interface {
	// Recover gives the tracker back what is kept, before its start.
	Recover(t *Tracker) (Recovered, error)
	// Keep stores the frames of the outputs, tells the tracker what is durable, and compacts the journal
	// when that is due. An error means that something is not kept yet; it is tried again by the next
	// call.
	Keep(t *Tracker, now time.Time, out *Outputs) error
}
