"""What backward, no_grad and scope promise, held on both engines."""

import copy
import operator
import pickle
import sys
import threading
import weakref

import numpy as np
import pytest
from helpers import LEAVES, live, made_up_rule, tensor_leaf

from hello_dl import Tensor, Value, graph, nn, no_grad, optim, scope
from hello_dl.graph import Node


@pytest.fixture(params=LEAVES.values(), ids=LEAVES)
def leaf(request):
    """Make leaves of the one engine, then of the other."""
    return request.param


# ---------------------------------------------------------------------------------- order, depth


@pytest.fixture
def default_recursion_limit():
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    yield
    sys.setrecursionlimit(before)


def test_a_chain_of_100_000_nodes(leaf, default_recursion_limit):
    """Backward, listing, zeroing and freeing all work, none by recursion."""
    a = leaf(2.0)
    result = a
    for _ in range(50_000):
        result = -(result * 1.0)
    before = live(Node)
    result.backward(retain_graph=True)
    assert a.grad == 1.0
    nodes = graph.ancestors(result)
    assert len(nodes) == 150_001  # a, and for every turn a product, a constant, and its negative
    for node in nodes:
        node.zero_grad()
    assert a.grad is None and result.grad is None
    result.backward()
    assert a.grad == 1.0
    del nodes, node, result
    assert live(Node) <= before - 150_000


def test_order_has_parents_before_children_and_each_node_once(leaf):
    a = leaf(2.0)
    b = a * 3
    c = b * 4
    e = c + b * a + b
    nodes = graph.order(e)
    place = {id(node): i for i, node in enumerate(nodes)}
    assert len(place) == len(nodes) and nodes[0] is a and nodes[-1] is e
    for node in nodes:
        assert all(place[id(p)] < place[id(node)] for p in node.parents if p.requires_grad)


def test_ancestors_hold_constants_too(leaf):
    a = leaf(2.0)
    assert [node.op for node in graph.ancestors(a * 3 + 1)] in (
        ["input", "constant", "mul", "constant", "add"],  # a Value makes constants as it goes
        ["constant", "constant", "input", "mul", "add"],  # on a Tensor they are older than all
    )


def test_where_paths_meet_gradients_add(leaf):
    a = leaf(1.0)
    b = a * 2
    e = b * 3 + b * 4
    e.backward(retain_graph=True)
    assert a.grad == 14 and b.grad == 7


def test_a_plus_a_keeps_two_edges(leaf):
    a = leaf(3.0)
    b = a + a
    assert len(b.parents) == 2 and b.parents[0] is a and b.parents[1] is a
    b.backward()
    assert a.grad == 2


# ---------------------------------------------------------------------------------- accumulation


def test_backward_twice_adds_exactly_once_more(leaf):
    a, b, d = leaf(2.0), leaf(-3.0), leaf(5.0)
    c = a + b
    e = c * d
    e.backward(retain_graph=True)
    once = [float(x.grad) for x in (a, b, d)]
    e.backward(retain_graph=True)
    assert once == [5, 5, -1]
    assert [a.grad, b.grad, d.grad] == [10, 10, -2]  # leaves accumulate
    assert c.grad == 5 and e.grad == 1  # interior nodes start afresh
    e.backward(3.0)
    assert [a.grad, b.grad, d.grad] == [25, 25, -5]


def test_two_results_add_to_the_leaf_they_share(leaf):
    a = leaf(2.0)
    (a * a).backward()
    (a * 10).backward()
    assert a.grad == 14
    a.zero_grad()
    assert a.grad is None


def test_backward_from_a_leaf(leaf):
    a = leaf(2.0)
    a.backward()
    a.backward(2.0)
    assert a.grad == 3


def test_a_released_graph_says_so(leaf):
    a = leaf(2.0)
    b = a * 3
    c = b.exp()
    c.backward()
    for result, named in ((c, "exp"), (b * 2, "mul")):
        with pytest.raises(
            ValueError, match=f"graph behind the result of {named} was released .*retain_graph=True"
        ):
            result.backward()
    assert a.grad == pytest.approx(3 * np.exp(6.0))


def test_a_copy_of_a_released_graph_is_released(leaf):
    b = leaf(2.0) * 3
    b.backward()
    for other in (copy.copy(b), copy.deepcopy(b), pickle.loads(pickle.dumps(b))):
        assert other.parents is graph.released
        with pytest.raises(ValueError, match="released"):
            other.backward()


def test_gradients_of_leaves_are_their_own():
    a, b, c = (tensor_leaf([1.0, 2.0]) for _ in range(3))
    upstream = np.array([1.0, 1.0])
    (a + b + c.reshape(2)).backward(upstream)
    a.grad *= 100
    b.grad -= 1
    assert a.grad.tolist() == [100, 100] and b.grad.tolist() == [0, 0]
    assert c.grad.tolist() == [1, 1] and upstream.tolist() == [1, 1]


