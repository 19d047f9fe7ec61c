# Everything runs from this checkout, in a virtual environment in .venv that make sets up by itself.
# Another Python than python3: make PYTHON=python3.12 run

PYTHON ?= python3

python = .venv/bin/python
# durable_rules is built from source, by the locked setuptools, never by one fetched unseen.
# Python 3.13 dropped a function that it calls; the one named instead does the same.
install = PIP_USE_PEP517=1 CPPFLAGS='-DPyEval_CallObject=PyObject_CallObject' \
	$(python) -m pip install -qq --disable-pip-version-check --no-input --no-build-isolation --require-hashes
compile = PYTHONWARNINGS=ignore $(python) -m piptools compile -q --no-header --no-emit-options --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
	--newline lf --strip-extras --allow-unsafe --generate-hashes $(if $(UPGRADE),--upgrade)
locks = requirements/build.txt requirements/run.txt requirements/test.txt requirements/bench.txt requirements/lock.txt

.PHONY: help run test check record bench soak docs lock clean
.DEFAULT_GOAL := help

help:  ## 显示这些命令 / show these commands
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

run: .venv/run.stamp  ## 启动服务（演示数据；PORT=8000）/ serve with demo data
	@exec $(python) -m rulesets.cli serve --demo

test: .venv/test.stamp  ## 运行全部测试 / run all tests
	@$(python) -m pytest

check: .venv/test.stamp  ## 代码风格、类型、引用方向、文本 / style, types, direction of imports, text
	@$(python) -m ruff check
	@$(python) -m ruff format --check
	@$(python) -m mypy
	@.venv/bin/lint-imports
	@$(python) scripts/check-text

record: .venv/test.stamp  ## 重写预期结果，再看差异 / rewrite what the tests expect; review the diff
	@$(python) -m pytest tests/golden tests/api/test_permissions.py tests/client/test_generated.py --record

bench: .venv/bench.stamp  ## 与同类软件比较速度 / measure against peers
	@$(python) -m bench

soak: .venv/test.stamp  ## 长时间随机测试 / search for counterexamples at length
	@$(python) -m pytest tests --soak

docs: .venv/test.stamp  ## 由代码生成文档和客户端 / write the docs and the client that come from the code
	@$(python) scripts/docs
	@$(python) scripts/client

lock: .venv/lock.stamp  ## 由 requirements/*.in 更新锁定文件（UPGRADE=1 取最新）/ renew the locks (UPGRADE=1: newest)
	@$(python) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo '锁定文件须由支持的最低版本 Python 3.11 生成：make clean，再 make PYTHON=python3.11 lock'; \
		echo 'Locks are made by the oldest Python supported, 3.11: make clean, then make PYTHON=python3.11 lock'; exit 1; }
	@$(compile) -o requirements/build.txt requirements/build.in
	@$(compile) -o requirements/run.txt requirements/run.in
	@$(compile) -c requirements/run.txt -o requirements/test.txt requirements/run.in requirements/test.in requirements/lint.in
	@$(compile) -c requirements/test.txt -o requirements/bench.txt requirements/run.in requirements/bench.in
	@$(compile) -c requirements/build.txt -o requirements/lock.txt requirements/lock.in
	@! grep -n '://' $(locks)

clean:  ## 删除 make 生成的一切 / remove everything make made
	@rm -rf .venv .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/run.stamp: requirements/build.txt requirements/run.txt
	@PYTHON='$(PYTHON)' scripts/prerequisites
	@echo '正在准备 .venv（首次约一分钟）… / Setting up .venv (about a minute the first time) …'
	@$(PYTHON) -m venv --clear .venv
	@$(install) -r requirements/build.txt
	@$(install) -r requirements/run.txt
	@$(python) -c 'import durable_rules_engine'
	@touch $@

.venv/test.stamp: .venv/run.stamp requirements/test.txt
	@echo '正在安装测试与检查工具… / Installing what tests and checks …'
	@$(install) -r requirements/test.txt
	@touch $@

.venv/bench.stamp: .venv/run.stamp requirements/bench.txt
	@echo '正在安装比较对象… / Installing the peers to measure against …'
	@$(install) -r requirements/bench.txt
	@touch $@

.venv/lock.stamp: .venv/run.stamp requirements/lock.txt
	@echo '正在安装锁定工具… / Installing what writes the locks …'
	@$(install) -r requirements/lock.txt
	@touch $@
