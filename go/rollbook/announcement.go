package rollbook

import (
	"fmt"
	"time"

	"rollbook.dev/go/rollbook/internal/capi"
)

// Bounds of what a node says of itself.
const (
	AddressesMax      = capi.AddressesMax
	AddressSizeMax    = capi.AddressSizeMax
	CapabilitiesMax   = capi.CapabilitiesMax
	CapabilitySizeMax = capi.CapabilitySizeMax
	AgentSizeMax      = capi.AgentSizeMax
	ExtraSizeMax      = capi.ExtraSizeMax
)

// Address is a binary multiaddr without the trailing peer id. The bytes of a multiaddr.Multiaddr are
// one.
type Address []byte

// ParseAddress reads an address as text, such as /ip4/192.0.2.1/tcp/7655.
func ParseAddress(text string) (Address, error) {
	var address capi.Address
	var why capi.Error
	if err := failedBecause("read an address", capi.ParseAddress(text, &address, &why), &why); err != nil {
		return nil, err
	}
	return clone(address.Bytes[:address.Size]), nil
}

// String gives the address as text, or its bytes in hexadecimal where it has none.
func (address Address) String() string {
	text, code := capi.AddressText(address)
	if code != capi.OK {
		return fmt.Sprintf("0x%x", []byte(address))
	}
	return text
}

// Announcement is what a node says of itself.
type Announcement struct {
	// Addresses are how the node is reached, at most 8.
	Addresses []Address
	// Capabilities are what it can do, at most 12 names of at most 32 bytes.
	Capabilities []string
	// Agent is the software that it runs, at most 48 bytes.
	Agent string
	// Extra are opaque bytes of the application, at most 64.
	Extra []byte
}

// Announce says what this node is. Where it is what it said last, nothing happens.
func (t *Tracker) Announce(now time.Time, announcement Announcement) error {
	c, err := announcement.toC()
	if err != nil {
		return err
	}
	return t.command("announce", now, func(handle capi.Handle, now capi.Now) int32 {
		return capi.Announce(handle, now, c)
	})
}

func (announcement *Announcement) toC() (*capi.Announcement, error) {
	over := func(what string, max int) error {
		return &Error{Op: "announce", Code: ErrArgument, Msg: fmt.Sprintf("%s: at most %d", what, max)}
	}
	c := new(capi.Announcement)
	switch {
	case len(announcement.Addresses) > AddressesMax:
		return nil, over("addresses", AddressesMax)
	case len(announcement.Capabilities) > CapabilitiesMax:
		return nil, over("capabilities", CapabilitiesMax)
	case len(announcement.Agent) > AgentSizeMax:
		return nil, over("bytes of the agent", AgentSizeMax)
	case len(announcement.Extra) > ExtraSizeMax:
		return nil, over("extra bytes", ExtraSizeMax)
	}
	for i, address := range announcement.Addresses {
		if len(address) > AddressSizeMax {
			return nil, over("bytes of an address", AddressSizeMax)
		}
		c.Addresses[i].Size = uint8(copy(c.Addresses[i].Bytes[:], address))
	}
	for i, capability := range announcement.Capabilities {
		if len(capability) > CapabilitySizeMax {
			return nil, over("bytes of a capability", CapabilitySizeMax)
		}
		c.Capabilities[i].Size = uint8(copy(c.Capabilities[i].Name[:], capability))
	}
	c.AddressCount = uint8(len(announcement.Addresses))
	c.CapabilityCount = uint8(len(announcement.Capabilities))
	c.AgentSize = uint8(copy(c.Agent[:], announcement.Agent))
	c.ExtraSize = uint8(copy(c.Extra[:], announcement.Extra))
	return c, nil
}

func announcementFromC(c *capi.Announcement) Announcement {
	announcement := Announcement{
		Addresses:    make([]Address, c.AddressCount),
		Capabilities: make([]string, c.CapabilityCount),
		Agent:        string(c.Agent[:c.AgentSize]),
		Extra:        clone(c.Extra[:c.ExtraSize]),
	}
	for i := range announcement.Addresses {
		announcement.Addresses[i] = clone(c.Addresses[i].Bytes[:c.Addresses[i].Size])
	}
	for i := range announcement.Capabilities {
		announcement.Capabilities[i] = string(c.Capabilities[i].Name[:c.Capabilities[i].Size])
	}
	return announcement
}
