//go:build !unix

package store

// noFollow: a link there takes rights that only an administrator has.
const noFollow = 0
