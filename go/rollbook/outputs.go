package rollbook

import (
	"time"
	"unsafe"

	"rollbook.dev/go/rollbook/internal/capi"
)

// drainRoom is what one call takes out at most: several outputs of any kind.
const drainRoom = 8 * capi.DrainSizeMin

// Outputs is what a tracker wants done, in the order in which it is to be done.
type Outputs struct {
	// Signatures that are asked for, where the key is outside.
	Signatures []SignatureRequest
	// Frames to be appended to the journal; empty for none.
	Frames []byte
	// Position is the number of the last of the frames, for [Tracker.JournalSynced].
	Position uint64
	// MustSync says that something waits for the frames to be durable.
	MustSync bool
	// Publications to be gossiped.
	Publications [][]byte
	// Requests to be sent. Each is answered by [Tracker.HandleResponse] or [Tracker.RequestFailed].
	Requests []Request
	// Events to tell the application.
	Events []Event
}

// SignatureRequest asks for a signature over Message, which comes back by [Tracker.Signed] or
// [Tracker.NotSigned]. Until then nothing else is asked for.
type SignatureRequest struct {
	ID      uint64
	Message []byte
}

// Request of the protocol of synchronisation.
type Request struct {
	To      PeerID
	Message []byte
}

// Reset empties the outputs, and keeps their room.
func (out *Outputs) Reset() {
	clear(out.Publications)
	clear(out.Requests)
	*out = Outputs{
		Signatures:   out.Signatures[:0],
		Frames:       out.Frames[:0],
		Publications: out.Publications[:0],
		Requests:     out.Requests[:0],
		Events:       out.Events[:0],
	}
}

// Empty says whether there is nothing to do.
func (out *Outputs) Empty() bool {
	return len(out.Signatures)+len(out.Frames)+len(out.Publications)+len(out.Requests)+len(out.Events) == 0
}

// Drain takes all that is to be done, in place of what is in out. It is to be called after every
// input, and again after [Tracker.JournalSynced] and [Tracker.Signed], which let out what waited.
func (t *Tracker) Drain(now time.Time, out *Outputs) error {
	out.Reset()
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.outputs == nil {
		t.outputs = make([]byte, max(drainRoom, t.messageSize+capi.OutputHeadSize))
	}
	c := t.toC(now)
	for {
		var size int
		err := t.locked("drain", func(handle capi.Handle) (code int32) {
			size, code = capi.Drain(handle, c, t.outputs)
			return code
		})
		if err != nil || size == 0 {
			return err
		}
		out.add(t.outputs[:size])
	}
}

// add takes over whole outputs as the library writes them. Their data are copied: the buffer is
// used again.
func (out *Outputs) add(written []byte) {
	for len(written) >= capi.OutputHeadSize {
		var head capi.Output
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&head)), capi.OutputHeadSize), written)
		data := written[capi.OutputHeadSize:][:head.DataSize]
		switch head.Kind {
		case capi.OutputSignature:
			out.Signatures = append(out.Signatures, SignatureRequest{head.Number, clone(data)})
		case capi.OutputJournal:
			out.Frames = append(out.Frames, data...)
			out.Position = head.Number
			out.MustSync = out.MustSync || head.MustSync != 0
		case capi.OutputPublication:
			out.Publications = append(out.Publications, clone(data))
		case capi.OutputRequest:
			out.Requests = append(out.Requests, Request{PeerID(head.Peer.String()), clone(data)})
		case capi.OutputEvent:
			out.Events = append(out.Events, eventFromC(data))
		}
		written = written[head.Size:]
	}
}

func clone(data []byte) []byte { return append([]byte(nil), data...) }
