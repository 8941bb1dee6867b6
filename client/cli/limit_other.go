//go:build !unix

package cli

func refuseAtFileLimit() {}
