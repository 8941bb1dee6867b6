package events

import (
	"bytes"
	"fmt"
	"math/bits"
	"strings"
)

// MaxID is the longest id of a request, in bytes.
const MaxID = 64

// field is a name in the head of a request.
type field uint8

const (
	fieldUnknown field = iota
	fieldKey
	fieldValue
	fieldSize
	fieldVersion
	fieldExpires
	fieldLevel
	fieldMap
	fieldDeadline
	fieldID
	fieldSent
	fieldBrief
	fieldPrefix
	fieldAfter
	fieldLimit
	fieldHead
	fieldUpdate
	fieldIf
	fieldBefore
	fieldKeep
	fieldOld
	fieldOther
	fieldAlsoAsked
)

var fieldNames = [...]string{"", "key", "value", "size", "version", "expires", "level", "map", "deadline", "id", "sent",
	"brief", "prefix", "after", "limit", "head", "update", "if", "before", "keep", "old", "other", "settled"}

// fields is a set of them.
type fields uint32

// first is the name of one of them.
func (set fields) first() string { return fieldNames[bits.TrailingZeros32(uint32(set))] }

func fieldNamed(name []byte) field {
	switch string(name) {
	case "key", "key64":
		return fieldKey
	case "value", "value64":
		return fieldValue
	case "size":
		return fieldSize
	case "version":
		return fieldVersion
	case "expires":
		return fieldExpires
	case "level":
		return fieldLevel
	case "map":
		return fieldMap
	case "deadline":
		return fieldDeadline
	case "id", "id64":
		return fieldID
	case "sent":
		return fieldSent
	case "brief":
		return fieldBrief
	case "prefix", "prefix64":
		return fieldPrefix
	case "after", "after64":
		return fieldAfter
	case "limit":
		return fieldLimit
	case "head":
		return fieldHead
	case "update":
		return fieldUpdate
	case "if":
		return fieldIf
	case "before":
		return fieldBefore
	case "keep":
		return fieldKeep
	case "old":
		return fieldOld
	case "other", "other64":
		return fieldOther
	case "settled":
		return fieldAlsoAsked
	}
	return fieldUnknown
}

// taken is what an operation takes, of updates the kind u.
func taken(op Op, u Update) fields {
	const (
		always = 1<<fieldMap | 1<<fieldDeadline | 1<<fieldID | 1<<fieldSent | 1<<fieldBrief | 1<<fieldSize
		keyed  = always | 1<<fieldKey | 1<<fieldLevel
	)
	if u == UpdateRead && op.Writes() { // it may stand among writes of any kind
		op = OpUpdate
	}
	switch op {
	case OpPut:
		return keyed | 1<<fieldValue | 1<<fieldVersion | 1<<fieldExpires
	case OpGet:
		return keyed | 1<<fieldHead | 1<<fieldLimit
	case OpDelete:
		return keyed | 1<<fieldVersion
	case OpKeys:
		return always | 1<<fieldPrefix | 1<<fieldAfter | 1<<fieldLimit
	case OpWatch:
		return always | 1<<fieldLimit
	case OpInfo:
		return always
	case OpUpdate:
		return keyed | 1<<fieldUpdate | takenByUpdate(u)
	}
	return everyField
}

const everyField = ^fields(0)

func takenByUpdate(u Update) fields {
	const usual = 1<<fieldIf | 1<<fieldBefore | 1<<fieldOld | 1<<fieldAlsoAsked
	switch u {
	case UpdateSet:
		return usual | 1<<fieldValue | 1<<fieldExpires | 1<<fieldKeep
	case UpdateAdd:
		return 1<<fieldIf | 1<<fieldBefore | 1<<fieldAlsoAsked | 1<<fieldValue
	case UpdateAppend:
		return usual | 1<<fieldValue
	case UpdateTouch:
		return usual | 1<<fieldExpires
	case UpdateDelete:
		return usual
	case UpdateRename:
		return usual | 1<<fieldOther
	case UpdateRead:
		return 1<<fieldHead | 1<<fieldLimit
	case UpdateInstall:
		return 1<<fieldValue | 1<<fieldVersion | 1<<fieldExpires
	}
	return everyField // of a word that the node refuses
}

