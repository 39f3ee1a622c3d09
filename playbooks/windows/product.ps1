# Remove a product from Windows: packages of Windows Installer, vendors' own uninstallers, portable copies into quarantine.
#
# Back come the copies, and a package of Windows Installer whose source is still where it was installed from.
[CmdletBinding(SupportsShouldProcess)]
param (
    [Parameter(Mandatory)][ValidateSet('capture', 'remove', 'restore')][string]$Verb,
    [Parameter(Mandatory)][ValidatePattern('^[a-z0-9]{1,16}$')][string]$RemovalId,
    [string[]]$ProductCodes = @(),
    [object[]]$Uninstallers = @(),
    [string[]]$Copies = @(),
    [object[]]$State = @()
)
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version 2.0
$Ansible.Changed = $false
$Quarantine = Join-Path $env:ProgramData "auditor-quarantine\$RemovalId"

function Get-ProductRow([string]$Code) {
    $row = @{ kind = 'product'; code = $Code; present = $false }
    foreach ($root in 'HKLM:\SOFTWARE', 'HKLM:\SOFTWARE\WOW6432Node') {
        $path = "$root\Microsoft\Windows\CurrentVersion\Uninstall\$Code"
        if (-not (Test-Path -LiteralPath $path)) { continue }
        $values = Get-ItemProperty -LiteralPath $path
        $row.present = $true
        foreach ($field in 'DisplayName', 'DisplayVersion', 'InstallSource') {
            $property = $values.PSObject.Properties[$field]
            $row[$field] = if ($property) { [string]$property.Value } else { '' }
        }
        $installer = New-Object -ComObject WindowsInstaller.Installer
        $row.PackageName = try {
            [string]$installer.GetType().InvokeMember('ProductInfo', 'GetProperty', $null, $installer, @($Code, 'PackageName'))
        }
        catch { '' }
        $row.source = [bool]($row.InstallSource -and $row.PackageName -and
            (Test-Path -LiteralPath (Join-Path $row.InstallSource $row.PackageName)))
    }
    $row
}

function Invoke-Installer([string[]]$Arguments) {
    $done = Start-Process -FilePath "$env:SystemRoot\System32\msiexec.exe" -ArgumentList $Arguments -Wait -PassThru
    # 3010: done, and a restart completes it.
    if ($done.ExitCode -notin 0, 3010) { throw "msiexec.exe $($Arguments -join ' '): exit code $($done.ExitCode)" }
}

function Get-CopyRow([string]$Path) {
    $item = Get-Item -LiteralPath $Path -Force -ErrorAction SilentlyContinue
    if (-not $item -or $item.PSIsContainer) { return @{ kind = 'copy'; path = $Path; present = $false } }
    @{
        kind = 'copy'; path = $Path; present = $true; sddl = (Get-Acl -LiteralPath $Path).Sddl
        sha256 = (Get-FileHash -LiteralPath $Path -Algorithm SHA256).Hash.ToLowerInvariant()
    }
}

function New-Quarantine {
    if (Test-Path -LiteralPath $Quarantine) { return }
    $null = New-Item -ItemType Directory -Path $Quarantine -Force
    $acl = New-Object System.Security.AccessControl.DirectorySecurity
    # The system and administrators only, inherited by what comes in.
    $acl.SetSecurityDescriptorSddlForm('O:BAG:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)')
    Set-Acl -LiteralPath (Split-Path $Quarantine) -AclObject $acl
    Set-Acl -LiteralPath $Quarantine -AclObject $acl
}

function Move-IntoQuarantine([string]$Path, [string]$Expected) {
    $row = Get-CopyRow $Path
    if ($Expected -ne '-' -and $row.sha256 -ne $Expected) { throw "$Path is not the file that was seen: its checksum differs" }
    foreach ($folder in Get-Parents $Path) {
        if ((Get-Item -LiteralPath $folder -Force).Attributes -band [IO.FileAttributes]::ReparsePoint) {
            throw "$Path goes over a link: name the place itself"
        }
    }
    Get-Process | Where-Object { $_.Path -eq $Path } | Stop-Process -Force
    New-Quarantine
    $place = Join-Path $Quarantine ([guid]::NewGuid().ToString('N'))
    Move-Item -LiteralPath $Path -Destination $place
    $row.place = $place
    ConvertTo-Json -Compress -InputObject $row | Add-Content -LiteralPath (Join-Path $Quarantine 'manifest.jsonl') -Encoding UTF8
}

