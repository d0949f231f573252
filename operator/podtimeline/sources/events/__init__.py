"""Events: what they say of pods, nodes, volume claims and of what makes pods."""
