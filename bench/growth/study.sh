#!/usr/bin/env bash
# The runs behind docs/growth.md: a model grown once, grown in steps, grown late with more steps, grown with the method
# of the released code, and trained from scratch at each of its sizes. Learning rate and value scale are swept per size.
#
# usage: bench/growth/study.sh TRAIN.txt VALID.txt OUT
#
# OUT gets a folder for each run. Finished runs are skipped and interrupted runs are resumed, so the script can be
# stopped and restarted at any time. It takes about four hours on two cores. Environment variables: SEEDS (default "1 2";
# more can be added later), STEPS (default 800) and SWEEP_STEPS (default 200).
#
# TRANSFORMER is a command that trains a plain Transformer of the largest size for comparison. It is called as
# `$TRANSFORMER transformer STEPS --lr X` in a folder with train.txt, valid.txt and tokenizer.json, and its lines
# `transformer step N params 7.41M … valid LOSS … tok/s R` are kept in OUT/transformer-SEED.log. This project neither
# contains nor installs PyTorch; without TRANSFORMER that configuration is skipped.
set -euo pipefail
[ $# -eq 3 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
for text in "$1" "$2"; do
  [ -r "$text" ] || { echo "error: $text: cannot be read" >&2; exit 2; }
done
export LC_ALL=C
root=$(cd "$(dirname "$0")/../.." && pwd)
tf=$root/tokenformer
train=$(realpath "$1") valid=$(realpath "$2")
: "${SEEDS:=1 2}" "${STEPS:=800}" "${SWEEP_STEPS:=200}" "${TRANSFORMER:=}"
mkdir -p "$3"
cd "$3"

shape="--layers 6 --hidden 256 --heads 8 --context 256 --batch 8"
small="--qkv 64 --proj 64 --ffn 256"     # 2.6 million parameters
middle="--qkv 128 --proj 128 --ffn 512"  # 4.2 million
large="--qkv 256 --proj 256 --ffn 1024"  # 7.3 million
to_middle="qkv=128,proj=128,ffn=512" to_large="qkv=256,proj=256,ffn=1024"

# Runs with other texts or numbers of steps must not be mixed with existing ones.
settings=$(printf 'train %s\nvalid %s\nsteps %s\nsweep steps %s' "$(sha256sum <"$train")" "$(sha256sum <"$valid")" \
  "$STEPS" "$SWEEP_STEPS")
[ -e settings ] || echo "$settings" >settings
[ "$settings" = "$(cat settings)" ] || {
  echo "error: $PWD: contains runs with other texts, STEPS or SWEEP_STEPS (see its file settings); choose another folder" >&2
  exit 2
}

once() { # FILE COMMAND...: writes the output of a command to a file atomically, unless the file exists
  [ -e "$1" ] || { "${@:2}" >"$1.part" && mv "$1.part" "$1"; }
}

# Every twentieth document is held out to evaluate the sweeps; VALID is used only for the final runs.
documents() { # held-out or rest
  awk -v want="$1" '
    { mine = (n % 20 == 0) == (want == "held-out") }
    mine { print }
    /^<\|endoftext\|>$/ { n++ }' "$train"
}
once held-out.txt documents held-out
once rest.txt documents rest
[ -e tokenizer.json ] || "$tf" train-tokenizer --vocab-size 4096 -o tokenizer.json "$train"
[ -e rest.arrow ] || "$tf" prepare -t tokenizer.json -o rest.arrow rest.txt
[ -e all.arrow ] || "$tf" prepare -t tokenizer.json -o all.arrow "$train"

has_checkpoint() { # NAME
  compgen -G "$1/step-*" >/dev/null
}

run() { # NAME DATA VALID EVAL_EVERY OPTIONS...: OPTIONS apply to a new run; a resumed run has stored them
  local name=$1 data=$2 measured=$3 every=$4 status=0
  local -a how
  [ ! -e "$name/done" ] || return 0
  # shellcheck disable=SC2206
  if has_checkpoint "$name"; then how=(--resume); else how=(-t tokenizer.json $shape "${@:5}"); fi
  echo "$(date +%T) $name" >&2
  mkdir -p "$name"
  "$tf" train --data "$data" --valid "$measured" --eval-every "$every" --save-every 100 --keep 1 --quiet -o "$name" \
    "${how[@]}" 2>"$name/.err" || status=$?
  cat "$name/.err" >&2
  # Divergence at a high learning rate is a valid result: the run ends without a last validation.
  [ $status -eq 0 ] || grep -qE 'loss diverged|NaN or infinite' "$name/.err" || return $status
  if [ $status -eq 0 ] && [ -z "$(loss "$name")" ]; then # it was stopped during its last validation
    rm -r "$name"
    run "$@"
    return
  fi
  touch "$name/done"
  rm -rf "$name"/step-* "$name"/latest "$name"/{.err,config.json,model.safetensors,tokenizer.json,metrics.arrow}
}

loss() { # NAME: the validation loss after the last step, or nothing if the run did not reach it
  tail -n 1 "$1/metrics.jsonl" | sed -n 's/.*"valid_loss":\([0-9.eE+-]*\).*/\1/p'
}

# Finds the best pair of learning rate and value scale: starting at 0.002 and 1, half and twice each value are tried
# until neither improves the loss, so none of the four neighbours of the result is better.
sweep() { # SIZE OPTIONS...: writes the best learning rate and value scale to SIZE.best
  local size=$1 rate=0.002 scale=1 best="" next
  shift
  [ ! -e "$size.best" ] || return 0
  sweep_run "$size" $rate $scale "$@"
  until [ "$rate $scale" = "$best" ]; do
    best="$rate $scale"
    for next in $(half_and_double "$rate"); do sweep_run "$size" "$next" "$scale" "$@"; done
    for next in $(half_and_double "$scale"); do sweep_run "$size" "$rate" "$next" "$@"; done
    read -r rate scale <<<"$(best_of "$size")"
    [ -n "$rate" ] || { echo "error: $size: all runs of the sweep diverged" >&2; exit 1; }
  done
  once "$size.best" echo "$best"
  echo "best for $size: learning rate $rate, value scale $scale" >&2
}
half_and_double() {
  awk -v x="$1" 'BEGIN { print x / 2, x * 2 }'
}
sweep_run() { # SIZE RATE SCALE OPTIONS...
  run "sweep-$1-$2-$3" rest.arrow held-out.txt "$SWEEP_STEPS" --steps "$SWEEP_STEPS" \
    --warmup $(((SWEEP_STEPS + 9) / 10)) --lr "$2" --value-scale "$3" --seed 1 "${@:4}"
}
best_of() { # SIZE: learning rate and value scale with the lowest loss
  local folder setting
  for folder in sweep-"$1"-*; do
    setting=${folder#"sweep-$1-"}
    echo "$(loss "$folder") ${setting%-*} ${setting##*-}"
  done | awk 'NF == 3' | sort -g | awk 'NR == 1 { print $2, $3 }'
}

arm() { # NAME STEPS SIZE OPTIONS...: uses the best settings of SIZE
  local rate scale
  read -r rate scale <"$3.best"
  run "$1" all.arrow "$valid" $(((STEPS + 15) / 16)) --steps "$2" --warmup $(((STEPS + 15) / 16)) --lr "$rate" \
    --value-scale "$scale" "${@:4}"
}

transformer() { # LOG TRAIN VALID STEPS RATE
  [ ! -e "$1" ] || return 0
  echo "$(date +%T) $1" >&2
  local folder=${1%.log}.folder
  mkdir -p "$folder"
  ln -sf "$(realpath "$2")" "$folder/train.txt"
  ln -sf "$(realpath "$3")" "$folder/valid.txt"
  ln -sf "$(realpath tokenizer.json)" "$folder/tokenizer.json"
  # shellcheck disable=SC2086
  once "$1" env -C "$folder" $TRANSFORMER transformer "$4" --lr "$5"
  rm -r "$folder"
}

# The Transformer's learning rate is swept in the same way. Its command chooses its own seed, so there is one run.
transformers() {
  local rate=0.002 best="" next
  transformer "sweep-transformer-$rate.log" rest.txt held-out.txt "$SWEEP_STEPS" "$rate"
  until [ "$rate" = "$best" ]; do
    best=$rate
    for next in $(half_and_double "$rate"); do
      transformer "sweep-transformer-$next.log" rest.txt held-out.txt "$SWEEP_STEPS" "$next"
    done
    rate=$(for log in sweep-transformer-*.log; do
      sed -n "s/.* step $SWEEP_STEPS .* valid \([0-9.]*\) .*/\1 $log/p" "$log"
    done | sort -g | awk 'NR == 1 { gsub(/sweep-transformer-|\.log/, "", $2); print $2 }')
  done
  transformer transformer-1.log "$train" "$valid" "$STEPS" "$rate"
}

# shellcheck disable=SC2086
{
  sweep small $small
  sweep middle $middle
  sweep large $large
  longer=$((STEPS * 5 / 4))
  for seed in $SEEDS; do
    arm "scratch-large-$seed" "$STEPS" large $large --seed "$seed"
    arm "grown-once-$seed" "$STEPS" large $middle --seed "$seed" --grow-at "$((STEPS / 2)):$to_large"
    arm "released-$seed" "$STEPS" large $middle --seed "$seed" --grow-at "$((STEPS / 2)):$to_large" \
      --grow-init released
    arm "grown-in-steps-$seed" "$STEPS" large $small --seed "$seed" \
      --grow-at "$((STEPS / 3)):$to_middle" --grow-at "$((STEPS * 2 / 3)):$to_large"
    arm "grown-late-$seed" "$longer" large $small --seed "$seed" \
      --grow-at "$((longer * 3 / 5)):$to_middle" --grow-at "$((longer * 4 / 5)):$to_large"
    arm "scratch-middle-$seed" "$STEPS" middle $middle --seed "$seed"
    arm "scratch-small-$seed" "$STEPS" small $small --seed "$seed"
    # The small model alone, with about as many operations as grown-late.
    arm "longer-small-$seed" "$((STEPS * 7 / 4))" small $small --seed "$seed"
  done
}
if [ -n "$TRANSFORMER" ]; then
  transformers
else
  echo "the plain Transformer is skipped: TRANSFORMER is not set" >&2
fi
