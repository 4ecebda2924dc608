#!/usr/bin/env bash
# Creates the pipeline's state machine on AWS Step Functions, or updates it. Needs bash and the `aws` command, nothing else.
set -euo pipefail

usage() {
  cat <<'END'
usage: deploy_step_functions.sh --lambda-arn ARN [--role-arn ARN] [OPTION …]

  --lambda-arn ARN           the Lambda function that the tasks call
  --role-arn ARN             the role that the state machine runs as; an update keeps the one it has
  --state-machine-name NAME  its name (default: visits)
  --definition-file FILE     what it is (default: step_functions/etl_pipeline.json beside this script);
                             ${LambdaFunctionArn} in it stands for the function
  --region NAME              must be the function's, which is the default
  --profile NAME             as for the `aws` command
  --dry-run                  check everything, change nothing
  --help                     this text

Exit codes: 0 done; 1 AWS refused; 2 used wrongly, or the definition is wrong.
END
}

say() { printf '%s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
fail() {
  printf 'error: %s\n' "$2" >&2
  exit "$1"
}

# What is wanted

lambda_arn='' role_arn='' name='visits' file='' region='' profile='' dry_run=''

while (($#)); do
  option=$1
  shift
  case $option in
    --help | -h) usage && exit 0 ;;
    --dry-run) dry_run=yes && continue ;;
    --*=*) value=${option#*=} option=${option%%=*} ;;
    *)
      (($#)) || fail 2 "$option: an unknown option, or its value is missing; --help lists the options"
      value=$1
      shift
      ;;
  esac
  case $option in
    --lambda-arn) lambda_arn=$value ;;
    --role-arn) role_arn=$value ;;
    --state-machine-name) name=$value ;;
    --definition-file) file=$value ;;
    --region) region=$value ;;
    --profile) profile=$value ;;
    *) fail 2 "unknown option $option; --help lists the options" ;;
  esac
done

command -v aws >/dev/null || fail 2 'the aws command is not installed: https://aws.amazon.com/cli/'

[[ -n $lambda_arn ]] || fail 2 '--lambda-arn is missing: the ARN of the Lambda function that the tasks call'
lambda_form='^arn:(aws[a-z-]*):lambda:([a-z0-9-]+):([0-9]{12}):function:[A-Za-z0-9_-]+(:[A-Za-z0-9_$-]+)?$'
[[ $lambda_arn =~ $lambda_form ]] ||
  fail 2 "--lambda-arn $lambda_arn is no ARN of a function; one looks like arn:aws:lambda:eu-central-1:111122223333:function:visits"
partition=${BASH_REMATCH[1]} function_region=${BASH_REMATCH[2]} account=${BASH_REMATCH[3]}

role_form='^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$'
[[ -z $role_arn || $role_arn =~ $role_form ]] ||
  fail 2 "--role-arn $role_arn is no ARN of a role; one looks like arn:aws:iam::111122223333:role/visits-states"
[[ $name =~ ^[A-Za-z0-9_-]{1,80}$ ]] ||
  fail 2 "--state-machine-name $name: a name has 1 to 80 letters, digits, - and _"
[[ -z $region || $region == "$function_region" ]] ||
  fail 2 "--region $region: Step Functions calls functions of its own region only, and this one is in $function_region"

file=${file:-$(dirname "${BASH_SOURCE[0]}")/step_functions/etl_pipeline.json}
[[ -f $file && -r $file ]] || fail 2 "--definition-file $file: there is no such file"

# Asking AWS

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
common=(--region "$function_region" --output text)
[[ -z $profile ]] || common+=(--profile "$profile")
export AWS_PAGER=''

