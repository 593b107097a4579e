"""Result stores: created from the plan, written region by whole-chunk region, complete last.

Layout: the variables and coordinates of the result at the root of a zarr group; everything else (work arrays, partial
states, ledger, plan) under ``_scatflow``. The work group is removed on success; ledger, plan and partial states stay.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import xarray as xr
import zarr

from scatflow.errors import ChunkError, StoreError
from scatflow.plan import Plan, Target
from scatflow.plan.plan import SCHEMA as PLAN_SCHEMA
from scatflow.spec import ArraySpec
from scatflow.store.grid import check_box, check_stored
from scatflow.store.source import coordinates

#: Attributes that hold the state of a job on the result group.
STATE, PLAN = "scatflow_state", "scatflow_plan"
INTERNAL = "_scatflow"
# Chunks equal to the fill value must be written, or a missing chunk could not be told from a finished one.
_WRITE: Any = {"write_empty_chunks": True}


def attributes(path: Path) -> dict[str, Any]:
    """Return the attributes of a result, complete or not; raises StoreError when it is no zarr group."""
    try:
        return dict(zarr.open_group(path, mode="r").attrs)
    except Exception as error:
        raise StoreError(f"store {str(path)!r}", "is not a zarr group", got=type(error).__name__) from error


def state(path: Path) -> dict[str, Any]:
    """Return plan hash and state of a result store; raises StoreError when it is not one."""
    attrs = attributes(path)
    if PLAN not in attrs:
        raise StoreError(f"store {str(path)!r}", "was not written by scatflow", code="StoreForeign",
                         remedy="Choose another output path; --overwrite never touches a foreign store.")  # fmt: skip
    return {"plan": attrs[PLAN], "state": attrs.get(STATE, "incomplete")}


def prepare(path: Path, plan: Plan, attrs: Mapping[str, Any], *, resume: bool, overwrite: bool) -> bool:
    """Create the store for a plan, or accept the one that is there; returns True when it continues.

    Raises
    ------
    StoreError
        The store exists and neither ``resume`` with the same plan nor ``overwrite`` is given, or nothing can be written there.
    """
    if _taken(path):
        found = state(path)
        if resume and not overwrite:
            if found["plan"] != plan.hash:
                raise StoreError(f"store {str(path)!r}", "belongs to another plan", expected=plan.hash, got=found["plan"],
                                 remedy="Parameters, input or versions changed: use overwrite, or another path.", code="PlanDiffers")  # fmt: skip
            check_stored(path, plan)
            _check_writable(path)
            return True
        if not overwrite:
            raise StoreError(f"store {str(path)!r}", f"exists ({found['state']})", code="StoreExists",
                             remedy="Continue the same plan with --resume (resume=True), replace it with --overwrite (overwrite=True), or take another path.")  # fmt: skip
    _create(path, plan, attrs)
    return False


def _create(path: Path, plan: Plan, attrs: Mapping[str, Any]) -> None:
    """Write coordinates, empty arrays and the plan under a temporary name, then move them into the place of what was there."""
    temporary = path.with_name(path.name + ".partial")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        _fill_in(temporary, plan, attrs)
        swap(temporary, path)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise


def _taken(path: Path) -> bool:
    """Tell whether something is at a path already; an empty folder is nothing."""
    try:
        return path.exists() and (not path.is_dir() or any(path.iterdir()))
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"store {str(path)!r}", "cannot be written", got=error.strerror or str(error), code="StoreUnwritable",
                      remedy="Choose a path that this user may write to, on a disk with room.")  # fmt: skip


def _check_writable(path: Path) -> None:
    """Refuse to continue a store into which nothing can be written, before anything is computed for it."""
    probe = path / INTERNAL / f"{os.getpid()}.partial"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise _unwritable(path, error) from error


def _fill_in(temporary: Path, plan: Plan, attrs: Mapping[str, Any]) -> None:
    groups: dict[str, dict[str, Any]] = {"": {}}
    for target in (target for stage in plan.stages for target in stage.targets if target.result):
        group, _, _ = target.path.rpartition("/")
        groups.setdefault(group, {}).update(coordinates(target.spec))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=zarr.errors.UnstableSpecificationWarning)
        warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification.*")
        for group, variables in groups.items():
            root_attrs = {**attrs, STATE: "incomplete", PLAN: plan.hash} if not group else {}
            xr.Dataset(coords=variables, attrs=root_attrs).to_zarr(temporary, group=group or None, mode="a", consolidated=False)
    zarr.create_group(temporary / INTERNAL)  # a group, so that zarr readers do not stumble over the folder
    for target in {target.path: target for stage in plan.stages for target in stage.targets}.values():
        _create_array(temporary, target)
    internal = temporary / INTERNAL
    (internal / "plan.json").write_text(json.dumps(plan.describe(), indent=1, sort_keys=True))


def _create_array(root: Path, target: Target) -> None:
    spec = target.spec
    attrs = {key: value for key, value in spec.attrs.items() if target.result}
    attrs |= {"coordinates": " ".join(sorted(name for name in spec.coords if name not in spec.dims))} if target.result else {}
    zarr.create_array(
        root / target.path, shape=spec.shape, chunks=target.chunks, dtype=spec.dtype, fill_value=_fill(spec),
        dimension_names=spec.dims, attributes=_plain(attrs),
    )  # fmt: skip


def _fill(spec: ArraySpec) -> Any:
    kind = np.dtype(spec.dtype).kind
    return complex(np.nan, np.nan) if kind == "c" else np.nan if kind == "f" else 0


def _plain(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes as JSON values (NumPy scalars and arrays become numbers and lists)."""
    return {key: value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value for key, value in attrs.items()}


