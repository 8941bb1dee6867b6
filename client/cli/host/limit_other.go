//go:build !unix

package host

func refuseAtFileLimit() {}
