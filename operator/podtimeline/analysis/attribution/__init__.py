"""Who asked for it: which request a pod was made for, who refused it, who deleted it."""
