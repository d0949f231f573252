"""The command line: stdout is data, stderr is talk; exit codes 0, 1 (failed, not found) and 2 (usage)."""
