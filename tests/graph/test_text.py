"""Text that people write, and text that is meant to do harm."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scatflow.errors import GraphError, StoreError
from scatflow.graph import dump_text, load_text, read_file
from scatflow.graph.text import MAX_BYTES, MAX_DEPTH


def refused(text: str | bytes) -> tuple[str, str]:
    with pytest.raises(GraphError) as caught:
        load_text(text)
    (problem,) = caught.value.problems
    return problem.code, problem.message


def test_scalars_of_the_core_schema_surprise_nobody() -> None:
    text = """
    dims: [y, x, no, on, n]
    dates: [2001-01-01, 12:30, 0123, 1_000]
    numbers: [6, -1, +2, 1e-4, .5, 1., 0x1F, 0o17]
    words: [true, False, null, ~, "true", '6']
    empty:
    1: one
    """
    assert load_text(text) == {
        "dims": ["y", "x", "no", "on", "n"],
        "dates": ["2001-01-01", "12:30", 123, "1_000"],
        "numbers": [6, -1, 2, 1e-4, 0.5, 1.0, 31, 15],
        "words": [True, False, None, None, "true", "6"],
        "empty": None,
        "1": "one",
    }


def test_json_and_flow_yaml_both_start_with_a_brace() -> None:
    assert load_text('\ufeff {"a": [1, 2.5, "\\ud83d\\ude00"]}') == {"a": [1, 2.5, "😀"]}
    assert load_text("{a: [1, 2.5]}") == {"a": [1, 2.5]}
    assert load_text(b"a: \xc3\xa9") == {"a": "é"}


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ('{"a": 1,\n "b": {"c": 1, "c": 2}}', "KeyDuplicated", "line 2: key 'c'"),
        ('{"a": "\\ud83d\\ude00", "b": 1, "b": 2}', "KeyDuplicated", "key 'b'"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "KeyDuplicated", "line 4: key 'c'"),
        ("1: a\n'1': b", "KeyDuplicated", "line 2: key '1'"),
        ("a: &x [1]\nb: *x", "AliasRefused", "line 1"),
        ("a: *x", "AliasRefused", "line 1"),
        ("a: !!python/object/apply:os.system [ls]", "TagRefused", "line 1"),
        ("a: !!str 6", "TagRefused", "line 1"),
        ("a:\n  - ! 6", "TagRefused", "line 2"),
        ("a: .inf", "NumberInvalid", "line 1"),
        ("a: 1e999", "NumberInvalid", "line 1"),
        ("a: " + "9" * 5000, "NumberInvalid", "line 1"),
        ('{"a": NaN}', "NumberInvalid", "NaN"),
        ('{"a": 1e999}', "NumberInvalid", "1e999"),
        ('{"a": ' + "9" * 5000 + "}", "NumberInvalid", "digits"),
        ('{"a": 1', "TextInvalid", "line 1, column 8"),
        ("a: [1", "TextInvalid", "line"),
        ("a: 1\n b: 2", "TextInvalid", "line 2"),
        ("a: \x00", "TextInvalid", "control"),
        (b"a: \xff", "TextInvalid", "UTF-8 at byte 3"),
        ("a: 1\n---\nb: 2", "TextInvalid", "second document"),
        ("? [1]\n: 2", "TextInvalid", "line 1: a key"),
        ("? {a: 1}\n: 2", "TextInvalid", "line 1: a key"),
        ("- 1", "DocumentInvalid", "not a mapping"),
        ("", "DocumentInvalid", "not a mapping"),
        ("6", "DocumentInvalid", "not a mapping"),
        ('a: "\ud800"', "TextInvalid", "surrogate"),
    ],
)
def test_refused_with_code_and_place(text: str | bytes, code: str, says: str) -> None:
    found, message = refused(text)
    assert found == code and says in message


def test_an_anchor_bomb_costs_nothing() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    began = time.perf_counter()
    assert refused("\n".join(lines))[0] == "AliasRefused"
    assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize("opening", ["[", '{"a":', "{a: ", "- ", "? "])
def test_depth_is_bounded_before_anything_recurses(opening: str) -> None:
    began = time.perf_counter()
    code, _ = refused(("x: " if opening == "[" else "") + opening * 200_000)
    assert code in ("TextTooDeep", "TextInvalid")
    assert time.perf_counter() - began < 5.0


def test_depth_up_to_the_limit_is_read() -> None:
    inner = MAX_DEPTH - 1
    assert load_text('{"a": ' + "[" * inner + "]" * inner + "}")
    assert load_text("a: " + "[" * inner + "]" * inner)
    assert refused('{"a": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}")[0] == "TextTooDeep"
    assert refused("a: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH)[0] == "TextTooDeep"
    assert load_text('{"a": "' + "[" * 1000 + '"}') == {"a": "[" * 1000}


@pytest.mark.parametrize("text", ["a: " + "x" * MAX_BYTES, ("a: " + "x" * MAX_BYTES).encode(), "a: " + "é" * (MAX_BYTES // 2)])
def test_size_is_bounded_in_bytes(text: str | bytes) -> None:
    assert refused(text)[0] == "TextTooLarge"


def test_the_pure_python_reader_of_yaml_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert load_text("a: [1, {b: on}]") == {"a": [1, {"b": "on"}]}
    assert refused("a: 1\na: 2")[0] == "KeyDuplicated"
    assert refused("x: " + "[" * 2_000)[0] == "TextTooDeep"


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("a: 1")
    assert read_file(path) == read_file(str(path)) == {"a": 1}
    path.write_text("a: 1\na: 2")
    with pytest.raises(GraphError, match=r"p\.yaml: line 2"):
        read_file(path)
    with pytest.raises(StoreError, match="cannot be read") as caught:
        read_file(tmp_path / "missing.yaml")
    assert caught.value.code == "PipelineMissing"
    with pytest.raises(StoreError):
        read_file(tmp_path)


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    with open(path, "wb") as file:
        file.truncate(2**33)
    with pytest.raises(GraphError, match="too large"):
        read_file(path)


Plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
    | st.sampled_from(["1e-4", "0o17", "yes", "~", "", "2001-01-01", ".inf", "0x1", "a: b", "- c", "#d", " e ", "1_0", "12:30"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from("abc"), Plain, min_size=1))
def test_what_is_written_is_read_back(document: dict[str, Any]) -> None:
    assert load_text(dump_text(document)) == document
    assert load_text(json.dumps(document)) == document


def test_shared_parts_are_written_out() -> None:
    shared = ["x"]
    assert load_text(dump_text({"a": shared, "b": shared})) == {"a": ["x"], "b": ["x"]}
