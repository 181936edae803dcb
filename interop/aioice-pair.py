"""Two ICE agents of Debian's python3-aioice connect through a STUN and TURN server and send each other messages.

usage: aioice-pair.py direct|half|relayed udp|tcp PORT USER PASSWORD
  direct   both have addresses of their own, and ask for the one that the server sees
  half     one of them has a relayed address only
  relayed  both have relayed addresses only
"""

import asyncio
import json
import sys

from aioice import Connection, ice

MESSAGES = 20

# aioice leaves out loopback, where the server is. The server relays to none of its own addresses, and has not these.
OWN_ADDRESSES = {
    "direct": (["127.0.0.3"], ["127.0.0.4"]),
    "half": (["127.0.0.3"], []),
    "relayed": ([], []),
}


async def agent(controlling, addresses, server, turn):
    ice.get_host_addresses = lambda use_ipv4, use_ipv6: addresses
    options = {"stun_server": server} if addresses else turn
    connection = Connection(ice_controlling=controlling, **options)
    await connection.gather_candidates()
    return connection


async def introduce(one, other):
    other.remote_username = one.local_username
    other.remote_password = one.local_password
    for candidate in one.local_candidates:
        await other.add_remote_candidate(candidate)
    await other.add_remote_candidate(None)


async def exchange(one, other):
    received = 0
    for number in range(MESSAGES):
        for sender, receiver in ((one, other), (other, one)):
            message = b"message %d" % number + b"." * (50 * number)
            await sender.send(message)
            received += await asyncio.wait_for(receiver.recv(), 3) == message
    return received


def pair_of(connection):
    # aioice has no public name for the pair that it selected.
    pair = connection._nominated[1]
    return pair.local_candidate.type + "/" + pair.remote_candidate.type


async def main(kind, transport, port, user, password):
    server = ("127.0.0.1", int(port))
    turn = {"turn_server": server, "turn_username": user, "turn_password": password, "turn_transport": transport}
    one, other = [
        await agent(controlling, addresses, server, turn)
        for controlling, addresses in zip((True, False), OWN_ADDRESSES[kind])
    ]
    await introduce(one, other)
    await introduce(other, one)
    await asyncio.gather(one.connect(), other.connect())
    received = await exchange(one, other)
    report = {"sent": 2 * MESSAGES, "received": received, "pairs": [pair_of(one), pair_of(other)]}
    print(json.dumps(report, separators=(",", ":")))
    await asyncio.gather(one.close(), other.close())


if len(sys.argv) != 6 or sys.argv[1] not in OWN_ADDRESSES:
    sys.exit(__doc__)
asyncio.run(main(*sys.argv[1:]))
