package libp2padapter

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"rollbook.dev/go/rollbook"
)

// eventsMax wait for a reader; of more, the oldest are dropped and counted.
const eventsMax = 1024

// LaggedError says that a reader of events was too slow: so many were dropped.
type LaggedError struct {
	Count int
}

func (lagged *LaggedError) Error() string {
	return fmt.Sprintf("libp2padapter: %d events were dropped", lagged.Count)
}

// events hands events to their readers.
type events struct {
	mutex   sync.Mutex
	readers map[*reader]struct{}
	closed  bool
}

// reader is one loop over events.
type reader struct {
	waiting []rollbook.Event
	dropped int
	ready   chan struct{}
}

func (e *events) tell(event rollbook.Event) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	for reader := range e.readers {
		if len(reader.waiting) == eventsMax {
			reader.waiting = reader.waiting[1:]
			reader.dropped++
		}
		reader.waiting = append(reader.waiting, event)
		signal(reader.ready)
	}
}

func (e *events) close() {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.closed = true
	for reader := range e.readers {
		signal(reader.ready)
	}
}

// Events gives what happens from the call on, until the context or the adapter ends. A reader that
// is too slow gets a [LaggedError] in the place of what it missed.
func (a *Adapter) Events(ctx context.Context) iter.Seq2[rollbook.Event, error] {
	r := &reader{ready: make(chan struct{}, 1)}
	a.events.mutex.Lock()
	if a.events.readers == nil {
		a.events.readers = make(map[*reader]struct{})
	}
	a.events.readers[r] = struct{}{}
	a.events.mutex.Unlock()
	forget := context.AfterFunc(ctx, func() { a.events.forget(r) })
	return func(yield func(rollbook.Event, error) bool) {
		defer forget()
		defer a.events.forget(r)
		for {
			waiting, dropped, closed := a.events.take(r)
			if dropped > 0 && !yield(rollbook.Event{}, &LaggedError{dropped}) {
				return
			}
			for _, event := range waiting {
				if !yield(event, nil) {
					return
				}
			}
			if closed {
				return
			}
			select {
			case <-r.ready:
			case <-ctx.Done():
				return
			case <-a.context.Done():
				return
			}
		}
	}
}

func (e *events) take(r *reader) (waiting []rollbook.Event, dropped int, closed bool) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	waiting, dropped = r.waiting, r.dropped
	r.waiting, r.dropped = nil, 0
	return waiting, dropped, e.closed
}

func (e *events) forget(r *reader) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	delete(e.readers, r)
}
