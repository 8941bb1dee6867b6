package events

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// Version says who wrote last: a hybrid logical clock inside a UUIDv7 (RFC 9562
// §6.2, method 1). 48 bits of milliseconds, 12 bits of counter, 62 random bits
// of the writer; compared bytewise. The zero Version means none.
type Version [16]byte

// Compare orders versions: negative when v is older than w, zero when they are
// the same write.
func (v Version) Compare(w Version) int { return bytes.Compare(v[:], w[:]) }

// IsZero reports whether v is no version at all.
func (v Version) IsZero() bool { return v == Version{} }

// Time is when v was stamped, by its writer's clock, to the millisecond.
func (v Version) Time() time.Time { return time.UnixMilli(int64(v.tick() >> counterBits)) }

// String is the canonical text of the UUID.
func (v Version) String() string { return uuid.UUID(v).String() }

// MarshalText writes the canonical text; the zero Version is empty.
func (v Version) MarshalText() ([]byte, error) {
	if v.IsZero() {
		return nil, nil
	}
	return v.AppendText(nil)
}

// AppendText appends the canonical text of the UUID to b; it never fails.
func (v Version) AppendText(b []byte) ([]byte, error) {
	const digits = "0123456789abcdef"
	for i, x := range v {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		b = append(b, digits[x>>4], digits[x&15])
	}
	return b, nil
}

// UnmarshalText reads what [Version.MarshalText] wrote.
func (v *Version) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*v = Version{}
		return nil
	}
	*v, err = ParseVersion(b)
	return err
}

// ParseVersion reads the canonical text of a UUIDv7. Anything else is
// [ErrBadRequest].
func ParseVersion(b []byte) (v Version, err error) {
	if len(b) != 36 || b[8] != '-' || b[13] != '-' || b[18] != '-' || b[23] != '-' {
		return Version{}, fmt.Errorf("%w: version %q is not a UUID of 36 characters", ErrBadRequest, clip(b))
	}
	// Three times as fast as uuid.ParseBytes, which takes other spellings too.
	var digits [32]byte
	copy(digits[copy(digits[:], b[:8]):], b[9:13])
	copy(digits[12:], b[14:18])
	copy(digits[16:], b[19:23])
	copy(digits[20:], b[24:])
	if _, err := hex.Decode(v[:], digits[:]); err != nil {
		return Version{}, fmt.Errorf("%w: version %q: %v", ErrBadRequest, clip(b), err)
	}
	if u := uuid.UUID(v); u.Version() != 7 || u.Variant() != uuid.RFC4122 {
		return Version{}, fmt.Errorf("%w: version %q is not a UUIDv7", ErrBadRequest, clip(b))
	}
	return v, nil
}

const counterBits = 12

// tick is the clock part of v: milliseconds, then the counter.
func (v Version) tick() uint64 {
	hi := binary.BigEndian.Uint64(v[:8])
	return hi>>16<<counterBits | hi&(1<<counterBits-1)
}

func newVersion(tick, random uint64) (v Version) {
	const version7, variant = 7 << 12, 2 << 62
	binary.BigEndian.PutUint64(v[:8], tick>>counterBits<<16|version7|tick&(1<<counterBits-1))
	binary.BigEndian.PutUint64(v[8:], variant|random>>2)
	return v
}

// Bounds on what a clock takes from outside: a message must not move it far.
const (
	// MaxAhead is how far a version may be ahead of a node's clock.
	MaxAhead = 500 * time.Millisecond
	// MaxAge is how long ago a version may have been stamped.
	MaxAge = time.Minute
	// MaxSkew is how far a client's clock may be off: it takes a node's time, but
	// not one that is further away than this from its machine's.
	MaxSkew = 24 * time.Hour
)

// lastTick is the last that a version can hold.
const lastTick = 1<<(48+counterBits) - 1

