"""Pods: their structures, what their versions say, and their feed."""
