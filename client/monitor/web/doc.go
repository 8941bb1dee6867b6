// Package web is a node's HTTP server: the page, a JSON API for it and for
// curl, server-sent events, and what supervisors and Prometheus ask for.
//
//	GET  /                   the page; its script, style and icon below /assets/
//	GET  /healthz            200 while the process serves
//	GET  /readyz             200 when requests can be answered, else 503 and the reason
//	GET  /metrics            for Prometheus
//	GET  /nats/varz          what the embedded NATS server reports; also connz, routez
//	GET  /v1/status          the nodes: [Status]
//	GET  /v1/events          server-sent events, see below
//	GET  /v1/keys/KEY        the value's bytes; headers ETag, Dht-Node, Dht-Version and Dht-Expires (unix ms)
//	PUT  /v1/keys/KEY?ttl=1h the body becomes the value: [client.WriteReport]; or ?expires=, unix ms
//	DELETE /v1/keys/KEY      [client.WriteReport]
//	GET  /v1/explain/KEY     [client.ExplainReport]
//	GET  /v1/keys?node=N&prefix=P&after=K&limit=100   [Listing], in byte order
//
// KEY is percent-encoded and may hold any bytes; a slash stands as %2F or as
// itself. Browsers take "." and ".." for folders, however they are encoded: any
// key can be given as /v1/keys/?key64=BASE64 instead.
//
// The ETag of a value is its version in quotes. If-Match and If-None-Match are
// checked where the key is kept, in one step with the write, and answered as RFC
// 9110 says: If-None-Match: * puts only what is new, If-Match: "VERSION" changes
// or deletes only what was seen. A key with several owners (copies =
// "every-match") has no such step: 409, and nothing is done.
//
// What would change what a request means and is not known here is refused by
// name and not passed over: other conditions on a write, Content-Range,
// Content-Encoding, digests, X-HTTP-Method-Override, a body where none belongs, parameters
// that are misspelt or there twice. Range on a GET is passed over, as RFC 9110 allows.
//
// What fails is {"error":"…","code":"owner-offline"}, the codes of package
// events, with the status
//
//	400  malformed
//	403  sent by a page from elsewhere
//	404  not found: the owner said so
//	405  another method
//	408  the value came too slowly: 5 s, and a second more for each 16 KB
//	409  refused, superseded, another map, a clock that is off
//	412  a precondition does not hold; the ETag is that of what stands
//	413  too large
//	415  encoded, or wrapped up, in a way that is not undone here
//	500  damage, or a bug
//	501  a condition or a promise that is not known here
//	503  nothing was done: owner offline, unreachable, busy (Retry-After), read-only
//	504  a write whose outcome is unknown; it can be repeated safely
//
// The stream of /v1/events has these events:
//
//	status  as /v1/status: at once, each second, and when a node comes or goes
//	line    a [monitor.Line]: a request and its answers, or a happening
//	lost    {"time":"…","lost":12,"detail":"…"}: lines that were not shown, and why
//
// The server is for browsers on the same origin only: no page from elsewhere can
// read or write through it, nor by a name that was rebound to this machine.
// Nobody is asked for a password: whoever reaches the address may do all this.
//
// All clients together have bounds: connections (the one that has kept the server
// waiting longest makes room for a new one), bytes of values on their way in, of
// requests under way and of lines that wait for viewers. /healthz, /readyz and
// /metrics have connections of their own.
//
// It is a client like any other: it never uses the node beside it, other than
// by the functions in [Backend]. It imports events, client and monitor.
package web
