<#
.SYNOPSIS
Creates the pipeline's state machine on AWS Step Functions, or updates it. Needs the aws command, nothing else.

.PARAMETER LambdaFunctionArn
The Lambda function that the tasks call.

.PARAMETER RoleArn
The role that the state machine runs as; an update keeps the one it has.

.PARAMETER StateMachineName
Its name (default: visits).

.PARAMETER DefinitionFile
What it is (default: step_functions/etl_pipeline.json beside this script); ${LambdaFunctionArn} in it stands for the function.

.PARAMETER Region
Must be the function's, which is the default.

.PARAMETER ProfileName
As for the aws command.

.EXAMPLE
./deploy_step_functions.ps1 -LambdaFunctionArn arn:aws:lambda:eu-central-1:111122223333:function:visits -RoleArn arn:aws:iam::111122223333:role/visits-states

.NOTES
-WhatIf checks everything and changes nothing. Exit codes: 0 done; 1 AWS refused; 2 used wrongly, or the definition is wrong.
#>
[CmdletBinding(SupportsShouldProcess = $true)]
param(
    [string] $LambdaFunctionArn = '',
    [string] $RoleArn = '',
    [string] $StateMachineName = 'visits',
    [string] $DefinitionFile = '',
    [string] $Region = '',
    [string] $ProfileName = ''
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

function Stop-Script {
    param([int] $Code, [string] $Message)
    [Console]::Error.WriteLine("error: $Message")
    Remove-Scratch
    exit $Code
}

function Remove-Scratch {
    if ($script:Scratch -and (Test-Path -LiteralPath $script:Scratch)) {
        Remove-Item -Recurse -Force -LiteralPath $script:Scratch -WhatIf:$false -Confirm:$false
    }
}

$Scratch = ''

# What is wanted

if (-not (Get-Command aws -ErrorAction SilentlyContinue)) {
    Stop-Script 2 'the aws command is not installed: https://aws.amazon.com/cli/'
}
if (-not $LambdaFunctionArn) {
    Stop-Script 2 '-LambdaFunctionArn is missing: the ARN of the Lambda function that the tasks call'
}
$LambdaForm = '^arn:(aws[a-z-]*):lambda:([a-z0-9-]+):([0-9]{12}):function:[A-Za-z0-9_-]+(:[A-Za-z0-9_$-]+)?$'
if ($LambdaFunctionArn -cnotmatch $LambdaForm) {
    Stop-Script 2 "-LambdaFunctionArn $LambdaFunctionArn is no ARN of a function; one looks like arn:aws:lambda:eu-central-1:111122223333:function:visits"
}
$Partition = $Matches[1]
$FunctionRegion = $Matches[2]
$Account = $Matches[3]

$RoleForm = '^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$'
if ($RoleArn -and ($RoleArn -cnotmatch $RoleForm)) {
    Stop-Script 2 "-RoleArn $RoleArn is no ARN of a role; one looks like arn:aws:iam::111122223333:role/visits-states"
}
if ($StateMachineName -cnotmatch '^[A-Za-z0-9_-]{1,80}$') {
    Stop-Script 2 "-StateMachineName ${StateMachineName}: a name has 1 to 80 letters, digits, - and _"
}
if ($Region -and ($Region -cne $FunctionRegion)) {
    Stop-Script 2 "-Region ${Region}: Step Functions calls functions of its own region only, and this one is in $FunctionRegion"
}
if (-not $DefinitionFile) {
    $DefinitionFile = Join-Path (Join-Path $PSScriptRoot 'step_functions') 'etl_pipeline.json'
}
if (-not (Test-Path -LiteralPath $DefinitionFile -PathType Leaf)) {
    Stop-Script 2 "-DefinitionFile ${DefinitionFile}: there is no such file"
}

# Asking AWS

$Scratch = Join-Path ([System.IO.Path]::GetTempPath()) ([System.IO.Path]::GetRandomFileName())
New-Item -ItemType Directory -Path $Scratch -WhatIf:$false -Confirm:$false | Out-Null
$Common = @('--region', $FunctionRegion, '--output', 'text')
if ($ProfileName) {
    $Common += @('--profile', $ProfileName)
}
$env:AWS_PAGER = ''

function Invoke-Aws {
    param([string[]] $Words)
    # Windows PowerShell would take what a program writes to stderr for an error of its own.
    $ErrorActionPreference = 'Continue'
    $Refused = Join-Path $script:Scratch 'refusal'
    $All = $Words + $script:Common
    $Lines = & aws @All 2> $Refused
    $Code = $LASTEXITCODE
    $Refusal = (Get-Content -LiteralPath $Refused -ErrorAction SilentlyContinue) -join ' '
    return [PSCustomObject]@{ Done = ($Code -eq 0); Answer = ($Lines -join "`n"); Refusal = $Refusal.Trim() }
}

function Invoke-AwsOrStop {
    param([string[]] $Words)
    $Result = Invoke-Aws $Words
    if (-not $Result.Done) {
        Stop-Script 1 "aws $($Words[0]) $($Words[1]): $($Result.Refusal)"
    }
    return $Result.Answer
}

# The definition

$Placeholder = '${LambdaFunctionArn}'
$Definition = [System.IO.File]::ReadAllText((Resolve-Path -LiteralPath $DefinitionFile).ProviderPath).TrimEnd()
$Definition = $Definition.Replace("`r`n", "`n")
if (-not ($Definition.Contains('"StartAt"') -and $Definition.Contains('"States"'))) {
    Stop-Script 2 "$DefinitionFile is no state machine: it has no StartAt, or no States"
}
if (-not ($Definition.Contains($Placeholder) -or $Definition.Contains($LambdaFunctionArn))) {
    Write-Warning "$DefinitionFile has neither $Placeholder nor $LambdaFunctionArn in it: it is used as it is"
}
$Definition = $Definition.Replace($Placeholder, $LambdaFunctionArn)
$DefinitionCopy = Join-Path $Scratch 'definition.json'
# Without a byte order mark, which is no JSON.
[System.IO.File]::WriteAllText($DefinitionCopy, $Definition, (New-Object System.Text.UTF8Encoding $false))
$Text = "file://$DefinitionCopy"

$Validate = @('stepfunctions', 'validate-state-machine-definition', '--definition', $Text)
$Checked = Invoke-Aws ($Validate + @('--query', 'result'))
if ($Checked.Done) {
    if ($Checked.Answer -cne 'OK') {
        $Problems = Invoke-AwsOrStop ($Validate + @('--query', 'diagnostics[].[severity, code, location, message]'))
        Stop-Script 2 "$DefinitionFile is not valid:`n$Problems"
    }
    Write-Output "definition   $DefinitionFile is valid"
} elseif ($Checked.Refusal -match 'nvalid choice|AccessDenied') {
    Write-Warning "the definition is not checked beforehand: $($Checked.Refusal)"
} else {
    Stop-Script 1 "aws stepfunctions validate-state-machine-definition: $($Checked.Refusal)"
}

# The function

$Function = Invoke-Aws @('lambda', 'get-function-configuration', '--function-name', $LambdaFunctionArn, '--query', '[Runtime, Timeout]')
if ($Function.Done) {
    Write-Output "function     $LambdaFunctionArn ($($Function.Answer.Replace("`t", ', ')) s)"
} elseif ($Function.Refusal -match 'ResourceNotFound') {
    Stop-Script 1 "there is no function ${LambdaFunctionArn}: make it first"
} else {
    Write-Warning "whether the function is there is not known: $($Function.Refusal)"
}

# The state machine

$Arn = "arn:${Partition}:states:${FunctionRegion}:${Account}:stateMachine:$StateMachineName"

function Get-Machine {
    # What AWS has, in one answer.
    $Told = Invoke-Aws @('stepfunctions', 'describe-state-machine', '--state-machine-arn', $script:Arn, '--query', '[roleArn, status, definition]')
    $Parts = @($Told.Answer -split "`t", 3) + @('', '', '')
    $Stored = $Parts[2].Replace("`r`n", "`n").TrimEnd()
    return [PSCustomObject]@{ There = $Told.Done; Role = $Parts[0]; Status = $Parts[1]; Definition = $Stored; Refusal = $Told.Refusal }
}

$Machine = Get-Machine
if ($Machine.There) {
    if (-not $RoleArn) {
        $RoleArn = $Machine.Role
    }
} elseif ($Machine.Refusal -notmatch 'StateMachineDoesNotExist') {
    Stop-Script 1 "aws stepfunctions describe-state-machine: $($Machine.Refusal)"
} elseif (-not $RoleArn) {
    Stop-Script 2 "-RoleArn is missing: there is no state machine $StateMachineName yet, so there is no role to keep"
}
Write-Output "role         $RoleArn"

if ($Machine.There) {
    $Tags = Invoke-Aws @('stepfunctions', 'list-tags-for-resource', '--resource-arn', $Arn, '--query', "tags[?key=='aws:cloudformation:stack-name'].value")
    if ($Tags.Done -and $Tags.Answer) {
        Stop-Script 2 "$StateMachineName belongs to the CloudFormation stack $($Tags.Answer): deploy it there, or choose another -StateMachineName"
    }
    if (($Machine.Definition -ceq $Definition) -and ($Machine.Role -ceq $RoleArn)) {
        Write-Output "unchanged    $Arn"
    } elseif ($PSCmdlet.ShouldProcess($Arn, 'update the state machine')) {
        Invoke-AwsOrStop @('stepfunctions', 'update-state-machine', '--state-machine-arn', $Arn, '--definition', $Text, '--role-arn', $RoleArn, '--query', 'updateDate') | Out-Null
        Write-Output "updated      $Arn"
    } else {
        Write-Output "would update $Arn"
    }
} elseif ($PSCmdlet.ShouldProcess($Arn, 'create the state machine')) {
    $Arn = Invoke-AwsOrStop @('stepfunctions', 'create-state-machine', '--name', $StateMachineName, '--definition', $Text, '--role-arn', $RoleArn, '--query', 'stateMachineArn')
    Write-Output "created      $Arn"
} else {
    Write-Output "would create $Arn"
}
if ($WhatIfPreference) {
    Remove-Scratch
    exit 0
}

# What was written is seen by everyone a few seconds later.
$Second = 0
while ($true) {
    $Machine = Get-Machine
    if ($Machine.There -and ($Machine.Definition -ceq $Definition) -and ($Machine.Status -ceq 'ACTIVE')) {
        break
    }
    $Second += 1
    if ($Second -gt 60) {
        Stop-Script 1 "a minute later $Arn is not active, or has another definition: $($Machine.Refusal)"
    }
    Start-Sleep -Seconds 1
}
Write-Output 'verified     it is active, and its definition is this one'
Remove-Scratch

$Console = switch ($Partition) {
    'aws-cn' { 'console.amazonaws.cn' }
    'aws-us-gov' { 'console.amazonaws-us-gov.com' }
    default { 'console.aws.amazon.com' }
}
$More = "--region $FunctionRegion"
if ($ProfileName) {
    $More += " --profile '$($ProfileName.Replace("'", "''"))'"
}
Write-Output @"

Next:

  aws stepfunctions start-execution --state-machine-arn $Arn --input '{}' $More
  aws stepfunctions list-executions --state-machine-arn $Arn --max-items 5 $More
  aws stepfunctions get-execution-history --reverse-order --max-items 5 $More --execution-arn ...

  https://$FunctionRegion.$Console/states/home?region=$FunctionRegion#/statemachines/view/$Arn
"@
