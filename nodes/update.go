package nodes

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"time"

	"dht/events"
)

// update adds the changes of one update, or refuses it.
func (b *batch) update(i int, r *events.Request) {
	if err := b.node.updatable(r); err != nil {
		owner := b.answers[i].Owner
		b.answers[i] = b.node.Refuse(err)
		b.answers[i].Owner = owner
		return
	}
	if r.Update == events.UpdateRename {
		b.rename(i, r)
		return
	}
	if r.Update == events.UpdateRead {
		b.read(i, r)
		return
	}
	b.add(i, events.Change{Key: r.Key, Blind: blind(r), Decide: func(current events.Record) (events.Record, bool) {
		return b.decideUpdate(i, r, current)
	}})
}

// updatable refuses what could not be one atomic step, or makes no sense.
func (n *snapshot) updatable(r *events.Request) error {
	if !slices.Contains([]events.Update{events.UpdateSet, events.UpdateAdd, events.UpdateAppend, events.UpdateTouch,
		events.UpdateDelete, events.UpdateRename, events.UpdateRead, events.UpdateInstall}, r.Update) {
		return fmt.Errorf("%w: no update %q", events.ErrBadRequest, r.Update)
	}
	if !slices.Contains([]events.Condition{"", events.IfAbsent, events.IfPresent, events.IfExpiring, events.IfLasting,
		events.IfLater, events.IfSooner, events.IfExpiringSooner, events.IfVersion}, r.If) {
		return fmt.Errorf("%w: no condition %q", events.ErrBadRequest, r.If)
	}
	if (r.If == events.IfVersion) == r.Before.IsZero() {
		return fmt.Errorf("%w: the condition version, and nothing else, has a before", events.ErrBadRequest)
	}
	if installs := r.Update == events.UpdateInstall; installs == r.Version.IsZero() {
		return fmt.Errorf("%w: the owner stamps an update; a record to adopt, and nothing else, has a version",
			events.ErrBadRequest)
	}
	if r.Update == events.UpdateRead { // which no other owner's would contradict
		return nil
	}
	if err := n.soleOwner(r.Key); err != nil || r.Update != events.UpdateRename {
		return err
	}
	if err := events.CheckKey(r.To); err != nil {
		return err
	}
	return n.soleOwner(r.To)
}

// soleOwner refuses a key that is not kept here, or not only here.
func (n *snapshot) soleOwner(key []byte) error {
	var room [8]int
	owners := n.Map.Owners(key, room[:0])
	switch {
	case len(owners) > 1:
		return fmt.Errorf("%w: at copies = %s the key belongs to %d nodes: "+
			"what depends on a value is atomic only at one owner", events.ErrRefused, n.Map.Copies(), len(owners))
	case owners[0] != n.index:
		return fmt.Errorf("%w: %q belongs to %s, not to %s: two keys change together only where both have the same owner",
			events.ErrRefused, key, n.Map.NodeName(owners[0]), n.Name)
	}
	return nil
}

// blind says which updates need not read the value.
func blind(r *events.Request) bool {
	switch r.Update {
	case events.UpdateSet, events.UpdateDelete:
		return !r.Old
	}
	return r.Update == events.UpdateInstall
}

// decideUpdate decides one update by what stands.
func (b *batch) decideUpdate(i int, r *events.Request, current events.Record) (events.Record, bool) {
	a, n := &b.answers[i], b.node
	if !b.sees(a, r, &current) {
		return events.Record{}, false
	}
	if r.Update == events.UpdateInstall {
		if a.Status == events.StatusStored {
			a.Version = r.Version
		}
		return events.Record{Key: r.Key, Value: r.Value, Version: r.Version, Expires: r.Expires},
			a.Status == events.StatusStored
	}
	next, err := updated(current, r, n.Clock.Now())
	if err != nil {
		*a = b.refuse(a.Owner, err)
		return events.Record{}, false
	}
	version, ok := b.stamp(i, &current)
	if !ok {
		return events.Record{}, false
	}
	a.Version, a.Expires = version, next.Expires
	next.Version, next.Deleted = a.Version, a.Status == events.StatusDeleted
	switch r.Update {
	case events.UpdateAdd:
		a.Value = next.Value
	case events.UpdateAppend:
		a.Bytes = int64(len(next.Value))
	}
	b.written = append(b.written, written{next, r.ID})
	return next, true
}

func (b *batch) refuse(owner int, err error) events.Answer {
	a := b.node.Refuse(err)
	a.Owner = owner
	return a
}

// sees says what stands in the answer, and reports whether the update is to be
// done.
func (b *batch) sees(a *events.Answer, r *events.Request, current *events.Record) bool {
	n := b.node
	now := n.Clock.Now()
	live := current.Live(now)
	if current.Corrupt {
		*a = b.refuse(a.Owner, fmt.Errorf("%w: what stands under %q cannot be read: put it anew",
			events.ErrCorrupt, r.Key))
		return false
	}
	if !r.AlsoAsked && r.Update != events.UpdateInstall {
		if a.AlsoAsk = n.members.View().Unclean; len(a.AlsoAsk) > 0 {
			a.Status = events.StatusAbsent
			return false
		}
	}
	a.Version = current.Version
	if live {
		a.Before, a.Expires = current.Version, current.Expires
		if r.Old {
			// it may lie in the buffer of who wrote it in this batch, and is answered first
			a.Value = bytes.Clone(current.Value)
		}
	}
	a.Status = verdict(current, live, r, now)
	if room := int(r.Room) - updateHead; r.Room > 0 && len(a.Value) > room {
		*a = b.refuse(a.Owner, fmt.Errorf("%w: the old value has %d bytes, the answer could carry %d: nothing was done",
			events.ErrTooLarge, len(a.Value), room))
		return false
	}
	return a.Status == events.StatusStored || a.Status == events.StatusDeleted
}

