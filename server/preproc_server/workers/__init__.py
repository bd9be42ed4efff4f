"""Several processes on one port: a parent that decides, and workers that answer."""
