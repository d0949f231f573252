"""The observed kinds: each with its structures, its decoding and its feed; ``registry`` names them all."""
