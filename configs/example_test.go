package configs_test

import (
	"fmt"

	"dht/configs"
)

func ExampleLoad() {
	c, err := configs.Load("three.toml")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Name, len(c.Nodes), c.Nodes[0].Rule)
	// Output: three 3 md5 % 2 == 0
}
