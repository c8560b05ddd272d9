package libp2padapter

import (
	"sync"
	"time"

	"rollbook.dev/go/rollbook"
)

const (
	// keepMax is how much of the journal may wait for the disk, in bytes, before nothing more is taken
	// in.
	keepMax = 1 << 20
	// retryJournal is how soon a journal that failed is tried again.
	retryJournal = time.Second
)

// keeper stores the journal in a goroutine of its own: the owner does not wait for the disk.
type keeper struct {
	mutex   sync.Mutex
	waiting rollbook.Outputs
	// ready says that something waits, room that it does no longer.
	ready chan struct{}
	room  chan struct{}
	// failing says that the journal failed last. The keeper's goroutine alone touches it.
	failing bool
}

func newKeeper() keeper {
	return keeper{ready: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// hand gives the keeper what is to be stored of the outputs.
func (a *Adapter) hand(out *rollbook.Outputs) {
	if a.options.Journal == nil {
		if out.MustSync {
			a.check("journal", a.tracker.JournalSynced(out.Position))
		}
		return
	}
	k := &a.keeper
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if len(out.Frames) > 0 {
		k.waiting.Frames = append(k.waiting.Frames, out.Frames...)
		k.waiting.Position = out.Position
		k.waiting.MustSync = k.waiting.MustSync || out.MustSync
	}
	for _, event := range out.Events {
		if event.Kind == rollbook.EventCompactionDue {
			k.waiting.Events = append(k.waiting.Events, event)
		}
	}
	if !k.waiting.Empty() {
		signal(k.ready)
	}
}

// hasRoom says whether the disk keeps up.
func (k *keeper) hasRoom() bool {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return len(k.waiting.Frames) < keepMax
}

// keep is the keeper's goroutine.
func (a *Adapter) keep() {
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-a.context.Done():
			return
		case <-a.keeper.ready:
		case <-retry.C:
		}
		a.store()
		if a.keeper.failing {
			retry.Reset(retryJournal)
		}
	}
}

// store stores what waits. What the journal could not take is in the tracker still, from where the
// journal is written anew.
func (a *Adapter) store() {
	k := &a.keeper
	k.mutex.Lock()
	out := k.waiting
	k.waiting = rollbook.Outputs{}
	k.mutex.Unlock()
	signal(k.room)
	if out.Empty() && !k.failing {
		return
	}
	err := a.options.Journal.Keep(a.tracker, a.options.Clock(), &out)
	switch {
	case err != nil && !k.failing:
		a.options.Logger.Error("the journal cannot be written: changes are in memory only", "error", err)
	case err == nil && k.failing:
		a.options.Logger.Info("the journal is on disk again")
	}
	k.failing = err != nil
	if err != nil {
		a.counts.journalFaults.Add(1)
	}
}

// signal says something to whoever waits for it, once.
func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}
