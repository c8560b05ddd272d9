package libp2padapter

import (
	"slices"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"rollbook.dev/go/rollbook"
)

const (
	// busRoom is how many events of the host may wait for the owner.
	busRoom = 256
	// peerWeight is what a connection is worth to a host that has too many.
	peerWeight = 20
)

// A host has many peers that know nothing of a roll. The tracker is told of those that are connected
// directly, and whose identify says that they speak the network's protocol.

func (a *Adapter) subscribe() (err error) {
	a.bus, err = a.host.EventBus().Subscribe([]any{
		new(event.EvtPeerIdentificationCompleted),
		new(event.EvtPeerProtocolsUpdated),
		new(event.EvtPeerConnectednessChanged),
		new(event.EvtLocalAddressesUpdated),
	}, eventbus.BufSize(busRoom), eventbus.Name(ServiceName))
	return err
}

// greet tells the tracker of those that were connected before.
func (a *Adapter) greet() {
	for _, id := range a.host.Network().Peers() {
		a.maybeUp(id)
	}
}

// maybeUp tells the tracker of a peer, if it is connected and speaks the protocol.
func (a *Adapter) maybeUp(id peer.ID) {
	if _, up := a.owner.up[id]; up || a.host.Network().Connectedness(id) != network.Connected {
		return
	}
	spoken, err := a.host.Peerstore().SupportsProtocols(id, a.protocol)
	conns := a.host.Network().ConnsToPeer(id)
	if err != nil || len(spoken) == 0 || len(conns) == 0 {
		return
	}
	a.peerUp(id, a.agentOf(id), conns[0])
}

func (a *Adapter) agentOf(id peer.ID) string {
	agent, err := a.host.Peerstore().Get(id, "AgentVersion")
	if name, is := agent.(string); err == nil && is {
		return name
	}
	return ""
}

func (a *Adapter) peerUp(id peer.ID, agent string, conn network.Conn) {
	a.host.ConnManager().TagPeer(id, ServiceName, peerWeight)
	a.owner.upCount++
	a.owner.up[id] = contacted{agent, a.owner.upCount}
	a.counts.peers.Store(int64(len(a.owner.up)))
	remote := conn.RemoteMultiaddr()
	a.check("peer up", a.tracker.PeerUp(a.options.Clock(), rollbook.PeerID(id), remote.Bytes()))
}

func (a *Adapter) peerDown(id peer.ID) {
	if _, up := a.owner.up[id]; !up {
		return
	}
	a.host.ConnManager().UntagPeer(id, ServiceName)
	delete(a.owner.up, id)
	a.counts.peers.Store(int64(len(a.owner.up)))
	a.check("peer down", a.tracker.PeerDown(a.options.Clock(), rollbook.PeerID(id)))
	signal(a.fewer)
}

// identified tells of a peer that speaks the protocol.
func (a *Adapter) identified(identified event.EvtPeerIdentificationCompleted) {
	id := identified.Peer
	if !slices.Contains(identified.Protocols, a.protocol) {
		return
	}
	if a.host.Network().Connectedness(id) != network.Connected || identified.Conn.Stat().Limited {
		return
	}
	known, up := a.owner.up[id]
	if up && known.agent != identified.AgentVersion {
		// A peer that was killed and is back may have left connections that look alive for a while. The
		// tracker greets a peer once: to greet the new run, the former has to go.
		a.peerDown(id)
		a.closeOlder(id, identified.Conn)
		up = false
	}
	if !up {
		a.peerUp(id, identified.AgentVersion, identified.Conn)
	}
}

// closeOlder closes the connections of a peer's former run.
func (a *Adapter) closeOlder(id peer.ID, newer network.Conn) {
	for _, conn := range a.host.Network().ConnsToPeer(id) {
		if conn.Stat().Opened.Before(newer.Stat().Opened) {
			a.requests.Go(func() { _ = conn.Close() })
		}
	}
}

// updated tells of a peer that begins to speak the protocol, or ceases to.
func (a *Adapter) updated(updated event.EvtPeerProtocolsUpdated) {
	switch {
	case slices.Contains(updated.Added, a.protocol):
		a.maybeUp(updated.Peer)
	case slices.Contains(updated.Removed, a.protocol):
		a.peerDown(updated.Peer)
	}
}

// changed tells of a peer that is gone.
func (a *Adapter) changed(changed event.EvtPeerConnectednessChanged) {
	if changed.Connectedness == network.Connected {
		return
	}
	a.peerDown(changed.Peer)
	// It may be back already, and identified before this came: events of different parts of the host
	// come in any order.
	a.maybeUp(changed.Peer)
}
