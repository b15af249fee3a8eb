from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sagong.store.index import KeyIndex, prefix_end

key = st.text("ab/", min_size=1, max_size=4)


@settings(max_examples=60)
@given(start=st.sets(key), steps=st.lists(key, max_size=60), low=key)
def test_is_a_sorted_set(start: set[str], steps: list[str], low: str) -> None:
    index, model = KeyIndex(start), set(start)
    for step in steps:
        (index.remove if step in model else index.add)(step)
        model ^= {step}
    wanted = [each for each in sorted(model) if each.startswith(low)]
    assert list(index.range(low, prefix_end(low))) == wanted
    assert index.count(low, prefix_end(low)) == len(wanted)


def test_many_keys_stay_in_small_chunks() -> None:
    index = KeyIndex()
    for number in range(10_000):
        index.add(f"/{(number * 7919) % 10_000:05}")
    assert list(index.range("/", "0")) == [f"/{number:05}" for number in range(10_000)]
    assert max(map(len, index._chunks)) <= 2048
    for number in range(0, 10_000, 2):
        index.remove(f"/{number:05}")
    assert index.count("/", "0") == 5_000
