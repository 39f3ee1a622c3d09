"""How hard the laws are tried: the same examples in every run of the gate, many more in a soak."""

from hypothesis import HealthCheck, settings

# No deadline: on a machine that others use too, a slow example says nothing about the code.
settings.register_profile("check", deadline=None, derandomize=True)
settings.register_profile("soak", deadline=None, max_examples=20_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("check")
