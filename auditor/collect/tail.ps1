
# ---- what runs them

# What a fragment prints is either a row, which Row made, or the outcome that Partial made: anything else is a fault of
# ours, and said so.
function Section([string]$id, $fragment) {
    "@begin $id"
    $elapsed = ((Get-Date) - $begun).TotalSeconds
    if ($elapsed -ge $totalSeconds) {
        "@outcome failed the probe used up its $totalSeconds seconds before this section"
        return
    }
    $size = 0
    $isCut = $false
    try {
        & $fragment | ForEach-Object -Process {
            $line = [string]$_
            if ($line.StartsWith('|')) {
                $size = $size + $line.Length
                if ($size -le $sectionBytes) { $line }
                elseif (-not $isCut) {
                    $isCut = $true
                    '@cut'
                }
            }
            elseif ($line.StartsWith('outcome ')) { '@' + (Plain $line) }
            else { '@outcome failed the fragment printed what is no row: ' + (Plain $line) }
        }
    }
    catch {
        $said = [string]$_
        if ($said -cmatch '^auditor (absent|denied|failed) ') { '@outcome ' + (Plain $said.Substring(8)) }
        elseif ([string]$_.CategoryInfo.Category -in @('PermissionDenied', 'SecurityError')) {
            '@outcome denied ' + (Plain $said)
        }
        elseif ($said -match '0x80041003|0x80070005') { '@outcome denied ' + (Plain $said) }
        else { '@outcome failed ' + (Plain $said) }
    }
    "@end $id 0"
}

function Everything {
    "auditor-probe 1 $token ascii"
    $machine = Get-CimInstance -ClassName Win32_OperatingSystem -Property Version
    '@head kernel ' + (Plain "Windows_NT $($machine.Version)")
    '@head hostname ' + (Plain $env:COMPUTERNAME)
    # The high integrity level is an administrator's whose token is whole (S-1-16-12288, S-1-16-16384 for SYSTEM).
    $groups = @(whoami.exe /groups /fo csv /nh) -join ' '
    $level = 'limited'
    if ($groups -match 'S-1-16-(12288|16384)') { $level = 'administrator' }
    "@head uid $level"
    '@head become none'
    "@head clock $([int64]($begun.ToUniversalTime() - (Get-Date -Date '1970-01-01T00:00:00')).TotalSeconds)"
    "@head language $($ExecutionContext.SessionState.LanguageMode)"
    Sections
    '@finish'
}

if ($token -cnotmatch '^[0-9a-f]+$') { 'auditor-probe: no parameters' }
else { Everything }
