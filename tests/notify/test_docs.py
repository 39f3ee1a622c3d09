"""docs/notifications.md says what there is: its file is read, its message is of the form, every key is explained."""

import json
from pathlib import Path

import jsonschema

from auditor.notify import load
from auditor.notify.load import parse_webhooks
from auditor.notify.webhook import Event

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "notifications.md").read_text()


def block(language: str) -> str:
    return TEXT.partition(f"```{language}\n")[2].partition("```")[0]


def test_the_file_of_the_docs_is_read(tmp_path: Path) -> None:
    text = block("yaml").replace("/etc/auditor/soc.key", "key").replace("    ca: /etc/auditor/authority.pem\n", "")
    (tmp_path / "key").write_text("k3y")
    environ = {"SOC_TOKEN": "x", "ARCHIVE_URL": "https://archive.example.com/"}
    found = parse_webhooks(text, tmp_path / "notify.yml", environ)
    assert [webhook.name for webhook in found] == ["soc", "archive"]


def test_the_message_of_the_docs_is_of_the_published_form() -> None:
    schema = json.loads((Path(load.__file__).parent / "notification.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(block("json")))


def test_every_key_and_event_is_explained() -> None:
    schema = json.loads((ROOT / "policies" / "notify.schema.json").read_text())
    words = [*schema["$defs"]["webhook"]["properties"], *Event]
    assert [word for word in words if f"| `{word}` |" not in TEXT] == []
