package libp2padapter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"rollbook.dev/go/rollbook"
)

const (
	// publicationsMax wait to be published; more are left to synchronisation.
	publicationsMax = 256
	// streamsMax are served at once.
	streamsMax = 64
)

// Adapter runs a tracker on a host.
//
// Invariants:
//   - the owner alone hands inputs to the tracker and drains it;
//   - the owner waits neither for the network nor for the disk;
//   - what waits for the owner, or for the disk, is bounded.
type Adapter struct {
	host     host.Host
	pubsub   *pubsub.PubSub
	tracker  *rollbook.Tracker
	options  Options
	protocol protocol.ID

	topic     *pubsub.Topic
	ownsTopic bool
	validates bool
	unrelay   pubsub.RelayCancelFunc
	bus       event.Subscription

	// queue holds what others want, results what came of the adapter's own doing.
	queue        chan job
	results      chan job
	publications chan []byte
	streams      chan struct{}
	// fewer says that connections were lost.
	fewer chan struct{}

	owner  owner
	keeper keeper
	events events
	counts counts

	context  context.Context
	cancel   context.CancelCauseFunc
	running  sync.WaitGroup
	requests sync.WaitGroup
	once     sync.Once
	closed   error
}

// job is something for the owner to do.
type job func(now time.Time)

