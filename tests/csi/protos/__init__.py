"""The messages and services of the ``.proto`` files beside this file, as typed modules: ``csi_pb2`` and the like.

protoc generates the modules on the first import and whenever a ``.proto`` file or protoc has changed. They are not
committed. hack/venv generates them too, for mypy, which imports nothing.
"""

from tests.csi.protos.generate import ensure

ensure()
