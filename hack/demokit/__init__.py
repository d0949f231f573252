"""The image and the demo, by the tools that people use: docker or buildah, kubectl, helm."""