// Clock stamps versions. It never runs behind the wall clock nor behind any
// version observed; a full counter moves its milliseconds on (Kulkarni et al.,
// "Logical Physical Clocks", 2014). What comes from outside moves it no further
// than [MaxAhead] before the wall clock. Safe for concurrent use.
type Clock struct {
	wall   func() time.Time
	offset atomic.Int64 // nanoseconds added to wall, see Sync
	last   atomic.Uint64
}

// NewClock returns a clock over wall, which is [time.Now] outside tests.
func NewClock(wall func() time.Time) *Clock { return &Clock{wall: wall} }

// Now is the wall clock's time, corrected by [Clock.Sync].
func (c *Clock) Now() time.Time { return c.wall().Add(time.Duration(c.offset.Load())) }

// Next stamps a new version, later than every one stamped or observed before.
func (c *Clock) Next() Version { return c.NextAt(c.Now()) }

// NextAt is [Clock.Next] for who stamps many and has just read the time, which
// costs more than all the rest: now is what [Clock.Now] returned.
func (c *Clock) NextAt(now time.Time) Version {
	wall := tickAt(now)
	for {
		last := c.last.Load()
		next := max(wall, last+1)
		if c.last.CompareAndSwap(last, next) {
			return newVersion(next, rand.Uint64())
		}
	}
}

// NextAfter is [Clock.Next], but later than v, too, however far ahead that is: a
// record from a time when this machine's clock was wrong must not hide what
// replaces it. Such a v does not move the clock. It is [ErrClockAhead] that there
// is nothing later than v.
func (c *Clock) NextAfter(v Version) (Version, error) {
	now := c.Now()
	next := c.NextAt(now)
	switch {
	case next.Compare(v) > 0:
		return next, nil
	case v.tick() >= lastTick:
		return Version{}, fmt.Errorf("%w: no version is later than %s", ErrClockAhead, v)
	case c.Admit(now, v) == nil:
		return c.NextAt(now), nil
	}
	return newVersion(v.tick()+1, rand.Uint64()), nil
}

// tickAt is the first tick of a moment; a version holds none before 1970.
func tickAt(t time.Time) uint64 {
	return uint64(min(max(t.UnixMilli(), 0), lastTick>>counterBits)) << counterBits
}

// Admit moves the clock past v, which comes from outside. A version that is more
// than [MaxAhead] ahead of now, which is what [Clock.Now] returned, is
// [ErrClockAhead], and moves nothing.
func (c *Clock) Admit(now time.Time, v Version) error {
	if ahead := v.Time().Sub(now); ahead > MaxAhead {
		return fmt.Errorf("%w: %s was stamped %v ahead", ErrClockAhead, v, ahead.Round(time.Millisecond))
	}
	c.Observe(v)
	return nil
}

// Observe moves the clock past v, wherever that is: see [Clock.Admit].
func (c *Clock) Observe(v Version) {
	seen := v.tick()
	for {
		last := c.last.Load()
		if seen <= last || c.last.CompareAndSwap(last, seen) {
			return
		}
	}
}

// Overtake sets the clock to v's time when it is behind that, and moves it past
// v: a client that has lost against a faster clock would lose to it again. It
// reports whether it did: a node that takes a client's versions is within
// [MaxAge] of its clock, and what stands there not further ahead than [MaxAhead].
func (c *Clock) Overtake(v Version) bool {
	for {
		offset := c.offset.Load()
		behind := v.Time().Sub(c.wall()) - time.Duration(offset)
		if behind > MaxAge+MaxAhead {
			return false
		}
		if behind <= 0 || c.offset.CompareAndSwap(offset, offset+int64(behind)) {
			break
		}
	}
	c.Observe(v)
	return true
}

// Sync sets the clock to now and forgets what it stamped ahead of it: a client
// calls it with a node's time when the node refused its versions. Nothing may
// rest on versions stamped before. It reports whether it did: not where now is
// further than [MaxSkew] from the wall clock.
func (c *Clock) Sync(now time.Time) bool {
	off := now.Sub(c.wall())
	if off > MaxSkew || off < -MaxSkew {
		return false
	}
	c.offset.Store(int64(off))
	c.last.Store(0)
	return true
}
