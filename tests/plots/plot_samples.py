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


def with_ends(array, reach=2000):
    """Label along time which inputs can change a value, as a window over data that are not periodic does."""
    time = array.time.values
    step = time[1] - time[0]
    ends = {"support_start": np.maximum(time - reach * step, time[0]), "support_end": np.minimum(time + reach * step, time[-1])}
    return array.assign_coords({name: ("time", values, array.time.attrs) for name, values in ends.items()})


def octaves(size=1024, J=5, Q=4):
    """The bands of a chirp, octave j at every 2^j-th sample, as a tree."""
    whole = with_ends(wavelet1d(size, J, Q))
    groups = {f"j{j}": whole.isel(path=whole.j1.values == j, time=slice(None, None, 2**j)) for j in range(J)}
    return xr.DataTree.from_dict({"/": xr.Dataset(), **{f"/{name}": array.to_dataset(name="W") for name, array in groups.items()}})


def wavelet2d(size=64, J=2, L=4, step=0.025):
    """Low-pass and bands of the vorticity's first item, Gaussians in frequency."""
    field = np.fft.fft2(vorticity(size).values[0])
    ky, kx = (2 * np.pi * np.fft.fftfreq(size))[:, None], (2 * np.pi * np.fft.fftfreq(size))[None, :]
    rows, planes = [{"order": 0, **_unused()}], [np.fft.ifft2(field * np.exp(-(kx**2 + ky**2) * 8))]
    for j in range(J):
        for k in range(L):
            xi, angle = 2 * np.pi * 0.375 / 2**j, np.pi * k / L
            rows.append({"order": 1, **_unused(), **_band2d(j, k, L, step, 1)})
            planes.append(
                np.fft.ifft2(field * np.exp(-4 * ((kx - xi * np.cos(angle)) ** 2 + (ky - xi * np.sin(angle)) ** 2) * 4**j))
            )
    space = {dim: (dim, np.arange(size) * step, {"units": "m"}) for dim in ("y", "x")}
    return xr.DataArray(np.array(planes), dims=("path", "y", "x"), coords={**_labels(rows, "m"), **space}, name="W",
                        attrs={"units": "1/s", "long_name": "wavelet coefficients of vorticity"})  # fmt: skip


def bank1d(J=4, Q=2, size=512):
    """Gaussian filters in frequency with their Littlewood-Paley sum."""
    f = np.arange(-size // 2, size // 2) / size
    bands = _bands1d(J, Q, 1.0)
    filters = [np.exp(-0.5 * (f / 0.01) ** 2), *(np.exp(-0.5 * ((f - xi) / (0.2 * xi)) ** 2) for _, _, xi in bands)]
    rows = [{"order": 0, **_unused()}]
    rows += [{"order": 1, **_unused(), "j1": j, "l1": k, "xi1": xi, "sigma1": 0.2 * xi, "scale1": 1 / xi} for j, k, xi in bands]
    energy = np.array(filters) ** 2
    total = energy[0] + 0.5 * (energy[1:] + np.roll(energy[1:, ::-1], 1, axis=1)).sum(0)
    frequency = ("frequency", f, {"units": "cycles/sample"})
    return xr.DataArray(np.array(filters), dims=("path", "frequency"), name="response", attrs={"long_name": "Gaussian filters"},
                        coords={**_labels(rows, "sample"), "frequency": frequency, "littlewood_paley": ("frequency", total)})  # fmt: skip


def bank2d(J=3, L=6, size=128):
    """The same over the frequency square."""
    f = np.arange(-size // 2, size // 2) / size
    rows, filters = [{"order": 0, **_unused()}], [np.exp(-0.5 * (f[:, None] ** 2 + f[None, :] ** 2) / 0.02**2)]
    for j in range(J):
        for k in range(L):
            band = _band2d(j, k, L, 1.0, 1)
            xi, angle = band["xi1"], np.radians(band["theta1"])
            rows.append({"order": 1, **_unused(), **band})
            square = (f[None, :] - xi * np.cos(angle)) ** 2 + (f[:, None] - xi * np.sin(angle)) ** 2
            filters.append(np.exp(-0.5 * square / (0.25 * xi) ** 2))
    energy = np.array(filters) ** 2
    mirrored = np.roll(energy[1:, ::-1, ::-1], (1, 1), axis=(1, 2))
    dims = ("frequency_y", "frequency_x")
    coords = {dim: (dim, f, {"units": "cycles/sample", "long_name": f"frequency along {dim[-1]}"}) for dim in dims}
    coords["littlewood_paley"] = (dims, energy[0] + 0.5 * (energy[1:] + mirrored).sum(0))
    return xr.DataArray(np.array(filters), dims=("path", *dims), name="response", attrs={"long_name": "Gaussian filters"},
                        coords={**_labels(rows, "sample"), **coords})  # fmt: skip


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
    "cone": lambda: (with_ends(wavelet1d()), None, {}),
    "octaves": lambda: (octaves(), None, {}),
    "planes": lambda: (wavelet2d(), None, {"sel": {"path": {"j1": 1, "l1": 1}}}),
    "filters": lambda: (bank1d(), None, {}),
    "filters_square": lambda: (bank2d(), None, {}),
    "scattergram": lambda: (scattering1d(), None, {}),
}
