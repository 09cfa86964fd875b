"""The sections, most telling first: which module has each, and how long it may take."""

from typing import NamedTuple


class Section(NamedTuple):
    """One section, a function of its own name.

    Attributes:
        module: module of this package that has the function.
        limit_s: seconds that it may take on a machine with one large GPU and 16 cores.
        about: line about what it tells.
    """

    module: str
    limit_s: float
    about: str


SECTIONS = {
    "facts": Section("machine", 30, "Card, versions, and the speeds that bound all others."),
    "tests": Section("machine", 70, "The tests that need a GPU."),
    "agree": Section("agreement", 60, "Losses and pictures against the CPU's, by every option."),
    "waits": Section("speed", 30, "How often a step waits for the device; once is meant."),
    "steps": Section("speed", 90, "Steps a second, nothing saved, and those of other programs."),
    "parts": Section("speed", 30, "What a step's time goes to, and how many kernels it starts."),
    "memory": Section(
        "memory", 40, "Memory foretold and taken, and what is said when it is short."
    ),
    "saving": Section("saving", 60, "What it costs to keep every iterate."),
    "together": Section("processes", 70, "Shots a second by one, two and three processes."),
    "repeat": Section("agreement", 40, "Pixels of a second run, and of one that was interrupted."),
    "commands": Section("processes", 90, "Whole commands, and their time beside the forecast."),
    "whatif": Section("whatif", 40, "Parts of a step done in other ways, and a CUDA graph."),
}
"""In the order of their worth, because the deadline cuts from the end."""
