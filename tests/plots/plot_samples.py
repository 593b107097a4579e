"""Small labelled arrays as operators deliver them, made of formulas and seeded noise."""

import numpy as np
import xarray as xr

RNG = 20240611


def _rng():
    return np.random.default_rng(RNG)


def vorticity(size=96):
    """Smooth signed field on a rectangle in meters, y decreasing."""
    k = np.fft.fftfreq(size, 1 / size)
    radius = np.hypot(k[:, None], k[None, :])
    spectrum = np.fft.fft2(_rng().standard_normal((size, size))) * np.exp(-((radius - 5) ** 2) / 8)
    values = np.fft.ifft2(spectrum).real
    x = np.arange(size) * 0.025
    return xr.DataArray(
        np.stack([values / values.std(), values]).astype(np.float32),
        dims=("time", "y", "x"),
        coords={
            "time": ("time", [0.0, 0.5], {"units": "s"}),
            "y": ("y", x[::-1], {"units": "m"}),
            "x": ("x", x, {"units": "m"}),
        },
        name="vorticity",
        attrs={"units": "s-1", "long_name": "vorticity"},
    )


def spins(size=64):
    """Domains of spins with one realization of two."""
    smooth = vorticity(size).values[0]
    lattice = {"units": "1", "long_name": "lattice index"}
    return xr.DataArray(
        np.stack([np.sign(smooth), -np.sign(smooth)]).astype(np.int8),
        dims=("realization", "y", "x"),
        coords={"y": ("y", np.arange(size), lattice), "x": ("x", np.arange(size), lattice)},
        name="ising",
        attrs={"units": "1", "long_name": "spin"},
    )


def energy(size=80):
    """Non-negative field."""
    return (vorticity(size)[0] ** 2).assign_attrs(units="m2/s2", long_name="kinetic energy density")


def market(days=1500):
    """Returns on business days with bursts of volatility; by sample."""
    rng = _rng()
    level = np.exp(0.6 * np.sin(np.arange(days) / 90.0) + 1.2 * np.exp(-((np.arange(days) - 900) ** 2) / 8000))
    dates = np.busday_offset("2004-01-05", np.arange(days)).astype("datetime64[ns]")
    return xr.DataArray(
        0.007 * level * rng.standard_normal(days),
        dims="time",
        coords={"time": ("time", dates, {"sampling": "index", "sampling_step": "trading_day", "long_name": "day of the close"})},
        name="returns",
        attrs={"units": "1", "long_name": "daily log-return"},
    )  # fmt: skip


def _labels(rows, unit):
    names = ("order", "j1", "l1", "j2", "l2", "xi1", "sigma1", "scale1", "theta1", "xi2", "scale2", "theta2")
    attrs = {"xi1": f"1/{unit}", "xi2": f"1/{unit}", "sigma1": f"1/{unit}", "scale1": unit, "scale2": unit,
             "theta1": "degree", "theta2": "degree"}  # fmt: skip
    table = {name: [row.get(name, np.nan) for row in rows] for name in names}
    integers = ("order", "j1", "l1", "j2", "l2")
    return {
        name: ("path", np.array(values, dtype=np.int64 if name in integers else np.float64), {"units": attrs[name]} if name in attrs else {})
        for name, values in table.items()
    }  # fmt: skip


def _band2d(j, k, L, step, level):
    xi = 0.375 * 2.0**-j / step
    return {f"j{level}": j, f"l{level}": k, f"xi{level}": xi, f"sigma{level}": xi / 3, f"scale{level}": 1 / xi,
            f"theta{level}": 180.0 * k / L}  # fmt: skip


def _unused():
    return {"j1": -1, "l1": -1, "j2": -1, "l2": -1}


def scattering2d(J=5, L=8, shape=(), step=0.025):
    """Scattering of an anisotropic field: power laws in scale with preferred directions."""
    rows, values = [{"order": 0, **_unused()}], [1.0]
    for j in range(J):
        for k in range(L):
            rows.append({"order": 1, **_unused(), **_band2d(j, k, L, step, 1)})
            values.append(0.2 * 2 ** (j / 3) * (1 + 0.5 * np.cos(2 * np.pi * (k / L - 0.25))))
    for j in range(J):
        for k in range(L):
            for j2 in range(j + 1, J):
                for k2 in range(L):
                    rows.append({"order": 2, **_band2d(j, k, L, step, 1), **_band2d(j2, k2, L, step, 2)})
                    first = 0.2 * 2 ** (j / 3) * (1 + 0.5 * np.cos(2 * np.pi * (k / L - 0.25)))
                    values.append(first * 0.4 * 2 ** (-(j2 - j) / 2) * (1 + 0.4 * np.cos(2 * np.pi * (k2 - k) / L)))
    noise = 1 + 0.05 * _rng().standard_normal((len(values), *shape))
    data = np.reshape(values, (-1, *(1,) * len(shape))) * noise
    coarse = {dim: (dim, np.arange(n) * step * 2**J, {"units": "m"}) for dim, n in zip(("y", "x"), shape, strict=False)}
    return xr.DataArray(
        data, dims=("path", *("y", "x")[: len(shape)]), coords={**_labels(rows, "m"), **coarse}, name="S",
        attrs={"units": "m/s", "long_name": "scattering of velocity"},
    )  # fmt: skip


