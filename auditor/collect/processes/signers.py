r"""Who signed the programs that run on Windows, as Windows itself checks it: a renamed product is told by it.

Programs in the folders of Windows' own are left out, whose signatures stand in catalogues and cost most; what somebody
put beside them (``C:\Windows\Temp``) is not. ``Status`` is
``Valid`` only where the file is unchanged and its certificate leads to an authority that the host trusts
(learn.microsoft.com, Get-AuthenticodeSignature, enum SignatureStatus).
"""

from auditor.collect.collector import Collector, fields, parse_lines
from auditor.model.facts.processes import ProgramSignature
from auditor.model.host import OsFamily

_WINDOWS = r"""
if ($level -ne 'administrator') { Partial 'the programs of other accounts are shown to administrators alone' }
$most = 150
$own = @('System32', 'SysWOW64', 'SystemApps', 'WinSxS', 'servicing', 'Microsoft.NET', 'ImmersiveControlPanel')
$asked = @{}
foreach ($process in @(Get-CimInstance -ClassName Win32_Process -Property ExecutablePath)) {
    $path = [string]$process.ExecutablePath
    if (-not $path -or $asked.ContainsKey($path)) { continue }
    $isOwn = $false
    foreach ($name in $own) { if ($path -like "$env:SystemRoot\$name\*") { $isOwn = $true } }
    if ($isOwn) { continue }
    if ($asked.Count -ge $most) { Partial "more than $most programs run: of the others nothing was asked"; break }
    $asked[$path] = 1
    $signature = Get-AuthenticodeSignature -LiteralPath $path -ErrorAction SilentlyContinue
    Row $path $signature.Status $signature.SignerCertificate.Subject
}
"""

_FIELDS = 3
_STATES = frozenset((
    "Valid", "UnknownError", "NotSigned", "HashMismatch", "NotTrusted", "NotSupportedFileFormat", "Incompatible", "",
))  # fmt: skip


def _read(line: str) -> ProgramSignature:
    path, status, subject = fields(line, _FIELDS)
    if not path or status not in _STATES:
        message = f"no program, or unknown status {status[:20]!r}"
        raise ValueError(message)
    return ProgramSignature(path=path, status=status, signer=subject.strip() or None)


PLUGIN = Collector(
    id="processes.signers",
    facts=(ProgramSignature,),
    scripts={OsFamily.WINDOWS: _WINDOWS},
    parse=lambda text: parse_lines(text, _read),
    advice="Audit the host as an administrator: the paths of other accounts' programs are closed to others.",
    holds_secrets=False,
    apart=True,
)