# ---------------------------------------------------------------------------------- what is skipped


def test_what_needs_no_gradient_gets_none_and_keeps_no_graph(leaf):
    a, fixed = leaf(2.0), leaf(3.0, requires_grad=False)
    aside = fixed * 2 + 1
    result = a * aside
    result.backward()
    assert a.grad == 7 and fixed.grad is None and aside.grad is None
    assert aside.parents == () and not aside.requires_grad
    with pytest.raises(ValueError, match="result of add does not depend .*make a leaf with req"):
        aside.backward()


def test_requires_grad_is_set_on_leaves_only(leaf):
    a, fixed = leaf(2.0), leaf(3.0, requires_grad=False)
    a.requires_grad, fixed.requires_grad = False, True
    (a * fixed).backward()
    assert a.grad is None and fixed.grad == 2
    b = fixed * 2
    b.requires_grad = True  # it is
    for result in (b, (c := b * 1, c.backward(retain_graph=True))[0]):
        with pytest.raises(ValueError, match="result of mul.*detach"):
            result.requires_grad = False
    b.backward()
    assert fixed.grad == 6
    with pytest.raises(ValueError, match="released|result of mul"):
        b.requires_grad = False
    with no_grad():
        unrecorded = fixed * 2
    unrecorded.requires_grad = True  # made of nothing: a leaf, as in PyTorch
    assert unrecorded.requires_grad


def test_pulls_of_inputs_that_need_no_gradient_are_not_called():
    def product(a, b):
        def must_not(g):
            raise AssertionError("nobody asked for this gradient")

        return a * b, (lambda g: g * b, must_not)

    with made_up_rule(product) as operation:
        a, b = tensor_leaf([2.0, 3.0]), tensor_leaf([4.0, 5.0], requires_grad=False)
        operation(a, b).sum().backward()
        assert a.grad.tolist() == [4, 5] and b.grad is None
        operation(a, np.array([6.0, 7.0])).sum().backward()
        assert a.grad.tolist() == [10, 12]


# ---------------------------------------------------------------------------------- in place


def assign(x):
    x.data = x.data + 1


def add_in_place(x):
    x.data += 1


def write_entry(x):
    x[...] = 7.0


def write_entry_without_grad(x):
    with no_grad():
        x[...] = 7.0


def step(x):
    x.grad = np.ones_like(x.data)
    optim.SGD([x], lr=0.1).step()


def subtract_without_grad(x):
    with no_grad():
        x -= 1.0


CHANGES = [
    *[
        (make, change)
        for make in LEAVES.values()
        for change in (assign, add_in_place, subtract_without_grad)
    ],
    *[(tensor_leaf, change) for change in (write_entry, write_entry_without_grad, step)],
]
each_change = pytest.mark.parametrize(
    "make, change", [pytest.param(*c, id=f"{c[0].__name__}-{c[1].__name__}") for c in CHANGES]
)


@each_change
def test_changed_in_place_since_it_was_used(make, change):
    a = make(3.0, name="weight")
    result = (a * a).exp()
    change(a)
    with pytest.raises(ValueError, match="'weight' .*in place.*'mul'"):
        result.backward()
    (a * a).exp().backward()  # computed anew, it works


@each_change
def test_a_constant_input_changed_in_place(make, change):
    """Its own gradient is not wanted, but that of its partner is made of its numbers."""
    a, x = make(3.0), make(2.0, requires_grad=False, name="x")
    result = a * x
    change(x)
    with pytest.raises(ValueError, match="'x' .*in place.*'mul'"):
        result.backward()


@pytest.mark.parametrize("use", [lambda b: b, lambda b: b * 2], ids=["itself", "its child"])
@pytest.mark.parametrize(
    "make, change",
    [
        *[(make, change) for make in LEAVES.values() for change in (assign, add_in_place)],
        (tensor_leaf, write_entry_without_grad),
    ],
)
def test_a_result_changed_in_place(make, change, use):
    """The pull of exp is made of its result: after the change its gradient would be wrong."""
    a = make(1.0)
    b = a.exp()
    b.name = "power"
    change(b)
    with pytest.raises(ValueError, match="'power' .*exp.*in place"):
        use(b).backward()
    assert a.grad is None


IN_PLACE = {
    "+=": (operator.iadd, 5.0), "-=": (operator.isub, 1.0),
    "*=": (operator.imul, 6.0), "/=": (operator.itruediv, 1.5),
}  # fmt: skip


