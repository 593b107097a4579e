r"""GARCH and GJR models of returns: fitted with the package arch, simulated here.

.. math:: r_t = \mu + \sigma_t z_t, \qquad \sigma_t^2 = \omega + (\alpha + \gamma 1[e_{t-1} < 0]) e_{t-1}^2 + \beta \sigma_{t-1}^2,
          \quad e_t = \sigma_t z_t

with gamma = 0 for GARCH(1, 1) [1]_; z is independent, of unit variance.

References
----------
.. [1] T. Bollerslev, J. Econometrics 31 (1986) 307, doi:10.1016/0304-4076(86)90063-1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check
from scatflow_processes.tables import require

Reals = npt.NDArray[np.float64]
#: Samples of a simulation that are dropped, in which the variance forgets where it began.
BURN_IN = 500
#: Fewest samples of a fit.
MIN_SAMPLES = 100


class GarchFit(NamedTuple):
    """A fitted model.

    Attributes
    ----------
    mean : float
        mu, in the unit of the returns.
    omega : float
        In the squared unit.
    alpha, gamma, beta : float
        Coefficients; gamma is 0 of GARCH.
    residuals : ndarray of float64, shape (n,)
        z of the data, of mean square 1.
    log_likelihood : float
        Of the data in their own unit, in nats.
    """

    mean: float
    omega: float
    alpha: float
    gamma: float
    beta: float
    residuals: Reals
    log_likelihood: float

    @property
    def persistence(self) -> float:
        """Factor by which a shock to the variance decays per step; the variance is finite below 1."""
        return self.alpha + self.gamma / 2 + self.beta


def fit_garch(returns: npt.ArrayLike, asymmetric: bool = False) -> GarchFit:
    """Fit a GARCH(1, 1), or the asymmetric GJR, by maximum likelihood with normal innovations.

    Parameters
    ----------
    returns : array_like of float, shape (n,)
        Returns in any unit, at least 100, finite, not constant.
    asymmetric : bool, optional
        GJR: falls raise the volatility by gamma more than rises.

    Returns
    -------
    GarchFit

    Raises
    ------
    ValueError
        The returns are too few, constant or not finite, or the fit does not converge.
    ModuleNotFoundError
        The package arch, of the extra finance, is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow_processes.garch import GarchFit, simulate_garch
    >>> truth = GarchFit(0.0, 0.05, 0.1, 0.0, 0.85, np.zeros(0), 0.0)
    >>> returns = simulate_garch(truth, np.random.default_rng(0).standard_normal(20_500))
    >>> fit = fit_garch(returns)  # needs the extra finance
    >>> bool(abs(fit.alpha - 0.1) < 0.02), bool(abs(fit.beta - 0.85) < 0.03)
    (True, True)
    """
    r = np.asarray(returns, dtype=np.float64)
    if r.ndim != 1 or r.size < MIN_SAMPLES or not np.isfinite(r).all():
        raise ValueError(
            f"a fit needs at least {MIN_SAMPLES} finite returns in one dim, got shape {r.shape}, {int(np.isfinite(r).sum())} finite"
        )
    scale = float(r.std())
    if scale == 0:
        raise ValueError("constant returns have no volatility to fit")
    arch = require("arch", "fitting GARCH models", "scatflow-processes[finance]")
    model = arch.arch_model(r / scale, mean="Constant", vol="GARCH", p=1, o=int(asymmetric), q=1, rescale=False)
    found = model.fit(disp="off", show_warning=False)
    if found.convergence_flag != 0:
        raise ValueError(f"the fit does not converge: {found.optimization_result.message}; are these returns?")
    value = found.params
    gamma = float(value["gamma[1]"]) if asymmetric else 0.0
    z = np.asarray(found.std_resid, dtype=np.float64)
    return GarchFit(float(value["mu"]) * scale, float(value["omega"]) * scale**2, float(value["alpha[1]"]), gamma, float(value["beta[1]"]),
                    z / np.sqrt(np.mean(z**2)), float(found.loglikelihood) - r.size * float(np.log(scale)))  # fmt: skip


def simulate_garch(fit: GarchFit, innovations: npt.ArrayLike) -> Reals:
    """Return returns of a model.

    Parameters
    ----------
    fit : GarchFit
        The model; its persistence must be below 1.
    innovations : array_like of float, shape (..., n + BURN_IN)
        z of unit variance.

    Returns
    -------
    ndarray of float64, shape (..., n)
        Without the first BURN_IN samples.

    Raises
    ------
    ValueError
        The variance of the model is not finite or not positive, or there are too few innovations.

    Examples
    --------
    >>> import numpy as np
    >>> fit = GarchFit(1.0, 0.5, 0.0, 0.0, 0.5, np.zeros(0), 0.0)  # constant variance 1
    >>> simulate_garch(fit, np.ones(503)).tolist()
    [2.0, 2.0, 2.0]
    """
    z = np.asarray(innovations, dtype=np.float64)
    if not fit.persistence < 1:
        raise ValueError(f"the model has no finite variance: alpha + gamma / 2 + beta must be < 1, got {fit.persistence:g}")
    check("omega", fit.omega, fit.omega > 0, "> 0")
    if z.ndim == 0 or z.shape[-1] <= BURN_IN:
        raise ValueError(f"more than {BURN_IN} innovations are needed, got shape {z.shape}")
    # The next variance is omega + gain variance: a triangular system with one band below the diagonal.
    gain = fit.beta + (fit.alpha + fit.gamma * (z < 0)) * z**2
    variance = np.full(z.shape, fit.omega)
    variance[..., 0] = fit.omega / (1 - fit.persistence)
    bands = np.stack([np.ones_like(z), -gain], axis=-2)
    for index in np.ndindex(z.shape[:-1]):
        variance[index] = _solved(bands[index], variance[index])
    return np.asarray(fit.mean + (np.sqrt(variance) * z)[..., BURN_IN:])


def _solved(bands: Reals, right: Reals) -> Reals:
    """Return x of a triangular system from its diagonal and the band below, by forward substitution."""
    from scipy.linalg import lapack

    found, _ = lapack.dtbtrs(bands, right[:, None], uplo="L")
    return np.asarray(found[:, 0])
