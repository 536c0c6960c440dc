# SPDX-License-Identifier: BSD-2-Clause
"""The list of cases: what a case is, and how one is told to cases.py.

    @case("fin-before-data", users="PcapPlusPlus #513: ...", variants=BOTH)
    def fin_before_data(t):
        '''What is on the wire.

        Right: what a reader must find.'''
"""

from cases_talk import Trace

CASES = {}  # in the order of their definition
IN_TRACE = ("v", "isn", "overlap", "checksum")
FAMILIES = {"": {}, "ipv6": {"v": 6}}
BOTH = {"": {}, "ipv6": {"v": 6}, "wrap": {"isn": 2**32 - 700}}  # the sequence numbers wrap soon after the start


class Case:
    """`tshark`: why tshark's stream is another one, or None where it must agree."""

    def __init__(self, name, function, users, tshark, options):
        self.name, self.function, self.users, self.tshark, self.options = name, function, users, tshark, options

    def text(self):
        """(what is on the wire, what is right) in one line each."""
        wire, _, right = self.function.__doc__.partition("Right:")
        return " ".join(wire.split()), " ".join(right.split())

    def engine_options(self):
        return {key: self.options[key] for key in ("overlap", "checksum") if key in self.options}

    def make(self):
        for_trace = {key: value for key, value in self.options.items() if key in IN_TRACE}
        for_function = {key: value for key, value in self.options.items() if key not in IN_TRACE}
        trace = Trace(self.name, **for_trace)
        self.function(trace, **for_function)
        return trace


def case(name, users, variants=None, tshark=None):
    """Variants are {ending of the name: options}: of the Trace, or arguments of the function."""
    def add(function):
        for ending, options in (variants or {"": {}}).items():
            full = name + ("-" + ending if ending else "")
            assert full not in CASES, full
            why = tshark.get(ending) if isinstance(tshark, dict) else tshark
            CASES[full] = Case(full, function, users, why, options)
        return function
    return add
