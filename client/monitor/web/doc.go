// Package web is a node's HTTP server: the page, a JSON API for it and for
// curl, server-sent events, and what supervisors and Prometheus ask for.
//
//	GET  /                   the page; its script, style and icon below /assets/
//	GET  /healthz            200 while the process serves
//	GET  /readyz             200 when requests can be answered, else 503 and the reason
//	GET  /metrics            for Prometheus
//	GET  /nats/varz          what the embedded NATS server tells; also connz, routez
//	GET  /v1/status          the nodes: [Status]
//	GET  /v1/events          server-sent events, see below
//	GET  /v1/keys/KEY        the value's bytes; headers Dht-Node, Dht-Version and Dht-Expires (unix ms)
//	PUT  /v1/keys/KEY?ttl=1h the body becomes the value: [client.WriteReport]
//	DELETE /v1/keys/KEY      [client.WriteReport]
//	GET  /v1/explain/KEY     [client.ExplainReport]
//	GET  /v1/keys?node=N&prefix=P&after=K&limit=100   [Listing], in byte order
//
// KEY is percent-encoded and may hold any bytes; a slash stands as %2F or as
// itself. Browsers take "." and ".." for folders, however they are encoded: any
// key can be given as /v1/keys/?key64=BASE64 instead.
//
// What fails is {"error":"…","code":"owner-offline"}, the codes of package
// events, with the status
//
//	400  malformed
//	403  sent by a page from elsewhere
//	404  not found: the owner said so
//	409  refused, superseded, another map, a clock that is off
//	413  too large
//	500  damage, or a bug
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
// It is a client like any other: it never touches the node beside it, other than
// by the functions in [Backend]. It imports events, client and monitor.
package web
