package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"

	"dht/configs"
)

// plainly is what err says, with our words where those of the system and of
// libraries stand in it: they name calls, not what to do.
func plainly(err error) string {
	text := err.Error()
	eachCause(err, func(cause error) {
		if said := ours(cause); said != "" {
			text = strings.ReplaceAll(text, cause.Error(), said)
		}
	})
	for theirs, said := range map[string]string{
		"nats: no servers available for connection": "nobody listens there",
		"nats: Authorization Violation":             "it wants a user that it knows: NATS_USER and NATS_PASSWORD, or NATS_CREDS, say who you are",
		"nats: Authorization Expired":               "what says who you are is no longer valid: NATS_CREDS names the file",
		"nats: secure connection required":          "it wants TLS: write tls:// before its address",
	} {
		text = strings.ReplaceAll(text, theirs, said)
	}
	return text
}

// eachCause calls visit with err and all that it wraps, the outermost first.
func eachCause(err error, visit func(error)) {
	visit(err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			eachCause(inner, visit)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			eachCause(inner, visit)
		}
	}
}

// ours says in our words what an error of the system or the network means, empty
// where its own will do.
func ours(err error) string {
	switch e := err.(type) {
	case *fs.PathError:
		return configs.InWords(e.Path, e).Error()
	case *os.LinkError:
		return configs.InWords(e.New, e).Error()
	case *url.Error: // which shows the whole URL, with its password
		return "its address is not of the form nats://host:port"
	case *net.OpError:
		return networkWords(e)
	case *net.DNSError:
		return fmt.Sprintf("there is no host called %q", e.Name)
	}
	return ""
}

func networkWords(e *net.OpError) string {
	var dns *net.DNSError
	var wrong *net.AddrError
	where := ""
	if e.Addr != nil {
		where = " on " + e.Addr.String()
	}
	switch {
	case errors.As(e, &dns):
		return fmt.Sprintf("there is no host called %q", dns.Name)
	case errors.As(e, &wrong):
		return fmt.Sprintf("%q is not of the form host:port", wrong.Addr)
	case errors.Is(e, syscall.ECONNREFUSED):
		return "nobody listens" + where
	case errors.Is(e, syscall.ECONNRESET), errors.Is(e, syscall.EPIPE):
		return "the other side has closed the connection"
	case errors.Is(e, syscall.EADDRNOTAVAIL):
		return "this machine has no such address" + strings.Replace(where, " on", ",", 1)
	case errors.Is(e, fs.ErrPermission):
		return "you may not listen" + where + ": ports below 1024 are for the system"
	case e.Timeout():
		return "it does not answer in time"
	}
	return ""
}
