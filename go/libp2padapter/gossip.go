package libp2padapter

import (
	"context"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"rollbook.dev/go/rollbook"
)

// Validate hands a gossip message to the tracker and says what becomes of it. It is the validator of
// the network's topic; programs that validate the topic themselves call it from their own.
//
// A message that the owner does not come to in time is ignored: gossip is a hint, and
// synchronisation brings what it held.
func (a *Adapter) Validate(ctx context.Context, from peer.ID, message *pubsub.Message) pubsub.ValidationResult {
	if from == a.host.ID() {
		return pubsub.ValidationAccept
	}
	ctx, cancel := context.WithTimeout(ctx, a.options.ValidateTimeout)
	defer cancel()
	a.counts.gossipReceived.Add(uint64(len(message.Data)))
	judged := make(chan rollbook.Verdict, 1)
	judge := func(now time.Time) {
		if ctx.Err() != nil {
			return
		}
		verdict, err := a.tracker.HandleMessage(now, rollbook.PeerID(from), message.Data)
		a.check("gossip", err)
		judged <- verdict
	}
	select {
	case a.queue <- judge:
	default:
		a.counts.queueFull.Add(1)
		return pubsub.ValidationIgnore
	}
	select {
	case verdict := <-judged:
		return a.result(verdict)
	case <-ctx.Done():
		a.counts.late.Add(1)
	case <-a.context.Done():
	}
	return pubsub.ValidationIgnore
}

func (a *Adapter) result(verdict rollbook.Verdict) pubsub.ValidationResult {
	switch verdict {
	case rollbook.Accept:
		a.counts.accepted.Add(1)
		return pubsub.ValidationAccept
	case rollbook.Reject:
		a.counts.rejected.Add(1)
		return pubsub.ValidationReject
	default:
		a.counts.ignored.Add(1)
		return pubsub.ValidationIgnore
	}
}

// enqueue has a message published.
func (a *Adapter) enqueue(message []byte) {
	if a.pubsub == nil && a.options.Topic == nil {
		return
	}
	select {
	case a.publications <- message:
	default:
		a.counts.unpublished.Add(1)
	}
}

// publish publishes messages in their order.
func (a *Adapter) publish() {
	for {
		select {
		case <-a.context.Done():
			return
		case message := <-a.publications:
			if err := a.topic.Publish(a.context, message); err != nil {
				a.counts.unpublished.Add(1)
				a.options.Logger.Warn("gossip message not published", "error", err)
				continue
			}
			a.counts.published.Add(1)
			a.counts.gossipSent.Add(uint64(len(message)))
		}
	}
}
