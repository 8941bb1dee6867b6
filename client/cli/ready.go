package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"dht/client"
)

// announceReady says, once every node of list answers that was started since began,
// what to type next; or, when running ends before, that it did not come to that.
func (a *app) announceReady(ctx, running context.Context, list []process, began time.Time) {
	if !slices.ContainsFunc(list, func(p process) bool { return p.node() != "" }) {
		return
	}
	for !a.areUp(running, list, began) {
		select {
		case <-running.Done():
			if ctx.Err() == nil {
				a.note("\n%s  A process has ended before; its last line above says why.\n", a.err.Bad("Not ready."))
			}
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
	a.note("\n%s  Try, in another terminal:  %s", a.err.Good("Ready."), a.err.Bold(a.typed("dht put greeting hello")))
	if page := a.page(list); page != "" {
		a.note("        Or look at it in a browser:  %s", a.err.Bold(page))
	}
	a.note("")
}

// page is where a browser finds the first of the nodes that has one.
func (a *app) page(list []process) string {
	config, err := a.load()
	if err != nil {
		return ""
	}
	for _, p := range list {
		if n, err := config.Node(p.node()); err == nil && n.HTTP != "" {
			return "http://" + n.HTTP + "/"
		}
	}
	return ""
}

// areUp reports whether all of list's nodes answer, and running has not ended.
func (a *app) areUp(running context.Context, list []process, began time.Time) bool {
	c, err := a.anyPath(running)
	if err != nil {
		return false
	}
	defer c.Close()
	status, err := c.Status(running)
	up := map[string]bool{"": true} // a process that is no node
	for _, n := range status {
		up[n.Name] = n.Up && !older(n, began)
	}
	missing := slices.ContainsFunc(list, func(p process) bool { return !up[p.node()] })
	return err == nil && !missing && running.Err() == nil
}

// older reports whether a node was up already when we began: another process.
func older(n client.NodeStatus, began time.Time) bool {
	return n.Up && time.Duration(n.Info.UptimeMS)*time.Millisecond > time.Since(began)
}

// others names the nodes of list that answer from other processes.
func (a *app) others(ctx context.Context, list []process, began time.Time) (names []string) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, err := a.anyPath(ctx)
	if err != nil {
		return nil
	}
	defer c.Close()
	status, _ := c.Status(ctx)
	for _, n := range status {
		if older(n, began) && slices.ContainsFunc(list, func(p process) bool { return p.node() == n.Name }) {
			names = append(names, n.Name)
		}
	}
	return names
}

// alreadyUp says that nodes answer which up did not start, when they do.
func (a *app) alreadyUp(ctx context.Context, list []process, began time.Time) error {
	names := a.others(ctx, list, began)
	if len(names) == 0 {
		return nil
	}
	return errors.New(strings.Join(names, ", ") + " answered before: other processes run the cluster already, and " +
		a.typed("dht status") + " shows them")
}