def _index(dims: tuple[str, ...], box: Mapping[str, tuple[int, int]]) -> tuple[slice, ...]:
    return tuple(slice(*box[dim]) if dim in box else slice(None) for dim in dims)


def write(root: Path, target: Target, box: Mapping[str, tuple[int, int]], block: Any) -> int:
    """Write one region of whole chunks and return the crc32c of its uncompressed bytes.

    Raises
    ------
    ChunkError
        The region does not lie on the chunk grid: two writers could meet in one chunk.
    """
    data = np.asarray(block, order="C")
    check_block(target, box, data)
    array = zarr.open_array(root / target.path, mode="r+", config=_WRITE)
    check_box(target, array, box)
    index: tuple[int | slice, ...] = (*target.slab, *_index(target.own.dims, box))
    array[index] = data
    return checksum(data)


def shape_of(target: Target, box: Mapping[str, tuple[int, int]]) -> tuple[int, ...]:
    """Return the shape of a box of what a stage delivers; dims that are not named are whole."""
    return tuple(box[dim][1] - box[dim][0] if dim in box else size for dim, size in target.own.sizes.items())


def check_block(target: Target, box: Mapping[str, tuple[int, int]], data: np.ndarray) -> None:
    """Refuse what is not of the shape and dtype that a box of a target has.

    Raises
    ------
    ChunkError
        The kernel delivered something else than declared.
    """
    expected, spec = shape_of(target, box), target.own
    if data.shape != expected or data.dtype != np.dtype(spec.dtype):
        raise ChunkError(f"region of {target.path}", "the kernel delivered something else than declared",
                         expected=f"{expected} {spec.dtype}", got=f"{data.shape} {data.dtype}")  # fmt: skip


