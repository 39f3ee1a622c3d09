"""Values as JSON for Ansible, each text marked so that it is never taken for a template, nor for another kind of value.

``__ansible_unsafe`` is what Ansible itself writes for a text that it must not evaluate (ansible-core 2.19,
``parsing/ajson.py``). YAML's ``!unsafe`` is not enough: that version makes ``!unsafe "no"`` false.
"""

import json
from collections.abc import Mapping
from typing import Any

from auditor.remediate.playing import PlayRefusedError

_MARK = "__ansible_unsafe"
_OURS = "__ansible"


def unsafe_json(values: Mapping[str, Any]) -> str:
    """Return values as JSON whose every text is nothing but text to Ansible; PlayRefusedError for keys that mark."""
    return json.dumps(_marked(values), ensure_ascii=True)


def _marked(value: Any) -> Any:  # noqa: ANN401 — whatever a variable may hold
    if isinstance(value, str):
        return {_MARK: value}
    if isinstance(value, Mapping):
        wrong = next((key for key in value if not isinstance(key, str) or key.startswith(_OURS)), None)
        if wrong is not None:
            raise PlayRefusedError(f"a value is called {wrong!a}, which Ansible takes for a mark of its own")
        return {key: _marked(one) for key, one in value.items()}
    return [_marked(one) for one in value] if isinstance(value, list | tuple) else value
