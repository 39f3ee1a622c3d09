r"""The question for settings of products in PowerShell, made of the table of ``product_files.py``.

Files in folders that people may write to are read by an administrator here, as Windows has no other road: what is a
link, or lies behind one, is not followed and said so, and a file has a size at which it is not read.
"""

from auditor.collect.remote_config.product_files import FILES
from auditor.collect.remote_config.product_form import Grammar
from auditor.collect.remote_config.product_keys import KEYS
from auditor.collect.remote_config.product_script import pattern

_READ_HERE = frozenset(
    (Grammar.EQUALS, Grammar.SECTIONED, Grammar.COLON, Grammar.BLANK, Grammar.JSON, Grammar.XML, Grammar.NAME)
)
_PROFILE = "~\\"
_PLACES = {"%ProgramData%": "data", "%ProgramFiles%": "programs", "%SystemRoot%": "system"}

# A form is: product, grammar, expressions of what is told and of secrets, the names of both, and the places.
_SCRIPT = r"""
function Bare([string]$text) {
    $text = $text.Trim()
    if ($text -match '^"([^"]*)"' -or $text -match "^'([^']*)'") { return [string]$matches[1] }
    return $text
}
function Tell([string]$user, [string]$file, [string]$line, $form, [string]$key, [string]$value) {
    if ($key -match $form[3]) {
        if ($value -eq '') { return }
        $value = '(set)'
    }
    elseif ($key -notmatch $form[2]) { return }
    $value = $value -replace '://[^/ ]*@', '://'
    if ($key.Length -gt 200) { $key = $key.Substring(0, 200) }
    if ($value.Length -gt 500) {
        $value = $value.Substring(0, 500)
        Partial "a value of $file is read in part"
    }
    Row 'set' $user $file $line $form[0] $key $value
}
function Listed([string]$user, [string]$file, $form, $lines) {
    $at = 0
    $filled = $false
    $known = $false
    foreach ($one in $lines) {
        $at = $at + 1
        $text = ([string]$one -replace '[\x00-\x1f\x7f]', ' ').Trim()
        if ($text -eq '') { continue }
        $filled = $true
        if ($text -match '^#' -or ($form[1] -eq 'equals' -and $text -match '^;')) { continue }
        if ($form[1] -eq 'equals') {
            if ($text -match '^\[') { $known = $true; continue }
            if ($text -notmatch '^([^=]*)=(.*)$') { continue }
        }
        elseif ($form[1] -eq 'blank') {
            if ($text -notmatch '^([^ ]+) (.*)$') { continue }
        }
        else {
            if ($text -match '^---') { continue }
            $text = $text -replace '^(- *)+', ''
            if ($text -match '^[{\[]') { Partial "$file is not written as it should be"; return }
            if ($text -notmatch '^([^:]+|"[^"]*"|''[^'']*''):(|\s.*)$') { continue }
        }
        $known = $true
        $key = Bare ([string]$matches[1])
        $value = ([string]$matches[2]).Trim()
        if ($form[1] -eq 'colon') {
            if ($value -match '^[{\[].' -and $value -notmatch '^(\{ *\}|\[ *\])$') {
                Partial "$file is not written as it should be"
            }
            if ($value -notmatch '^["'']') { $value = $value -replace '(^| )#.*$', '' }
        }
        Tell $user $file $at $form $key (Bare $value)
    }
    if ($filled -and -not $known) { Partial "$file is not written as it should be" }
}
function Brackets([string]$text) {
    $text = $text -replace '"([^"\\]|\\.)*"', '' -replace "'[^']*'", '' -replace '#.*$', ''
    return (@($text -split '\[').Count - @($text -split '\]').Count)
}
function Sectioned([string]$user, [string]$file, $form, $lines) {
    $at = 0
    $open = 0
    $section = ''
    $filled = $false
    $known = $false
    $bad = $false
    foreach ($one in $lines) {
        $at = $at + 1
        $text = ([string]$one -replace '[\x00-\x1f\x7f]', ' ').Trim()
        if ($text -eq '') { continue }
        $filled = $true
        if ($open -gt 0) { $open = $open + (Brackets $text); continue }
        if ($text -match '^[#;]') { continue }
        if ($text -match '^\[+([^\]]*)') {
            $known = $true
            $section = ([string]$matches[1] -replace '[ "'']', '') + '.'
            continue
        }
        if ($text -notmatch '^([^=]*)=(.*)$') { continue }
        $known = $true
        $key = $section + ([string]$matches[1] -replace '[ "'']', '')
        $value = ([string]$matches[2]).Trim()
        if ($key -match '\\') { $bad = $true }
        if ($value -match '^("{3}|''{3})') { $bad = $true; break }
        if ($value -match '^\[') { $open = Brackets $value; continue }
        if ($value -match '^\{') {
            if ($value -notmatch '^\{ *\}') { $bad = $true }
            continue
        }
        if ($value -notmatch '^["'']') { $value = $value -replace '(^| )[#;].*$', '' }
        Tell $user $file $at $form $key (Bare $value)
    }
    if ($bad -or $open -gt 0 -or ($filled -and -not $known)) { Partial "$file is not written as it should be" }
}
function Marked([string]$user, [string]$file, $form, $lines) {
    $text = $lines -join "`n"
    if ($text -match '<!(DOCTYPE|ENTITY)') { Partial "$file is not written as it should be"; return }
    foreach ($name in $form[4] + $form[5]) {
        $parts = @($name -split '\.', 2)
        $way = "//*[local-name()='$($parts[0])' and not(*)]"
        if ($parts.Count -eq 2) { $way = "//*[local-name()='$($parts[0])']/@$($parts[1])" }
        try { $found = @(Select-Xml -Content $text -XPath $way) }
        catch { Partial "$file is not written as it should be"; return }
        foreach ($one in @($found | Select-Object -First 50)) {
            $value = ([string]$one.Node.InnerText -replace '[\x00-\x1f\x7f]', ' ').Trim()
            Tell $user $file '' $form $name $value
        }
    }
}
function Parsed([string]$user, [string]$file, $form, $lines) {
    try { $data = @(ConvertFrom-Json -InputObject ($lines -join "`n")) }
    catch { Partial "$file is not written as it should be"; return }
    if ($data.Count -ne 1 -or $data[0] -is [string] -or $data[0] -is [int] -or $data[0] -is [bool]) {
        Partial "$file is not written as it should be"
        return
    }
    foreach ($name in $form[4] + $form[5]) {
        $value = $data[0]
        foreach ($part in @($name -split '\.')) { $value = $value.$part }
        if ($value -is [bool]) { $value = @('false', 'true')[[int]$value] }
        if ($value -is [string] -or $value -is [int] -or $value -is [int64]) {
            Tell $user $file '' $form $name ([string]$value)
        }
    }
}
function Opened([string]$user, [string]$file, $form) {
    $item = Get-Item -LiteralPath $file -Force
    if ($item.PSIsContainer) { Partial "$file is no file"; return }
    if ($form[1] -eq 'name') {
        if ($item.Name -notmatch '\.local\.conf$' -and $item.Name -match '^(.*)\.conf$') {
            Tell $user $file '' $form $form[4][0] $matches[1]
        }
        return
    }
    if ($item.Length -gt 262144) { Partial "$file is longer than 262144 bytes"; return }
    $lines = @(Get-Content -LiteralPath $file -Encoding UTF8 -TotalCount 3001)
    $said = @(
        if ($lines.Count -gt 3000) {
            Partial "$file is read in part"
            $lines = @($lines | Select-Object -First 3000)
        }
        if ($form[1] -eq 'json') { Parsed $user $file $form $lines }
        elseif ($form[1] -eq 'xml') { Marked $user $file $form $lines }
        elseif ($form[1] -eq 'sectioned') { Sectioned $user $file $form $lines }
        else { Listed $user $file $form $lines }
    )
    $said
    if (@($said -match '^outcome ').Count -eq 0) { Row 'whole' $user $file $form[0] }
}
function Looked([string]$user, [string]$place, [string]$rest, $form) {
    $parts = @($rest -split '\\', 2)
    $names = @($parts[0])
    if ($parts[0] -match '\*') {
        $names = @(Get-ChildItem -LiteralPath $place -Force | Where-Object { $_.Name -like $parts[0] } |
            Select-Object -First 51 | ForEach-Object { [string]$_.Name })
        if ($names.Count -gt 50) { Partial "not all of $place is read" }
    }
    foreach ($name in @($names | Select-Object -First 50)) {
        $path = "$place\$name"
        if (-not (Test-Path -LiteralPath $path)) { continue }
        if ([int](Get-Item -LiteralPath $path -Force).Attributes -band 1024) {
            Partial "$path is a link, which is not followed"
        }
        elseif ($parts.Count -eq 1) { Opened $user $path $form }
        else { Looked $user $path $parts[1] $form }
    }
}
function Searched([string]$user, [string]$place, [string]$rest, $form) {
    try {
        if (Test-Path -LiteralPath $place) { Looked $user $place $rest $form }
    }
    catch { Partial "what is in $place cannot be read: $rest" }
}
function Kept([string]$path, $form) {
    if (-not (Test-Path -LiteralPath "Registry::$path")) { return }
    $there = (Get-Item -LiteralPath "Registry::$path").Property
    foreach ($name in $form[4]) {
        if ($there -contains $name) { Tell '' $path '' $form $name (@(Value "Registry::$path" $name) -join ',') }
    }
    foreach ($name in $form[5]) {
        if ($there -contains $name) { Row 'set' '' $path '' $form[0] $name '(set)' }
    }
    Row 'whole' '' $path $form[0]
}
$files = @()
@FILES@
$keys = @()
@KEYS@
$roots = @{
    'data' = @($env:ProgramData)
    'programs' = @(@($env:ProgramFiles, ${env:ProgramFiles(x86)}) | Where-Object { $_ } | Sort-Object -Unique)
    'system' = @($env:SystemRoot)
}
$rows = @(
    $people = @()
    $list = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList'
    foreach ($one in @(Get-ChildItem -LiteralPath $list)) {
        $folder = [string](Value $one.PSPath 'ProfileImagePath')
        if ($one.PSChildName -match '^S-1-(5-21|12-1)-[0-9-]+$' -and $folder -match '^[A-Za-z]:\\') {
            $people = $people + , @([string]$one.PSChildName, $folder)
        }
    }
    if ($people.Count -gt 300) { Partial "of $($people.Count) profiles 300 were looked into" }
    foreach ($form in $files) {
        foreach ($place in $form[6]) {
            if ($place[0] -eq 'profile') {
                foreach ($one in @($people | Select-Object -First 300)) { Searched $one[0] $one[1] $place[1] $form }
            }
            else {
                foreach ($root in $roots[$place[0]]) { Searched '' $root $place[1] $form }
            }
        }
    }
    foreach ($form in $keys) {
        foreach ($path in $form[6]) {
            Kept "HKEY_LOCAL_MACHINE\SOFTWARE\$path" $form
            Kept "HKEY_LOCAL_MACHINE\SOFTWARE\WOW6432Node\$path" $form
        }
    }
)
if ($rows.Count -eq 0) { Absent 'there are no settings of a product that is known' }
$rows
Row 'asked'
if ($env:PROCESSOR_ARCHITEW6432) { Partial 'a 32-bit PowerShell answered: it sees another registry' }
"""


