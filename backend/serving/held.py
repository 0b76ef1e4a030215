"""The versions that a process holds in memory, by the names that they are asked for; under a cap, those not asked for lately go."""

import threading
from collections.abc import Callable, Collection, Mapping

from backend.serving.models import ServedModel

# A model and an alias, or a model and a version's number.
Name = tuple[str, str | int]


class Held:
    """Finding takes no lock; whatever changes what is held replaces all of it at once.

    At most `most_bytes` of models stay, by the size of their files, and one at least; at most `most_asked` by number.
    """

    def __init__(self, most_bytes: int, most_asked: int) -> None:
        self._most_bytes, self._most_asked = most_bytes, most_asked
        # Never changed: a reader sees the one before or the one after.
        self._versions: Mapping[Name, ServedModel] = {}
        self._resting: frozenset[Name] = frozenset()
        self._changing = threading.Lock()

    def find(self, name: Name) -> ServedModel | None:
        """What is held under the name; from now on it counts as asked for lately."""
        found = self._versions.get(name)
        if found is not None:
            found.touch()
        return found

    def look(self, name: Name) -> ServedModel | None:
        """What is held under the name, without a wish to use it."""
        return self._versions.get(name)

    def find_version(self, model: str, number: int) -> ServedModel | None:
        """The version, under whatever name it is held."""
        return next((s for s in self._versions.values() if (s.model, s.version) == (model, str(number))), None)

    def is_resting(self, name: Name) -> bool:
        """Whether it was put out of memory to make room, and nobody has asked for it since."""
        return name in self._resting

    def put(self, name: Name, served: ServedModel) -> bool:
        """Hold it under the name, instead of what was held there; says whether anything left memory."""
        served.touch()
        with self._changing:
            before = set(map(id, self._versions.values()))
            self._resting -= {name}
            self._versions = {**self._versions, name: served}
            self._keep_few_asked(name)
            while self._bytes() > self._most_bytes and self._drop_oldest(served):
                pass
            return not before <= set(map(id, self._versions.values()))

    def keep(self, is_known: Callable[[Name], bool]) -> None:
        """Hold no longer what is not known any more."""
        with self._changing:
            self._versions = {name: served for name, served in self._versions.items() if is_known(name)}
            self._resting = frozenset(filter(is_known, self._resting))

    def served(self) -> Collection[ServedModel]:
        """Each version in memory once."""
        return {id(served): served for served in self._versions.values()}.values()

    def _bytes(self) -> int:
        return sum(served.size for served in self.served())

    def _keep_few_asked(self, but: Name) -> None:
        asked = [name for name in self._versions if isinstance(name[1], int) and name != but]
        if len(asked) >= self._most_asked and isinstance(but[1], int):
            oldest = min(asked, key=lambda name: self._versions[name].used_at)
            self._versions = {name: served for name, served in self._versions.items() if name != oldest}

    def _drop_oldest(self, but: ServedModel) -> bool:
        others = [served for served in self.served() if served is not but]
        if not others:
            return False
        oldest = min(others, key=lambda served: served.used_at)
        gone = {name for name, served in self._versions.items() if served is oldest}
        self._versions = {name: served for name, served in self._versions.items() if name not in gone}
        self._resting |= gone
        return True
