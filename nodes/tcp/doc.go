// Package tcp brings requests from Redis clients and from other nodes to a
// node, over TCP, and its answers back.
//
// Every node takes a request for any key. What it does not own it forwards, one
// hop, to the owner; see Forwarding. It decides nothing about keys: package
// nodes does, and package coordinator where several nodes are asked. It
// needs no bus and knows none; it imports events, nodes, coordinator,
// placement and its own codec, package resp.
//
// # Commands
//
// A [Server] speaks RESP2 and RESP3 and answers the commands of Redis for
// connections, strings, expiry and keys. KEYS, SCAN, DBSIZE and
// FLUSHDB are about the connected node, all others about the whole cluster.
// Errors begin with a code in capitals: OWNEROFFLINE, UNKNOWN, REFUSED, … are
// those of [events.Code].
//
// What is not understood changes nothing: unknown words of a command are "ERR syntax
// error", and of several keys none is changed when one is refused. Nor is carried
// out what follows a refused command that gives it its meaning. MULTI is refused,
// and with it everything up to EXEC, DISCARD or RESET, on that connection, for the
// client may have sent it all at once; a SELECT of another database than 0 refuses
// commands about keys until 0 is selected. A value that is too long is passed over
// and refused, and the connection goes on. testdata has what Redis 7.0 answers, and
// TestServer_AnswersAsRedis holds a node to it.
//
// MONITOR shows what clients send to the connected node, as Redis does, and
// what other nodes forward to it: a line for each entry of a message, such as
// "DHT" "put" "KEY" "VALUE". Of an argument 1,024 bytes are shown, of a command
// 64 KiB. A client that reads too slowly hears how many lines it has lost.
//
// # Forwarding
//
//	DHT OP [MESSAGE]              what this node alone answers, never forwarded
//	DHT NODE NAME OP [MESSAGE]    the same of the node called NAME
//
// OP is an [events.Op], MESSAGE what the bus carries for it, and so is the
// reply. Nodes send each other the first form, over a few pipelined connections
// each, on which the first command is DHT HELLO: each of the two says its cluster,
// name, map and run, and repeats what the other made up. Whoever does not answer
// that as the node that is meant does counts as offline, again after each
// reconnect. Clients that want the answer of a certain node send the second. A
// request carries its deadline and the sender's map. A deadline later than the
// usual time makes the node in between wait as long, a minute at most; one that is
// sooner is kept by the sender, and by the owner, which answers late.
//
// # Pipelines
//
// All commands that have arrived on a connection are begun together, one
// message for each node concerned, and answered in their order: the puts of a
// pipeline share the owner's commit, and wait for each other. A command about a
// key that an earlier one of the pipeline changes waits for that one. A node that
// did not answer in time is not waited for again by what arrived together. Two
// writes of one key keep their order but for messages with a later deadline than
// the usual, which take another connection.
//
// # Web pages
//
// A page can make a browser send what it likes to any port. A client whose line
// begins with POST or Host: is cut off, as Redis does, and what follows is not
// carried out.
package tcp
