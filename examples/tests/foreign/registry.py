"""The cases. A file beside this one registers its own: `@case` over a function that takes the folder of the programs.

A case passes when its function returns and fails when it raises; `assert` is the usual way. Its name is its rule, as in
the tests beside. Each runs in a process of its own, one after another.
"""

CASES = {}


def case(function):
    """Registers a function `def rule_that_holds(bins: Path) -> None` as a case of its file."""
    name = f"{function.__module__}: {function.__name__}"
    assert name not in CASES, f"two cases are called {name}"
    CASES[name] = function
    return function
