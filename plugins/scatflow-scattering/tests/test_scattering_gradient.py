"""The hand-written derivative against central differences."""

from __future__ import annotations

import numpy as np
import pytest

from scatflow_scattering.scattering import Scattering
from scatflow_wavelet.tight import Tight

CASES = [
    (("x",), (2, 60), {"J": 3, "Q": (2, 1)}),
    (("x",), (64,), {"J": 4, "order": 3, "stride": 5}),
    (("x",), (3, 50), {"J": 3, "T": "global"}),
    (("y", "x"), (2, 24, 17), {"J": 2, "L": 3}),
    (("y", "x"), (32, 24), {"J": 2, "L": 4, "filters": Tight(), "stride": 1, "oversampling": 0}),
    (("y", "x"), (20, 20), {"J": 2, "L": 2, "T": "global", "paths": {"order": (0, 2)}}),
    (("y", "x"), (18, 18), {"J": 2, "L": 2, "order": 0, "stride": 3}),
    (("y", "x"), (16, 20), {"J": 2, "L": 2, "metric": (1.0, 0.5)}),
    (("x",), (2, 60), {"J": 3, "normalize": "parent"}),
    (("y", "x"), (24, 24), {"J": 2, "L": 2, "normalize": "parent", "paths": {"order": 2}, "stride": 2}),
    (("x",), (50,), {"J": 2, "normalize": "parent", "T": "global"}),
]


@pytest.mark.parametrize(("dims", "shape", "kw"), CASES)
def test_central_differences(bench, rng, dims, shape, kw):
    operator = Scattering(dims=dims, **kw)
    block = bench.block(operator, rng.standard_normal(shape))

    def f(x):
        return operator.apply(block.xp, x, at=block.at, **block.constants)

    cotangent = rng.standard_normal(f(block.data).shape)
    (gradient,) = operator.vjp(block.xp, cotangent, block.data, at=block.at, **block.constants)
    assert gradient.shape == block.data.shape and gradient.dtype == block.data.dtype
    step = 1e-6  # moduli near zero are strongly curved: larger steps measure that
    for _ in range(5):
        direction = rng.standard_normal(block.data.shape)
        numeric = np.sum(cotangent * (f(block.data + step * direction) - f(block.data - step * direction))) / (2 * step)
        analytic = np.sum(gradient * direction)
        scale = np.linalg.norm(gradient) * np.linalg.norm(direction) / np.sqrt(direction.size)
        assert abs(numeric - analytic) < 1e-6 * max(scale, abs(analytic))


@pytest.mark.parametrize(("kind", "dims", "shape", "kw"), [
    ("complex", ("x",), (2, 60), {"J": 3}),
    ("complex", ("y", "x"), (16, 18), {"J": 2, "L": 2, "T": "global"}),
    ("complex", ("x",), (2, 40), {"J": 2, "normalize": "parent"}),
    ("complex", ("x",), (50,), {"J": 3, "T": 0}),
    ("real", ("x",), (50,), {"J": 3, "T": 0}),
    ("real", ("x",), (50,), {"J": 3, "T": 0, "paths": {"j1": 1, "order": 1}}),
])  # fmt: skip
def test_central_differences_of_complex_input_and_of_planes(bench, rng, kind, dims, shape, kw):
    operator = Scattering(dims=dims, **kw)

    def noise(size):
        values = rng.standard_normal(size)
        return values + 1j * rng.standard_normal(size) if kind == "complex" else values

    block = bench.block(operator, noise(shape))

    def f(x):
        out = operator.apply(block.xp, x, at=block.at, **block.constants)
        return out if isinstance(out, dict) else {"": out}

    cotangents = {name: noise(v.shape) if np.iscomplexobj(v) else rng.standard_normal(v.shape) for name, v in f(block.data).items()}
    given = cotangents if len(cotangents) > 1 else next(iter(cotangents.values()))
    (gradient,) = operator.vjp(block.xp, given, block.data, at=block.at, **block.constants)
    assert gradient.shape == block.data.shape and gradient.dtype == block.data.dtype
    step, direction = 1e-6, noise(block.data.shape)
    above, below = f(block.data + step * direction), f(block.data - step * direction)
    numeric = sum(np.sum(np.conj(cotangents[name]) * (above[name] - below[name])).real for name in above) / (2 * step)
    analytic = np.sum(np.conj(gradient) * direction).real
    scale = np.linalg.norm(gradient) * np.linalg.norm(direction) / np.sqrt(direction.size)
    assert abs(numeric - analytic) < 1e-6 * max(scale, abs(analytic))


def test_zero_has_derivative_zero_beyond_order_zero(bench):
    operator = Scattering(dims=("x",), J=2, paths={"order": (1, 2)})
    block = bench.block(operator, np.zeros(32))
    shape = operator.apply(block.xp, block.data, at=block.at, **block.constants).shape
    (gradient,) = operator.vjp(block.xp, np.ones(shape), block.data, at=block.at, **block.constants)
    assert (gradient == 0).all()


def test_single_precision_gradient(bench, rng):
    operator = Scattering(dims=("y", "x"), J=2, L=3)
    data = rng.standard_normal((24, 24))
    wide, narrow = bench.block(operator, data), bench.block(operator, data.astype(np.float32))
    cotangent = rng.standard_normal(operator.apply(wide.xp, wide.data, at=wide.at, **wide.constants).shape)
    (exact,) = operator.vjp(wide.xp, cotangent, wide.data, at=wide.at, **wide.constants)
    (single,) = operator.vjp(narrow.xp, cotangent.astype(np.float32), narrow.data, at=narrow.at, **narrow.constants)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact, atol=1e-4 * np.abs(exact).max())
