"""What is read is brought before it is read, and a dep that every chunk reads whole is looked through once."""

from ckptflow.checkpoints.trees import put_tree
from ckptflow.chunk.model import AtPart, Part, Piece
from ckptflow.chunk.tree import Layout, Tree
from ckptflow.run.bringing import Bringer
from ckptflow.run.messages import Input, RemoteSetup, Source, WorkerSetup
from ckptflow.store.local import LocalStore
from ckptflow.store.objects import Objects


class Watched(Objects):
    """Notes which objects are asked to be there."""

    def prepare(self, objects):
        self.asked = [*getattr(self, "asked", []), *objects]


def test_a_whole_dep_is_looked_through_once_and_parts_each_time(tmp_path):
    objects = Watched(LocalStore(tmp_path / "store", create=True))
    parts = tuple(Part(objects.put(b"%d" % i), 1, objects.put(b"%d" % i)) for i in range(5))
    tree = put_tree(objects, Tree(Layout.PARTS, "parquet", parts, ".parquet"))
    remote = RemoteSetup("origin", "memory://nowhere", {}, 1.0, str(tmp_path / "mirror"), str(tmp_path / "cache.db"))
    bringer = Bringer(WorkerSetup(str(tmp_path), str(tmp_path / "store"), str(tmp_path), remote=remote))
    whole = Input("all", Source("all", "parquet", tree, tree))

    def chunk(part):
        return Input("one", Source("one", "parquet", "stream"), piece=Piece(part.values, AtPart(part)))

    bringer.prepare(objects, (whole, chunk(parts[0])))
    assert objects.asked == [tree, *(part.object for part in parts), parts[0].object]
    objects.asked.clear()
    bringer.prepare(objects, (whole, chunk(parts[1])))
    assert objects.asked == [parts[1].object]