def link(old: Path, new: Path, target: Target, box: Mapping[str, tuple[int, int]]) -> None:
    """Let a result take over the stored chunks of a region from another one, which has them at the same place.

    Files are linked where the disk allows it, else copied; stored chunks are replaced, never changed in place.
    """
    spans = [range(index, index + 1) for index in target.slab]
    for dim, size, chunk in zip(target.own.dims, target.own.shape, target.chunks[len(target.slab) :], strict=True):
        start, stop = box.get(dim, (0, size))
        spans.append(range(start // chunk, -(-stop // chunk)))
    metadata = zarr.open_array(new / target.path, mode="r").metadata
    for index in itertools.product(*spans):
        _take_over(old / target.path / metadata.encode_chunk_key(index), new / target.path / metadata.encode_chunk_key(index))


def link_state(old: Path, new: Path, stage: int, before: int, now: int) -> None:
    """Let a job take over the partial state of region ``before`` of another as that of its own region ``now``."""
    _take_over(state_file(old, stage, before), state_file(new, stage, now))


def _take_over(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def plan_of(root: Path) -> dict[str, Any]:
    """Return the description of the plan that a result was made by.

    Raises
    ------
    StoreError
        The result has none, or one of a newer version.
    """
    file = root / INTERNAL / "plan.json"
    if not file.exists():
        raise StoreError(f"store {str(root)!r}", "holds no plan", code="StoreInvalid", remedy="Compute it anew with overwrite.")
    document: dict[str, Any] = json.loads(file.read_text())
    if document["schema"] > PLAN_SCHEMA:
        raise StoreError(f"store {str(root)!r}", "was written by a newer scatflow", expected=f"schema {PLAN_SCHEMA}",
                         got=document["schema"], remedy="Update scatflow, or compute it anew with overwrite.")  # fmt: skip
    return document


def swap(new: Path, path: Path) -> None:
    """Put a complete result in the place of another.

    The old one is moved aside first; a crash between the two moves leaves the new one complete beside the empty place,
    and :func:`recover` finishes.
    """
    aside = path.with_name(path.name + ".outdated")
    if path.exists():
        if aside.exists():
            shutil.rmtree(aside)
        path.rename(aside)
    new.rename(path)
    shutil.rmtree(aside, ignore_errors=True)


def recover(new: Path, path: Path) -> None:
    """Finish a swap that was interrupted."""
    if not path.exists() and new.exists() and state(new)["state"] == "complete":
        swap(new, path)


def read(root: Path, path: str, box: Mapping[str, tuple[int, int]], slab: tuple[int, ...] = ()) -> Any:
    """Read one region of a work or result array; dims that are not named are whole, leading ones at the positions ``slab``."""
    array = zarr.open_array(root / path, mode="r")
    dims = tuple(map(str, getattr(array.metadata, "dimension_names", None) or ()))[len(slab) :]
    index: tuple[int | slice, ...] = (*slab, *_index(dims, box))
    return np.asarray(array[index])  # a 0-d read comes back as a scalar


def checksum(data: Any) -> int:
    """Return the crc32c of an array's C-ordered bytes."""
    return int(google_crc32c.value(np.asarray(data).tobytes()))


def state_file(root: Path, stage: int, region: int) -> Path:
    """Return the file of a partial state: one per region, since a job may have a hundred thousand of them."""
    return root / INTERNAL / "state" / str(stage) / f"{region}.npz"


def write_state(root: Path, stage: int, region: int, state: tuple[Any, ...]) -> tuple[int, ...]:
    """Store the partial state of a reduction region and return the checksums of its arrays.

    States outlive the job: a later run on a grown input combines them with those of the new regions.
    """
    arrays = [np.asarray(array, order="C") for array in state]
    file = state_file(root, stage, region)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}.partial")
    with open(temporary, "wb") as handle:
        np.savez(handle, *arrays)
    os.replace(temporary, file)
    return tuple(checksum(array) for array in arrays)


def read_state(root: Path, stage: int, region: int) -> tuple[Any, ...]:
    """Return the partial state of a reduction region."""
    with np.load(state_file(root, stage, region), allow_pickle=False) as arrays:
        return tuple(arrays[f"arr_{number}"] for number in range(len(arrays.files)))


def set_state(root: Path, value: str, **attrs: Any) -> None:
    """Record the state of the job on the result group."""
    zarr.open_group(root, mode="r+").attrs.update({STATE: value, **attrs})


def finish(root: Path) -> None:
    """Mark the result complete, drop the work group, consolidate metadata: in this order, so a crash between is harmless.

    Before that, what killed writers left of chunks they had not renamed yet is removed.
    """
    for left in [path for path in root.rglob("*.partial") if path.is_file()]:  # an array may have such a name, too
        left.unlink(missing_ok=True)
    set_state(root, "complete")
    shutil.rmtree(root / INTERNAL / "work", ignore_errors=True)
    with warnings.catch_warnings():
        # Format 3 has no consolidation in its specification yet, and the ledger's files are no zarr nodes.
        warnings.simplefilter("ignore", zarr.errors.ZarrUserWarning)
        zarr.consolidate_metadata(root)


def open_result(path: str | Path) -> Any:
    """Open a result store: coordinates loaded, data lazy.

    Returns
    -------
    Dataset or DataTree
        A DataTree where the results have sizes of their own (wavelet bands by octave). Provenance is in the attribute
        ``scatflow``, the job's state in ``scatflow_state``.

    Raises
    ------
    StoreError
        The path is missing or holds no scatflow result.

    Warns
    -----
    UserWarning
        The result is not complete: absent regions read as NaN.
    """
    root = Path(path)
    if not root.exists():
        raise StoreError(f"store {str(path)!r}", "does not exist", code="StoreMissing", remedy="Check the path.")
    found = state(root)
    complete = found["state"] == "complete"
    if not complete:
        warnings.warn(f"{path} is {found['state']}: regions that are not finished read as NaN", stacklevel=2)
    groups = sorted(entry.name for entry in root.iterdir() if entry.name != INTERNAL and _is_group(entry))
    top = _opened(root, None, complete)
    if not groups:
        return top
    return xr.DataTree.from_dict({"/": top, **{f"/{group}": _opened(root, group, complete) for group in groups}})


def _is_group(folder: Path) -> bool:
    metadata = folder / "zarr.json"
    return metadata.exists() and json.loads(metadata.read_text())["node_type"] == "group"


def _opened(root: Path, group: str | None, consolidated: bool) -> xr.Dataset:
    dataset: xr.Dataset = xr.open_zarr(root, group=group, consolidated=consolidated)
    return dataset.assign_coords({name: coord.load() for name, coord in dataset.coords.items()})
