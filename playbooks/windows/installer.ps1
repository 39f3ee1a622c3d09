# Switch AlwaysInstallElevated off for the machine and for every account whose hive is loaded, and bring it back.
#
# Windows Installer runs with the rights of the system only where both the machine and the account have it on.
[CmdletBinding(SupportsShouldProcess)]
param (
    [Parameter(Mandatory)][ValidateSet('capture', 'off', 'restore')][string]$Verb,
    [object[]]$State = @()
)
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version 2.0
$Ansible.Changed = $false
$Policy = 'Software\Policies\Microsoft\Windows\Installer'
$Name = 'AlwaysInstallElevated'

function Get-Places {
    "Registry::HKEY_LOCAL_MACHINE\$Policy"
    Get-ChildItem -LiteralPath 'Registry::HKEY_USERS' | Where-Object { $_.PSChildName -match '^S-1-(5-21|12-1)-[0-9-]+$|^\.DEFAULT$' } |
        ForEach-Object { "Registry::HKEY_USERS\$($_.PSChildName)\$Policy" }
}

function Get-Row([string]$Path) {
    $row = @{ kind = 'value'; path = $Path; present = $false }
    if (Test-Path -LiteralPath $Path) {
        $key = Get-Item -LiteralPath $Path
        if ($key.GetValueNames() -contains $Name) {
            $row.present = $true
            $row.type = [string]$key.GetValueKind($Name)
            $row.value = $key.GetValue($Name)
        }
    }
    $row
}

if ($Verb -eq 'capture') {
    $Ansible.Result = @{ state = @(Get-Places | ForEach-Object { Get-Row $_ }) }
}
elseif ($Verb -eq 'off') {
    foreach ($path in Get-Places) {
        $row = Get-Row $path
        if ($row.present -and [string]$row.value -ne '0') {
            $Ansible.Changed = $true
            if (-not $Ansible.CheckMode) { Set-ItemProperty -LiteralPath $path -Name $Name -Value 0 -Type DWord }
        }
    }
}
else {
    foreach ($row in $State) {
        if ($row.path -notmatch '^Registry::HKEY_(LOCAL_MACHINE|USERS\\[^\\]+)\\Software\\Policies\\Microsoft\\Windows\\Installer$') {
            throw 'this capsule names a place that is none of ours'
        }
        # An account that has logged off since gets its value when its hive is there again, not now.
        if ($row.path -like 'Registry::HKEY_USERS\*' -and -not (Test-Path -LiteralPath ($row.path -replace '\\Software\\.*$', ''))) { continue }
        $now = Get-Row $row.path
        if ($row.present -and (-not $now.present -or [string]$now.value -ne [string]$row.value)) {
            $Ansible.Changed = $true
            if (-not $Ansible.CheckMode) {
                if (-not (Test-Path -LiteralPath $row.path)) { $null = New-Item -Path $row.path -Force }
                Set-ItemProperty -LiteralPath $row.path -Name $Name -Value $row.value -Type $row.type
            }
        }
        elseif (-not $row.present -and $now.present) {
            $Ansible.Changed = $true
            if (-not $Ansible.CheckMode) { Remove-ItemProperty -LiteralPath $row.path -Name $Name }
        }
    }
}
