// Command dht is a hash table spread over the machines you already have; see
// the README, and package cli for its commands.
package main

import (
	"os"

	"dht/client/cli"
)

func main() { os.Exit(cli.Main()) }
