package placement_test

import (
	"fmt"

	"dht/events"
	"dht/nodes/placement"
)

func ExampleMap_Owners() {
	m, err := placement.New(events.Cluster{Name: "three", Epoch: 1, Copies: 1, Nodes: []events.Member{
		{Name: "linux", Rule: "md5 % 2 == 0"},
		{Name: "mac", Rule: "sha1 % 3 == 0"},
		{Name: "android", Rule: "otherwise"},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Names(m.Owners([]byte("greeting"), nil)))
	// Output: [android]
}
