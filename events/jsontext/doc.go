// Package jsontext is the one JSON scanner and the one JSON escaper of the tree:
// what travels and what lies on disk is read and written with it wherever each
// request pays for it.
//
// A [Scanner] walks over the values at the front of a buffer, without copying,
// and can say where they end: behind the head of a message stand raw bytes.
// It takes what RFC 8259 allows, with these differences, so that no two keys
// become one: text that is not UTF-8 and lone surrogates are refused, not
// replaced; whole numbers have 64 bits and nothing behind a point. Fields that
// stand twice are its caller's to refuse, and so are unknown ones.
//
// [AppendString] writes any UTF-8. [AppendReadable] writes only what a person can
// read in a line, and [CutReadable] reads that again, at the speed of a search
// for the closing quote; a checksum must vouch for the bytes.
//
// # What it is not
//
// It maps no structs, builds no trees and reads no streams. What is read once in
// a while (infos, events, files of settings) stays with encoding/json. For the head
// of a request that takes 14 times as long, and 11 allocations instead of none
// (BenchmarkScanner), and it cannot say where an object ends without a decoder
// that buffers.
//
// It imports the standard library only.
package jsontext
