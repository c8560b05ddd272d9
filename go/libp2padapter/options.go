package libp2padapter

import (
	"log/slog"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"rollbook.dev/go/rollbook"
)

const (
	defaultQueue           = 1024
	defaultConnections     = 6
	defaultValidateTimeout = 5 * time.Second
	// A request that is not answered by then has failed.
	defaultRequestTimeout = 10 * time.Second
)

// Options of an adapter. Zero values stand for the defaults.
type Options struct {
	// Journal is where the tracker's frames are kept. Without one, all is forgotten at the end, and an
	// authority signs nothing until others gave it back what it may have said before.
	Journal rollbook.Journal
	// Announcement is what this node says of itself. Where it names no addresses, those of the host are
	// announced, and announced again when they change. Nil says nothing: the program announces itself,
	// by the tracker.
	Announcement *rollbook.Announcement
	// Authorities are connected to, and connected to again.
	Authorities []peer.AddrInfo
	// Connections to other nodes of the roll that are wanted in all: 6; where there are fewer, some are
	// dialled. Below 0: none is dialled.
	Connections int
	// Topic is the network's topic, where the program has joined it already; see [TopicName]. It is not
	// left by Close.
	Topic *pubsub.Topic
	// OwnValidator says that the program calls [Adapter.Validate] from a validator of its own.
	OwnValidator bool
	// OwnStreamHandler says that the program calls [Adapter.HandleStream] from a handler of its own.
	OwnStreamHandler bool
	// Sign makes signatures, where the tracker's identity is [rollbook.Outside].
	Sign func(message []byte) ([]byte, error)
	// Queue is how much may wait for the owner: 1024. Gossip that finds it full is ignored.
	Queue int
	// ValidateTimeout is how long gossip waits for the owner before it is ignored: 5 s.
	ValidateTimeout time.Duration
	// RequestTimeout is how long a request may take, on either side: 10 s.
	RequestTimeout time.Duration
	// Clock is the time: time.Now.
	Clock func() time.Time
	// Logger says what happens; nothing is said without one.
	Logger *slog.Logger
}

func (options Options) filled() Options {
	setDefault(&options.Connections, defaultConnections)
	setDefault(&options.Queue, defaultQueue)
	setDefault(&options.ValidateTimeout, defaultValidateTimeout)
	setDefault(&options.RequestTimeout, defaultRequestTimeout)
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	return options
}

func setDefault[T comparable](option *T, value T) {
	if *option == *new(T) {
		*option = value
	}
}
