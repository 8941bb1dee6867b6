package broker

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// nats-server has a bound for each client, but none over all: thirty that do not
	// read may cost 2 GB. Above this one, whoever stands still is cut off. One that
	// asks for 128 values of 1 MB at once, and reads them, may have all of it.
	maxPendingOfAll = 64 << 20
	maxPending      = maxPendingOfAll
	// Above this one, those who read too slowly are cut off, too.
	maxPendingOfReaders = 2 * maxPendingOfAll
	// Whoever is cut off holds its memory until its last write fails, so many go at
	// once: else those who are left fill the bound again and again.
	littlePending = maxPendingOfAll / 32
	// One look is no proof: what is taken is seen when a whole write is done. Looks
	// are counted, not time, for on a busy machine both come late.
	patience = 2

	// A client that takes nothing for so long is closed, after two of them at most:
	// the first write may have filled the buffers of its socket. The memory of one
	// that is cut off is not free before either, for its write is not interrupted.
	stillFor = 3 * time.Second

	lookSeldom = time.Second
	lookOften  = 20 * time.Millisecond
	lookMore   = 20 * time.Microsecond // for each client: to look at one takes 1 µs
	sayAgain   = time.Minute
)

// reader is a client that has something waiting for it.
type reader struct {
	pending int64 // bytes that wait
	taken   int64 // bytes of messages that it has got, less what wraps them
	still   int   // looks in a row at which it had taken nothing
}

// follow notes of readers since when they stand still, given how they were before.
func follow(before, readers map[uint64]reader) {
	for id, r := range readers {
		if was, known := before[id]; known && r.taken <= was.taken {
			r.still = was.still + 1
		}
		readers[id] = r
	}
}

// tooDeaf are the readers to cut off, those with the most pending first. Up to
// maxPendingOfAll it is nobody, and up to maxPendingOfReaders nobody who has taken
// something a moment ago.
func tooDeaf(readers map[uint64]reader) (ids []uint64) {
	all := pendingOf(readers)
	if all <= maxPendingOfAll {
		return nil
	}
	byPending := slices.SortedFunc(maps.Keys(readers), func(a, b uint64) int {
		return cmp.Or(cmp.Compare(readers[b].pending, readers[a].pending), cmp.Compare(a, b))
	})
	cut := func(still bool, downTo int64) {
		for _, id := range byPending {
			r := readers[id]
			if all > downTo && still == (r.still >= patience) {
				ids = append(ids, id)
				all -= r.pending
			}
		}
	}
	cut(true, littlePending)
	cut(false, maxPendingOfReaders)
	return ids
}

func pendingOf(readers map[uint64]reader) (all int64) {
	for _, r := range readers {
		all += r.pending
	}
	return all
}

// watcher holds what waits for all clients together under its bound.
type watcher struct {
	server    *server.Server
	log       *slog.Logger
	collected chan struct{} // holds a token when garbage was collected
	stop      context.CancelFunc
	wait      sync.WaitGroup
	readers   map[uint64]reader // at the last look

	said   time.Time // when the log has named those who were cut off
	unsaid int       // how many were since
}

func watch(s *server.Server, log *slog.Logger) *watcher {
	ctx, stop := context.WithCancel(context.Background())
	w := &watcher{server: s, log: log, collected: make(chan struct{}, 1), stop: stop}
	w.hearCollections(ctx)
	w.wait.Go(func() { w.run(ctx) })
	return w
}

func (w *watcher) close() {
	w.stop()
	w.wait.Wait()
}

// run looks once a second while little waits. A thousand megabytes may come
// together within that second, but not without a collection of garbage.
func (w *watcher) run(ctx context.Context) {
	for {
		gap := lookOften + lookMore*time.Duration(w.server.NumClients())
		next, collected := max(lookSeldom, gap), w.collected
		if pendingOf(w.readers) > littlePending {
			next, collected = gap, nil
		}
		looked := time.Now()
		select {
		case <-ctx.Done():
			return
		case <-time.After(next):
		case <-collected:
			if !sleep(ctx, gap-time.Since(looked)) {
				return
			}
		}
		w.look(time.Now())
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (w *watcher) look(now time.Time) {
	readers := readersOf(w.server)
	follow(w.readers, readers)
	for _, id := range tooDeaf(readers) {
		if err := w.server.DisconnectClientByID(id); err == nil { // else it has gone by itself
			w.unsaid++
		}
		delete(readers, id)
	}
	w.readers = readers
	if w.unsaid > 0 && now.Sub(w.said) >= sayAgain {
		w.log.Warn("clients are cut off that do not read: too much waits for them",
			"clients", w.unsaid, "most_bytes", maxPendingOfAll)
		w.said, w.unsaid = now, 0
	}
}

// readersOf are the clients with a socket that have something waiting for them.
// Those within the process, such as the node itself, have no port.
func readersOf(s *server.Server) map[uint64]reader {
	list, err := s.Connz(&server.ConnzOptions{Sort: server.ByPending, Limit: math.MaxInt})
	if err != nil { // only options can be wrong
		return nil
	}
	readers := map[uint64]reader{}
	for _, c := range list.Conns {
		if c.Pending == 0 {
			break
		}
		if c.Port != 0 {
			pending := int64(c.Pending)
			readers[c.Cid] = reader{pending: pending, taken: c.OutBytes - pending}
		}
	}
	return readers
}

// hearCollections leaves a token after each collection of garbage until ctx ends:
// the runtime has no other word for it than the end of an object that nobody holds.
func (w *watcher) hearCollections(ctx context.Context) {
	type unheld struct{ _ *byte } // a small one without a pointer may live on
	runtime.AddCleanup(new(unheld), func(w *watcher) {
		if ctx.Err() != nil {
			return
		}
		select {
		case w.collected <- struct{}{}:
		default:
		}
		w.hearCollections(ctx)
	}, w)
}
