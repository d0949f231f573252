"""Simulated nodes, by the real kwok: for load that this machine could not carry as containers."""
from clusterkit.lifecycle import Cluster

MOST = 5000


def scale(cluster: Cluster, *, count: int) -> None:
    """Have this many simulated nodes."""
    raise NotImplementedError
