import os

import pytest

from mtzoo import machine
from mtzoo.errors import UserError


def test_cores_and_memory_are_those_of_this_process():
    assert 1 <= machine.cores() <= os.cpu_count()
    assert 2**28 < machine.memory_bytes() <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_a_container_has_what_its_limit_says(tmp_path, monkeypatch):
    (tmp_path / "max").write_text("max\n")
    (tmp_path / "limit").write_text(f"{1 << 20}\n")
    whole = machine.memory_bytes()
    monkeypatch.setattr(machine, "_LIMITS", (str(tmp_path / "max"), str(tmp_path / "gone")))
    assert machine.memory_bytes() >= whole
    monkeypatch.setattr(machine, "_LIMITS", (str(tmp_path / "max"), str(tmp_path / "limit")))
    assert machine.memory_bytes() == 1 << 20


def test_too_much_is_told_with_what_there_is(monkeypatch):
    monkeypatch.setattr(machine, "memory_bytes", lambda: 8 << 30)
    machine.check_memory("a", 6 << 30)
    with pytest.raises(UserError, match=r"env\.cache_mb=7168: needs 7\.0 GiB or more, this machine has 8\.0; lower it"):
        machine.check_memory("env.cache_mb=7168", 7 << 30)
    with pytest.raises(UserError, match="millions of GiB"):
        machine.check_memory("a", 10 ** 40)


def test_openmp_waits_as_the_environment_says_or_not_long(monkeypatch):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    machine.limit_spinning()
    assert os.environ.pop("GOMP_SPINCOUNT") == str(machine.SPIN_COUNT)
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    machine.limit_spinning()
    assert "GOMP_SPINCOUNT" not in os.environ
    monkeypatch.delenv("OMP_WAIT_POLICY")
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    machine.limit_spinning()
    assert os.environ["GOMP_SPINCOUNT"] == "7"
