"""pytest knows golden cases: a test marked with `npslim` runs once for each case, and a report stands at the end.

    @pytest.mark.npslim("conv2d", stride=[1, 2], padding=["SAME", "VALID"])
    def test_my_convolution(case, matches):
        matches(my_conv2d(**case.inputs, **case.attrs))

The mark takes the name of an op, layer, loss or optimizer, or a regular expression for ids, and a grid: lists of
values. `matches` is `npslim.testing.assert_matches` for this case, and counts for the report. Installed with npslim;
`-p no:npslim` turns it off, and it costs nothing where no test is marked.
"""

MARK = "npslim(pattern, **grid): run the test for each golden case, given as `case`; `matches(answer)` compares"


def pytest_addoption(parser):
    """--npslim-precision and --npslim-catalogue."""
    group = parser.getgroup("npslim", "golden cases of npslim")
    group.addoption("--npslim-precision", metavar="NAME", help="allow for float16, bfloat16 or tf32 arithmetic")
    group.addoption("--npslim-catalogue", metavar="PATH", help="read the cases that `npslim golden make` wrote")


def pytest_configure(config):
    """Make the mark and the fixture known."""
    config.addinivalue_line("markers", MARK)
    config.pluginmanager.register(_fixtures(), "npslim-fixtures")
    config.npslim_results = []


def pytest_generate_tests(metafunc):
    """One test for each case of the mark."""
    mark = metafunc.definition.get_closest_marker("npslim")
    if mark is None:
        return
    from pytest import UsageError  # noqa: PLC0415 - pytest is optional

    if len(mark.args) != 1 or not isinstance(mark.args[0], str):
        raise UsageError(f"{metafunc.definition.nodeid}: the mark npslim takes the name of an op, got {mark.args}")
    if "case" not in metafunc.fixturenames:
        raise UsageError(f"{metafunc.definition.nodeid}: a test marked with npslim has an argument `case`")
    grid = {key: values if isinstance(values, list) else [values] for key, values in mark.kwargs.items()}
    try:
        cases = _cases(metafunc.config, mark.args[0], grid)
    except (ValueError, LookupError, OSError, NotImplementedError) as error:
        raise UsageError(f"{metafunc.definition.nodeid}: {error}") from None
    metafunc.parametrize("case", cases, ids=[case.id for case in cases])


def _cases(config, pattern, grid):
    from npslim.testing import golden_cases, read_catalogue  # noqa: PLC0415 - it takes longer than npslim to import
    from npslim.testing.make import pattern_of  # noqa: PLC0415

    path = config.getoption("--npslim-catalogue")
    if path is None:
        return golden_cases(pattern, grid)
    if grid:
        raise ValueError(f"a catalogue has its grid already, got {grid}")
    cases = read_catalogue(path, pattern_of(pattern))
    if not cases:
        raise ValueError(f"{path} has no case {pattern}")
    return cases


def _fixtures():
    import pytest  # noqa: PLC0415 - pytest is optional

    class Fixtures:
        """What tests may ask for."""

        @pytest.fixture
        def matches(self, request):
            """A function that takes the answer to `case`, and raises an AssertionError that explains."""
            case = request.getfixturevalue("case")
            return lambda actual: _match(request.config, case, actual)

    return Fixtures()


def _match(config, case, actual):
    from npslim.testing import Mismatch, assert_matches, differences  # noqa: PLC0415

    __tracebackhide__ = True
    precision = config.getoption("--npslim-precision")
    try:
        found = differences(actual, case, precision)
        config.npslim_results.append((case, found, None))
        assert_matches(actual, case, precision)
    except Mismatch as error:
        if config.npslim_results and config.npslim_results[-1][0] is case:
            config.npslim_results[-1] = case, error.differences, error.cause or "not known"
        raise


def pytest_terminal_summary(terminalreporter, config):
    """A line for each op: cases that match, the largest error; then the likely causes."""
    rows = {}
    for case, found, cause in config.npslim_results:
        row = rows.setdefault(case.name, [0, 0, 0.0, 0.0, {}])
        row[0] += cause is None
        row[1] += 1
        row[2] = max([row[2], *(d.worst for d in found)])
        row[3] = max([row[3], *(d.ulp for d in found)])
        if cause:
            row[4][cause] = row[4].get(cause, 0) + 1
    if rows:
        terminalreporter.section("golden cases of npslim")
    for name, (passed, count, worst, ulp, causes) in rows.items():
        line = f"{name:30} {passed:4} of {count:4} match, largest error {worst:.3g} of the bound, {ulp:.3g} ulp"
        terminalreporter.line(line)
        for cause, times in causes.items():
            terminalreporter.line(f"{'':30} likely cause of {times}: {cause}")
