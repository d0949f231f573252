"""The wire format, held to bytes that the format's own documentation and Google's implementation give."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.csi import messages as csi
from tests.csi.protobuf import DecodeError, Message, decode, encode

KNOWN = [
    (csi.CapacityRange(150), "08 96 01"),
    (csi.CapacityRange(-1), "08 ff ff ff ff ff ff ff ff ff 01"),
    (csi.RegistrationStatus(error="testing"), "12 07 74 65 73 74 69 6e 67"),
    (csi.RegistrationStatus(plugin_registered=True), "08 01"),
    (csi.ControllerPublishVolumeResponse({"k": "v"}), "0a 06 0a 01 6b 12 01 76"),
    (csi.ProbeResponse(), ""),
    (csi.VolumeCapability(block=csi.Empty()), "0a 00"),
    (csi.PluginInfo(supported_versions=("1", "2")), "22 01 31 22 01 32"),
    (csi.GetPluginCapabilitiesResponse.of(csi.PluginService.CONTROLLER_SERVICE), "0a 04 0a 02 08 01"),
]


@pytest.mark.parametrize(("message", "octets"), KNOWN)
def test_known_bytes_are_written_and_read(message: Message, octets: str) -> None:
    """Numbers, texts, flags, maps, lists and messages within messages have the bytes that the format demands."""
    assert encode(message) == bytes.fromhex(octets)
    assert decode(type(message), bytes.fromhex(octets)) == message


def test_fields_that_are_not_declared_are_skipped() -> None:
    """A newer kubelet may send fields of any type that the driver has never heard of."""
    unknown = "98 06 05 a1 06 0102030405060708 aa 06 02 6869 b5 06 01020304".replace(" ", "")
    data = encode(csi.DeleteVolumeRequest("a")) + bytes.fromhex(unknown)
    assert decode(csi.DeleteVolumeRequest, data) == csi.DeleteVolumeRequest("a")


@pytest.mark.parametrize("octets", ["0a", "0a 05 61", "80", "0b", "08 01", "0a ff ff ff ff 7f"])
def test_bytes_that_hold_no_such_message_are_refused(octets: str) -> None:
    """Cut bytes, groups and fields of another type raise an error instead of an invented message."""
    with pytest.raises(DecodeError):
        decode(csi.DeleteVolumeRequest, bytes.fromhex(octets))


TEXTS = st.text(max_size=8)
MAPS = st.dictionaries(TEXTS, TEXTS, max_size=3)
TOPOLOGIES = st.lists(st.builds(csi.Topology, MAPS), max_size=2).map(tuple)


@given(
    st.builds(
        csi.CreateVolumeRequest,
        name=TEXTS,
        capacity_range=st.none() | st.builds(csi.CapacityRange, st.integers(-(1 << 63), (1 << 63) - 1)),
        volume_capabilities=st.just((csi.VolumeCapability.mounted(),)),
        parameters=MAPS,
        accessibility_requirements=st.none() | st.builds(csi.TopologyRequirement, TOPOLOGIES, TOPOLOGIES),
    )
)
def test_what_is_written_is_read_again(request: csi.CreateVolumeRequest) -> None:
    """Any request survives the wire."""
    assert decode(csi.CreateVolumeRequest, encode(request)) == request
