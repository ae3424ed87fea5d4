"""The rules of giving: what an administrator may make, hand out and see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.model import (
    OPERATOR_NODE,
    MayNotGrant,
    OutsideOwnTree,
    check_may_give,
    check_may_make_node,
    sees_node,
)
from shared.security.caller import Caller, Scope

parts = st.sampled_from(["a", "b", "ab"])
nodes = st.lists(parts, min_size=1, max_size=3).map("/".join)
scopes = st.frozensets(st.sampled_from(Scope), max_size=4)
venues = st.frozensets(st.sampled_from(["v1", "v2", "v3"]), max_size=3)


def caller(
    node: str, held: frozenset[Scope] = frozenset(), answers_for: frozenset[str] = frozenset()
) -> Caller:
    return Caller("client", node, frozenset(scope.value for scope in held), answers_for)


givers = st.builds(caller, nodes, scopes, venues)


@given(givers, nodes, scopes, venues)
def test_what_is_given_is_below_and_held(
    giver: Caller, node: str, wanted: frozenset[Scope], for_venues: frozenset[str]
) -> None:
    own = giver.node.split("/")
    below = node.split("/")[: len(own)] == own
    if below and {scope.value for scope in wanted} <= giver.scopes and for_venues <= giver.venues:
        check_may_give(giver, node, wanted, for_venues)
    else:
        with pytest.raises((OutsideOwnTree, MayNotGrant)):
            check_may_give(giver, node, wanted, for_venues)


@given(nodes, nodes)
def test_nodes_are_made_strictly_below(own: str, node: str) -> None:
    strictly_below = len(node.split("/")) > len(own.split("/")) and (node + "/").startswith(own + "/")
    if strictly_below:
        check_may_make_node(caller(own), node)
    else:
        with pytest.raises(OutsideOwnTree):
            check_may_make_node(caller(own), node)


@given(nodes, scopes, venues)
def test_the_operator_gives_and_sees_everything(
    node: str, wanted: frozenset[Scope], for_venues: frozenset[str]
) -> None:
    operator = caller(OPERATOR_NODE)
    check_may_give(operator, node, wanted, for_venues)
    check_may_make_node(operator, node)
    assert sees_node(operator, node)


@given(nodes)
def test_below_the_operators_root_nobody_has_its_rights(node: str) -> None:
    support = caller(f"{OPERATOR_NODE}/support")
    assert not sees_node(support, node)
    with pytest.raises(OutsideOwnTree):
        check_may_give(support, node, frozenset(), frozenset())
