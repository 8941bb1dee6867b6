package bus

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"dht/events"
)

// serviceName is what every node is called as NATS micro service.
const serviceName = "dht"

// discoverable answers what NATS tools ask of every micro service, so that
// `nats micro ls`, `info` and `stats` show the nodes. It does so by hand:
// micro.AddService takes over the handlers of the connection, counts only what
// goes through handlers of its own, and by default lets one node of all answer.
func (s *Server) discoverable() error {
	answers := map[micro.Verb]func(micro.ServiceIdentity, events.Info) any{
		micro.PingVerb: func(who micro.ServiceIdentity, _ events.Info) any {
			return micro.Ping{ServiceIdentity: who, Type: micro.PingResponseType}
		},
		micro.InfoVerb:  s.serviceInfo,
		micro.StatsVerb: s.serviceStats,
	}
	id := s.identity(s.node.Info()).ID
	for verb, answer := range answers {
		for _, whom := range [][2]string{{"", ""}, {serviceName, ""}, {serviceName, id}} {
			subject, err := micro.ControlSubject(verb, whom[0], whom[1])
			if err != nil {
				return fmt.Errorf("subject of service %s: %w", serviceName, err)
			}
			if err := s.hear(subject, func(m *nats.Msg) {
				info := s.node.Info()
				s.respondJSON(m, answer(s.identity(info), info))
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Server) respondJSON(m *nats.Msg, answer any) {
	message, err := json.Marshal(answer)
	if err == nil {
		err = m.Respond(message)
	}
	s.logError("answer "+m.Subject, err)
}

// identity says which node this is, and which run of it.
func (s *Server) identity(info events.Info) micro.ServiceIdentity {
	metadata := map[string]string{
		"node":    info.Node,
		"rule":    info.Rule,
		"cluster": info.Cluster.Name,
		"epoch":   strconv.FormatUint(info.Cluster.Epoch, 10),
		"map":     info.Map.String(),
		"build":   info.Build,
		"os":      info.OS,
	}
	maps.Copy(metadata, s.Addresses)
	return micro.ServiceIdentity{Name: serviceName, ID: info.Node + "-" + info.ID.String(),
		Version: serviceVersion(info.Build), Metadata: metadata}
}

var release = regexp.MustCompile(`^v(\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?)(?: |$)`)

// serviceVersion is the version that build begins with; the protocol wants a
// semantic one, whatever was built.
func serviceVersion(build string) string {
	if found := release.FindStringSubmatch(build); found != nil {
		return found[1]
	}
	return "0.0.0-unreleased"
}

func (s *Server) serviceInfo(who micro.ServiceIdentity, info events.Info) any {
	answer := micro.Info{ServiceIdentity: who, Type: micro.InfoResponseType,
		Description: fmt.Sprintf("node %s of %s: %s", info.Node, info.Cluster.Name, info.Rule)}
	for _, op := range events.Ops() {
		answer.Endpoints = append(answer.Endpoints, micro.EndpointInfo{Name: string(op),
			Subject:  s.Subjects.Broadcast(op),
			Metadata: map[string]string{"to this node alone": s.Subjects.Node(info.Node, op)}})
	}
	return answer
}

// served is what stats say of an operation, beside what the protocol has a
// place for.
type served struct {
	Answers map[events.Status]int64 `json:"answers,omitempty"`
	P50     int64                   `json:"p50_us"`
	P99     int64                   `json:"p99_us"`
	Keys    *int                    `json:"keys,omitempty"`  // that the node holds; listings only
	Bytes   *int64                  `json:"bytes,omitempty"` // of them
}

// serviceStats gives the operations that nodes count.
func (s *Server) serviceStats(who micro.ServiceIdentity, info events.Info) any {
	answer := micro.Stats{ServiceIdentity: who, Type: micro.StatsResponseType, Started: info.Started}
	for _, op := range []events.Op{events.OpPut, events.OpGet, events.OpDelete, events.OpUpdate, events.OpKeys} {
		took := info.Took[op]
		e := &micro.EndpointStats{Name: string(op), Subject: s.Subjects.Broadcast(op),
			ProcessingTime: time.Duration(took.SumNS)}
		for status, n := range info.Requests[op] {
			e.NumRequests += int(n)
			if failed(status) {
				e.NumErrors += int(n)
			}
		}
		if n := took.Count(); n > 0 { // what was refused at once is no request to be averaged
			e.AverageProcessingTime = time.Duration(took.SumNS / n)
		}
		data := served{Answers: info.Requests[op], P50: took.Quantile(0.5).Microseconds(),
			P99: took.Quantile(0.99).Microseconds()}
		if op == events.OpKeys {
			data.Keys, data.Bytes = &info.Keys, &info.Bytes
		}
		e.Data, _ = json.Marshal(data) // maps and numbers always can be written
		answer.Endpoints = append(answer.Endpoints, e)
	}
	return answer
}

func failed(s events.Status) bool {
	switch s {
	case events.StatusError, events.StatusCorrupt, events.StatusStaleMap, events.StatusBusy, events.StatusReadOnly:
		return true
	}
	return false
}
