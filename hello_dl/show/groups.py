"""The nodes of a graph sorted into groups, each of which becomes one box of a picture."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

from hello_dl.graph import ancestors
from hello_dl.show import scopes
from hello_dl.show.scopes import Collapse
from hello_dl.show.summary import plural

Bundle = tuple[int, int, int]  # the group an arrow starts from, the one it goes to, which arrow


class Groups:
    """The nodes behind `outputs` in groups: one node, or all nodes of a folded scope.

    A group is called by a number, counted from the oldest node on. Scopes are folded where
    `collapse` says so, and more of them, the deepest first, where there would be more than `limit`
    groups.
    """

    def __init__(self, outputs: Sequence[Any], limit: int, collapse: Collapse) -> None:
        self.nodes = list(dict.fromkeys(n for output in outputs for n in ancestors(output)))
        self.results = set(outputs)
        self.homes = scopes.homes(self.nodes)  # the scope that each node is drawn in
        sizes = Counter(self.homes.values())
        wanted = scopes.asked(collapse, {s for home in sizes for s in scopes.ancestry(home)})
        folded = scopes.to_fit(limit, sizes, wanted)
        owners = {home: scopes.folder(home, folded) for home in sizes}

        self.notes: list[str] = []
        if folded != wanted:
            count = plural(len({*owners.values()} - {""}), "scope")
            room = plural(limit, "box")
            self.notes.append(f"{count} drawn as one box each, to stay within {room}")
        self._sort(owners)

    def _sort(self, owners: dict[str, str]) -> None:
        """Put every node into a group: of its own, or of the scope that is folded around it."""
        self.members: list[list[Any]] = []
        self.folded: list[str] = []  # the scope that a group is, or "" where it is one node
        self.group_of: dict[Any, int] = {}
        group_of_scope: dict[str, int] = {}
        for node in self.nodes:
            owner = owners[self.homes[node]]
            group = group_of_scope.get(owner, len(self.members))
            if group == len(self.members):
                self.members.append([])
                self.folded.append(owner)
                if owner:
                    group_of_scope[owner] = group
            self.members[group].append(node)
            self.group_of[node] = group
        self.used_outside = set(self.results)
        for node in self.nodes if any(self.folded) else ():
            group = self.group_of[node]
            self.used_outside.update(p for p in node.parents if self.group_of[p] != group)

    def closest(self, limit: int) -> list[int]:
        """List the first `limit` groups on the way from the results to the inputs, in order."""
        met = {self.group_of[node] for node in self.results}
        to_visit = deque(sorted(met))
        found: list[int] = []
        while to_visit and len(found) < limit:
            group = to_visit.popleft()
            found.append(group)
            for node in self.members[group]:
                before = {self.group_of[parent] for parent in node.parents} - met
                met |= before
                to_visit.extend(sorted(before))
        return sorted(found)

    def edges(self, kept: list[int]) -> tuple[dict[Bundle, list[Any]], list[int]]:
        """Collect the edges between kept groups, and list the groups whose inputs are not kept.

        Edges that begin or end in a folded scope share an arrow. Between two nodes every edge has
        an arrow of its own: a * a has two.
        """
        bundles: dict[Bundle, list[Any]] = {}
        cut: dict[int, None] = {}
        here = set(kept)
        for head in kept:
            for node in self.members[head]:
                if all(self.group_of[parent] == head for parent in node.parents):
                    continue  # nothing comes from outside: spare the work of `edges`
                for edge in node.edges():
                    tail = self.group_of[edge[0]]
                    if tail not in here:
                        cut[head] = None
                    elif tail != head:
                        shared = self.folded[tail] or self.folded[head]
                        bundle = (tail, head, 0 if shared else len(bundles) + 1)
                        bundles.setdefault(bundle, []).append(edge)
        return bundles, list(cut)

    def entering(self, group: int) -> list[Any]:
        """List the nodes outside of a group that it uses."""
        parents = dict.fromkeys(p for node in self.members[group] for p in node.parents)
        return [parent for parent in parents if self.group_of[parent] != group]

    def leaving(self, group: int) -> list[Any]:
        """List the nodes of a group that are used outside, or are a result."""
        return [node for node in self.members[group] if node in self.used_outside]
