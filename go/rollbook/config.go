package rollbook

import (
	"crypto/rand"
	"time"

	"rollbook.dev/go/rollbook/internal/capi"
)

// Admission says whom an authority lets in.
type Admission uint8

const (
	// AdmissionOpen lets in whoever renews a lease, at a limited rate.
	AdmissionOpen Admission = capi.AdmissionOpen
	// AdmissionAllowList lets in whoever is on a list ([Tracker.SetAllowed]), and whom an operator
	// admits.
	AdmissionAllowList Admission = capi.AdmissionAllowList
	// AdmissionManual lets in whom an operator admits.
	AdmissionManual Admission = capi.AdmissionManual
)

// DefaultMessageSize is the largest message of synchronisation that is taken, unless configured
// otherwise: what the standalone node takes too.
const DefaultMessageSize = 256 << 10

// Config is what a tracker is told once. Zero values stand for the defaults; only the network and
// its authorities have none.
type Config struct {
	// Network is the network's name: 1 to 32 characters of a-z, 0-9 and '-'. It is part of every
	// signature.
	Network string
	// Authorities of the network, in the order in which a member tries them. A node that is among
	// them is one.
	Authorities []PeerID
	// Retired authorities are nobody's home, and what they signed still counts.
	Retired []PeerID
	// Interval is how often a member asks its home for changes and renews its lease: 10 s, from 10 ms
	// to a day. Shorter finds out sooner, longer costs less; a lease lasts three of them.
	Interval time.Duration
	// Capacity is the most nodes that the roll holds: 100,000. A member of a larger network becomes
	// partial.
	Capacity int
	// MessageSize is the largest message of synchronisation that is taken, in bytes:
	// [DefaultMessageSize], from 16 KiB to 1 MiB.
	MessageSize int
	// Admission says whom it lets in, if it is an authority.
	Admission Admission
	// Partial replicas hold only this node, the authorities and what [Tracker.Hold] names.
	Partial bool
	// CompactionFloor is the size of journal, in bytes, below which no compaction is asked for: 256
	// KiB.
	CompactionFloor int
	// TalliesInterval is after how long an authority publishes what others counted about a node, where
	// nothing else is to be said of it: an hour.
	TalliesInterval time.Duration
	// Seed must differ at every start, and nobody else may know it. Left empty, it is drawn at random;
	// tests set it.
	Seed *[32]byte
}

func (config *Config) seed() *[32]byte {
	if config.Seed != nil {
		return config.Seed
	}
	seed := new([32]byte)
	// Never fails: without randomness the program ends.
	_, _ = rand.Read(seed[:])
	return seed
}

func (config *Config) messageSize() int {
	if config.MessageSize == 0 {
		return DefaultMessageSize
	}
	return config.MessageSize
}

// inRange looks whether the numbers are some that the library has a place for.
func (config *Config) inRange() error {
	const most = 1<<32 - 1
	for name, value := range map[string]int{
		"capacity": config.Capacity, "message size": config.MessageSize, "compaction floor": config.CompactionFloor,
	} {
		if value < 0 || uint64(value) > most {
			return &Error{Op: "configure", Code: ErrConfig, Msg: "out of its range: " + name}
		}
	}
	return nil
}

// toC fills in the library's form. What fits there is judged by the library.
func (config *Config) toC() (*capi.Config, error) {
	if err := config.inRange(); err != nil {
		return nil, err
	}
	c := new(capi.Config)
	if err := failed("configure", capi.ConfigDefault(c)); err != nil {
		return nil, err
	}
	c.MessageSizeMax = uint32(config.messageSize())
	if config.Interval != 0 {
		c.IntervalMs = milliseconds(config.Interval)
	}
	if config.TalliesInterval != 0 {
		c.TalliesIntervalMs = milliseconds(config.TalliesInterval)
	}
	if config.Capacity != 0 {
		c.Capacity = uint32(config.Capacity)
	}
	if config.CompactionFloor != 0 {
		c.CompactionFloor = uint64(config.CompactionFloor)
	}
	c.Admission = uint8(config.Admission)
	if config.Partial {
		c.Partial = 1
	}
	listed, err := toC(append(config.Authorities[:len(config.Authorities):len(config.Authorities)],
		config.Retired...))
	if err != nil {
		return nil, err
	}
	if len(listed) > capi.AuthoritiesMax {
		return nil, &Error{Op: "configure", Code: ErrConfig, Msg: "there are more than 8 authorities"}
	}
	if len(config.Network) > capi.NetworkSizeMax {
		return nil, &Error{Op: "configure", Code: ErrConfig, Msg: "the network's name is longer than 32 bytes"}
	}
	copy(c.Authorities[:], listed)
	c.ActingCount = uint8(len(config.Authorities))
	c.RetiredCount = uint8(len(config.Retired))
	c.NetworkSize = uint8(copy(c.Network[:], config.Network))
	return c, nil
}

// milliseconds of a duration; none of a negative one, which the library refuses where that is
// wrong.
func milliseconds(duration time.Duration) uint64 { return uint64(max(duration.Milliseconds(), 0)) }
