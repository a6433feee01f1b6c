"""The panel as it is served: under gunicorn, with debug off, or not at all."""

import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from config import HOME

SERVE = [sys.executable, "-m", "gunicorn", "wsgi:app"]


def environment(tmp_path, **asked):
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("HALLPANEL_")}
    return {**inherited, "HALLPANEL_INSTANCE": str(tmp_path / "instance"), **asked}


@contextmanager
def gunicorn(env) -> Iterator[int]:
    """Run the server on a socket that already listens, so that a request waits and never misses."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        handle, port = listening.fileno(), listening.getsockname()[1]
        command = [*SERVE, "--bind", f"fd://{handle}"]
        running = subprocess.Popen(command, cwd=HOME, env=env, pass_fds=[handle])
        try:
            yield port
        finally:
            running.terminate()
            running.wait(timeout=60)


def test_two_processes_answer_with_debug_off(tmp_path, database_url):
    env = environment(tmp_path, HALLPANEL_DATABASE_URL=database_url, FLASK_DEBUG="1")
    with gunicorn(env) as port:
        for _ in range(8):
            answer = urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60)
            assert answer.status == 200


@pytest.mark.parametrize("command", [[sys.executable, "-c", "import wsgi"], SERVE], ids=len)
def test_a_wrong_setting_ends_the_start_with_a_plain_message(tmp_path, command):
    ended = subprocess.run(
        command,
        cwd=HOME,
        env=environment(tmp_path, HALLPANEL_LOCALE="tlh"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "HALLPANEL_LOCALE: “tlh” is no choice" in ended.stderr
    assert "Choose one of zh_Hans_CN, zh_Hant_TW, en." in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_foreign_host_name_is_refused(client):
    assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 400
    assert client.get("/healthz", headers={"Host": "127.0.0.1:8000"}).status_code == 200


@pytest.mark.parametrize("command", [[sys.executable, "-c", "import wsgi"], SERVE], ids=len)
def test_an_unfit_installation_serves_nobody_on_the_network_cfg_1(tmp_path, database_url, command):
    env = environment(
        tmp_path, HALLPANEL_DATABASE_URL=database_url, HALLPANEL_HOSTS="hall.example.gov.cn"
    )
    ended = subprocess.run(
        command, cwd=HOME, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "hallpanel does not serve for others." in ended.stderr
    assert "P04 pages and cookies travel without encryption" in ended.stderr
    assert "Hint: " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_commands_still_run_in_an_unfit_installation_cfg_1(tmp_path, database_url):
    """Else nothing could be put right from the command line."""
    env = environment(
        tmp_path, HALLPANEL_DATABASE_URL=database_url, HALLPANEL_HOSTS="hall.example.gov.cn"
    )
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "check"]
    done = subprocess.run(
        command, cwd=HOME, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