def _list(texts: tuple[str, ...]) -> str:
    return "@(" + ", ".join(f"'{one}'" for one in texts) + ")"


def _form(product: str, grammar: str, told: tuple[str, ...], secret: tuple[str, ...], places: str) -> str:
    return (
        f"@('{product}', '{grammar}',\n    '{pattern(told)}',\n    '{pattern(secret)}',\n"
        f"    {_list(told)},\n    {_list(secret)},\n    {places})"
    )


def _place(path: str) -> str:
    """Return where a path begins, and the rest of it."""
    if path.startswith(_PROFILE):
        return f"@('profile', '{path.removeprefix(_PROFILE)}')"
    root, _, rest = path.partition("\\")
    return f"@('{_PLACES[root]}', '{rest}')"


def _files() -> str:
    lines = []
    for one in FILES:
        if not one.windows:
            continue
        if one.grammar not in _READ_HERE or one.worded:
            raise ValueError(one.grammar)
        places = ", ".join(_place(path) for path in one.windows)
        form = _form(one.product, one.grammar, one.told, one.secret, f"@(, {places})" if len(one.windows) == 1 else
                     f"@({places})")  # fmt: skip
        lines.append(f"$files = $files + , {form}")
    return "\n".join(lines)


def _keys() -> str:
    return "\n".join(
        f"$keys = $keys + , {_form(one.product, 'registry', one.told, one.secret, _list(one.keys))}" for one in KEYS
    )


WINDOWS = _SCRIPT.replace("@FILES@", _files()).replace("@KEYS@", _keys())
"""What a Windows host is asked."""
