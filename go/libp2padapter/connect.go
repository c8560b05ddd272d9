package libp2padapter

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"rollbook.dev/go/rollbook"
)

const (
	// searchEvery is how often connections are looked after, unless one is lost before.
	searchEvery    = 2 * time.Second
	dialTimeout    = 10 * time.Second
	dialsMax       = 3
	authorityFirst = 500 * time.Millisecond
	authorityLast  = 30 * time.Second
	peerFirst      = 5 * time.Second
	peerLast       = 10 * time.Minute
	// rememberedMax are the nodes whose failures are remembered.
	rememberedMax = 4096
)

// contact is how dialling a node went.
type contact struct {
	notBefore time.Time
	wait      time.Duration
	dialling  bool
}

// dialler looks after connections, in a goroutine of its own.
type dialler struct {
	adapter  *Adapter
	contacts map[peer.ID]*contact
	done     chan dialled
	dialling int
}

type dialled struct {
	id  peer.ID
	err error
}

// connect is the dialler's goroutine.
func (a *Adapter) connect() {
	d := &dialler{adapter: a, contacts: make(map[peer.ID]*contact), done: make(chan dialled)}
	ticker := time.NewTicker(searchEvery)
	defer ticker.Stop()
	for {
		d.search()
		select {
		case <-a.context.Done():
			return
		case <-a.fewer:
		case <-ticker.C:
		case result := <-d.done:
			d.note(result)
		}
	}
}

// search dials the authorities that are due, and other nodes if connections are few.
func (d *dialler) search() {
	now := time.Now()
	for _, authority := range d.adapter.options.Authorities {
		if d.due(authority.ID, now) {
			d.dial(authority, authorityFirst)
		}
	}
	wanted := d.adapter.options.Connections - int(d.adapter.counts.peers.Load())
	for _, node := range d.choose(min(wanted, dialsMax-d.dialling), now) {
		d.dial(node, peerFirst)
	}
}

func (d *dialler) due(id peer.ID, now time.Time) bool {
	host := d.adapter.host
	if id == host.ID() || host.Network().Connectedness(id) == network.Connected {
		return false
	}
	contact, known := d.contacts[id]
	return !known || !contact.dialling && !contact.notBefore.After(now)
}

// choose picks nodes at random: those that are here, or were when last heard of.
func (d *dialler) choose(wanted int, now time.Time) []peer.AddrInfo {
	if wanted <= 0 {
		return nil
	}
	var chosen []peer.AddrInfo
	seen := 0
	own := d.adapter.host.Addrs()
	least := nearest(own, d.adapter.options.Authorities)
	for node := range d.adapter.tracker.Nodes(d.adapter.options.Clock()) {
		if !node.Active || !d.due(peer.ID(node.PeerID), now) {
			continue
		}
		addresses := toDial(node.Announcement.Addresses, least, own)
		if len(addresses) == 0 {
			continue
		}
		found := peer.AddrInfo{ID: peer.ID(node.PeerID), Addrs: addresses}
		seen++
		if len(chosen) < wanted {
			chosen = append(chosen, found)
		} else if at := rand.IntN(seen); at < wanted {
			chosen[at] = found
		}
	}
	return chosen
}

func (d *dialler) dial(node peer.AddrInfo, first time.Duration) {
	if len(d.contacts) >= rememberedMax {
		d.forget()
	}
	known, ok := d.contacts[node.ID]
	if !ok {
		known = &contact{wait: first}
		d.contacts[node.ID] = known
	}
	known.dialling = true
	d.dialling++
	d.adapter.requests.Go(func() {
		ctx, cancel := context.WithTimeout(d.adapter.context, dialTimeout)
		defer cancel()
		// The host would leave a node alone for minutes that it did not reach: here is a pause of its
		// own.
		err := d.adapter.host.Connect(network.WithForceDirectDial(ctx, ServiceName), node)
		select {
		case d.done <- dialled{node.ID, err}:
		case <-d.adapter.context.Done():
		}
	})
}

// note remembers how a dial went. Half of the wait is certain and half is random, so that nodes do
// not dial in step.
func (d *dialler) note(result dialled) {
	known := d.contacts[result.id]
	known.dialling = false
	d.dialling--
	if result.err == nil {
		delete(d.contacts, result.id)
		return
	}
	d.adapter.options.Logger.Debug("not reached", "peer", result.id, "error", result.err)
	known.notBefore = time.Now().Add(known.wait/2 + rand.N(known.wait/2+1))
	last := peerLast
	if d.isAuthority(result.id) {
		last = authorityLast
	}
	known.wait = min(2*known.wait, last)
}

func (d *dialler) isAuthority(id peer.ID) bool {
	for _, authority := range d.adapter.options.Authorities {
		if authority.ID == id {
			return true
		}
	}
	return false
}

// forget makes room, at the price that a node may be tried again too early.
func (d *dialler) forget() {
	for id, contact := range d.contacts {
		if !contact.dialling {
			delete(d.contacts, id)
		}
	}
}

// Connected gives the nodes that are connected and speak the network's protocol.
func (a *Adapter) Connected(ctx context.Context) ([]rollbook.PeerID, error) {
	var connected []rollbook.PeerID
	read := make(chan struct{})
	look := func(time.Time) {
		for id := range a.owner.up {
			connected = append(connected, rollbook.PeerID(id))
		}
		close(read)
	}
	select {
	case a.results <- look:
		<-read
		return connected, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-a.context.Done():
		return nil, rollbook.ErrClosed
	}
}
