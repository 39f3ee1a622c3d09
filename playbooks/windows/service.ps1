# Stop and disable services and scheduled tasks of Windows, and bring the captured state back.
[CmdletBinding(SupportsShouldProcess)]
param (
    [Parameter(Mandatory)][ValidateSet('capture', 'stop', 'restore')][string]$Verb,
    [string[]]$Services = @(),
    [string[]]$Tasks = @(),
    [object[]]$State = @()
)
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version 2.0
$Ansible.Changed = $false

function Get-ServiceRow([string]$Name) {
    $found = Get-CimInstance -ClassName Win32_Service | Where-Object { $_.Name -eq $Name }
    if (-not $found) { return @{ kind = 'service'; name = $Name; present = $false } }
    $key = "HKLM:\SYSTEM\CurrentControlSet\Services\$Name"
    $delayed = (Get-ItemProperty -LiteralPath $key).PSObject.Properties['DelayedAutostart']
    @{
        kind = 'service'; name = $found.Name; present = $true; start = $found.StartMode
        delayed = [bool]($delayed -and $delayed.Value -eq 1); running = ($found.State -in 'Running', 'Start Pending', 'Paused')
    }
}

# A task is named with its folder, such as \Vendor\Update.
function Get-TaskRow([string]$Path) {
    $at = $Path.LastIndexOf('\')
    $found = Get-ScheduledTask | Where-Object { $_.TaskPath -eq $Path.Substring(0, $at + 1) -and $_.TaskName -eq $Path.Substring($at + 1) }
    if (-not $found) { return @{ kind = 'task'; name = $Path; present = $false } }
    @{ kind = 'task'; name = $Path; present = $true; enabled = [bool]$found.Settings.Enabled }
}

function Set-Task([string]$Path, [bool]$Enabled) {
    $at = $Path.LastIndexOf('\')
    $which = @{ TaskPath = $Path.Substring(0, $at + 1); TaskName = $Path.Substring($at + 1) }
    if ($Enabled) { $null = Enable-ScheduledTask @which }
    else {
        $null = Disable-ScheduledTask @which
        Stop-ScheduledTask @which
    }
}

function Set-StartMode([string]$Name, [string]$Start, [bool]$Delayed) {
    $word = switch ($Start) {
        'Auto' { if ($Delayed) { 'delayed-auto' } else { 'auto' } }
        'Manual' { 'demand' }
        'Disabled' { 'disabled' }
        default { throw "$Name starts in a way that cannot be set: $Start" }
    }
    $said = & "$env:SystemRoot\System32\sc.exe" config $Name start= $word
    if ($LASTEXITCODE -ne 0) { throw "$Name keeps its way to start: $said" }
}

function Update-Service([hashtable]$Wanted) {
    $now = Get-ServiceRow $Wanted.name
    if (-not $now.present) {
        if ($Wanted.present -and $Verb -eq 'restore') { throw "$($Wanted.name) is not on this host any more" }
        return
    }
    if ($now.start -ne $Wanted.start -or $now.delayed -ne $Wanted.delayed) {
        $Ansible.Changed = $true
        if (-not $Ansible.CheckMode) { Set-StartMode $now.name $Wanted.start $Wanted.delayed }
    }
    if ($now.running -ne $Wanted.running) {
        $Ansible.Changed = $true
        if (-not $Ansible.CheckMode) {
            if ($Wanted.running) { Start-Service -Name $now.name }
            else { Stop-Service -Name $now.name -Force }
        }
    }
}

function Update-Task([string]$Name, [bool]$Enabled) {
    $now = Get-TaskRow $Name
    if ($now.present -and $now.enabled -ne $Enabled) {
        $Ansible.Changed = $true
        if (-not $Ansible.CheckMode) { Set-Task $Name $Enabled }
    }
}

if ($Verb -eq 'stop') {
    # A task may start the service again.
    foreach ($task in $Tasks) { Update-Task $task $false }
    foreach ($name in $Services) {
        Update-Service @{ name = $name; present = $false; start = 'Disabled'; delayed = $false; running = $false }
    }
}
elseif ($Verb -eq 'restore') {
    foreach ($row in $State) {
        if (-not $row.present) { continue }
        if ($row.kind -eq 'task') { Update-Task $row.name ([bool]$row.enabled) }
        else {
            Update-Service @{
                name = $row.name; present = $true; start = $row.start; delayed = [bool]$row.delayed; running = [bool]$row.running
            }
        }
    }
}
else {
    $Ansible.Result = @{ state = @($Services | ForEach-Object { Get-ServiceRow $_ }) + @($Tasks | ForEach-Object { Get-TaskRow $_ }) }
}
