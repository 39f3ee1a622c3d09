"""Windows hosts whose programs a signature tells, and those that it says nothing of."""

from collections.abc import Iterator

from tests.winrm.planted import Planted, Windows


def signed_hosts() -> Iterator[Planted]:
    """Give hosts with programs that a signature tells, and nothing else of them."""
    made_by = "CN=AnyDesk Software GmbH, O=AnyDesk Software GmbH, L=Stuttgart, S=Baden-Württemberg, C=DE"
    host = Windows(name="win-renamed-signed")
    host.listen(7070, host.process("C:\\Windows\\Temp\\wupdate.exe", signer=made_by))
    yield Planted(
        host=host,
        sightings={("anydesk", "running", "confirmed", None)},
        listeners={(7070, "anydesk", "blocked")},
        fails={"unapproved_product", "per_user_copy", "renamed_product"},
        strict={"execution_control": "fail"},
    )

    host = Windows(name="win-signed-only")
    host.process("C:\\Users\\Public\\wupdate.exe", signer=made_by)
    yield Planted(
        host=host,
        sightings={("anydesk", "running", "suspected", None)},
        unknown={"unapproved_product", "per_user_copy", "renamed_product"},
    )

    host = Windows(name="win-signature-broken")
    host.process("C:\\Users\\Public\\wupdate.exe", signer=made_by, signature="HashMismatch")
    yield Planted(host=host)

    host = Windows(name="win-operator")
    path = "C:\\Program Files (x86)\\Remote Utilities - Viewer\\rutview.exe"
    made = {"company": "Remote Utilities LLC", "product": "Remote Utilities - Viewer"}
    host.process(path, **made, signer="CN=Remote Utilities LLC, O=Remote Utilities LLC, C=US")
    path = "C:\\Program Files (x86)\\NetSupport\\NetSupport Manager\\PCICTLUI.EXE"
    host.process(path, company="NetSupport Ltd", signer='CN=NetSupport Ltd, O="NetSupport, Ltd"')
    yield Planted(host=host)
