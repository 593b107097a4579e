"""The S&P 500 returns and the rules for dates and prices."""

import sys

import numpy as np
import pytest

from scatflow_processes.prices import log_returns
from scatflow_processes.sp500 import sp500_returns


def test_what_the_data_are() -> None:
    pytest.importorskip("arch")
    dates, values = sp500_returns()
    assert values.shape == dates.shape == (5030,)
    assert dates.dtype == np.dtype("datetime64[ns]")
    assert values.dtype == np.float64
    assert str(dates[0])[:10] == "1999-01-05"
    assert str(dates[-1])[:10] == "2018-12-31"
    assert values.std() == pytest.approx(0.0120372, abs=5e-8)
    # The sum of log-returns is the log of the ratio of the last and first adjusted close.
    assert values.sum() == pytest.approx(np.log(2506.850098 / 1228.099976), rel=1e-12)
    assert str(dates[values.argmin()])[:10] == "2008-10-15"


def test_missing_package_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "arch.data.sp500", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "scatflow-processes\[finance\]"'):
        sp500_returns()


DAYS = np.array(["2020-01-02", "2020-01-03", "2020-01-06"], dtype="datetime64[D]")


@pytest.mark.parametrize(
    ("dates", "prices", "match"),
    [
        (DAYS[[0, 2, 1]], [1.0, 2.0, 3.0], "sorted.*2020-01-03"),
        (DAYS[[0, 1, 1]], [1.0, 2.0, 3.0], "unique.*2020-01-03"),
        (np.array(["2020-01-02", "NaT", "2020-01-06"], dtype="datetime64[D]"), [1.0, 2.0, 3.0], "missing"),
        (DAYS, [1.0, 0.0, 3.0], "prices.*2020-01-03"),
        (DAYS, [1.0, 2.0, np.nan], "prices.*2020-01-06"),
        (DAYS, [1.0, np.nan, 3.0], "first broken at 2020-01-03; drop the day or bridge the gap"),
        (DAYS, [1.0, 2.0], "equally long"),
        (DAYS[:1], [1.0], "at least 2"),
    ],
)
def test_bad_tables(dates: np.ndarray, prices: list[float], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        log_returns(dates, prices)
