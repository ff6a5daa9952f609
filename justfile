# What CI runs, and its parts. https://just.systems

export OMP_NUM_THREADS := "1"

# everything that CI checks
check: format lint types imports test docs

format:
    ruff format --check .

lint:
    ruff check .

types:
    mypy

imports:
    lint-imports

test *ARGS:
    pytest {{ ARGS }}

docs:
    mkdocs build --strict --quiet
    pytest -q tests/test_docs.py

# repair what can be repaired without thinking
fix:
    ruff format .
    ruff check --fix .

# look at the docs while writing them
serve:
    mkdocs serve
