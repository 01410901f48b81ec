"""Edge. The rows of the table, by name, in the order of SPEC section 14."""

from ..bench import Row
from .chunks import each_item, insert, tiny
from .data import cut, first_hash, tree
from .first import first
from .memory import memory
from .million import million
from .remotes import remotes
from .restart import restart
from .startup import noop, version
from .values import values

ROWS: dict[str, Row] = {
    "version": version,
    "noop": noop,
    "first": first,
    "tree": tree,
    "hash": first_hash,
    "cut": cut,
    "chunks": tiny,
    "items": each_item,
    "insert": insert,
    "restart": restart,
    "memory": memory,
    "values": values,
    "remotes": remotes,
    "million": million,
}