function Get-Parents([string]$Path) {
    for ($folder = Split-Path $Path; $folder; $folder = Split-Path $folder) { $folder }
}

function Restore-Copy([object]$Row) {
    $manifest = Join-Path $Quarantine 'manifest.jsonl'
    $rows = @()
    if (Test-Path -LiteralPath $manifest) { $rows = @(Get-Content -LiteralPath $manifest -Encoding UTF8 | ForEach-Object { ConvertFrom-Json $_ }) }
    $mine = @($rows | Where-Object { $_.path -eq $Row.path -and $_.sha256 -eq $Row.sha256 })
    if (-not $mine) { throw "$($Row.path) is not in quarantine" }
    if (Test-Path -LiteralPath $Row.path) { throw "something else stands at $($Row.path)" }
    $acl = New-Object System.Security.AccessControl.FileSecurity
    $acl.SetSecurityDescriptorSddlForm($Row.sddl)
    Move-Item -LiteralPath $mine[0].place -Destination $Row.path
    Set-Acl -LiteralPath $Row.path -AclObject $acl
    $rest = @($rows | Where-Object { $_.place -ne $mine[0].place })
    if ($rest) { $rest | ForEach-Object { ConvertTo-Json -Compress -InputObject $_ } | Set-Content -LiteralPath $manifest -Encoding UTF8 }
    else { Remove-Item -LiteralPath $Quarantine -Recurse -Force }
}

if ($Verb -eq 'capture') {
    $Ansible.Result = @{
        state = @($ProductCodes | ForEach-Object { Get-ProductRow $_ }) +
        @($Copies | ForEach-Object { Get-CopyRow ($_ -replace '^[^:]+:', '') })
    }
}
elseif ($Verb -eq 'remove') {
    foreach ($code in $ProductCodes) {
        if ((Get-ProductRow $code).present) {
            $Ansible.Changed = $true
            if (-not $Ansible.CheckMode) {
                Invoke-Installer '/x', $code, '/qn', '/norestart'
                if ((Get-ProductRow $code).present) { throw "$code is still there" }
            }
        }
    }
    foreach ($one in $Uninstallers) {
        if (Test-Path -LiteralPath $one.removes) {
            $Ansible.Changed = $true
            if (-not $Ansible.CheckMode) {
                $start = @{ FilePath = $one.program; Wait = $true; PassThru = $true }
                if ($one.arguments) { $start.ArgumentList = $one.arguments }
                $done = Start-Process @start
                if (Test-Path -LiteralPath $one.removes) { throw "$($one.program): exit code $($done.ExitCode), and $($one.removes) is still there" }
            }
        }
    }
    foreach ($copy in $Copies) {
        $expected, $path = $copy -split ':', 2
        if ((Get-CopyRow $path).present) {
            $Ansible.Changed = $true
            if (-not $Ansible.CheckMode) { Move-IntoQuarantine $path $expected }
        }
    }
}
else {
    foreach ($row in @($State | Where-Object { $_.kind -eq 'product' -and $_.present })) {
        if (-not (Get-ProductRow $row.code).present) {
            $package = if ($row.InstallSource -and $row.PackageName) { Join-Path $row.InstallSource $row.PackageName } else { '' }
            if (-not $package -or -not (Test-Path -LiteralPath $package)) { throw "$($row.DisplayName) cannot be put back: its package is gone" }
            $Ansible.Changed = $true
            if (-not $Ansible.CheckMode) { Invoke-Installer '/i', "`"$package`"", '/qn', '/norestart' }
        }
    }
    foreach ($row in @($State | Where-Object { $_.kind -eq 'copy' -and $_.present })) {
        if (-not (Get-CopyRow $row.path).present) {
            $Ansible.Changed = $true
            if (-not $Ansible.CheckMode) { Restore-Copy $row }
        }
    }
}
