"""A real Kubernetes cluster on one Linux machine, without a container engine: what stands behind hack/cluster.

Standard library only: it runs before any virtual environment exists.
"""