// requestReader reads the head of one entry.
type requestReader struct {
	r    *Request
	s    scanner
	body body
	seen fields
}

// field reads one field. A null is as good as no field.
func (in *requestReader) field(name []byte) error {
	if in.s.peek() == 'n' && in.s.null(name) {
		return nil
	}
	f := fieldNamed(name)
	switch {
	case f == fieldUnknown:
		return in.unknown(name)
	case in.seen>>f&1 != 0:
		return fmt.Errorf("%w: the head has more than one %s", ErrBadRequest, fieldNames[f])
	}
	in.seen |= 1 << f
	if err := in.read(f, name); err != nil {
		return fmt.Errorf("%w: field %q: %s", ErrBadRequest, name, strings.TrimPrefix(err.Error(), ErrBadRequest.Error()+": "))
	}
	return nil
}

func (in *requestReader) unknown(name []byte) error {
	switch {
	case bytes.HasPrefix(name, []byte("x-")):
		return in.s.skip(0)
	case string(name) == "to":
		return fmt.Errorf("%w: field \"to\": nobody coordinates while each key has one copy; rename's new key is \"other\"", ErrBadRequest)
	}
	return fmt.Errorf("%w: field %q is not known; names of your own begin with x-", ErrBadRequest, clip(name))
}

func (in *requestReader) read(f field, name []byte) (err error) {
	r, s := in.r, &in.s
	switch f {
	case fieldKey:
		r.Key, err = s.bytes(name)
	case fieldVersion:
		r.Version, err = s.version()
	case fieldExpires:
		r.Expires, err = s.natural()
	case fieldLevel:
		r.Level, err = s.level()
	case fieldMap:
		r.Map, err = s.mapID()
	case fieldDeadline:
		r.Deadline, err = s.natural()
	case fieldID:
		if r.ID, err = s.bytes(name); err == nil && (len(r.ID) == 0 || len(r.ID) > MaxID) {
			err = fmt.Errorf("%w: an id is 1 to %d bytes long, this one %d", ErrBadRequest, MaxID, len(r.ID))
		}
	case fieldSent:
		r.Sent, err = s.natural()
	case fieldBrief:
		r.Brief, err = s.boolean()
	case fieldPrefix:
		r.Prefix, err = s.bytes(name)
	case fieldAfter:
		r.After, err = s.bytes(name)
	case fieldLimit:
		var n int64
		n, err = s.natural()
		r.Limit = int(n)
	case fieldHead:
		r.Head, err = s.boolean()
	case fieldValue, fieldSize:
		err = in.body.field(s, name)
	default:
		err = in.readUpdate(f, name)
	}
	return err
}

// readUpdate reads what only updates have.
func (in *requestReader) readUpdate(f field, name []byte) (err error) {
	r, s := in.r, &in.s
	var t []byte
	switch f {
	case fieldUpdate:
		t, err = s.text()
		r.Update = Update(t)
	case fieldIf:
		t, err = s.text()
		r.If = Condition(t)
	case fieldBefore:
		r.Before, err = s.version()
	case fieldKeep:
		r.Keep, err = s.boolean()
	case fieldOld:
		r.Old, err = s.boolean()
	case fieldOther:
		r.To, err = s.bytes(name)
	case fieldAlsoAsked:
		r.AlsoAsked, err = s.boolean()
	}
	return err
}

// check refuses fields that make no sense for op: what their sender had in mind
// would not be done.
func (in *requestReader) check(op Op) error {
	alien := in.seen &^ taken(op, in.r.Update)
	switch {
	case alien != 0 && in.r.Update != "" && op == OpUpdate:
		return fmt.Errorf("%w: field %q: update %s takes none", ErrBadRequest, alien.first(), in.r.Update)
	case alien != 0:
		return fmt.Errorf("%w: field %q: %s takes none", ErrBadRequest, alien.first(), op)
	case in.r.Keep && in.r.Expires != 0:
		return fmt.Errorf("%w: field \"expires\": with \"keep\" the expiry stays: say one", ErrBadRequest)
	}
	return nil
}
