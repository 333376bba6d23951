"""The gateways that are measured, in the order of the table."""

from peers import litellm, nginx, portico, portkey
from peers.base import Peer

PEERS: tuple[Peer, ...] = (nginx.PEER, portico.PEER, portkey.PEER, litellm.PEER)
