"""Disjoint sets."""

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class UnionFind(Generic[T]):
    """Members join sets; two members of one set have one root."""

    def __init__(self) -> None:
        self._parent: dict[T, T] = {}

    def add(self, member: T) -> None:
        self._parent.setdefault(member, member)

    def root(self, member: T) -> T:
        self.add(member)
        while self._parent[member] != member:
            self._parent[member] = self._parent[self._parent[member]]  # halve the path
            member = self._parent[member]
        return member

    def join(self, one: T, other: T) -> None:
        """Make the sets of two members one."""
        self._parent[self.root(other)] = self.root(one)

    def sets(self) -> list[list[T]]:
        """All sets, members in the order in which they were added."""
        found: dict[T, list[T]] = {}
        for member in self._parent:
            found.setdefault(self.root(member), []).append(member)
        return list(found.values())