def moments2d(**options):
    """Averages with standard errors, as scattering_moments delivers them."""
    mean = scattering2d(**options)
    count = 64
    se = abs(mean) * 0.02 * 1.5 ** np.maximum(mean.j1, 0)
    return xr.Dataset({"mean": mean, "var": se**2 * count, "se": se, "n_eff": xr.full_like(mean, count)})


def _bands1d(J, Q, step):
    top = 0.35 if Q == 1 else 0.45
    return [(n // Q, n % Q, top * 2.0 ** (-n / Q) / step) for n in range(J * Q)]


def scattering1d(J=7, Q=8, days=1500, order=2):
    """First order of the market's volatility in time and frequency, second order constant."""
    signal = market(days)
    stride = 2**J // 4
    level = np.abs(signal.values)
    rows, values = [], []
    if order == 2:
        rows.append({"order": 0, **_unused()})
        values.append(np.full(-(-days // stride), 1e-4))
    bands = _bands1d(J, Q, 1.0)
    centers = np.arange(0, days, stride)
    for j, k, xi in bands:
        kernel = np.exp(-0.5 * ((np.arange(days)[None, :] - centers[:, None]) / (24 / np.sqrt(xi / 0.4))) ** 2)
        smooth = (kernel * level).sum(1) / kernel.sum(1)
        rows.append({"order": 1, **_unused(), "j1": j, "l1": k, "xi1": xi, "sigma1": xi / Q, "scale1": 1 / xi})
        values.append(smooth * xi**0.5)
    if order == 2:
        for j, k, xi in bands:
            for j2, k2, xi2 in _bands1d(J, 1, 1.0):
                if j2 > j:
                    first = {"j1": j, "l1": k, "xi1": xi, "sigma1": xi / Q, "scale1": 1 / xi}
                    rows.append({"order": 2, **first, "j2": j2, "l2": k2, "xi2": xi2, "scale2": 1 / xi2})
                    values.append(np.full(centers.size, 2e-3 * xi**0.5 * 2 ** (-(j2 - j) / 3)))
    time = ("time", signal.time.values[::stride], signal.time.attrs)
    return xr.DataArray(
        np.array(values), dims=("path", "time"), coords={**_labels(rows, "trading_day"), "time": time}, name="S",
        attrs={"units": "1", "long_name": "scattering of daily returns"},
    )  # fmt: skip


def wavelet1d(size=1024, J=7, Q=6):
    """Modulus of a chirp's wavelet transform, seconds and hertz."""
    step = 1 / 2048
    t = np.arange(size) * step
    rows, values = [], []
    for j, k, xi in _bands1d(J, Q, step):
        ridge = 60.0 * 10 ** (t / t[-1])
        rows.append({"order": 1, **_unused(), "j1": j, "l1": k, "xi1": xi, "sigma1": xi / Q, "scale1": 1 / xi})
        values.append(np.exp(-0.5 * (np.log2(xi / ridge) / 0.12) ** 2) * (1 + 0.3j))
    return xr.DataArray(
        np.array(values), dims=("path", "time"),
        coords={**_labels(rows, "s"), "time": ("time", t, {"units": "s"})}, name="W",
        attrs={"units": "Pa", "long_name": "wavelet transform of pressure"},
    )  # fmt: skip


def first_order(array):
    """Only the orders 0 and 1."""
    return array.isel(path=array.order.values < 2)


#: Picture name -> (array, kind or None, options); each has an image of that name in golden/.
CASES = {
    "field": lambda: (vorticity(), None, {}),
    "spins": lambda: (spins(), None, {"realization": 1}),
    "energy": lambda: (energy(), None, {}),
    "series": lambda: (market(), None, {}),
    "coefficients": lambda: (scattering2d(), None, {}),
    "coefficients_wide": lambda: (scattering2d(J=8, L=4, shape=(3, 3)), None, {}),
    "coefficients_first": lambda: (first_order(scattering2d()), None, {}),
    "coefficients_time": lambda: (scattering1d(), "coefficients", {"time": 3}),
    "disc": lambda: (scattering2d(), "disc", {}),
    "disc_first": lambda: (first_order(scattering2d()), "disc", {}),
    "spectrum": lambda: (moments2d(), None, {}),
    "spectrum_time": lambda: (scattering1d(), "spectrum", {}),
    "scalogram": lambda: (wavelet1d(), None, {}),
    "scattergram": lambda: (scattering1d(), None, {}),
}
