package libp2padapter

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/peer"
	"rollbook.dev/go/rollbook"
)

const (
	// roundsMax bounds what the tracker can ask for in one go: what it asks leads to more.
	roundsMax = 16
	// idle is how long the owner sleeps where nothing waits for a time.
	idle = time.Minute
	// retrySign is how soon a signature that could not be made is asked for again.
	retrySign = time.Second
)

// owner is what the owner's goroutine alone touches, but for what is behind the lock.
type owner struct {
	outputs rollbook.Outputs
	// response has room for the longest.
	response []byte
	// up are the peers that the tracker knows to be connected, upCount how many came so far.
	up      map[peer.ID]contacted
	upCount uint64
	waiters []waiter
	// asking is how many requests are under way.
	asking int

	mutex sync.Mutex
	said  *rollbook.Announcement
}

// contacted is a peer that the tracker knows to be connected.
type contacted struct {
	// agent is how it calls its software.
	agent string
	// number tells this time from the last: what was asked before is not answered after.
	number uint64
}

type waiter struct {
	holds func() bool
	done  chan struct{}
}

// own is the owner's goroutine.
func (a *Adapter) own() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	a.greet()
	for {
		a.drain()
		a.wake()
		timer.Reset(a.sleep())
		queue, bus := a.queue, a.bus.Out()
		if !a.keeper.hasRoom() {
			queue, bus = nil, nil
		}
		select {
		case <-a.context.Done():
			return
		case <-a.keeper.room:
		case job := <-queue:
			job(a.options.Clock())
		case job := <-a.results:
			job(a.options.Clock())
		case happened, ok := <-bus:
			if !ok {
				return
			}
			a.happened(happened)
		case <-a.tracker.Changed():
		case <-timer.C:
			a.counts.ticks.Add(1)
		}
		a.tick()
	}
}

// tick hands the time in where it is due.
func (a *Adapter) tick() {
	now := a.options.Clock()
	at, waits := a.tracker.NextTick()
	if waits && !at.After(now) {
		a.check("tick", a.tracker.Tick(now))
	}
}

func (a *Adapter) sleep() time.Duration {
	sleep := idle
	if at, waits := a.tracker.NextTick(); waits {
		sleep = min(sleep, at.Sub(a.options.Clock()))
	}
	return max(sleep, 0)
}

// drain does what the tracker wants done, in its order.
func (a *Adapter) drain() {
	for range roundsMax {
		now := a.options.Clock()
		out := &a.owner.outputs
		if err := a.tracker.Drain(now, out); err != nil {
			a.check("drain", err)
			return
		}
		if out.Empty() {
			return
		}
		for _, asked := range out.Signatures {
			a.sign(asked)
		}
		a.hand(out)
		for _, message := range out.Publications {
			a.enqueue(message)
		}
		for _, request := range out.Requests {
			a.owner.asking++
			number := a.owner.up[peer.ID(request.To)].number
			a.requests.Go(func() { a.ask(request, number) })
		}
		for _, event := range out.Events {
			a.options.Logger.Debug("event", "kind", event.Kind.String(), "peer", event.Peer.String())
			a.events.tell(event)
		}
	}
}

// sign has a signature made outside, by whoever holds the key.
func (a *Adapter) sign(asked rollbook.SignatureRequest) {
	a.requests.Go(func() {
		signature, err := a.options.Sign(asked.Message)
		if err != nil {
			a.options.Logger.Error("not signed", "error", err)
			// It is asked for again at once.
			select {
			case <-time.After(retrySign):
			case <-a.context.Done():
			}
		}
		a.post(func(now time.Time) {
			if err != nil {
				a.check("sign", a.tracker.NotSigned(asked.ID))
				return
			}
			a.check("sign", a.tracker.Signed(now, asked.ID, signature))
		})
	})
}

// wake lets those go on that waited for what holds now.
func (a *Adapter) wake() {
	a.owner.waiters = slices.DeleteFunc(a.owner.waiters, func(w waiter) bool {
		if !w.holds() {
			return false
		}
		close(w.done)
		return true
	})
}

func (a *Adapter) happened(happened any) {
	switch happened := happened.(type) {
	case event.EvtPeerIdentificationCompleted:
		a.identified(happened)
	case event.EvtPeerProtocolsUpdated:
		a.updated(happened)
	case event.EvtPeerConnectednessChanged:
		a.changed(happened)
	case event.EvtLocalAddressesUpdated:
		a.check("announce", a.announce())
	}
}

// check notes what the tracker did not take. What others send is judged by the tracker; it is
// nothing to worry about. A fault of the tracker itself ends the adapter.
func (a *Adapter) check(what string, err error) {
	if err == nil {
		return
	}
	a.counts.refused.Add(1)
	if errors.Is(err, rollbook.ErrPanic) || errors.Is(err, rollbook.ErrPoisoned) || errors.Is(err, rollbook.ErrClosed) {
		a.options.Logger.Error("the tracker is at its end", "what", what, "error", err)
		a.cancel(err)
		return
	}
	a.options.Logger.Debug("not taken", "what", what, "error", err)
}