// updateHead bounds the head of an update's answer that gives the old value.
const updateHead = 1 << 10

// verdict says what an update amounts to, given what stands.
func verdict(current *events.Record, live bool, r *events.Request, now time.Time) events.Status {
	needs := r.If
	switch r.Update {
	case events.UpdateInstall:
		if current.Version.Compare(r.Version) >= 0 {
			return events.StatusUnchanged
		}
		return events.StatusStored
	case events.UpdateTouch, events.UpdateDelete, events.UpdateRename:
		if !live {
			return events.StatusAbsent
		}
	}
	switch {
	case needs == events.IfPresent && !live:
		return events.StatusAbsent
	case !holds(needs, current, live, r):
		return events.StatusUnchanged
	case r.Update == events.UpdateDelete, r.Update == events.UpdateTouch && r.Expires != 0 &&
		r.Expires <= now.UnixMilli():
		return events.StatusDeleted
	}
	return events.StatusStored
}

// holds checks a condition of what stands.
func holds(c events.Condition, current *events.Record, live bool, r *events.Request) bool {
	expires := r.Expires
	switch c {
	case events.IfAbsent:
		return !live
	case events.IfPresent:
		return live
	case events.IfExpiring:
		return live && current.Expires != 0
	case events.IfLasting:
		return live && current.Expires == 0
	case events.IfLater:
		return live && current.Expires != 0 && (expires == 0 || expires > current.Expires)
	case events.IfExpiringSooner:
		return live && current.Expires != 0 && expires != 0 && expires < current.Expires
	case events.IfVersion:
		return live && current.Version == r.Before
	case events.IfSooner:
		return live && expires != 0 && (current.Expires == 0 || expires < current.Expires)
	}
	return true
}

// updated is the record that an update makes, but for its version. Errors are
// [events.ErrNotNumber] and [events.ErrTooLarge].
func updated(current events.Record, r *events.Request, now time.Time) (next events.Record, err error) {
	next = events.Record{Key: r.Key, Value: r.Value, Expires: r.Expires}
	if !current.Live(now) {
		current = events.Record{}
	}
	if r.Keep {
		next.Expires = current.Expires
	}
	switch r.Update {
	case events.UpdateAdd:
		next.Expires = current.Expires
		next.Value, err = sum(current, r.Value)
	case events.UpdateAppend:
		next.Expires = current.Expires
		next.Value = slices.Concat(current.Value, r.Value)
	case events.UpdateTouch:
		next.Value = current.Value
	case events.UpdateDelete:
		next.Value, next.Expires = nil, 0
	}
	if len(next.Value) > events.MaxValue {
		err = fmt.Errorf("%w: the value would be %d bytes long, the longest has %d",
			events.ErrTooLarge, len(next.Value), events.MaxValue)
	}
	return next, err
}

// sum adds a decimal number to what stands: both must be such as print writes
// them, and so must the sum.
func sum(current events.Record, by []byte) ([]byte, error) {
	a, err := int64(0), error(nil)
	if current.Known() {
		a, err = decimal(current.Value)
	}
	b, errBy := decimal(by)
	if err != nil || errBy != nil {
		return nil, fmt.Errorf("%w: value is not an integer or out of range", events.ErrNotNumber)
	}
	if c := a + b; (c > a) == (b > 0) {
		return strconv.AppendInt(nil, c, 10), nil
	}
	return nil, fmt.Errorf("%w: increment or decrement would overflow", events.ErrNotNumber)
}

func decimal(text []byte) (int64, error) {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err == nil && strconv.FormatInt(n, 10) != string(text) {
		err = strconv.ErrSyntax
	}
	return n, err
}

// rename reads one key, writes the other and deletes the first, in the order of
// a store's changes and so in one step.
func (b *batch) rename(i int, r *events.Request) {
	moved, gone, done := events.Record{}, events.Record{Key: r.Key, Deleted: true}, false
	read := func(current events.Record) (events.Record, bool) {
		a := &b.answers[i]
		done = b.sees(a, r, &current) && string(r.Key) != string(r.To)
		if done {
			gone.Version, done = b.stamp(i, &current)
		}
		moved = events.Record{Key: r.To, Value: current.Value, Expires: current.Expires}
		return events.Record{}, false
	}
	write := func(current events.Record) (events.Record, bool) {
		if done {
			moved.Version, done = b.stamp(i, &current)
		}
		if done {
			b.answers[i].Version = moved.Version
			b.written = append(b.written, written{moved, r.ID})
		}
		return moved, done
	}
	remove := func(events.Record) (events.Record, bool) {
		if done {
			b.written = append(b.written, written{gone, r.ID})
		}
		return gone, done
	}
	b.add(i, events.Change{Key: r.Key, Decide: read})
	b.add(i, events.Change{Key: r.To, Blind: true, Decide: write})
	b.add(i, events.Change{Key: r.Key, Blind: true, Decide: remove})
}
