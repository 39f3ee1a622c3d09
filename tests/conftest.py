"""How hard the laws are tried: the same examples in every run of the gate, many more in a soak."""

import signal

from hypothesis import HealthCheck, settings

# No deadline, and no complaint of slow examples: on a machine that others use too they say nothing about the code.
_ANY_TIME = [HealthCheck.too_slow]
settings.register_profile("check", deadline=None, derandomize=True, suppress_health_check=_ANY_TIME)
settings.register_profile("soak", deadline=None, max_examples=20_000, suppress_health_check=_ANY_TIME)
settings.load_profile("check")

# A shell that starts the tests in the background has them, and all they start, ignore an interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