answer='' refusal=''
ask() { # what AWS says is in $answer, or in $refusal
  local code=0
  answer=$(aws "$@" "${common[@]}" 2>"$scratch/refusal") || code=$?
  refusal=$(<"$scratch/refusal")
  refusal=${refusal//$'\n'/ }
  return "$code"
}
must() { ask "$@" || fail 1 "aws $1 $2: $refusal"; }

# The definition

placeholder="\${LambdaFunctionArn}"
definition=$(<"$file")
[[ $definition == *'"StartAt"'* && $definition == *'"States"'* ]] ||
  fail 2 "$file is no state machine: it has no StartAt, or no States"
[[ $definition == *"$placeholder"* || $definition == *"$lambda_arn"* ]] ||
  warn "$file has neither $placeholder nor $lambda_arn in it: it is used as it is"
definition=${definition//"$placeholder"/$lambda_arn}
printf '%s' "$definition" >"$scratch/definition.json"
text=file://$scratch/definition.json

if ask stepfunctions validate-state-machine-definition --definition "$text" --query result; then
  if [[ $answer != OK ]]; then
    must stepfunctions validate-state-machine-definition --definition "$text" \
      --query 'diagnostics[].[severity, code, location, message]'
    fail 2 "$file is not valid:"$'\n'"$answer"
  fi
  say "definition   $file is valid"
else
  case $refusal in
    *'nvalid choice'* | *AccessDenied*) warn "the definition is not checked beforehand: $refusal" ;;
    *) fail 1 "aws stepfunctions validate-state-machine-definition: $refusal" ;;
  esac
fi

# The function

if ask lambda get-function-configuration --function-name "$lambda_arn" --query '[Runtime, Timeout]'; then
  say "function     $lambda_arn (${answer//$'\t'/, } s)"
else
  case $refusal in
    *ResourceNotFound*) fail 1 "there is no function $lambda_arn: make it first" ;;
    *) warn "whether the function is there is not known: $refusal" ;;
  esac
fi

# The state machine

arn=arn:$partition:states:$function_region:$account:stateMachine:$name
there_role='' there_status='' there_definition=''
describe() { # what AWS has, in one answer
  ask stepfunctions describe-state-machine --state-machine-arn "$arn" --query '[roleArn, status, definition]' || return 1
  there_role=${answer%%$'\t'*}
  answer=${answer#*$'\t'}
  there_status=${answer%%$'\t'*}
  there_definition=${answer#*$'\t'}
}

if describe; then
  role_arn=${role_arn:-$there_role}
else
  [[ $refusal == *StateMachineDoesNotExist* ]] || fail 1 "aws stepfunctions describe-state-machine: $refusal"
  [[ -n $role_arn ]] || fail 2 "--role-arn is missing: there is no state machine $name yet, so there is no role to keep"
fi
say "role         $role_arn"

if [[ -n $there_role ]]; then
  if ask stepfunctions list-tags-for-resource --resource-arn "$arn" \
    --query "tags[?key=='aws:cloudformation:stack-name'].value" && [[ -n $answer ]]; then
    fail 2 "$name belongs to the CloudFormation stack $answer: deploy it there, or choose another --state-machine-name"
  fi
  if [[ $there_definition == "$definition" && $there_role == "$role_arn" ]]; then
    say "unchanged    $arn"
  elif [[ -n $dry_run ]]; then
    say "would update $arn"
  else
    must stepfunctions update-state-machine --state-machine-arn "$arn" --definition "$text" --role-arn "$role_arn" \
      --query updateDate
    say "updated      $arn"
  fi
elif [[ -n $dry_run ]]; then
  say "would create $arn"
else
  must stepfunctions create-state-machine --name "$name" --definition "$text" --role-arn "$role_arn" --query stateMachineArn
  arn=$answer
  say "created      $arn"
fi
[[ -z $dry_run ]] || exit 0

# What was written is seen by everyone a few seconds later.
for ((second = 0; ; second++)); do
  if describe && [[ $there_definition == "$definition" && $there_status == ACTIVE ]]; then break; fi
  ((second < 60)) || fail 1 "a minute later $arn is ${there_status:-not there}, or has another definition: $refusal"
  sleep 1
done
say "verified     it is active, and its definition is this one"

case $partition in
  aws-cn) console=console.amazonaws.cn ;;
  aws-us-gov) console=console.amazonaws-us-gov.com ;;
  *) console=console.aws.amazon.com ;;
esac
more="--region $function_region${profile:+ --profile $(printf %q "$profile")}"
cat <<END

Next:

  aws stepfunctions start-execution --state-machine-arn $arn --input '{}' $more
  aws stepfunctions list-executions --state-machine-arn $arn --max-items 5 $more
  aws stepfunctions get-execution-history --reverse-order --max-items 5 $more --execution-arn …

  https://$function_region.$console/states/home?region=$function_region#/statemachines/view/$arn
END