@pytest.mark.parametrize("operation, expected", IN_PLACE.values(), ids=IN_PLACE)
def test_a_leaf_changes_in_place_where_no_gradient_is_recorded(leaf, operation, expected):
    a, fixed = leaf(3.0), leaf(3.0, requires_grad=False)
    data = a.data
    with no_grad():
        assert operation(a, 2.0) is a and a.item() == expected
    assert not isinstance(data, np.ndarray) or a.data is data, "an optimizer's view stays one"
    assert operation(fixed, leaf(2.0, requires_grad=False)) is fixed and fixed.item() == expected
    assert not fixed.parents and a.requires_grad and not fixed.requires_grad


@pytest.mark.parametrize("operation, expected", IN_PLACE.values(), ids=IN_PLACE)
def test_elsewhere_it_is_an_error_or_a_new_node(leaf, operation, expected):
    a = leaf(3.0, name="w", op="parameter")
    for other in (2.0, leaf(2.0)):
        with pytest.raises(ValueError, match=r"'w' \(parameter\).*no_grad\(\).*p.data -="):
            operation(a, other)
    assert a.item() == 3
    result = a * 1.0
    changed = operation(result, 2.0)
    assert changed is not result and (result.item(), changed.item()) == (3, expected)
    total = leaf(3.0, requires_grad=False)
    summed = operation(total, leaf(2.0))  # has a gradient to keep
    assert summed is not total and summed.requires_grad and summed.item() == expected
    with no_grad():
        made_here = a * 1.0
        changed = operation(made_here, 2.0)
        # Under no_grad a block is a leaf, and changes for all who hold it; a number is a new one.
        assert (changed is made_here) == (leaf is not Value) and changed.item() == expected


def test_gradient_descent_by_hand_without_grad():
    """The loop that PyTorch's tutorials write changes the weights, and not only their names."""
    net = nn.Linear(2, 1)
    net(Tensor([[1.0, 2.0]])).sum().backward()
    before = net.weight.data.copy()
    with no_grad():
        for p in net.parameters():
            p -= 0.1 * p.grad
    assert (net.weight.data == before - np.array([[0.1, 0.2]], "float32")).all()


def test_a_sum_of_values_may_begin_with_a_plain_value():
    total, x = Value(0.0), Value(2.0)
    for factor in (3, 4):
        total += factor * x
    total.backward()
    assert (total.data, x.grad) == (14.0, 7.0)
    weight = Value(1.0, op="parameter")
    with pytest.raises(ValueError, match="no_grad"):
        weight -= 0.1
    with no_grad():
        weight -= 0.5
    assert weight.data == 0.5 and weight.requires_grad and weight.parents == ()


def test_in_place_a_block_keeps_its_shape_and_its_kind():
    block, whole = Tensor(np.zeros((2, 3), "float32")), Tensor([1, 2])
    block += np.ones((2, 3))  # float64
    block *= Tensor([1.0, 2.0, 3.0])
    assert block.data.tolist() == [[1, 2, 3]] * 2 and block.dtype == np.float32
    with pytest.raises(ValueError, match=r"\(2, 3\) cannot become \(1, 2, 3\)"):
        block += np.ones((1, 2, 3))
    with pytest.raises(TypeError, match="int64 cannot become float32"):
        whole += 0.5
    with pytest.raises(TypeError, match="bool cannot become int64"):
        whole = Tensor([True, False])
        whole += whole.to("int64")


def test_writing_into_a_result_is_an_error():
    a = tensor_leaf([1.0, 2.0])
    b = a * 2
    with pytest.raises(ValueError, match="result of mul.*cannot be written into"):
        b[0] = 5.0
    assert b.data.tolist() == [2, 4]


def test_writing_a_result_into_a_leaf_is_an_error():
    """The leaf would hold the number and know nothing of where it came from."""
    a, block = tensor_leaf(2.0), Tensor([0.0, 0.0])
    with pytest.raises(ValueError, match="gradient"):
        block[0] = a * 3
    with no_grad():
        block[0] = a * 3
    assert block.data.tolist() == [6, 0]


def test_step_between_forward_and_backward():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    x = Tensor(np.ones((2, 3), "float32"))
    net(x).sum().backward()
    loss = net(x).sum()
    optimizer.step()
    with pytest.raises(ValueError, match="'weight' .*in place.*'linear'"):
        loss.backward()


def test_step_leaves_the_graphs_of_others_alone():
    """Two losses, two graphs: a step for the first does not touch the parameters of the second."""
    a, b = tensor_leaf([1.0, 2.0], name="a"), tensor_leaf([3.0, 4.0], name="b")
    optimizer = optim.SGD([a, b], lr=0.1)
    first, second = (a * a).sum(), (b * b).sum()
    first.backward()
    optimizer.step()
    second.backward()
    assert b.grad.tolist() == [6, 8] and a.data.tolist() == pytest.approx([0.8, 1.6])


