package libp2padapter

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"rollbook.dev/go/rollbook"
)

var (
	errTooLong = errors.New("the message is too long")
	errBusy    = errors.New("too many streams at once")
)

// HandleStream answers a request of the protocol of synchronisation. It is the handler of the
// network's protocol ([ProtocolID]); programs that own the handler call it from their own.
//
// A request and a response are a stream's bytes up to its end.
func (a *Adapter) HandleStream(stream network.Stream) {
	if err := a.serve(stream); err != nil {
		a.counts.unserved.Add(1)
		a.options.Logger.Debug("not answered", "peer", stream.Conn().RemotePeer(), "error", err)
		_ = stream.Reset()
		return
	}
	a.counts.served.Add(1)
	_ = stream.Close()
}

func (a *Adapter) serve(stream network.Stream) error {
	select {
	case a.streams <- struct{}{}:
		defer func() { <-a.streams }()
	default:
		return errBusy
	}
	ctx, cancel := context.WithTimeout(a.context, a.options.RequestTimeout)
	defer cancel()
	// Whatever waits for the peer ends with the adapter.
	stop := context.AfterFunc(ctx, func() { _ = stream.Reset() })
	defer stop()
	release, err := a.reserve(stream)
	if err != nil {
		return err
	}
	defer release()
	request, err := readBounded(stream, a.tracker.MessageSize())
	if err != nil {
		return err
	}
	a.counts.syncReceived.Add(uint64(len(request)))
	response, err := a.answer(ctx, stream.Conn().RemotePeer(), request)
	if err != nil {
		return err
	}
	if _, err := stream.Write(response); err != nil {
		return err
	}
	a.counts.syncSent.Add(uint64(len(response)))
	return stream.CloseWrite()
}

// answer waits for the owner.
func (a *Adapter) answer(ctx context.Context, from peer.ID, request []byte) ([]byte, error) {
	type answer struct {
		response []byte
		err      error
	}
	answered := make(chan answer, 1)
	ask := func(now time.Time) {
		if ctx.Err() != nil {
			return
		}
		response, err := a.tracker.HandleRequest(now, rollbook.PeerID(from), request, a.owner.response[:0])
		answered <- answer{slices.Clone(response), err}
	}
	select {
	case a.queue <- ask:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case answer := <-answered:
		return answer.response, answer.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// reserve accounts for a stream with the host's resource manager, and ends it in time.
func (a *Adapter) reserve(stream network.Stream) (release func(), err error) {
	if err := stream.Scope().SetService(ServiceName); err != nil {
		return nil, err
	}
	size := a.tracker.MessageSize()
	if err := stream.Scope().ReserveMemory(size, network.ReservationPriorityMedium); err != nil {
		return nil, err
	}
	release = func() { stream.Scope().ReleaseMemory(size) }
	if err := stream.SetDeadline(time.Now().Add(a.options.RequestTimeout)); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// ask sends a request and gives the owner what came of it. Number is that of the contact with the
// peer, 0 for none.
func (a *Adapter) ask(request rollbook.Request, number uint64) {
	response, err := a.exchange(request)
	if err != nil {
		a.counts.unanswered.Add(1)
		a.options.Logger.Debug("a request failed", "peer", request.To.String(), "error", err)
	} else {
		a.counts.answered.Add(1)
	}
	a.post(func(now time.Time) {
		a.owner.asking--
		// The tracker gave the request up when the peer was gone.
		if a.owner.up[peer.ID(request.To)].number != number {
			return
		}
		if err != nil {
			a.check("request failed", a.tracker.RequestFailed(now, request.To))
			return
		}
		a.check("response", a.tracker.HandleResponse(now, request.To, response))
	})
}

func (a *Adapter) exchange(request rollbook.Request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(a.context, a.options.RequestTimeout)
	defer cancel()
	stream, err := a.host.NewStream(network.WithNoDial(ctx, ServiceName), peer.ID(request.To), a.protocol)
	if err != nil {
		return nil, err
	}
	// Whatever waits for the peer ends with the adapter.
	stop := context.AfterFunc(ctx, func() { _ = stream.Reset() })
	defer stop()
	response, err := a.send(stream, request.Message)
	if err != nil {
		_ = stream.Reset()
		return nil, err
	}
	_ = stream.Close()
	return response, nil
}

func (a *Adapter) send(stream network.Stream, request []byte) ([]byte, error) {
	release, err := a.reserve(stream)
	if err != nil {
		return nil, err
	}
	defer release()
	if _, err := stream.Write(request); err != nil {
		return nil, err
	}
	if err := stream.CloseWrite(); err != nil {
		return nil, err
	}
	a.counts.syncSent.Add(uint64(len(request)))
	response, err := readBounded(stream, a.tracker.MessageSize())
	a.counts.syncReceived.Add(uint64(len(response)))
	return response, err
}

// readBounded reads to the end of a stream. Nothing is kept beyond the bound.
func readBounded(from io.Reader, sizeMax int) ([]byte, error) {
	// One byte more than allowed, to tell a message that is too long from one that just fits.
	message, err := io.ReadAll(io.LimitReader(from, int64(sizeMax)+1))
	if err != nil {
		return nil, err
	}
	if len(message) > sizeMax {
		return nil, errTooLong
	}
	return message, nil
}
