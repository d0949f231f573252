"""The history: every pod's timeline and the counters of the histograms. ``registry`` names the stores there are."""
