# Starts three nodes in FOLDER, which holds the binary, and holds what redis-py
# gets from each to what it should get.
import socket
import subprocess
import sys

import redis

folder = sys.argv[1]
rules = {"linux": "md5 % 2 == 0", "mac": "sha1 % 3 == 0", "android": "otherwise"}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def await_listener(port):
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            pass


def start():
    ports = {name: free_port() for name in rules}
    with open(f"{folder}/three.toml", "w") as file:
        file.write('name = "three"\nepoch = 1\n')
        for name, rule in rules.items():
            file.write(f'[[node]]\nname = "{name}"\nrule = "{rule}"\ntcp = "127.0.0.1:{ports[name]}"\ndata = "{name}"\n')
    nodes = {}
    for name, port in ports.items():
        nodes[name] = subprocess.Popen([f"{folder}/dht", "-c", f"{folder}/three.toml", "node", name, "--no-bus"], stdout=subprocess.DEVNULL)
        await_listener(port)
    return ports, nodes


def equal(got, want):
    assert got == want, f"got {got!r}, want {want!r}"


def check(port, prefix):
    client = redis.Redis(port=port, client_name="ci")
    keys = [f"{prefix}:{i}" for i in range(20)]
    assert client.mset({key: f"value of {key}" for key in keys})
    equal(client.mget(keys), [f"value of {key}".encode() for key in keys])
    equal(client.get(f"{prefix}:nothing"), None)
    equal(client.set(keys[0], "again", ex=100, nx=True), None)
    equal(client.set(keys[0], b"\x00\xff\r\n", ex=100), True)
    equal(client.get(keys[0]), b"\x00\xff\r\n")
    equal(client.ttl(keys[0]), 100)
    with client.pipeline(transaction=False) as pipe:
        equal(pipe.incr(f"{prefix}:n").incrby(f"{prefix}:n", 41).get(f"{prefix}:n").execute(), [1, 42, b"42"])
    refused(lambda: client.pipeline().incr(f"{prefix}:tx").set(keys[1], "lost").execute(), "MULTI is not supported")
    refused(lambda: client.transaction(lambda pipe: pipe.multi(), keys[1]), "WATCH is not supported")
    refused(lambda: client.set(keys[1], b"x" * 20_000_000), "TOOLARGE")
    equal(client.mget(f"{prefix}:tx", keys[1]), [None, f"value of {keys[1]}".encode()])
    equal(client.dbsize(), len(list(client.scan_iter(match=f"{prefix}:*", count=3))))
    equal(client.delete(*keys, f"{prefix}:n"), 21)
    with client.monitor() as monitor:
        client.set(keys[0], 'a "quoted"\nvalue')
        shown = monitor.next_command()
        while shown["command"].startswith(("CLIENT SETNAME", "DHT ")):  # of other connections
            shown = monitor.next_command()
        equal(shown["command"].split(" ", 2)[:2], ["SET", keys[0]])
        equal(shown["client_type"], "tcp")
    equal(client.delete(keys[0]), 1)
    client.close()


def introspect(port):
    client = redis.Redis(port=port, client_name="ci")
    info = client.info()
    equal((info["cluster_enabled"], info["uptime_in_days"], info["arch_bits"] in (32, 64)), (0, 0, True))
    assert info["used_cpu_user"] + info["used_cpu_sys"] > 0, info
    equal(client.info("commandstats")["cmdstat_info"]["calls"] > 0, True)
    me = client.client_info()
    equal((me["name"], me["user"], me["cmd"], me["db"]), ("ci", "default", "client|info", 0))
    equal([c["name"] for c in client.client_list(client_id=[str(me["id"])])], ["ci"])
    equal(client.client_list(_type="replica"), [])
    equal(client.client_tracking_off(), b"OK")
    equal(client.config_get("appendonly"), {"appendonly": "yes"})
    refused(lambda: client.execute_command("FLUSHALL", "FOO"), "syntax error")
    refused(lambda: client.execute_command("CONFIG", "GET_XX"), "unknown subcommand")
    client.close()


def refused(ask, why):
    try:
        got = ask()
    except redis.ResponseError as e:
        assert why in str(e), e
    else:
        raise AssertionError(f"not refused: {got!r}")


def owner_offline(ports, nodes):
    nodes["android"].kill()
    nodes["android"].wait()
    try:
        redis.Redis(port=ports["linux"]).get("greeting")
    except redis.ResponseError as e:
        assert str(e).startswith("OWNEROFFLINE android "), e
    else:
        raise AssertionError("a key whose owner is down is not an error")


ports, nodes = start()
try:
    for name, port in ports.items():
        check(port, f"redis-py:{name}")
        introspect(port)
    owner_offline(ports, nodes)
    print(f"redis-py {redis.__version__}: all three nodes answer as they should")
finally:
    for node in nodes.values():
        node.terminate()
        node.wait()
