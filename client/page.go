package client

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"dht/events"
	"dht/events/quorum"
)

// Listing says which keys to list.
type Listing struct {
	Node   string // that keeps them; empty: all nodes
	Prefix []byte // of the keys
	After  []byte // only keys behind this one
	Limit  int    // at most so many, but for a key that several nodes hold
}

// Page is a part of a listing.
type Page struct {
	Keys   []Key   // in byte order; a key that several nodes hold is there once for each
	More   bool    // behind the last one
	Faults []Fault // of nodes whose keys are not all there
}

// Fault is why a node's keys are missing.
type Fault struct {
	Node string
	Err  error
}

// Page lists one page of keys, of all nodes at once. A node that does not answer
// is a fault in the page; it is an error where that node alone is asked.
func (c *Client) Page(ctx context.Context, l Listing) (Page, error) {
	names, err := c.nodes(ctx, l.Node)
	if err != nil {
		return Page{}, err
	}
	pages := make([]Page, len(names))
	var wait sync.WaitGroup
	for i, name := range names {
		wait.Go(func() { pages[i] = c.pageOf(ctx, name, l) })
	}
	wait.Wait()
	if err := ended(ctx); err != nil {
		return Page{}, err
	}
	page := merge(pages, l.Limit)
	if len(page.Faults) == len(names) && len(page.Keys) == 0 {
		return Page{}, page.Faults[0].Err
	}
	return page, nil
}

func (c *Client) pageOf(ctx context.Context, node string, l Listing) (p Page) {
	list, last, err := c.askPage(ctx, node, events.Request{Prefix: l.Prefix, After: l.After, Limit: l.Limit})
	if err != nil {
		return Page{Faults: []Fault{{node, err}}}
	}
	for _, a := range list {
		info := events.KeyInfo{Key: a.Key, Version: a.Version, Expires: a.Expires, Bytes: a.Bytes}
		p.Keys = append(p.Keys, Key{info, node})
	}
	p.More = last.More
	if last.Code != "" {
		p.Faults = []Fault{{node, quorum.Refusal(last)}}
	}
	return p
}

// merge makes one page of those of several nodes. It ends where the first of
// them ends that has more: behind it that node's keys are not known.
func merge(pages []Page, limit int) (merged Page) {
	var end []byte
	for _, p := range pages {
		merged.Keys = append(merged.Keys, p.Keys...)
		merged.Faults = append(merged.Faults, p.Faults...)
		if n := len(p.Keys); p.More && n > 0 && (end == nil || bytes.Compare(p.Keys[n-1].Key, end) < 0) {
			end = p.Keys[n-1].Key
		}
	}
	slices.SortStableFunc(merged.Keys, func(a, b Key) int { return bytes.Compare(a.Key, b.Key) })
	if n := len(merged.Keys); limit > 0 && n > limit && (end == nil ||
		bytes.Compare(merged.Keys[limit-1].Key, end) < 0) {
		end = merged.Keys[limit-1].Key
	}
	if end == nil {
		return merged
	}
	cut := slices.IndexFunc(merged.Keys, func(k Key) bool { return bytes.Compare(k.Key, end) > 0 })
	if cut >= 0 {
		merged.Keys = merged.Keys[:cut]
	}
	merged.More = cut >= 0 || slices.ContainsFunc(pages, func(p Page) bool { return p.More })
	return merged
}
