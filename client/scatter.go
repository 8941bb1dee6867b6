package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"dht/events"
)

// Scattered says where random keys went.
type Scattered struct {
	Keys       int            // asked for
	Stored     int            // by every owner that the rules name
	Missing    int            // not stored where the rules say
	Duplicates int            // stored where the rules do not say
	ByNode     map[string]int // stored copies
	Names      [][]byte       // of the keys that were stored
	Tried      [][]byte       // names of all that may be there, stored or not
	Faults     []error        // what went wrong, a line each
}

// scatterAtOnce is how many puts a scatter keeps in flight.
const scatterAtOnce = 16

// Scatter puts count random alphanumeric keys, waits for the answer of every
// node to each, and holds the answers to the rules. done is called after each
// key. It is [events.ErrUnreachable] when no node can be asked at all.
func (c *Client) Scatter(ctx context.Context, count int, done func()) (Scattered, error) {
	s := Scattered{Keys: count, ByNode: map[string]int{}}
	names, err := c.nodes(ctx, "")
	if err != nil {
		return s, err
	}
	for _, name := range names {
		s.ByNode[name] = 0
	}
	var mu sync.Mutex
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(scatterAtOnce)
	for i := range count {
		if inner.Err() != nil {
			break
		}
		key := []byte(rand.Text())
		s.Tried = append(s.Tried, key)
		group.Go(func() error {
			result, err := c.Put(inner, key, fmt.Appendf(nil, "value %d", i), AllAnswers())
			mu.Lock()
			defer mu.Unlock()
			s.count(c.owners(key), result, err)
			done()
			return inner.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return s, err
	}
	return s, ctx.Err()
}

// owners are whom the rules name for key.
func (c *Client) owners(key []byte) []string {
	m, _ := c.known()
	if m == nil {
		return nil
	}
	return m.Names(m.Owners(key, nil))
}

// count holds the answers about one key to the rules.
func (s *Scattered) count(owners []string, r Result, err error) {
	kept := map[string]bool{}
	for _, a := range r.Answers {
		if a.Status == events.StatusStored {
			kept[a.Node] = true
			s.ByNode[a.Node]++
		}
	}
	missing := 0
	for _, owner := range owners {
		if !kept[owner] {
			missing++
		}
		delete(kept, owner)
	}
	switch {
	case err != nil || missing > 0:
		s.Missing++
		s.Faults = append(s.Faults, fmt.Errorf("%q is missing at %v: %v", r.Key, owners, orMissing(err)))
	default:
		s.Stored++
		s.Names = append(s.Names, r.Key)
	}
	if len(kept) > 0 {
		s.Duplicates++
		s.Faults = append(s.Faults, fmt.Errorf("%q is kept by %v too, though %v own it", r.Key, kept, owners))
	}
}

func orMissing(err error) error {
	if err == nil {
		return errors.New("not stored")
	}
	return err
}

// Clean deletes what a scatter has put, and calls done after each. It returns how
// many keys are gone, and what went wrong with the others.
func (c *Client) Clean(ctx context.Context, s Scattered, done func()) (gone int, err error) {
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(scatterAtOnce)
	for _, key := range s.Tried {
		group.Go(func() error {
			_, failed := c.Delete(ctx, key)
			mu.Lock()
			defer mu.Unlock()
			if failed != nil {
				err = errors.Join(err, fmt.Errorf("delete %q: %w", key, failed))
			} else {
				gone++
			}
			done()
			return nil
		})
	}
	return gone, errors.Join(group.Wait(), err)
}

// ReadBack gets every key and calls done after each; it returns how many were
// found, and what went wrong with the others.
func (c *Client) ReadBack(ctx context.Context, keys [][]byte, done func()) (found int, err error) {
	for _, key := range keys {
		if _, getErr := c.Get(ctx, key); getErr != nil {
			err = errors.Join(err, fmt.Errorf("get %q: %w", key, getErr))
		} else {
			found++
		}
		done()
	}
	return found, err
}
