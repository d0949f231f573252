"""No process is ever mistaken for one of the cluster's."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from clusterkit.process import Record, boot_id, record_of, start_time


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    """Run a process that ends when its input does."""
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        yield process
        process.kill()


def test_a_running_process_is_recognised(child: "subprocess.Popen[bytes]") -> None:
    """A process is alive as long as number, start time and boot are those that were recorded."""
    assert record_of(child.pid).alive()


def test_a_reused_number_is_not_our_process(child: "subprocess.Popen[bytes]") -> None:
    """A process with our number but another start time is left alone."""
    ours = record_of(child.pid)
    other = Record(pid=ours.pid, started=ours.started - 1, boot=ours.boot)
    assert not other.alive()
    other.stop()
    assert child.poll() is None


def test_a_record_from_before_a_reboot_is_not_our_process(child: "subprocess.Popen[bytes]") -> None:
    """After a reboot even the same number and start time mean someone else."""
    ours = record_of(child.pid)
    assert not Record(pid=ours.pid, started=ours.started, boot="another").alive()


def test_a_corpse_is_not_alive(child: "subprocess.Popen[bytes]") -> None:
    """A process that has ended counts as ended even before its parent asks for its status."""
    record = record_of(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not record.alive()


def test_stopping_ends_the_process(child: "subprocess.Popen[bytes]") -> None:
    """The recorded process itself is asked to end."""
    record_of(child.pid).stop()
    assert child.wait(timeout=10) != 0


def test_there_is_no_start_time_without_a_process() -> None:
    """A number that no process has is no error."""
    assert start_time(2**22 + 1) is None
    assert boot_id()
