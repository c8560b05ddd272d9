package libp2padapter

import (
	"testing"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
)

// One message after the other from many goroutines, as gossipsub calls validators: through the queue
// to the owner and back.
func BenchmarkValidate(b *testing.B) {
	first := newMember(b)
	adapter := first.attach(b, Options{Queue: 1 << 16})
	// It says nothing: the shortest that the tracker has to look at.
	message := &pubsub.Message{Message: pubsubMessage([]byte{1})}
	from := newMember(b).host.ID()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if adapter.Validate(b.Context(), from, message) == pubsub.ValidationAccept {
				b.Error("it advanced the roll")
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	if stats := adapter.Stats(); stats.QueueFull > 0 || stats.Late > 0 {
		b.Fatalf("%+v", stats)
	}
}
