package store

// WithPages bounds what keys take in memory, in MiB.
func (o Options) WithPages(n int) Options {
	o.pages = n
	return o
}
