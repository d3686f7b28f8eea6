"""Tests of the start of a stack, without processes."""

import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tipoff_dev.stack.layout import Layout, free_ports
from tipoff_dev.stack.processes import StackError
from tipoff_dev.stack.stack import running_stack


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            b'{"folder": "/home/me/tides"}',
            "a stack of the fleet in /home/me/tides listens there; run `tipoff down`",
        ),
        (b'{"service": "fake-sources"}', "stop the process that listens there"),
        (b"[]", "stop the process that listens there"),
        (b"<html>", "stop the process that listens there"),
    ],
)
def test_taken_port_error_names_the_other_fleets_folder_or_a_remedy(
    tmp_path: Path, answer: bytes, message: str
) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the base class's name
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ports = {**free_ports(), "fake-sources": server.server_port}
        layout = replace(Layout.on_free_ports(event_time=True), ports=ports)
        with pytest.raises(StackError, match=message), running_stack(layout, tmp_path):
            pass
        server.shutdown()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="only Linux lists processes there")
def test_silent_process_that_holds_a_port_is_named(tmp_path: Path) -> None:
    """The message of a port that no stack's fake had taken named neither a folder nor a process."""
    script = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)"
    command = [sys.executable, "-c", f"{script}; time.sleep(60)"]
    with ExitStack() as running:
        holders, ports = [], free_ports()
        for name in ("logger", "monitor"):
            holder = running.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, cwd=tmp_path))
            running.callback(holder.kill)
            assert holder.stdout is not None
            ports[name] = int(holder.stdout.readline())
            holders.append(str(holder.pid))
        layout = replace(Layout.on_free_ports(event_time=True), ports=ports)
        with pytest.raises(StackError) as error, running_stack(layout, tmp_path):
            pass
    message = str(error.value)
    assert f"logger ({ports['logger']})" in message
    assert f"(process {', '.join(sorted(holders, key=int))} ({sys.executable} -c" in message
    assert f" in {tmp_path})" in message
