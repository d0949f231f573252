"""``python -m tests.csi``: the driver as a process. It says ``ready`` on stdout, and ends on SIGTERM."""

import argparse
import asyncio
import logging
import os
import signal
import sys
import tempfile
from pathlib import Path

from tests.csi.driver import Driver, LeftoverError, Setting
from tests.csi.kube import Api
from tests.csi.nodes import NodePlace, places
from tests.csi.process import NAME
from tests.csi.storage import Journal, Storage

from podtimeline.kube.connection import connect

_DISKS = "/dev/shm"  # every node sees it as it is, unlike /var/lib and /run


async def serve(nodes: tuple[NodePlace, ...], name: str, journal: Path) -> None:
    """Serve until SIGTERM, then take everything away."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    connection = connect(kubeconfig=os.environ["KUBECONFIG"])
    with tempfile.TemporaryDirectory(prefix="csi-", dir=_DISKS) as home, journal.open("a") as written:
        storage = Storage(Path(home) / "disks", Journal(written))
        async with connection.session() as session:
            setting = Setting(name, Path(home), nodes, Api(connection, session))
            async with Driver(setting, storage).running():
                print("ready", flush=True)
                await ended.wait()


def main() -> int:
    """Run the driver; 1 if something of it is left at its end."""
    parser = argparse.ArgumentParser(prog="python -m tests.csi", description="A CSI driver for the tests.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--cluster", help="the name of a cluster of hack/cluster")
    where.add_argument("--node", action="append", help="NAME=PID: a node, and a process in its mount namespace")
    parser.add_argument("--name", default=NAME, help="the driver's name (default: %(default)s)")
    parser.add_argument("--journal", type=Path, required=True, help="the file that says what really happened when")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    nodes = places(chosen.cluster) if chosen.cluster else tuple(NodePlace.parse(each) for each in chosen.node)
    code = 0
    try:
        asyncio.run(serve(nodes, chosen.name, chosen.journal))
    except* LeftoverError as group:
        for error in group.exceptions:
            print(error, file=sys.stderr)
        code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
