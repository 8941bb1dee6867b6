// Package placement decides which nodes keep a key: rules, the cluster map, and
// the order in which the map's nodes are preferred for a key.
//
// Everything here is a pure function of the map and the key, exact on every
// machine: no clock, no liveness (which may steer a request but never moves
// ownership), no floating point in a decision. It is not a membership service
// and stores nothing. It imports package events, and xxh3 for its one hash that
// the standard library lacks.
package placement
