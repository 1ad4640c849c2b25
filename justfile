# One word for each job. `just` lists them.
default:
    @just --list

# What CI runs: format, lint, types, import contracts, tests
check:
    bash .ci/run

# The quick tests
test *ARGS:
    uv run pytest {{ARGS}}

# Simulations and benchmarks, on demand
test-slow *ARGS:
    uv run pytest -m slow {{ARGS}}

# Lines and branches that the quick tests reach in pytest's own processes; those that they start are not counted
coverage *ARGS:
    uv run pytest --cov --cov-report=term {{ARGS}}

# Format, and mend what can be mended
fix:
    uv run ruff check --fix .
    uv run ruff format .

# Pin the whole resolved set again, after a range in pyproject.toml changed
pin:
    bash .ci/pin
