"""Graphs with two marked nodes, and the shortest path between these.

A graph is a text of lines `5<TAB>edge<TAB>3`, without direction, and of `5<TAB>start<TAB>5` and
`9<TAB>end<TAB>9`; the answer is the nodes of the path, "5 3 9". There is one shortest path only.
"""

from __future__ import annotations

import hashlib
import random

Pairs = list[tuple[str, str]]
Edges = list[tuple[int, int]]

MAX_NODES = 15
_OTHER_END = {"start": "end", "end": "start"}
_NAMES = [str(number) for number in range(1, MAX_NODES + 1)]


def load(
    seed: int = 0, train_size: int = 1000, validation_size: int = 500, test_size: int = 1000
) -> dict[str, Pairs]:
    r"""Makes three splits, none of which has a question of another one, under whatever names.

    Args:
        seed: Of the graphs.
        train_size: Questions to learn from.
        validation_size: Questions to choose by.
        test_size: Questions to measure on.

    Returns:
        "train", "validation" and "test", lists of a graph and its answer.

    Example:
        >>> splits = sz.datasets.shortest_paths.load(train_size=2, validation_size=1, test_size=1)
        >>> graph, path = splits["train"][0]
        >>> "\tstart\t" + path.split()[0] in graph
        True
    """
    draw = random.Random(seed)
    sizes = {"train": train_size, "validation": validation_size, "test": test_size}
    splits: dict[str, Pairs] = {}
    taken: set[str] = set()
    for name, size in sizes.items():
        splits[name], seen = [], set()
        while len(splits[name]) < size:
            edges, path = question(draw)
            form = same_for_all_names(edges, path[0], path[-1])
            if form not in taken:
                splits[name].append(_as_text(edges, path, draw))
                seen.add(form)
        taken |= seen
    return splits


def question(draw: random.Random, min_nodes: int = 5) -> tuple[Edges, list[int]]:
    """Makes a connected graph, and the only shortest path between two of its nodes.

    A tree in which each node hangs on one of the four before it, and a quarter as many edges more.
    Of the paths of two edges or more that are the only shortest ones from some node, first a length
    is drawn and then one of that length, so that long ones are not rare.

    Returns:
        The edges, and the nodes of the path, numbered from 0 on.

    Example:
        >>> import random
        >>> edges, path = sz.datasets.shortest_paths.question(random.Random(0))
        >>> len(path) > 2, all(tuple(sorted(step)) in edges for step in zip(path, path[1:]))
        (True, True)
    """
    while True:
        count = draw.randint(min_nodes, MAX_NODES)
        tree = {(draw.randrange(max(0, node - 4), node), node) for node in range(1, count)}
        others = [(a, b) for b in range(count) for a in range(b) if (a, b) not in tree]
        edges = sorted(tree | set(draw.sample(others, min(count // 4, len(others)))))
        paths = only_shortest_paths(edges, draw.randrange(count)).values()
        if lengths := sorted({len(path) for path in paths if len(path) > 2}):
            length = draw.choice(lengths)
            return edges, draw.choice([path for path in paths if len(path) == length])


def only_shortest_paths(edges: Edges, start: int) -> dict[int, list[int]]:
    """Returns by its end each path from a node that has no other one of its length, or shorter.

    Example:
        >>> square = [(0, 1), (1, 2), (2, 3), (0, 3)]
        >>> sz.datasets.shortest_paths.only_shortest_paths(square, 0)
        {0: [0], 1: [0, 1], 3: [0, 3]}
    """
    neighbours = _neighbours(edges)
    paths: dict[int, list[list[int]]] = {start: [[start]]}  # the shortest ones, two at most
    level = [start]
    while level:
        reached: dict[int, list[list[int]]] = {}
        for node in level:
            for other in neighbours.get(node, ()):
                if other not in paths:
                    reached.setdefault(other, []).extend([*path, other] for path in paths[node])
        paths |= {node: found[:2] for node, found in reached.items()}
        level = list(reached)
    return {end: found[0] for end, found in paths.items() if len(found) == 1}


def renamed(pairs: Pairs, times: int, even_lengths: bool = False, seed: int = 0) -> Pairs:
    """Returns questions again and again under other names, half of them from the other end.

    Args:
        pairs: Graphs and their answers.
        times: Positive int, how often as many are returned.
        even_lengths: Whether half of them are drawn with lengths of paths that are equally
            frequent, as long ones are rare.
        seed: Of all that is drawn.

    Example:
        >>> pairs = sz.datasets.shortest_paths.load(train_size=1)["train"]
        >>> more = sz.datasets.shortest_paths.renamed(pairs, times=3)
        >>> len(more), len({path for _, path in more}) > 1
        (3, True)
    """
    draw, by_length, found = random.Random(seed), {}, []
    for pair in pairs:
        by_length.setdefault(len(pair[1].split()), []).append(pair)
    for graph, answer in pairs * times:
        if even_lengths and draw.random() < 0.5:
            graph, answer = draw.choice(by_length[draw.choice(list(by_length))])
        new = dict(zip(_NAMES, draw.sample(_NAMES, MAX_NODES), strict=True))
        lines = [line.split("\t") for line in graph.split("\n")]
        path = [new[name] for name in answer.split()]
        if draw.random() < 0.5:
            lines = [[a, _OTHER_END.get(kind, kind), b] for a, kind, b in lines]
            path.reverse()
        text = "\n".join(f"{new[a]}\t{kind}\t{new[b]}" for a, kind, b in lines)
        found.append((text, " ".join(path)))
    return found


def same_for_all_names(edges: Edges, start: int, end: int) -> str:
    """Returns what two questions have in common that differ by the names of nodes alone.

    Colours that are refined by those of the neighbours, until each node has heard of all others.

    Example:
        >>> form = sz.datasets.shortest_paths.same_for_all_names
        >>> form([(0, 1), (1, 2)], 0, 2) == form([(2, 0), (0, 1)], 2, 1)
        True
    """
    neighbours = _neighbours(edges)
    colours = {node: f"{node == start}{node == end}" for node in neighbours}
    for _ in neighbours:
        colours = {
            node: _digest(colours[node], *sorted(colours[other] for other in neighbours[node]))
            for node in neighbours
        }
    return _digest(*sorted(colours.values()))


def _digest(*parts: str) -> str:
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


def _neighbours(edges: Edges) -> dict[int, list[int]]:
    neighbours: dict[int, list[int]] = {}
    for a, b in edges:
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    return neighbours


def _as_text(edges: Edges, path: list[int], draw: random.Random) -> tuple[str, str]:
    """The lines of a question, in any order and under names drawn at random, and its answer."""
    names = draw.sample(_NAMES, MAX_NODES)
    triples = [(*draw.sample(edge, 2), "edge") for edge in edges]
    triples += [(path[0], path[0], "start"), (path[-1], path[-1], "end")]
    draw.shuffle(triples)
    lines = [f"{names[a]}\t{kind}\t{names[b]}" for a, b, kind in triples]
    return "\n".join(lines), " ".join(names[node] for node in path)
