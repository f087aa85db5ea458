"""Processes that start at once, because they are forked from one that has imported everything: one server a session."""

from __future__ import annotations

import multiprocessing

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.warm"])
