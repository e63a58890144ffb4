"""Two passes that find the matrix products in a net that was spelled number by number.

A neuron adds up products: w0·x0 + w1·x1 + ... + b. The first pass finds such sums and makes each a
single entry, a dot product. The neurons of one layer are dot products over the same inputs, each
with weights of its own. The second pass puts them together: that is a matrix times a vector, and
over a batch of examples a matrix times a matrix.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hello_dl.program.tape import Entry, Tape, without_unused


def find_dot_products(tape: Tape) -> Tape:
    """Make one "dot" entry of every sum of products, where nothing else uses the parts.

    Its args are l1, r1, l2, r2, ..., the pairs that are multiplied, and then single terms; its
    option is the number of pairs. A sum of three terms or more without products has 0 pairs. What
    is the same for all examples stays out of a sum that varies: it is computed once, not for each.
    """
    varies = tape.depend_on("input")
    uses = Counter(i for entry in tape.entries for i in entry.args)
    uses.update(tape.outputs)
    inside = {  # additions that only lead to another addition
        i
        for root, entry in enumerate(tape.entries)
        if entry.op == "add"
        for i in entry.args
        if tape.entries[i].op == "add" and uses[i] == 1 and varies[i] == varies[root]
    }

    def terms(root: int) -> list[int]:
        """List what the sum at `root` adds up, from left to right."""
        found, to_visit = [], [root]
        while to_visit:
            i = to_visit.pop()
            if i == root or i in inside:
                to_visit += reversed(tape.entries[i].args)
            else:
                found.append(i)
        return found

    entries = list(tape.entries)
    for i, entry in enumerate(tape.entries):
        if entry.op != "add" or i in inside:
            continue
        pairs: list[int] = []
        singles: list[int] = []
        for term in terms(i):
            inline = uses[term] == 1 and varies[term] == varies[i]
            if tape.entries[term].op == "mul" and inline:
                pairs += tape.entries[term].args
            else:
                singles.append(term)
        if len(pairs) // 2 >= 2 or len(pairs) // 2 + len(singles) >= 3:
            entries[i] = Entry("dot", (*pairs, *singles), len(pairs) // 2)
    return without_unused(replace(tape, entries=entries))


def find_matrix_products(tape: Tape) -> Tape:
    """Put dot products over the same inputs together: each such list is one matrix product.

    Of every pair, one number has to be the same for all examples (a weight), and the other one has
    to vary between them (an input, or an output of the layer before). Single terms may only be of
    the first kind (a bias). Pairs are turned so that the weight stands left, and sorted.
    """
    varies = tape.depend_on("input")
    layers: dict[tuple[tuple[int, ...], int], list[int]] = {}  # by inputs and number of biases
    entries = list(tape.entries)
    for i, (op, args, pairs) in enumerate(tape.entries):
        if op != "dot" or not pairs:
            continue
        singles = args[2 * pairs :]
        turned = [
            (a, b) if varies[b] else (b, a) for a, b in zip(args[: 2 * pairs : 2], args[1::2])
        ]
        if any([varies[a] or not varies[b] for a, b in turned]) or any(varies[j] for j in singles):
            continue
        turned.sort(key=lambda pair: pair[1])
        entries[i] = Entry(op, (*[j for pair in turned for j in pair], *singles), pairs)
        inputs = tuple([b for _, b in turned])
        layers.setdefault((inputs, len(singles)), []).append(i)
    return replace(tape, entries=entries, products=list(layers.values()))
