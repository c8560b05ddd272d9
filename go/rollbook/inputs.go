package rollbook

import (
	"time"

	"rollbook.dev/go/rollbook/internal/capi"
)

// Verdict says what becomes of a gossip message.
type Verdict uint8

const (
	// Accept: pass the message on; it advanced the roll.
	Accept Verdict = capi.Accept
	// Ignore: neither pass it on nor hold it against the sender; it held nothing new.
	Ignore Verdict = capi.Ignore
	// Reject: hold it against the sender; it is malformed or forged.
	Reject Verdict = capi.Reject
)

func (verdict Verdict) String() string {
	switch verdict {
	case Accept:
		return "accept"
	case Ignore:
		return "ignore"
	default:
		return "reject"
	}
}

// HandleMessage takes in a gossip message, whoever wrote it, and says what becomes of it. From is
// the connected peer that passed it on, as the transport authenticated it. Where it fails, the
// message is to be ignored.
func (t *Tracker) HandleMessage(now time.Time, from PeerID, message []byte) (Verdict, error) {
	verdict := uint8(capi.Ignore)
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.handle == nil {
		return Ignore, &Error{Op: "take in a message", Code: ErrClosed}
	}
	stress()
	var code int32
	verdict, code = capi.HandleGossip(t.handle, t.toC(now), string(from), message)
	if err := failed("take in a message", code); err != nil {
		return Ignore, err
	}
	return Verdict(verdict), nil
}

// HandleRequest takes in a request of the protocol of synchronisation and appends the answer to
// response. From is who asks, as the transport authenticated it. Where it fails, nothing is to be
// answered. A response with room for [Tracker.MessageSize] bytes may save the peer further requests.
func (t *Tracker) HandleRequest(now time.Time, from PeerID, request, response []byte) ([]byte, error) {
	answer := response
	err := t.at("take in a request", now, func(handle capi.Handle, now capi.Now) int32 {
		room := capi.ResponseSizeMax
		for {
			answer = grown(response, room)
			size, code := capi.HandleRequest(handle, now, string(from), request, answer[len(response):])
			if code != capi.EBufSize {
				answer = answer[:len(response)+size]
				return code
			}
			room = size
		}
	})
	if err != nil {
		return response, err
	}
	return answer, nil
}

// grown gives a slice that begins with b and has room for more, in b itself where there is enough.
func grown(b []byte, more int) []byte {
	if cap(b)-len(b) >= more {
		return b[:cap(b)]
	}
	longer := make([]byte, len(b)+more)
	copy(longer, b)
	return longer
}

// HandleResponse takes in the answer to the request to a peer.
func (t *Tracker) HandleResponse(now time.Time, from PeerID, response []byte) error {
	return t.at("take in a response", now, func(handle capi.Handle, now capi.Now) int32 {
		return capi.HandleResponse(handle, now, string(from), response)
	})
}

// RequestFailed notes that the request to a peer could not be sent or was not answered.
func (t *Tracker) RequestFailed(now time.Time, peer PeerID) error {
	return t.at("note a failed request", now, func(handle capi.Handle, now capi.Now) int32 {
		return capi.HandleRequestFailed(handle, now, string(peer))
	})
}

// PeerUp notes the first connection to a peer. Remote is the binary multiaddr that it is connected
// from, or nil where that is not known.
func (t *Tracker) PeerUp(now time.Time, peer PeerID, remote []byte) error {
	return t.at("note a connection", now, func(handle capi.Handle, now capi.Now) int32 {
		return capi.HandleConnected(handle, now, string(peer), remote)
	})
}

// PeerDown notes that the last connection to a peer was closed.
func (t *Tracker) PeerDown(now time.Time, peer PeerID) error {
	return t.at("note a disconnection", now, func(handle capi.Handle, now capi.Now) int32 {
		return capi.HandleDisconnected(handle, now, string(peer))
	})
}

// Tick notes that time passed. It is to be called no later than [Tracker.NextTick] says.
func (t *Tracker) Tick(now time.Time) error {
	return t.at("note the time", now, capi.HandleTimeout)
}

// NextTick says when [Tracker.Tick] is to be called at the latest; false where nothing waits for a
// time.
func (t *Tracker) NextTick() (time.Time, bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.handle == nil || !t.started {
		return time.Time{}, false
	}
	at, code := capi.PollTimeout(t.handle)
	if code != capi.OK {
		return time.Time{}, false
	}
	return t.begin.Add(duration(at)), true
}

// duration of so many milliseconds, the longest there is for more.
func duration(ms uint64) time.Duration {
	const most = uint64(1<<63-1) / uint64(time.Millisecond)
	return time.Duration(min(ms, most)) * time.Millisecond
}

// JournalSynced notes that all journal frames up to a position are durable. What waited for that
// comes out of the next [Tracker.Drain].
func (t *Tracker) JournalSynced(position uint64) error {
	err := t.with("note a durable journal", func(handle capi.Handle) int32 {
		return capi.HandleJournalSynced(handle, position)
	})
	if err == nil {
		t.notify()
	}
	return err
}

// Signed takes in the signature that was asked for: of ed25519 the 64 bytes, of secp256k1 ECDSA over
// SHA-256 with low s in DER.
func (t *Tracker) Signed(now time.Time, id uint64, signature []byte) error {
	return t.command("take in a signature", now, func(handle capi.Handle, now capi.Now) int32 {
		return capi.HandleSignature(handle, now, id, signature)
	})
}

// NotSigned notes that a signature could not be made: it is asked for again.
func (t *Tracker) NotSigned(id uint64) error {
	return t.with("note a missing signature", func(handle capi.Handle) int32 {
		return capi.HandleSignatureFailed(handle, id)
	})
}
