package libp2padapter

import "sync/atomic"

// Stats are figures since Attach.
type Stats struct {
	// Peers are connected now and speak the network's protocol.
	Peers int
	// Accepted, Ignored and Rejected messages, as the tracker judged them.
	Accepted, Ignored, Rejected uint64
	// QueueFull and Late messages were ignored because the owner had no room, or no time.
	QueueFull, Late uint64
	// Published messages, and those that were not.
	Published, Unpublished uint64
	// Served requests of others, and those that were not.
	Served, Unserved uint64
	// Answered requests of this node, and those that were not.
	Answered, Unanswered uint64
	// Refused is what the tracker did not take.
	Refused uint64
	// JournalFaults is how often the journal failed.
	JournalFaults uint64
	// Ticks is how often the owner woke because time passed.
	Ticks uint64
	// Bytes of gossip and of synchronisation, without what is around them.
	GossipSent, GossipReceived, SyncSent, SyncReceived uint64
}

type counts struct {
	peers                                              atomic.Int64
	accepted, ignored, rejected                        atomic.Uint64
	queueFull, late                                    atomic.Uint64
	published, unpublished                             atomic.Uint64
	served, unserved, answered, unanswered             atomic.Uint64
	refused, journalFaults, ticks                      atomic.Uint64
	gossipSent, gossipReceived, syncSent, syncReceived atomic.Uint64
}

// Stats reads the figures.
func (a *Adapter) Stats() Stats {
	c := &a.counts
	return Stats{
		Peers:          int(c.peers.Load()),
		Accepted:       c.accepted.Load(),
		Ignored:        c.ignored.Load(),
		Rejected:       c.rejected.Load(),
		QueueFull:      c.queueFull.Load(),
		Late:           c.late.Load(),
		Published:      c.published.Load(),
		Unpublished:    c.unpublished.Load(),
		Served:         c.served.Load(),
		Unserved:       c.unserved.Load(),
		Answered:       c.answered.Load(),
		Unanswered:     c.unanswered.Load(),
		Refused:        c.refused.Load(),
		JournalFaults:  c.journalFaults.Load(),
		Ticks:          c.ticks.Load(),
		GossipSent:     c.gossipSent.Load(),
		GossipReceived: c.gossipReceived.Load(),
		SyncSent:       c.syncSent.Load(),
		SyncReceived:   c.syncReceived.Load(),
	}
}
