# The verbs of a checkout. `make demo` and `make test` are all that a newcomer needs.
SHELL := /bin/sh
# Whose cloud `make demo` shows: ec2 or gce.
PROVIDER ?= ec2
SANDBOX_ec2 := inventories/sandbox
SANDBOX_gce := inventories/sandbox-gce
.DEFAULT_GOAL := help

.PHONY: help setup demo test test-all lint sandbox-up sandbox-down sandbox-status clean

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile

setup: ## the virtual environments
	@tests/tools/setup

demo: ## sets up, starts the sandbox, and brings a workspace up in it; PROVIDER=gce: on Compute Engine
	@test -n '$(SANDBOX_$(PROVIDER))' || { echo 'PROVIDER=$(PROVIDER) is not known; use ec2 or gce' >&2; exit 2; }
	@tests/tools/setup one
	@tests/tools/in-venv python -m tests.sandbox up
	@tests/tools/in-venv ansible-playbook -i $(SANDBOX_$(PROVIDER)) playbooks/workspace.yml

sandbox-up: ## starts the sandbox: a cloud and its hosts on this machine
	@tests/tools/setup one
	@tests/tools/in-venv python -m tests.sandbox up

sandbox-down: ## removes the sandbox and everything it made
	@tests/tools/setup one
	@tests/tools/in-venv python -m tests.sandbox down

sandbox-status: ## shows what runs in it
	@tests/tools/setup one
	@tests/tools/in-venv python -m tests.sandbox status

lint: setup ## ruff, mypy, yamllint, ansible-lint, ansible-test sanity, documentation
	@tests/tools/lint

test: setup ## sets up and passes the tests: lint, unit, integration, one workspace on a real host
	@tests/tools/test

test-all: setup ## the same and what is slow
	@tests/tools/test --all

clean: ## removes what setup made
	rm -rf .venv .sandbox
