# Block ports of Windows to all but some networks, or the way out to a product, and take exactly that out again.
#
# Windows lets a rule that blocks win over every rule that allows, so the rule names all addresses besides the networks.
[CmdletBinding(SupportsShouldProcess)]
param (
    [Parameter(Mandatory)][ValidateSet('capture', 'block', 'unblock')][string]$Verb,
    [Parameter(Mandatory)][ValidateSet('in', 'out')][string]$Direction,
    [Parameter(Mandatory)][ValidatePattern('^[a-z0-9]{1,8}$')][string]$RuleId,
    [string[]]$Ports = @(),
    [string[]]$Networks = @(),
    [string[]]$Programs = @(),
    [object[]]$State = @()
)
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version 2.0
$Ansible.Changed = $false

$Prefix = "auditor-$Direction-$RuleId-"
$Asked = "auditor $($Ports -join ' ')|$($Networks -join ' ')|$($Programs -join ' ')"

function ConvertTo-Number([System.Net.IPAddress]$Address) {
    $bytes = $Address.GetAddressBytes()
    [array]::Reverse($bytes)
    # A zero on top, so that the number is not negative.
    New-Object System.Numerics.BigInteger (, [byte[]]($bytes + 0))
}

function ConvertTo-Address([System.Numerics.BigInteger]$Number, [int]$Length) {
    $bytes = [byte[]]::new($Length)
    $given = $Number.ToByteArray()
    [array]::Copy($given, $bytes, [Math]::Min($given.Length, $Length))
    [array]::Reverse($bytes)
    ([System.Net.IPAddress]::new($bytes)).ToString()
}

# Return all ranges of a family (4 or 16 bytes) that are in none of the networks.
function Get-Rest([int]$Length) {
    $one = [System.Numerics.BigInteger]::One
    $end = [System.Numerics.BigInteger]::Pow(2, 8 * $Length)
    $taken = foreach ($network in $Networks) {
        $address, $bits = $network -split '/'
        $address = [System.Net.IPAddress]::Parse($address)
        if ($address.GetAddressBytes().Length -ne $Length) { continue }
        $size = [System.Numerics.BigInteger]::Pow(2, 8 * $Length - [int]$bits)
        $first = (ConvertTo-Number $address)
        $first = $first - ($first % $size)
        [pscustomobject]@{ First = $first; After = $first + $size }
    }
    $next = [System.Numerics.BigInteger]::Zero
    foreach ($range in @($taken | Where-Object { $_ } | Sort-Object First)) {
        if ($range.First -gt $next) { "$(ConvertTo-Address $next $Length)-$(ConvertTo-Address ($range.First - $one) $Length)" }
        if ($range.After -gt $next) { $next = $range.After }
    }
    if ($next -lt $end) { "$(ConvertTo-Address $next $Length)-$(ConvertTo-Address ($end - $one) $Length)" }
}

# Return the rules that do what was asked, each as the parameters of New-NetFirewallRule.
function Get-Wanted {
    $common = @{ Action = 'Block'; Profile = 'Any'; Enabled = 'True'; Description = $Asked; Group = 'auditor' }
    if ($Direction -eq 'in') {
        $common.Direction = 'Inbound'
        $common.RemoteAddress = if ($Networks) { @(Get-Rest 4) + @(Get-Rest 16) } else { @('Any') }
        $side = 'LocalPort'
    }
    else {
        $common.Direction = 'Outbound'
        $common.RemoteAddress = if ($Networks) { $Networks } else { @('Any') }
        $side = 'RemotePort'
    }
    $where = if ($Programs) { $Programs } else { @('Any') }
    $number = 0
    foreach ($program in $where) {
        if (-not $Ports) {
            $number++
            $common + @{ Name = "$Prefix$number"; DisplayName = "$Prefix$number"; Program = $program }
        }
        foreach ($protocol in 'tcp', 'udp') {
            $these = @($Ports | Where-Object { $_ -like "*/$protocol" } | ForEach-Object { ($_ -split '/')[0] })
            if ($these) {
                $number++
                $common + @{
                    Name = "$Prefix$number"; DisplayName = "$Prefix$number"; Program = $program
                    Protocol = $protocol.ToUpperInvariant(); $side = $these
                }
            }
        }
    }
}

function Get-Ours { @(Get-NetFirewallRule -PolicyStore PersistentStore | Where-Object { $_.Name -like "$Prefix*" }) }

# A rule that Windows does not look at must not be taken for a block.
function Assert-Effective {
    foreach ($one in Get-NetFirewallProfile -PolicyStore ActiveStore) {
        if ($one.Enabled -ne 'True') { throw "Windows Firewall is off for the profile $($one.Name): rules have no effect there" }
        if ($one.AllowLocalFirewallRules -eq 'False') {
            throw "group policy lets no rules of the host itself take effect for the profile $($one.Name)"
        }
    }
}

function Test-Same($Wanted, $Ours) {
    if (@($Wanted).Count -ne @($Ours).Count) { return $false }
    foreach ($rule in $Ours) {
        if ($rule.Description -ne $Asked -or $rule.Action -ne 'Block' -or $rule.Enabled -ne 'True') { return $false }
    }
    $true
}

if ($Verb -eq 'block') {
    if (-not $Ports -and -not $Networks -and -not $Programs) { throw 'nothing to block: that would block everything' }
    if ($Direction -eq 'in' -and -not $Ports -and -not $Programs) { throw 'no ports to close' }
    Assert-Effective
    $wanted = @(Get-Wanted)
    $ours = Get-Ours
    if (-not (Test-Same $wanted $ours)) {
        $Ansible.Changed = $true
        if (-not $Ansible.CheckMode) {
            $ours | Remove-NetFirewallRule
            foreach ($rule in $wanted) { $null = New-NetFirewallRule @rule }
            if (-not (Test-Same $wanted (Get-Ours))) { throw 'the rules are not there after they were made' }
        }
    }
}
elseif ($Verb -eq 'unblock') {
    $before = @($State | Where-Object { $_.kind -eq 'rule' -and $_.present })
    $ours = Get-Ours
    if (-not $before -and $ours) {
        $Ansible.Changed = $true
        if (-not $Ansible.CheckMode) { $ours | Remove-NetFirewallRule }
    }
}
else {
    $rules = @(Get-Ours | ForEach-Object { @{ kind = 'rule'; name = $_.Name; present = $true; asked = $_.Description } })
    $profiles = @(Get-NetFirewallProfile -PolicyStore ActiveStore | ForEach-Object {
            @{ kind = 'profile'; name = $_.Name; enabled = [string]$_.Enabled; inbound = [string]$_.DefaultInboundAction }
        })
    $Ansible.Result = @{ state = $rules + $profiles }
}
