"""Our protocol buffers, held to the specifications that the Kubernetes releases of hack/cluster are built with."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet
from tests.csi.protos import csi_pb2, pluginregistration_pb2
from tests.csi.protos.generate import ProtocError, compile_protos

ROOT = Path(__file__).parents[2]
SPECIFICATIONS = [
    (csi_pb2.DESCRIPTOR.serialized_pb, "github.com/container-storage-interface/spec", "csi.proto"),
    (
        pluginregistration_pb2.DESCRIPTOR.serialized_pb,
        "k8s.io/kubelet",
        "pkg/apis/pluginregistration/v1/api.proto",
    ),
]


def facts(file: FileDescriptorProto) -> set[str]:
    """All that decides about bytes on the wire, a line each."""
    found = {
        f"rpc {file.package}.{service.name}/{method.name} {method.input_type} {method.output_type}"
        for service in file.service
        for method in service.method
    }
    for message in file.message_type:
        found.update(_message(message, file.package))
    return found


def _message(message: DescriptorProto, scope: str) -> Iterator[str]:
    name = f"{scope}.{message.name}"
    for field in message.field:
        oneof = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else ""
        yield f"{name}.{field.name} = {field.number} {field.type} {field.label} {field.type_name} {oneof}"
    for nested in message.nested_type:
        yield from _message(nested, name)
    for enum in message.enum_type:
        yield from _enum(enum, name)


def _enum(enum: EnumDescriptorProto, scope: str) -> Iterator[str]:
    yield from (f"{scope}.{enum.name}.{value.name} = {value.number}" for value in enum.value)


def module(name: str, *, release: str) -> Path:
    """Where Go keeps the module that a Kubernetes release is built with; what is not there is not fetched."""
    if shutil.which("go") is None:
        pytest.skip("go is not on PATH")
    words = ["go", "list", "-m", "-f", "{{.Dir}}", name]
    where = ROOT / f"hack/clusterkit/go/kubernetes-{release}"
    environment = os.environ | {"GOPROXY": "off", "GOFLAGS": "", "GOWORK": "off"}
    found = subprocess.run(words, cwd=where, env=environment, capture_output=True, text=True, check=False)
    if not (directory := found.stdout.strip()):
        pytest.skip(f"{name} is not in Go's module cache: hack/cluster tools --kubernetes {release} brings it there")
    return Path(directory)


@pytest.mark.parametrize("release", ["1.34", "1.37"])
@pytest.mark.parametrize(("own", "name", "path"), SPECIFICATIONS)
def test_ours_is_a_part_of_the_specification(tmp_path: Path, own: bytes, name: str, path: str, release: str) -> None:
    """Each call, field and number that we have the specification has too."""
    source, out = module(name, release=release) / path, tmp_path / "specification.pb"
    compile_protos([f"-I{source.parent}", f"--descriptor_set_out={out}", source.name])
    (specification,) = FileDescriptorSet.FromString(out.read_bytes()).file
    ours = facts(FileDescriptorProto.FromString(own))
    assert ours
    assert ours <= facts(specification)


def test_a_file_that_protoc_refuses_is_an_error(tmp_path: Path) -> None:
    """No module is generated from it in silence."""
    (tmp_path / "broken.proto").write_text("message {")
    with pytest.raises(ProtocError):
        compile_protos([f"-I{tmp_path}", f"--descriptor_set_out={tmp_path / 'out.pb'}", "broken.proto"])
