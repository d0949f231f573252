"""Sinks: where finished pods and numbers are told. Each imports one library of its own."""
