"""What holds for all tests."""

from hypothesis import settings

# A busy machine is no failure of what is tested: pytest-timeout ends what hangs.
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")
