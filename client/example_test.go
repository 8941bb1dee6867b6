package client_test

import (
	"context"
	"time"

	"dht/client"
)

// The README shows these lines.
func Example() {
	example := func(ctx context.Context) error {
		c, err := client.Connect(client.Options{Servers: []string{"nats://127.0.0.1:4222"}})
		if err != nil {
			return err
		}
		defer c.Close()
		result, err := c.Put(ctx, []byte("greeting"), []byte("hello"), client.TTL(time.Hour))
		_ = result.Node
		return err
	}
	_ = example
}
