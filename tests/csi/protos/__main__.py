"""``python -m tests.csi.protos``: generate the modules; importing the package has done it."""
