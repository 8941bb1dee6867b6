package monitor

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"dht/events"
)

// Faults says in sentences what is wrong with a cluster, the worst first;
// nothing when all is well.
func Faults(cards []Card) (list []string) {
	var down []string
	for _, c := range cards {
		if !c.Up {
			down = append(down, c.Name)
		}
	}
	if len(down) > 0 {
		said := "%s are down: what only they keep is offline."
		if len(down) == 1 {
			said = "%s is down: what only it keeps is offline."
		}
		list = append(list, fmt.Sprintf(said, names(down)))
	}
	for _, c := range cards {
		if c.Unready != "" {
			list = append(list, fmt.Sprintf("%s is not ready: %s.", c.Name, c.Unready))
		}
	}
	list = append(list, brokenLinks(cards, down)...)
	for _, c := range cards {
		if c.Misplaced > 0 {
			list = append(list, fmt.Sprintf("Misplaced on %s: %d. The rules give them to other nodes.",
				c.Name, c.Misplaced))
		}
	}
	list = append(list, unlike(cards, "another cluster map", func(c Card) string { return fmt.Sprint(c.Map) })...)
	return append(list, unlike(cards, "another build", release)...)
}

// brokenLinks leaves out those to nodes that are down: there they must be.
func brokenLinks(cards []Card, down []string) (list []string) {
	for _, c := range cards {
		for _, l := range c.Links {
			if l.State != events.LinkDown || slices.Contains(down, l.To) {
				continue
			}
			said := fmt.Sprintf("%s could not reach %s over TCP when it last tried.", c.Name, l.To)
			switch l.Path {
			case events.PathNATS:
				said = fmt.Sprintf("%s has lost its NATS server, %s.", c.Name, l.To)
			case events.PathRoute:
				ends := []string{c.Name, l.To} // both report it
				slices.Sort(ends)
				said = fmt.Sprintf("The route between %s and %s is down.", ends[0], ends[1])
			}
			if !slices.Contains(list, said) {
				list = append(list, said)
			}
		}
	}
	return list
}

// unlike names the nodes that differ from most others. Whoever does not say does
// not differ.
func unlike(cards []Card, what string, of func(Card) string) (list []string) {
	count, usual := map[string]int{}, ""
	for _, c := range cards {
		if c.Up && of(c) != "" {
			count[of(c)]++
		}
	}
	for _, c := range cards { // at a tie the first in the map counts
		if c.Up && count[of(c)] > count[usual] {
			usual = of(c)
		}
	}
	for _, c := range cards {
		if c.Up && of(c) != "" && of(c) != usual {
			list = append(list, fmt.Sprintf("%s has %s than most: %s, not %s.", c.Name, what, of(c), usual))
		}
	}
	return list
}

var commit = regexp.MustCompile(`-([0-9a-f]{12})(?:\+|$)`)

// release is what was built, whatever it was built by, where, and for which
// machine: its commit, else its version. It is empty when the build does not say.
func release(c Card) string {
	version, _, _ := strings.Cut(c.Build, " ")
	if found := commit.FindStringSubmatch(version); found != nil {
		return found[1]
	}
	version, _, _ = strings.Cut(version, "+")
	if version == "(devel)" || version == "unknown" {
		return ""
	}
	return version
}

// namesShown is how many nodes a sentence names.
const namesShown = 3

func names(list []string) string {
	switch n := len(list); {
	case n == 1:
		return list[0]
	case n <= namesShown:
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:namesShown-1], ", "), len(list)-namesShown+1)
}
