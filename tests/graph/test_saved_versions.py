"""What a saved pipeline used is used again, or it is refused: also what its author never wrote down."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import hats
import scatflow as sf
from scatflow.contract import Composite, FilterFamily, Filters, Pointwise, family, operator, param, wire
from scatflow.errors import GraphError
from scatflow.graph.drift import Drift


def offers(version: int) -> dict[str, Any]:
    """Return what a release provides: a filter family and an operator of a version, and operators that use them."""

    @family("comb", version=version)
    class Comb(FilterFamily):
        """A comb."""

        teeth: int = param(3, "Teeth.")

    @operator("hat", version=version, signature="()->()")
    class Hat(Pointwise):
        """Multiplies by its version."""

        def apply(self, xp: Any, *blocks: Any) -> Any:
            return blocks[0] * version

    class _Sum(Pointwise):
        """Multiplies by ten times the version of its combs."""

        filters: Any

        def apply(self, xp: Any, *blocks: Any) -> Any:
            found = self.filters
            combs = found.values() if isinstance(found, dict) else found if isinstance(found, tuple) else [found]
            return blocks[0] * 10 * sum(type(comb).version for comb in combs)

    @operator("combed", version=1, signature="()->()")
    class Combed(_Sum):
        """With one comb."""

        filters: Filters = param(Comb(), "The comb.")

    @operator("many", version=1, signature="()->()")
    class Many(_Sum):
        """With combs in a row."""

        filters: tuple[Filters, ...] = param((), "Combs.")

    @operator("mapped", version=1, signature="()->()")
    class Mapped(_Sum):
        """With combs by name."""

        filters: dict[str, Filters] = param({"a": Comb()}, "Combs.")

    @operator("stacked", version=1, signature="()->()")
    class Stacked(Composite):
        """A hat on combs."""

        filters: Filters = param(Comb(), "Combs.")

        def expand(self, *refs: Any) -> Any:
            return wire(Hat(), wire(Combed(filters=self.filters), refs[0]))

    return {
        "operators": {"hat": Hat, "combed": Combed, "many": Many, "mapped": Mapped, "stacked": Stacked},
        "filters": {"comb": Comb}, "sources": {"ones": hats.Ones1},
    }  # fmt: skip


ONE, TWO = offers(1), offers(2)
KEPT = {**TWO, "filters": {**TWO["filters"], "comb@1": ONE["filters"]["comb"]}}
PARAMETERS = {"f": {"type": "string", "default": "comb"}}


def document(process: str, filters: Any = None, parameters: Any = None) -> dict[str, Any]:
    arguments = {"data": {"from_node": "u"}} | ({} if filters is None else {"filters": filters})
    graph = {"u": {"process_id": "ones", "arguments": {}}, "h": {"process_id": process, "arguments": arguments, "result": True}}
    return {"process_graph": graph} | ({} if parameters is None else {"parameters": parameters})


def total(pipeline: sf.Pipeline) -> float:
    return float(pipeline.lazy().compute().sum())


CASES = {
    "a default": (document("combed"), 40, True),
    "a default mapping": (document("mapped"), 40, True),
    "an argument": (document("combed", "comb"), 40, True),
    "a list": (document("many", ["comb", {"family": "comb", "teeth": 4}]), 80, True),
    "a mapping": (document("mapped", {"a": "comb", "b": "comb"}), 80, True),
    "a parameter": (document("combed", {"from_parameter": "f"}, PARAMETERS), 40, False),
    "part of a spec": (document("combed", {"family": {"from_parameter": "f"}}, PARAMETERS), 40, False),
    "a parameter with a spec": (document("combed", {"from_parameter": "f"}, {"f": {"default": {"family": "comb"}}}), 40, True),
    "a list of parameters": (
        document("many", [{"from_parameter": "f"}], [{"name": "f", "default": {"family": "comb"}, "schema": {}}]), 40, True,
    ),
    "a composite": (document("stacked"), 40, False),
    "an argument of a composite": (document("stacked", "comb"), 40, False),
}  # fmt: skip


@pytest.mark.parametrize(("written", "expected", "pinned"), CASES.values(), ids=CASES)
def test_a_saved_pipeline_gives_the_same_numbers_or_is_refused(
    written: dict[str, Any], expected: float, pinned: bool, tmp_path: Path
) -> None:
    file = tmp_path / "p.yaml"
    with hats.release(ONE):
        pipeline = sf.Pipeline(written)
        pipeline.save(file)
        assert total(pipeline) == expected == total(sf.Pipeline.from_file(file))
        assert sf.Pipeline.from_file(file).graph.hash == pipeline.graph.hash
    with hats.release(TWO):
        with pytest.raises(GraphError) as caught:
            sf.Pipeline.from_file(file)
        assert {(problem.code, problem.node) for problem in caught.value.problems} == {("OperatorVersionDiffers", "h")}
        drifted = sf.Pipeline.from_file(file, allow_drift=True)
        assert Drift("acme:comb", 1, 2) in drifted.graph.drift and drifted.graph.warnings
        drifted.save(file)  # now it states what is used
        again = sf.Pipeline.from_file(file)
        assert again.graph.drift == drifted.graph.drift and total(again) == total(drifted) != expected
    with hats.release(ONE):
        sf.Pipeline(written).save(file)
    with hats.release(KEPT):
        if pinned:
            assert total(sf.Pipeline.from_file(file)) == expected
        else:
            with pytest.raises(GraphError, match="OperatorVersionDiffers"):
                sf.Pipeline.from_file(file)


def test_parts_of_composites_are_listed_and_checked(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    with hats.release(ONE):
        sf.Pipeline(document("stacked")).save(file)
    saved = yaml.safe_load(file.read_text())
    assert saved["operators"] == [{"id": f"acme:{name}", "version": 1} for name in ("comb", "combed", "hat")]
    with hats.release(TWO):
        with pytest.raises(GraphError) as caught:
            sf.Pipeline(saved)
        problem = next(problem for problem in caught.value.problems if "acme:hat" in problem.message)
        assert (problem.node, problem.expected, problem.got) == ("h", "version 1", "version 2")
        assert "--allow-drift" in (problem.remedy or "")
        drift = sf.Pipeline(saved, allow_drift=True).graph.drift
        assert drift == (Drift("acme:comb", 1, 2), Drift("acme:hat", 1, 2))


def test_another_value_of_a_parameter_is_nobodys_drift(tmp_path: Path) -> None:
    other = {**ONE, "filters": {**ONE["filters"], "rake": family("rake", version=5)(type("Rake", (FilterFamily,), {}))}}
    with hats.release(other):
        pipeline = sf.Pipeline(document("combed", {"from_parameter": "f"}, PARAMETERS), f="rake")
        pipeline.save(tmp_path / "p.yaml")
        assert yaml.safe_load((tmp_path / "p.yaml").read_text())["parameters"] == PARAMETERS
        assert total(sf.Pipeline.from_file(tmp_path / "p.yaml")) == 40
        assert total(sf.Pipeline.from_file(tmp_path / "p.yaml", f="rake")) == 200


@pytest.mark.parametrize(
    "entries", [3, {}, [3], [{}], [{"id": 3, "version": 1}], [{"id": "a", "version": 0}], [{"id": "a", "version": []}]]
)
def test_a_list_of_operators_that_cannot_be_read(entries: Any) -> None:
    with hats.release(ONE), pytest.raises(GraphError) as caught:
        sf.Pipeline(document("hat") | {"operators": entries})
    ((code, argument),) = [(problem.code, problem.argument) for problem in caught.value.problems]
    assert (code, argument) == ("DocumentInvalid", "operators")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, link = tmp_path / "p.yaml", tmp_path / "link.yaml"
    link.symlink_to(file)
    with hats.release(ONE):
        pipeline = sf.Pipeline(document("hat") | {"title": "Hüte"})
        pipeline.save(link)
        before = file.read_bytes()
        assert "Hüte" in before.decode("utf-8") and link.is_symlink()

        def full(*arguments: Any, **options: Any) -> int:
            raise OSError("no space left")

        monkeypatch.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="no space"):
            pipeline.save(file)
        monkeypatch.undo()
    assert file.read_bytes() == before and sorted(path.name for path in tmp_path.iterdir()) == ["link.yaml", "p.yaml"]
    code = "import sys, hats, scatflow as sf\nwith hats.release(hats.OLD): sf.Pipeline.from_file(sys.argv[1]).save(sys.argv[1])"
    plain = {
        **os.environ,
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONPATH": str(Path(hats.__file__).parent),
    }
    subprocess.run([sys.executable, "-c", code, str(file)], env=plain, check=True)
    assert file.read_bytes() == before
