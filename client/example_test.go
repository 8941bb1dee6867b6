package client_test

import (
	"context"
	"errors"
	"fmt"
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

// The README shows these lines, too.
func ExampleClient_Watch() {
	example := func(ctx context.Context, c *client.Client) error {
		changes, err := c.Watch(ctx, []byte("user/"))
		if err != nil {
			return err
		}
		for change, err := range changes {
			var lost *client.LostError
			switch {
			case errors.As(err, &lost): // and it goes on
				fmt.Println(lost)
			case err != nil:
				return err
			default:
				fmt.Printf("%s %s on %s\n", change.Type, change.Key, change.Node)
			}
		}
		return nil
	}
	_ = example
}
