"""A bounded cache keeps the newest and what fits beside it, and a budget over several drops what is longest unused."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.vlm.bounded import BoundedCache
from core.vlm.kept_budget import KeptBudget


@given(
    limit=st.integers(0, 30),
    operations=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 12), st.booleans()), max_size=40),
)
def test_the_store_keeps_the_newest_and_others_within_its_bound(
    limit: int, operations: list[tuple[int, int, bool]]
) -> None:
    store: BoundedCache[int, int] = BoundedCache(lambda used: limit)
    order: list[tuple[int, int]] = []  # oldest first: key and size, by the slowest possible bookkeeping
    for key, size, put in operations:
        known = dict(order)
        if put:
            store.put(key, size, size)
            order = [entry for entry in order if entry[0] != key]
            order.append((key, size))
            while sum(size for _, size in order) > limit and len(order) > 1:
                order.pop(0)
        else:
            assert store.get(key) == known.get(key)
            if key in known:
                order = [entry for entry in order if entry[0] != key] + [(key, known[key])]
    assert set(store.keys()) == {key for key, _ in order}
    assert store.used == sum(size for _, size in order)


def test_a_budget_drops_what_is_longest_unused_of_several_caches() -> None:
    budget = KeptBudget(lambda used: 10)
    one, other = (BoundedCache[str, str](lambda used: 100, budget) for _ in range(2))
    one.put("a", "first", 4)
    other.put("b", "second", 4)
    assert one.get("a") == "first"
    one.put("c", "third", 4)
    assert other.get("b") is None and one.get("a") == "first" and one.get("c") == "third"
    other.put("d", "larger than all", 40)
    assert len(one) == 0 and other.get("d") == "larger than all" and budget.used == 40


def test_what_was_put_in_the_place_of_a_value_stays_when_that_is_dropped() -> None:
    cache: BoundedCache[str, int] = BoundedCache(lambda used: 100, KeptBudget(lambda used: 10))
    cache.put("a", 1, 6)
    cache.put("a", 2, 6)
    assert cache.get("a") == 2 and cache.used == 6