def test_an_optimizer_made_between_forward_and_backward_changes_nothing():
    """It moves the numbers to a place of its own, where they are the same numbers."""
    net = nn.Linear(3, 2)
    loss = net(Tensor(np.ones((1, 3), "float32"))).sum()
    optim.SGD(net.parameters(), lr=0.1)
    loss.backward()
    assert net.weight.grad.tolist() == [[1, 1, 1]] * 2


# ---------------------------------------------------------------------------------- no_grad, scope


def recorded(leaf):
    return bool((leaf(1.0) * 2).parents)


def test_no_grad_as_a_block_nested_and_after_an_error(leaf):
    with no_grad():
        assert not recorded(leaf)
        with no_grad():
            assert not recorded(leaf)
        assert not recorded(leaf)
        result = leaf(1.0) * 2
    assert recorded(leaf) and not result.requires_grad
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert recorded(leaf)


def test_no_grad_as_a_decorator(leaf):
    @no_grad()
    def quietly(fail=False):
        return 1 / 0 if fail else recorded(leaf)

    assert quietly() is False and quietly() is False and recorded(leaf)
    with pytest.raises(ZeroDivisionError):
        quietly(fail=True)
    assert recorded(leaf)


def test_no_grad_and_scope_hold_for_one_thread(leaf):
    seen = []

    def other_thread():
        node = leaf(1.0) * 2
        seen.append((bool(node.parents), node.scope))

    with no_grad():
        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()
        assert not recorded(leaf)
    with scope("here"):
        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()
    assert seen == [(True, ""), (True, "")]


def test_scopes_nest_and_end(leaf):
    a = leaf(1.0)
    with scope("mlp"):
        outer = a * 2
        with scope("layer1"):
            inner = a * 2
            made_here = leaf(1.0)
        with no_grad(), scope("unseen"):
            pass
        after = a * 2
    with pytest.raises(ZeroDivisionError), scope("broken"):
        raise ZeroDivisionError
    for name in ("", "//a", "a/", "a//b"):
        with pytest.raises(ValueError, match="every part of a path"), scope(name):
            raise AssertionError("unreachable")
    places = [node.scope for node in (a, outer, inner, made_here, after, a * 2)]
    assert places == ["", "mlp", "mlp/layer1", "mlp/layer1", "mlp", ""]


# ---------------------------------------------------------------------------------- bad input


def test_backward_from_a_block_needs_a_gradient():
    a = tensor_leaf([[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match=r"\(1, 3\) needs a gradient"):
        (a * 2).backward()
    with pytest.raises(ValueError, match=r"shape \(3,\).*\(1, 3\)"):
        (a * 2).backward([1.0, 1.0, 1.0])
    assert a.grad is None
    (a * 2).backward(Tensor([[1.0, 0.0, -1.0]]))
    assert a.grad.tolist() == [[2, 0, -2]] and a.grad.dtype == np.float64


def test_whole_numbers_have_no_gradients():
    with pytest.raises(ValueError, match="int64.*dtype='float32'"):
        Tensor([1, 2, 3], requires_grad=True)
    with pytest.raises(ValueError, match="bool"):
        Tensor([True], requires_grad=True)
    x = tensor_leaf([1.5, 2.5])
    whole = Tensor([1, 2])
    with pytest.raises(ValueError, match="int64"):
        whole.requires_grad = True
    assert not whole.requires_grad and (whole * x).requires_grad
    rounded = x.to("int64")
    assert rounded.data.tolist() == [1, 2] and not rounded.requires_grad
    (x * rounded).sum().backward()
    assert x.grad.tolist() == [1, 2]


# ---------------------------------------------------------------------------------- memory


def test_100_training_steps_keep_no_nodes():
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    x, y = Tensor(np.ones((5, 4), "float32")), Tensor([0, 1, 2, 0, 1])
    losses = []

    def train(steps):
        for _ in range(steps):
            loss = nn.CrossEntropyLoss()(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())

    train(2)
    before = live(Node)
    train(100)
    assert live(Node) == before
    assert losses[-1] < losses[0]


def test_a_value_graph_is_freed_with_its_result():
    a = Value(2.0)
    before = live(Node)
    for _ in range(100):
        (a * 2 + a.exp()).backward()
    assert live(Node) == before


def test_backward_frees_blocks_as_it_goes():
    """By the time the first operation pulls, the arrays of all later ones are gone."""
    alive = []

    def probe(x):
        def pull(g):
            alive.extend(ref() for ref in refs if ref() is not None)
            return g

        return x + 0, pull

    with made_up_rule(probe) as operation:
        result = operation(tensor_leaf(np.ones(10)))
        refs = []
        for _ in range(5):
            result = result.exp().log()
            refs.append(weakref.ref(result.data))
        total = result.sum()
        del result
        assert all(ref() is not None for ref in refs)
        total.backward()
    assert alive == []
