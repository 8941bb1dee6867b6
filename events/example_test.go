package events_test

import (
	"fmt"

	"dht/events"
)

func ExampleDecodeRequests() {
	requests, err := events.DecodeRequests([]byte(`{"key":"greeting","value":"hello"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s: %s\n", requests[0].Key, requests[0].Value)
	// Output: greeting: hello
}
