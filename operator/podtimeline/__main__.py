"""``python -m podtimeline``."""

from podtimeline.cli.main import main

main()
