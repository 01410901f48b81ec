"""Edge. Trees and listings through the objects of a store."""

from __future__ import annotations

from ..chunk.model import Part
from ..chunk.tree import Listing, MalformedDocument, Tree
from ..errors import StoreDamaged
from ..ids import Digest
from ..store.objects import Objects
from ..store.protocol import NotThere


def put_tree(objects: Objects, tree: Tree) -> Digest:
    """Store `tree`; the digest names the whole out. Its parts' objects must be in the store already."""
    return objects.put(tree.encode())


def get_tree(objects: Objects, name: Digest) -> Tree | None:
    """Return the tree, None if the store has no such tree or a damaged one (which is set aside)."""
    try:
        return Tree.decode(objects.get(name))
    except (NotThere, StoreDamaged, MalformedDocument):
        return None


def is_present(objects: Objects, part: Part) -> bool:
    """Tell whether all objects of `part` are there with their sizes: what a record must pass before it is used.

    Bytes are not hashed, except those of a listing; a file is hashed when it is read.
    """
    if not part.listing:
        return objects.has(part.object, part.bytes)
    listing = get_listing(objects, part.object)
    return listing is not None and all(objects.has(file.object, file.bytes) for file in listing.files)


def is_here(objects: Objects, part: Part) -> bool:
    """Tell whether all objects of `part` are in the store itself, and not just to be had elsewhere."""
    if not objects.is_here(part.object):
        return False
    listing = get_listing(objects, part.object) if part.listing else None
    return listing is None or all(objects.is_here(file.object) for file in listing.files)


def bring_all(objects: Objects, tree: Tree) -> None:
    """Bring all that `tree` names from elsewhere. Raises `StoreError`, `StoreDamaged`."""
    objects.prepare(part.object for part in tree.parts)
    listings = (get_listing(objects, part.object) for part in tree.parts if part.listing)
    objects.prepare(file.object for listing in listings if listing is not None for file in listing.files)


def put_listing(objects: Objects, listing: Listing) -> Digest:
    """Store the listing of a directory whose files' objects are in the store already."""
    return objects.put(listing.encode())


def get_listing(objects: Objects, name: Digest) -> Listing | None:
    """Return the listing, None if the store has no such listing or a damaged one (which is set aside)."""
    try:
        return Listing.decode(objects.get(name))
    except (NotThere, StoreDamaged, MalformedDocument):
        return None
