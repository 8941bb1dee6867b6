package events

// Update says what an [OpUpdate] makes of the record that stands. An update is
// one atomic step at the key's only owner; a node that is not the only owner
// refuses it with the reason. The owner stamps it as it is decided, so that an
// update cannot come too late or be superseded; for the same reason the same
// update sent twice is done twice. An answer of absent that names nodes to ask
// did nothing: one of them may know something newer, from an earlier map.
// Whoever asked lets the owner install the newest that they know, and then repeats
// the update as AlsoAsked.
type Update string

const (
	UpdateSet     Update = "set"    // the value becomes Value
	UpdateAdd     Update = "add"    // the value, a decimal number (absent: 0), grows by Value; the answer gives the sum
	UpdateAppend  Update = "append" // Value is added at the end; the answer's Bytes is the length
	UpdateTouch   Update = "touch"  // the value stays, Expires changes
	UpdateDelete  Update = "delete" // the key is deleted
	UpdateRename  Update = "rename" // what is under Key moves to To, expiry included; both must have the same owner
	UpdateRead    Update = "read"   // nothing changes: a get that comes behind the writes before it, the answer that of a get, once these are durable; it may stand in a put or delete as well; Head and Limit count for the entry
	UpdateInstall Update = "adopt"  // exactly this record, Version included, stands, unless a newer one does; one that has expired is as good as a tombstone
)

// Condition says what must hold of the record for an update to be done. It is
// checked in the same step.
type Condition string

const (
	IfAbsent   Condition = "absent"
	IfPresent  Condition = "present"
	IfExpiring Condition = "expiring" // it has an expiry
	IfLasting  Condition = "lasting"  // it has none
	IfLater    Condition = "later"    // Expires is later than what stands; never is the latest
	IfSooner   Condition = "sooner"   // Expires is sooner than what stands
	// IfExpiringSooner is IfExpiring and IfSooner.
	IfExpiringSooner Condition = "expiring-sooner"
	IfVersion        Condition = "version" // what stands has the version that the request gives as Before
)
