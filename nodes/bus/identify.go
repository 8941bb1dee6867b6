package bus

import "dht/events"

// identify gives requests the id by which events of all nodes name them, where
// their sender gave none. It costs nothing while nobody watches.
func (s *Server) identify(reqs []events.Request, reply string) {
	if !s.publisher.watch.on.Load() {
		return
	}
	id := events.ReplyID(reply)
	for i := range reqs {
		if len(reqs[i].ID) == 0 {
			reqs[i].ID = id
		}
	}
}
