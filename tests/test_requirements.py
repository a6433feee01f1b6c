"""What is installed is what was tested: each version pinned, each file by its hash (CFG-3)."""

import importlib.metadata
import re

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from config import HOME


def asked():
    """What requirements.txt asks for."""
    lines = (HOME / "requirements.txt").read_text(encoding="utf-8").splitlines()
    said = (line.partition("#")[0].strip() for line in lines)
    return [Requirement(line) for line in said if line]


def locked():
    """What constraints.txt locks: the requirement and the hashes of its files."""
    text = (HOME / "constraints.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            wanted, *hashes = line.split(" --hash=")
            yield Requirement(wanted.strip()), [one.strip() for one in hashes]


def version(requirement):
    """The one version that a requirement names."""
    (only,) = requirement.specifier
    assert only.operator == "==", requirement
    return only.version


def test_each_version_is_pinned_by_the_hashes_of_its_files_cfg_3():
    found = list(locked())
    assert len(found) > 40
    for requirement, hashes in found:
        assert version(requirement)
        assert hashes, f"{requirement} has no hash. Run: make lock"
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", one) for one in hashes), requirement


def test_the_lock_covers_what_is_asked_for_cfg_3():
    lock = {canonicalize_name(one.name): version(one) for one, _hashes in locked()}
    for requirement in asked():
        name = canonicalize_name(requirement.name)
        assert lock.get(name) == version(requirement), f"{requirement} is not locked: make lock"


def test_the_lock_covers_what_the_asked_for_bring_along_cfg_3():
    """Followed through what is installed here; what another machine wants has its marker."""
    lock = {canonicalize_name(one.name) for one, _hashes in locked()}
    waiting, seen = [(one.name, one.extras) for one in asked() if applies(one)], set()
    while waiting:
        name, extras = waiting.pop()
        if (name, frozenset(extras)) in seen:
            continue
        seen.add((name, frozenset(extras)))
        assert canonicalize_name(name) in lock, f"{name} is not locked: make lock"
        for line in importlib.metadata.requires(name) or []:
            brought = Requirement(line)
            if any(applies(brought, extra) for extra in {"", *extras}):
                waiting.append((brought.name, brought.extras))
    assert len(seen) > 40


def applies(requirement, extra=""):
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def test_what_runs_here_is_what_is_locked_cfg_3():
    for requirement, _hashes in locked():
        if applies(requirement):
            assert importlib.metadata.version(requirement.name) == version(requirement)


def test_installing_takes_nothing_without_its_hash_cfg_3():
    makefile = (HOME / "Makefile").read_text(encoding="utf-8")
    installs = [line for line in makefile.splitlines() if "$(BIN)/pip install" in line]
    assert installs
    assert all("--require-hashes --requirement constraints.txt" in line for line in installs)
