# Needs make and either uv or any Python 3.12 or newer; everything else is fetched. `make help` says what there is.
.POSIX:
SHELL = /bin/sh
ARGS =
START = sh governance/local/bootstrap.sh

help:
	@echo 'make up                  start Portwarden on http://127.0.0.1:8000 (PORT=, DEMO=0, PORTWARDEN_DATA=)'
	@echo 'make manage ARGS="…"     run manage.py against the same instance, running or not'
	@echo 'make pg ARGS="pg_dump …"  run a program of PostgreSQL (psql, pg_dump …) on the same database'
	@echo 'make test [ARGS="…"]     the whole test suite; ARGS go to pytest'
	@echo 'make bench [ARGS="…"]    the benchmarks; writes bench.json'
	@echo 'make fuzz [ARGS="…"]     200,000 broken reports of every format; `make test` sends 20,000'
	@echo 'make lint                every linter that .ci/run asks'
	@echo 'make lock                resolve all dependencies anew into the lock files'
	@echo 'make clean               remove what was installed and built; never your data'

up:
	@exec $(START) up

manage:
	@exec $(START) manage $(ARGS)

pg:
	@exec $(START) pg $(ARGS)

test:
	@exec $(START) test $(ARGS)

bench:
	@exec $(START) bench $(ARGS)

fuzz:
	@exec $(START) fuzz $(ARGS)

lint:
	@exec $(START) lint

lock:
	@exec $(START) lock

clean:
	rm -rf .venv .uv node_modules static/vendor staticfiles .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help up manage pg test bench fuzz lint lock clean
