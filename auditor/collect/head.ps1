# The auditor's probe for Windows: one bounded question to one host.
# It only reads: it changes nothing and leaves no file and no process behind.
# PowerShell 5.1, also where the language is constrained (AppLocker, WDAC): cmdlets, operators, strings and
# properties only; no type is called, no object made.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'
$VerbosePreference = 'SilentlyContinue'
$words = @($auditor_p -split ' ')
$token = $words[0]
$sectionBytes = [int]$words[2]
$totalSeconds = [int]$words[3]
$begun = Get-Date
$tab = "`t"
$hives = @()
$isFull = [string]$ExecutionContext.SessionState.LanguageMode -eq 'FullLanguage'

# ---- the words of a section (documented in auditor/collect/collector.py)

# Each ends the section, Partial apart.
function Absent([string]$reason) { throw "auditor absent $reason" }
function Denied([string]$reason) { throw "auditor denied $reason" }
function Failed([string]$reason) { throw "auditor failed $reason" }
function Partial([string]$reason) { "outcome partial $reason" }

# Only printable ASCII crosses the line, whatever the host's code page: ^u0041 stands for a character by its number.
# ^ itself and what controls a terminal are written so, too. The tab parts fields.
function Plain([string]$text) {
    if ($text -cmatch '^[\x20-\x5d\x5f-\x7e]*\z') { return $text }
    $parts = foreach ($letter in $text.ToCharArray()) {
        $code = [int]$letter
        if ($code -ge 32 -and $code -le 126 -and $code -ne 94) { [string]$letter } else { '^u{0:x4}' -f $code }
    }
    return ($parts -join '')
}

# One row: its fields, parted by tabs. A field of null is an empty one.
function Row {
    $fields = foreach ($field in $args) { Plain ([string]$field) }
    '|' + ($fields -join $tab)
}
function Have([string]$name) {
    return [bool](Get-Command -Name $name -ErrorAction SilentlyContinue)
}

# One value of a registry key, and no other; nothing where there is none. A key that may not be read ends the section.
function Value([string]$path, [string]$name) {
    if (-not (Test-Path -LiteralPath $path)) { return }
    if ((Get-Item -LiteralPath $path).Property -contains $name) {
        (Get-ItemProperty -LiteralPath $path -Name $name).$name
    }
}
# Fills $hives with the users whose registry is loaded, by SID.
function Hives {
    $missed = @()
    $found = @(Get-ChildItem -LiteralPath 'Registry::HKEY_USERS' -ErrorAction SilentlyContinue -ErrorVariable missed)
    if ($missed.Count -gt 0) { Partial "the registry of $($missed.Count) accounts cannot be read" }
    $script:hives = @(foreach ($hive in $found) {
        if ($hive.PSChildName -match '^S-1-(5-21|12-1)-[0-9-]+$') { [string]$hive.PSChildName }
    })
}

# Whether there is time for a search in a log, which cannot be ended: so many seconds have to be left.
function Spare([int]$seconds) {
    return ((Get-Date) - $begun).TotalSeconds -lt ($totalSeconds - $seconds)
}
# Whether an error says that a log may not be read; its words are in the language of the host.
function Closed($said) {
    return [string]$said.CategoryInfo.Reason -eq 'UnauthorizedAccessException' -or
        [string]$said.FullyQualifiedErrorId -like 'LogInfoUnavailable*'
}
# The values of an event by name. Where the language is constrained an event has no XML: they are taken by their place,
# which $order has by name.
function Named($record, $order) {
    $said = @{}
    if ($isFull) {
        $document = [xml]$record.ToXml()
        foreach ($data in @($document.Event.EventData.Data)) {
            if ($null -ne $data) { $said[[string]$data.Name] = [string]$data.InnerText }
        }
        foreach ($data in @($document.Event.UserData.EventXML.ChildNodes)) {
            if ($null -ne $data) { $said[[string]$data.LocalName] = [string]$data.InnerText }
        }
    }
    else {
        $values = @($record.Properties)
        foreach ($name in @($order.Keys)) { $said[$name] = [string]$values[$order[$name]].Value }
    }
    return $said
}

# ---- the sections