// Attach runs the tracker on the host and, unless that is nil, in the pubsub, until Close or until
// the context ends. A tracker that was not started is given back the journal and started. Tracker,
// journal and host remain the caller's, to be closed after the adapter.
func Attach(
	ctx context.Context, h host.Host, ps *pubsub.PubSub, tracker *rollbook.Tracker, options Options,
) (*Adapter, error) {
	if peer.ID(tracker.PeerID()) != h.ID() {
		return nil, fmt.Errorf("libp2padapter: the tracker is of %s, the host is %s", tracker.PeerID(), h.ID())
	}
	if tracker.SignsOutside() && options.Sign == nil {
		return nil, errors.New("libp2padapter: the tracker's key is outside, and Options.Sign is missing")
	}
	options = options.filled()
	a := &Adapter{
		host:         h,
		pubsub:       ps,
		tracker:      tracker,
		options:      options,
		protocol:     ProtocolID(tracker.Network()),
		queue:        make(chan job, options.Queue),
		results:      make(chan job),
		publications: make(chan []byte, publicationsMax),
		streams:      make(chan struct{}, streamsMax),
		fewer:        make(chan struct{}, 1),
		keeper:       newKeeper(),
	}
	a.owner.up = make(map[peer.ID]contacted)
	a.owner.response = make([]byte, 0, tracker.MessageSize())
	if err := a.start(); err != nil {
		return nil, err
	}
	a.context, a.cancel = context.WithCancelCause(ctx)
	if err := a.attach(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// start gives the tracker back its journal and begins its run.
func (a *Adapter) start() error {
	if a.tracker.Started() {
		return nil
	}
	if a.options.Journal != nil {
		recovered, err := a.options.Journal.Recover(a.tracker)
		if err != nil {
			return err
		}
		a.options.Logger.Info("journal read", "frames", recovered.Frames,
			"damaged_bytes", recovered.DamagedBytes, "torn_bytes", recovered.TornBytes)
	}
	return a.tracker.Start(a.options.Clock())
}

func (a *Adapter) attach() error {
	if err := a.subscribe(); err != nil {
		return err
	}
	if a.options.Announcement != nil {
		if err := a.Announce(*a.options.Announcement); err != nil {
			return err
		}
	}
	for _, authority := range a.options.Authorities {
		a.host.ConnManager().Protect(authority.ID, ServiceName)
	}
	if a.options.Journal != nil {
		a.run(a.keep)
	}
	a.run(a.own)
	a.run(a.connect)
	if !a.options.OwnStreamHandler {
		a.host.SetStreamHandler(a.protocol, a.HandleStream)
	}
	if a.pubsub == nil && a.options.Topic == nil {
		return nil
	}
	return a.joinTopic()
}

// run runs a part of the adapter until the context ends.
func (a *Adapter) run(part func()) { a.running.Go(part) }

func (a *Adapter) joinTopic() (err error) {
	name := TopicName(a.tracker.Network())
	if !a.options.OwnValidator {
		err := a.pubsub.RegisterTopicValidator(name, a.Validate,
			pubsub.WithValidatorTimeout(a.options.ValidateTimeout),
			pubsub.WithValidatorConcurrency(a.options.Queue))
		if err != nil {
			return err
		}
		a.validates = true
	}
	a.topic = a.options.Topic
	if a.topic == nil {
		if a.topic, err = a.pubsub.Join(name); err != nil {
			return err
		}
		a.ownsTopic = true
	}
	// Messages are taken in by the validator; nobody needs them a second time.
	if a.unrelay, err = a.topic.Relay(); err != nil {
		return err
	}
	a.run(a.publish)
	return nil
}

// Close ends what Attach began, in order, and returns when nothing of it runs any more. It says
// nothing to others: that is for [Adapter.Leave].
func (a *Adapter) Close() error {
	a.once.Do(func() { a.closed = a.close() })
	return a.closed
}

func (a *Adapter) close() error {
	var errs []error
	if !a.options.OwnStreamHandler {
		a.host.RemoveStreamHandler(a.protocol)
	}
	if a.validates {
		errs = append(errs, a.pubsub.UnregisterTopicValidator(TopicName(a.tracker.Network())))
	}
	if a.unrelay != nil {
		a.unrelay()
	}
	a.cancel(nil)
	a.running.Wait()
	a.requests.Wait()
	if a.options.Journal != nil {
		a.store()
	}
	if a.ownsTopic {
		errs = append(errs, a.topic.Close())
	}
	for _, authority := range a.options.Authorities {
		a.host.ConnManager().Unprotect(authority.ID, ServiceName)
	}
	// Whoever attaches the tracker again tells it anew who is connected.
	for id := range a.owner.up {
		a.peerDown(id)
	}
	if a.bus != nil {
		errs = append(errs, a.bus.Close())
	}
	a.events.close()
	return errors.Join(errs...)
}

// Done is closed when the adapter has ended: by Close, by its context, or by a fault of the tracker,
// which [Adapter.Err] then says.
func (a *Adapter) Done() <-chan struct{} { return a.context.Done() }

// Err says why the adapter ended, if it ended by itself.
func (a *Adapter) Err() error {
	if cause := context.Cause(a.context); cause != a.context.Err() {
		return cause
	}
	return nil
}

// Tracker is the tracker that runs here.
func (a *Adapter) Tracker() *rollbook.Tracker { return a.tracker }

// Announce says what this node is. Where it names no addresses, those of the host are announced,
// from now on.
func (a *Adapter) Announce(announcement rollbook.Announcement) error {
	a.owner.mutex.Lock()
	a.owner.said = &announcement
	a.owner.mutex.Unlock()
	return a.announce()
}

// announce says it again, with the addresses that the host has now.
func (a *Adapter) announce() error {
	a.owner.mutex.Lock()
	defer a.owner.mutex.Unlock()
	if a.owner.said == nil {
		return nil
	}
	announcement := *a.owner.said
	if len(announcement.Addresses) == 0 {
		announcement.Addresses = toAnnounce(a.host.Addrs())
	}
	return a.tracker.Announce(a.options.Clock(), announcement)
}

// WaitDurable waits until what a command of an authority decided is on disk.
func (a *Adapter) WaitDurable(ctx context.Context, receipt rollbook.Receipt) error {
	return a.await(ctx, func() bool {
		durable, err := a.tracker.Durable()
		return err == nil && durable >= receipt
	})
}

// Leave says that this node stops, and waits until somebody took note.
func (a *Adapter) Leave(ctx context.Context) error {
	if err := a.tracker.Leave(a.options.Clock()); err != nil {
		return err
	}
	return a.await(ctx, func() bool {
		return a.owner.asking == 0 && a.tracker.LeaveAcknowledged()
	})
}

// await waits until a condition holds, which the owner looks at whenever something happened.
func (a *Adapter) await(ctx context.Context, holds func() bool) error {
	w := waiter{holds: holds, done: make(chan struct{})}
	add := func(time.Time) { a.owner.waiters = append(a.owner.waiters, w) }
	select {
	case a.results <- add:
	case <-ctx.Done():
		return ctx.Err()
	case <-a.context.Done():
		return rollbook.ErrClosed
	}
	select {
	case <-w.done:
		return nil
	case <-a.context.Done():
		return rollbook.ErrClosed
	case <-ctx.Done():
		gone := func(time.Time) {
			a.owner.waiters = slices.DeleteFunc(a.owner.waiters, func(other waiter) bool { return other.done == w.done })
		}
		a.post(gone)
		return ctx.Err()
	}
}

// post gives the owner the result of something that the adapter did. It waits for its turn, and
// gives up when the adapter is closed.
func (a *Adapter) post(result job) {
	select {
	case a.results <- result:
	case <-a.context.Done():
	}
}
