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

# The documentation: reference pages from the code, what commands print, the site in site/
docs:
    uv run python docs/generate.py
    MOORED_WRITE_DOCS=1 uv run pytest tests/docs
    uv run mkdocs build

# sdist and wheel with the built pages in them
dist: docs
    uv build

# Format, and mend what can be mended
fix:
    uv run ruff check --fix .
    uv run ruff format .

# Pin the whole resolved set again, after a range in pyproject.toml changed
pin:
    bash .ci/pin
