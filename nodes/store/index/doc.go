// Package index finds the records of a journal: by key, and in the order of the
// keys.
//
// An [Index] knows of every key its version, its expiry, whether it is a
// tombstone, and in which segment its line stands; of the values it keeps as many
// as it may. All of it lies in memory that the garbage collector does not see,
// and a [Ref] names an entry there.
//
// It reads and writes no file, and has no lock: package store guards it. It
// decides nothing about versions but at the start, where [Index.Replay] lets the
// newest line stand. It imports the standard library, and packages events and
// segment.
package index
