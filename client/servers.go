package client

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"

	"dht/events"
)

// Addresses are the URLs in servers, which commas divide, without users,
// passwords and tokens, however they are written: fit for logs and errors.
func Addresses(servers string) string {
	var list []string
	secret := false // what comes before belongs to the password of what comes after
	pieces := strings.Split(servers, ",")
	for i := len(pieces) - 1; i >= 0; i-- {
		scheme, rest, whole := strings.Cut(pieces[i], "://")
		at := strings.LastIndex(rest, "@")
		switch {
		case !whole && secret:
			continue
		case !whole: // no scheme: all before the last @ is a secret
			at = strings.LastIndex(pieces[i], "@")
			list = append(list, pieces[i][at+1:])
			secret = at >= 0 && i > 0
		case secret:
			list[len(list)-1] = scheme + "://" + list[len(list)-1]
			secret = false
		default:
			list = append(list, scheme+"://"+rest[at+1:])
		}
	}
	slices.Reverse(list)
	return strings.Join(list, ",")
}

// CheckServer returns [events.ErrUsage] unless address is one of a NATS server.
// The error shows no password.
func CheckServer(address string) error {
	text := strings.TrimSpace(address)
	if !strings.Contains(text, "://") {
		text = "nats://" + text
	}
	// A / or # in a password ends the host where it should not.
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User == nil && strings.Contains(text, "@") {
		return fmt.Errorf("%w: the address of a NATS server, %s, cannot be read: write nats://HOST:PORT; NATS_USER and NATS_PASSWORD say who you are", events.ErrUsage, Addresses(address))
	}
	return nil
}

// dialError says why no server of servers could be reached; nil without err.
func dialError(servers string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired),
		errors.Is(err, nats.ErrAuthRevoked):
		return fmt.Errorf("%w: the NATS server (%s) does not let you in: NATS_USER, NATS_PASSWORD and NATS_CREDS say who you are", events.ErrRefused, Addresses(servers))
	}
	return fmt.Errorf("%w from any NATS server (%s): %v", events.ErrUnreachable, Addresses(servers), withoutURL(err))
}

// withoutURL is err without the text that could not be read: a password may be
// part of it.
func withoutURL(err error) error {
	var parse *url.Error
	if errors.As(err, &parse) && parse.Op == "parse" {
		return errors.New("an address cannot be read")
	}
	return err
}
