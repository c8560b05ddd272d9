package libp2padapter

import (
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"rollbook.dev/go/rollbook"
)

// reach is how far an address can be reached from.
type reach int

const (
	nowhere reach = iota
	loopback
	private
	public
)

func reachOf(address multiaddr.Multiaddr) reach {
	switch {
	case isRelayed(address) || manet.IsIPUnspecified(address) || manet.IsIP6LinkLocal(address):
		return nowhere
	case manet.IsIPLoopback(address):
		return loopback
	case manet.IsPublicAddr(address):
		return public
	case manet.IsPrivateAddr(address):
		return private
	default:
		return nowhere
	}
}

// isRelayed says whether an address leads through another node.
func isRelayed(address multiaddr.Multiaddr) bool {
	_, err := address.ValueForProtocol(multiaddr.P_CIRCUIT)
	return err == nil
}

// toAnnounce chooses those of the host's addresses that reach farthest: nobody but its neighbours
// has any use for others.
func toAnnounce(addresses []multiaddr.Multiaddr) []rollbook.Address {
	farthest := loopback
	for _, address := range addresses {
		farthest = max(farthest, reachOf(address))
	}
	var chosen []rollbook.Address
	for _, address := range addresses {
		fits := len(address.Bytes()) <= rollbook.AddressSizeMax && len(chosen) < rollbook.AddressesMax
		if reachOf(address) == farthest && fits {
			chosen = append(chosen, address.Bytes())
		}
	}
	return chosen
}

// nearest is the reach of what this host would announce; of one that announces nothing, that of the
// nearest address of an authority.
func nearest(own []multiaddr.Multiaddr, authorities []peer.AddrInfo) reach {
	farthest := nowhere
	for _, address := range own {
		farthest = max(farthest, reachOf(address))
	}
	if farthest != nowhere {
		return farthest
	}
	found := public
	for _, authority := range authorities {
		for _, address := range authority.Addrs {
			if reach := reachOf(address); reach != nowhere {
				found = min(found, reach)
			}
		}
	}
	return found
}

// toDial reads what a node announced, as far as it reaches at least: who announces public addresses
// does not knock in its own network because a stranger said so. What this host listens on itself is
// never dialled.
func toDial(announced []rollbook.Address, least reach, own []multiaddr.Multiaddr) []multiaddr.Multiaddr {
	var dialled []multiaddr.Multiaddr
	for _, bytes := range announced {
		address, err := multiaddr.NewMultiaddrBytes(bytes)
		if err != nil || reachOf(address) < least || slices.ContainsFunc(own, address.Equal) {
			continue
		}
		dialled = append(dialled, address)
	}
	return dialled
}
