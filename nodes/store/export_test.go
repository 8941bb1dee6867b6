package store

// WithPages bounds what keys take in memory, in MiB.
func (o Options) WithPages(n int) Options {
	o.pages = n
	return o
}

// LookAlways looks before each sync whether the folder still is there.
func (o Options) LookAlways() Options {
	o.lookAlways = true
	return o
}
