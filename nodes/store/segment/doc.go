// Package segment is one file of a journal: the lines in it, and how they are
// appended, sealed, read, and judged after a crash.
//
// A [Line] is a record, a dropped key, or what a segment says about itself; package
// store documents the format. [Parse] accepts exactly what [Line.AppendTo] writes.
// A [Segment] is appended to by one goroutine, and read by any.
//
// It does not know which other segments there are, nor which of the records in
// them stands: that is what package store and its index are for. It opens and
// names no file: it is given a [File]. It imports the standard library and package
// events.
package segment
